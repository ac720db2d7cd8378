"""What is written into a sequence diagram, and in which colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from simsmtp.dialogue.ladder import Ladder, Line, Step
from simsmtp.dialogue.transcript import runs
from simsmtp.protocol.ledger import LEDGER_NAMES

COLOURS = {
    "command": "#404040",
    # replies
    "accepted": "#4C78A8",
    "go-on": "#4C78A8",
    "over-limit": "#D55E00",
    "deferred": "#E69F00",
    "refused": "#8C564B",
    "filed-away": "#000000",
    # conclusions, and "deferred" as above
    "done": "#4C78A8",
    "re-queued": "#009E73",
    "failed": "#A00000",
    # what became of a recipient
    "delivered": "#4C78A8",
    "false_ndr": "#A00000",
    "contradictory_ndr": "#CC79A7",
    "duplicate": "#9467BD",
    "lost": "#000000",
    "true_ndr": "#8C8C8C",
    "missed_ndr": "#B8860B",
    "queued": "#BDBDBD",
    "taken": "#4C78A8",
    "taken_again": "#9467BD",
    "emptied": "#CC79A7",
    "": "#D9D9D9",
}
"""What each kind of line and each class is drawn in: blue is well, warm colours and black are not."""
MEANINGS = {
    "delivered": "accepted by the server once",
    "false_ndr": "reported as failed and never accepted, although the mailbox exists",
    "contradictory_ndr": "accepted by the server, and reported as failed all the same",
    "duplicate": "accepted by the server twice or more",
    "lost": "never accepted and never reported",
    "true_ndr": "the mailbox does not exist, and that was reported",
    "missed_ndr": "the mailbox does not exist, and nobody was told",
    "queued": "still waiting to be sent",
    "taken": "accepted by the server once, as far as was seen",
    "taken_again": "accepted by the server twice or more",
    "emptied": "accepted by the server with an empty text, a lone dot",
    "": "not known: it was not accepted as far as was seen",
}
"""What each class says of a recipient."""
_NAMES = {"taken": "accepted", "taken_again": "accepted again", "emptied": "accepted, empty", "": "not known"}
_WORDS = {"done": "taken as accepted", "re-queued": "re-queued", "failed": "failed: NDR", "deferred": "deferred"}
_WRONG = {("done", "lost"): "lost", ("failed", "false_ndr"): "valid mailboxes",
          ("failed", "contradictory_ndr"): "accepted all the same"}  # fmt: skip
_MOST_PARTS = 5
"""Beyond so many runs a label counts the lines of each kind, wherever they are."""


class Part(NamedTuple):
    """Lines, or recipients, that are drawn as one: what is written, of which kind, and how many."""

    text: str
    kind: str
    many: int


def parts_of(step: Step) -> list[Part]:
    """Return what a step holds, in short: ``RCPT ×250`` of a group, ``RCPT 552 ×5`` of a read."""
    found = [(_name(step, run[0]), run[0].kind, len(run)) for run in runs(step.lines)]
    if len(found) > _MOST_PARTS:
        totals: Counter[tuple[str, str]] = Counter()
        for name, kind, many in found:
            totals[name, kind] += many
        found = [(name, kind, many) for (name, kind), many in totals.items()]
    return [Part(name if many == 1 else f"{name} ×{many:,}", kind, many) for name, kind, many in found]


def strip_of(step: Step) -> list[tuple[str, int]]:
    """Return the kinds of a step's lines in their order, each with how many lines in a row are of it."""
    return [(run[0].kind, len(run)) for run in runs(step.lines)]


def totals_of(step: Step, ladder: Ladder) -> list[Part]:
    """Return how many recipients a sender takes for what, and of how many of them that is wrong."""
    kinds: dict[str, list[Line]] = {}
    for line in step.lines:
        kinds.setdefault(line.kind, []).append(line)
    found = [] if step.note.startswith("what") else [Part(step.note, "command", 0)]
    for kind, lines in kinds.items():
        found.append(Part(f"{len(lines):,} {_WORDS[kind]}", kind, len(lines)))
        truths = Counter(ladder.recipients[line.recipient].truth for line in lines if line.recipient >= 0)
        found += [
            Part(f"({truths[truth]:,} {words})", truth, 0)
            for (own, truth), words in _WRONG.items()
            if own == kind and truths[truth]
        ]
    return found


def truths_of(ladder: Ladder) -> list[Part]:
    """Return what became of the recipients, by class and in the order of the ledger."""
    found = Counter(one.truth for one in ladder.recipients)
    known = [name for name in (*LEDGER_NAMES, *_NAMES) if found[name]]
    return [Part(f"{found[name]:,} {ledger_words(name)}", name, found[name]) for name in known]


def together(parts: Iterable[Part]) -> str:
    """Return parts in one line."""
    return " · ".join(part.text for part in parts)


def from_server(step: Step) -> bool:
    """Tell whether the server speaks, or leaves, in a step."""
    return step.kind == "read" or (step.kind == "close" and step.note.startswith("the server"))


def ledger_words(name: str) -> str:
    """Return a class as people write it."""
    return _NAMES.get(name, name.replace("_ndr", " NDR").replace("_", " "))


def _name(step: Step, line: Line) -> str:
    verb = "text" if line.verb == "TEXT" else line.verb
    if step.kind == "read":
        name = f"{verb} {line.code}" if verb and verb != "CONNECT" else str(line.code)
        return f"{name}, filed" if line.kind == "filed-away" else name
    return verb or line.text.partition(" ")[0]
