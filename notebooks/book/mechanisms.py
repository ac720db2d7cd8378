"""The counting mechanisms: what their source says, their closed forms, and a sequence diagram of each."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import NamedTuple

from reference import table

import simsmtp
from simsmtp.strategies.built_in import BuiltIn, Refusals
from simsmtp.strategies.closed_forms import message_totals
from simsmtp.strategies.registry import BUILT_IN


class Told(NamedTuple):
    """What the page says of a mechanism: in words, and what m refusals come to."""

    words: str
    requeued: str
    failed: str
    lost: str


TOLD = {
    "corrected": Told(
        "The sender keeps one status for each RCPT command and matches replies by position. It sends all refused "
        "recipients again. Nobody fails and nobody is lost.",
        "m", "0", "0",
    ),
    "one-stop": Told(
        "The sender keeps a flag and the position of the *first* refusal. Further refusals are handled like any "
        "permanent error. So the first refused recipient is sent again, and all others get a report. The preset "
        "`windows-2003-rtm` uses this mechanism.",
        "min(m, 1)", "max(0, m - 1)", "0",
    ),
    "per-read": Told(
        "The sender counts *reads* that hold a refusal, not refusals. It sends as many recipients again as it counted, "
        "from the end. The others get a report. So the result depends on how replies arrive.",
        "r", "m - r", "0",
    ),
    "send-cursor": Told(
        "The sender uses one position for two things: what to send next, and where to start again. With pipelining, "
        "that position is past all refused recipients when the replies come. So all of them get a report.",
        "0 if p else m", "m if p else 0", "0",
    ),
    "send-cursor-silent": Told(
        "As `send-cursor`, but the refused recipients are taken as done. With pipelining they are lost, and nobody is "
        "told.",
        "0 if p else m", "0", "m if p else 0",
    ),
    "aggregate": Told(
        "The sender keeps only totals: so many accepted, failed, deferred and over the limit. It assigns them to "
        "recipients in this order. That is right if all mailboxes exist and the server refuses only the last ones. "
        "Otherwise recipients who got the message are reported as failed or get it twice, and refused ones are taken "
        "as delivered.",
        "m", "0", "0",
    ),
    "budget": Told(
        "The sender tolerates at most *K* refusals in a transaction (`client.budget`, 3 by default). It sends the first "
        "*K* refused recipients again. The others get a report.",
        "min(m, K)", "max(0, m - K)", "0",
    ),
    "shifted": Told(
        "With pipelining, the sender gives each RCPT command the reply of the command before it. The first refused "
        "recipient gets the last positive reply, so it is taken as accepted and is lost. This happens once in each "
        "transaction that goes over the limit.",
        "max(0, m - 1) if p else m", "0", "min(m, 1) if p else 0",
    ),
    "first-pending": Told(
        "The sender gives each reply to the first recipient that has none yet. A refusal over the limit leaves the "
        "recipient without one, so the next reply counts for it. Exim did this before version 4.95 "
        "([bug 2693](../sources.md#errors-of-the-same-kind)). It is right if only refusals follow the first refusal. "
        "Otherwise refused recipients are taken as delivered, and accepted ones are sent again. The model is simpler "
        "than the program in two points; the source of `simsmtp.strategies.counting` names them.",
        "m", "0", "0",
    ),
}  # fmt: skip
"""A mechanism that is missing here ends the build, and so does a formula that is not what the package computes."""

_EXAMPLE = {
    "workload": {"recipients_per_message": 12},
    "server": {"preset": "windows-2003", "recipient_limit": 6},
    "network": {"rtt_ms": 50, "replies_per_read": 4},
}
_COLUMNS = ("false NDRs", "lost", "transactions", "RCPT commands", "connections", "round trips")
_SETTINGS = {
    "all at once": {},
    "all at once; replies are read 8 at a time": {"replies_per_read": 8},
    "50 at a time": {"window": 50},
    "one at a time": {"window": 1},
}


def _checked(entry: BuiltIn) -> tuple[str, str, str]:
    """Return the formulas of a mechanism; they must give what its closed form gives."""
    formulas = TOLD[entry.name][1:]
    for m, p, k, r in product(range(12), (True, False), (0, 3), range(1, 5)):
        if entry.split is None or r > max(m, 1):
            continue
        reads = min(r, m)
        names = {"m": m, "p": p, "K": k, "r": reads, "min": min, "max": max}
        found = tuple(eval(one, {"__builtins__": {}}, names) for one in formulas)  # noqa: S307 - our own, above
        assert found == tuple(entry.split(Refusals(m, p, k, reads))), (entry.name, names)
    return formulas


def closed_forms() -> str:
    """Return one table of what each mechanism makes of m refusals."""
    rows = [
        (f"[`{name}`](#{name})", *(f"`{one}`" for one in _checked(entry)))
        for name, entry in BUILT_IN.items()
        if entry.split
    ]
    return table(("mechanism", "sent again", "failed (NDR)", "lost"), rows)


def _totals(name: str) -> str:
    rows = [
        (text, *(f"{number:,}" for number in message_totals(name, 250, 100, **setting)))
        for text, setting in _SETTINGS.items()
    ]
    return table(("RCPT commands are sent", *_COLUMNS), rows)


def _diagram(name: str, pictures: Path, folder: Path) -> str:
    path = pictures / f"ladder-{name}.svg"
    pictures.mkdir(parents=True, exist_ok=True)
    simsmtp.trace(_EXAMPLE | {"client": {"strategy": name}}).write_figure(path)
    place = Path(os.path.relpath(path, folder)).as_posix()
    return f"![Sequence diagram of one message to 12 recipients, counted by {name}]({place})\n"


def sections(pictures: Path, folder: Path) -> str:
    """Return a section for each mechanism."""
    lines = []
    for name, entry in BUILT_IN.items():
        lines += [f"## {name}\n", f"{TOLD[name].words}\n"]
        if entry.split:
            lines += ["One message to 250 recipients, a limit of 100:\n", _totals(name)]
        lines.append(_diagram(name, pictures, folder))
    return "\n".join(lines)
