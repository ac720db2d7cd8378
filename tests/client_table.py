"""The table of how many settings real programs and the simulator agreed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from real_servers import feature_names

HEADS = (
    "program",
    "settings",
    "alike",
    "of these: time decides",
    "recipients",
    "delivered",
    "told",
    "not told",
    "lost",
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return it in Markdown, and the settings that differ."""
    lines = [f"| {' | '.join(HEADS)} |", "|---|" + "---:|" * (len(HEADS) - 1)]
    for program, version in {row["program"]: row["version"] for row in rows}.items():
        some = [row for row in rows if row["program"] == program]
        alike = [row for row in some if not row["differ"]]
        told = sum(_of(row, "true_ndr", "false_ndr", "contradictory_ndr") for row in some)
        cells = [
            *(len(some), len(alike), sum(row["is_timed"] for row in alike)),
            *(sum(sum(row["real"].values()) for row in some), sum(_of(row, "delivered") for row in some), told),
            *(sum(_of(row, name) for row in some) for name in ("missed_ndr", "lost")),
        ]
        lines.append(f"| {program} ({version}) | {' | '.join(f'{cell:,}' for cell in cells)} |")
    differing = [f"- setting {row['number']}, {row['program']}: {row['differ']}" for row in rows if row["differ"]]
    return "\n".join([*lines, "", *differing]).rstrip()


def coverage(rows: Sequence[dict[str, Any]]) -> str:
    """Return in how many settings each thing that a server does occurred."""
    names = [name for row in rows for name in feature_names(row["server"], row["losses"])]
    found = sorted({name: names.count(name) for name in names}.items())
    return "\n".join(
        ["| a server with | settings |", "|---|---:|", *(f"| `{name}` | {many} |" for name, many in found)]
    )


def _of(row: dict[str, Any], *names: str) -> int:
    return sum(row["real"].get(name, 0) for name in names)
