"""From what servers say to the arrays of a run: each reply with what it means, which is then looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsmtp.engines.compiled.storage.layout import SPOKEN
from simsmtp.protocol.causes import cause_of
from simsmtp.strategies.reply_class import classify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simsmtp.model.plan import Plan
    from simsmtp.protocol.answers import WireReply


def packed_replies(plan: Plan) -> NDArray[np.void]:
    """Return the replies of each destination by their `Answer`, one destination after the other."""
    spoken = [_packed(answer, one) for to in plan.destinations for answer, one in enumerate(to.server.spoken)]
    return np.array(spoken, SPOKEN)


def _packed(answer: int, one: WireReply) -> tuple[int, ...]:
    seen, seen_first = (classify(one.code, one.status, is_first) for is_first in (False, True))
    return one.code, one.status, one.octets, one.lines, seen, seen_first, cause_of(answer, False)
