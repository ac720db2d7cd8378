"""How long what a client writes is, in compiled code."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.reply_notes import has_text_for
from simsmtp.engines.compiled.storage.accessors import message_at, verb_at
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb, bdat_octets


@compiled
def octets_of(w: Any, S: Any, verb: Any) -> Any:
    """Return the octets of a command, or of the text."""
    if verb == Verb.BDAT:
        return bdat_octets(message_at(w, S.message).size)
    if verb == Verb.TEXT:
        return message_at(w, S.message).size if has_text_for(w, S) else LONE_DOT_OCTETS
    return verb_at(w, verb).octets
