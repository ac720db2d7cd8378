"""An audit as tables, and as what documents for CI tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simsmtp.audit.judgement import AFFECTED, MEANINGS, WORST, Verdict
from simsmtp.audit.verdicts import Verdicts, exit_code, verdicts_of, worse
from simsmtp.cli.printing.console import PlainConsole
from simsmtp.cli.printing.tables import columns_of, print_table
from simsmtp.gate.ci.findings import Finding, Outcome
from simsmtp.gate.places import Place
from simsmtp.gate.views import View
from simsmtp.model.numbers import counted

_NUMBERS = ("delivered", "false_ndr", "queued", "lost", "duplicate")
_VERDICTS = {0: "OK", 3: "AFFECTED", 4: "INCONCLUSIVE"}


def print_audit(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what each sender got, what verdicts mean, and a row for each cell."""
    console = PlainConsole()
    for name in dict.fromkeys(f"{row['sender']} {row['version']}" for row in rows):
        counts = Counter(row["verdict"] for row in rows if f"{row['sender']} {row['version']}" == name)
        verdicts = ", ".join(f"{counts[one]} {one}" for one in Verdict if counts[one])
        console.print(f"{name}: {verdicts} (of {counted(counts.total(), 'cell')})", style="bold")
    for verdict in Verdict:
        if any(row["verdict"] == verdict for row in rows):
            console.print(f"{verdict}: {MEANINGS[verdict]}")
    console.print()
    cells = [
        (f"{row['sender']} {row['version']}", row["reply"], row["recipients"], row["kind"],
         "yes" if row["pipelining"] else "no") for row in rows
    ]  # fmt: skip
    numbers = ("delivered", "false_ndr", "queued", "lost", "duplicate", "transactions", "rcpt_commands", "verdict")
    *values, verdicts_column = columns_of(numbers, [[row[name] for name in numbers] for row in rows])
    keys = columns_of(("sender", "reply", "N", "limit", "pipelining"), cells, is_text=True)
    if rows:
        print_table(console, keys, [*values, replace(verdicts_column, is_text=True)])


def audit_outcome(rows: Sequence[Mapping[str, Any]], known: Verdicts | None, baseline: Path | None) -> Outcome:
    """Return what documents for CI tell of an audit.

    Parameters
    ----------
    rows : sequence of mapping
        Of the audit.
    known : Verdicts, optional
        The baseline: what is in it is no finding.
    baseline : Path, optional
        Its file.
    """
    found = verdicts_of(rows)
    code = exit_code(found, known)
    ordered = sorted(rows, key=lambda row: WORST.index(Verdict(row["verdict"])))
    heads = ("sender", "cell", *_NUMBERS, "verdict")
    cells = [
        (row["verdict"], [row["sender"], row["name"], *(str(row[name]) for name in _NUMBERS), row["verdict"]])
        for row in ordered
        if row["verdict"] != Verdict.UNAFFECTED
    ]
    counts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{counts[one]} {one}" for one in Verdict if counts[one])
    verdict = "WORSE" if code == 3 and known is not None else _VERDICTS[code]
    headline = f"{verdict}: {told or 'nothing was tried'} (of {counted(len(rows), 'cell')})"
    explanation = " ".join(f"{one}: {MEANINGS[one]}." for one in Verdict if counts[one])
    name = f"audit {' '.join(dict.fromkeys(row['sender'] for row in rows))}".strip()
    view = View(name, verdict, headline, heads, cells, explanation, ())
    findings = list(_findings(ordered, found, known, baseline))
    return Outcome(view, code, sorted(findings, key=lambda one: not one.is_error))


def _findings(
    rows: Sequence[Mapping[str, Any]], found: Verdicts, known: Verdicts | None, baseline: Path | None
) -> Iterator[Finding]:
    told = {*AFFECTED, Verdict.INCONCLUSIVE}
    wanted = {key for key, one in found.items() if one in told} if known is None else set(worse(found, known))
    for row in rows:
        key = row["sender"], row["name"]
        if key not in wanted:
            continue
        verdict = found[key]
        counts = ", ".join(f"{row[name]} {name}" for name in _NUMBERS)
        before = [] if known is None else [f"in the baseline: {known.get(key, Verdict.UNAFFECTED)}"]
        lines = [*before, f"of {row['recipients']} recipients: {counts}", MEANINGS[verdict]]
        places = [] if baseline is None else [_place(baseline, *key)]
        yield Finding(verdict != Verdict.INCONCLUSIVE, f"{verdict}: {row['sender']} {row['version']}, {row['name']}",
                      lines, places)  # fmt: skip


def _place(baseline: Path, sender: str, cell: str) -> Place:
    """Return the line of a cell in a baseline, which was written with a line for each."""
    inside = False
    for number, line in enumerate(baseline.read_text(encoding="utf-8-sig").splitlines(), 1):
        inside = line.strip() == f'"{sender}": {{' or (inside and "}" not in line)
        if inside and line.strip().startswith(f'"{cell}":'):
            return Place(str(baseline), number)
    return Place(str(baseline))
