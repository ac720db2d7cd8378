"""The counting mechanisms: what their source says, their closed forms, and a sequence diagram of each."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

from reference import table, words

import simsmtp
from simsmtp.strategies.built_in import BuiltIn, Refusals
from simsmtp.strategies.closed_forms import UNLIMITED, message_totals
from simsmtp.strategies.registry import BUILT_IN

Form = Callable[[int, bool, int, int], tuple[int, int, int]]

_ALL_REQUEUED = ("m", "0", "0")
FORMULAS = {
    "corrected": _ALL_REQUEUED,
    "one-stop": ("min(m, 1)", "max(0, m - 1)", "0"),
    "per-read": ("r", "m - r", "0"),
    "send-cursor": ("0 if p else m", "m if p else 0", "0"),
    "send-cursor-silent": ("0 if p else m", "0", "m if p else 0"),
    "aggregate": _ALL_REQUEUED,
    "budget": ("min(m, K)", "max(0, m - K)", "0"),
    "shifted": ("max(0, m - 1) if p else m", "0", "min(m, 1) if p else 0"),
    "first-pending": _ALL_REQUEUED,
}
"""Re-queued, failed and lost, as the page shows them; `_checked` holds them to the package's own."""

_EXAMPLE = {
    "workload": {"recipients_per_message": 12},
    "server": {"preset": "windows-2003", "recipient_limit": 6},
    "network": {"rtt_ms": 50, "replies_per_read": 4},
}
_COLUMNS = ("false NDRs", "lost", "transactions", "RCPT commands", "connections", "round trips")
_WINDOWS = {"everything at once": UNLIMITED, "50 at a time": 50, "one at a time": 1}


def _checked(entry: BuiltIn) -> tuple[str, str, str]:
    """Return the formulas of a mechanism; they must give what its closed form gives."""
    formulas = FORMULAS[entry.name]
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
        (text, *(f"{number:,}" for number in message_totals(name, 250, 100, window=window)))
        for text, window in _WINDOWS.items()
    ]
    return table(("RCPT commands are sent", *_COLUMNS), rows)


def _diagram(name: str, pictures: Path, folder: Path) -> str:
    path = pictures / f"ladder-{name}.svg"
    if not path.exists():
        pictures.mkdir(parents=True, exist_ok=True)
        simsmtp.trace(_EXAMPLE | {"client": {"strategy": name}}).write_figure(path)
    place = Path(os.path.relpath(path, folder)).as_posix()
    return f"![Sequence diagram of one message to 12 recipients, counted by {name}]({place})\n"


def sections(pictures: Path, folder: Path) -> str:
    """Return a section for each mechanism."""
    lines = []
    for name, entry in BUILT_IN.items():
        told = inspect.getdoc(entry.settle) or ""
        lines += [f"## {name}\n", f"{words(told)}\n"]
        if entry.split:
            lines += ["One message to 250 recipients, a limit of 100:\n", _totals(name)]
        lines.append(_diagram(name, pictures, folder))
    return "\n".join(lines)
