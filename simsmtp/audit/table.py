"""Rows of an audit as one Markdown table: a line for every cell, a column for every sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simsmtp.audit.judgement import AFFECTED, Verdict
from simsmtp.shown import markdown_text

_KINDS = {"transaction": "per transaction", "domain": "per domain", "first-domain-only": "first domain only",
          "group": "per group", "first-group-only": "first group only"}  # fmt: skip

LEGEND = (
    "Recipients: **delivered** / NDR / still queued, then transactions : RCPT commands answered. Lost, duplicate and "
    "contradictory ones are shown only where there are any. Bold: affected. `†` cut off by 421. Two results: with "
    "PIPELINING offered, and without. A library's NDR is what it tells its caller."
)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table; replies on which every sender behaves alike share a line."""
    senders = list(dict.fromkeys(row["sender"] for row in rows))
    versions = {row["sender"]: row["version"] for row in rows}
    lines = [
        ["limit", "N", "reply", *(markdown_text(f"{one} {versions[one]}") for one in senders)],
        ["---"] * (3 + len(senders)),
    ]
    for (kind, limit, count), replies in _shared(rows, senders).items():
        for cells, codes in replies.items():
            lines.append([f"{limit} {_KINDS.get(kind, kind)}", str(count), ", ".join(codes), *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shared(
    rows: Sequence[Mapping[str, Any]], senders: Sequence[str]
) -> dict[tuple[str, int, int], dict[tuple[str, ...], list[str]]]:
    found = {(_place(row), row["reply"].split()[0], row["sender"], row["pipelining"]): row for row in rows}
    shared: dict[tuple[str, int, int], dict[tuple[str, ...], list[str]]] = {}
    for place, code in dict.fromkeys((_place(row), row["reply"].split()[0]) for row in rows):
        cells = tuple(
            _both([found[key] for how in (True, False) if (key := (place, code, sender, how)) in found])
            for sender in senders
        )
        shared.setdefault(place, {}).setdefault(cells, []).append(code)
    return shared


def _place(row: Mapping[str, Any]) -> tuple[str, int, int]:
    return row["kind"], row["limit"], row["recipients"]


def _both(rows: Sequence[Mapping[str, Any]]) -> str:
    return "<br>".join(dict.fromkeys(map(_cell, rows))) or "-"


def _cell(row: Mapping[str, Any]) -> str:
    text = f"{row['delivered']} / {row['false_ndr']} / {row['queued']}"
    odd = {name: row[name] for name in ("lost", "duplicate", "contradictory_ndr") if row[name]}
    text += "".join(f", {count} {name.replace('_ndr', '')}" for name, count in odd.items())
    verdict = Verdict(row["verdict"])
    mark = "†" if verdict == Verdict.CUT_OFF else "?" if verdict == Verdict.INCONCLUSIVE else ""
    told = f"{text}{mark} · {row['transactions']} : {row['rcpt_commands']}"
    return f"**{told}**" if verdict in AFFECTED else told
