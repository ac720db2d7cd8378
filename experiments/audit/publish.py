"""Make results/audit of what ``simsmtp audit --output`` kept: the rows, a table, a figure, and what the simulator says.

    python experiments/audit/publish.py KEPT... [--output results/audit]

KEPT are folders with an ``audit.jsonl`` each. A run by hand took 15 minutes for all programs on two busy cores:

    .ci/mail-programs programs
    for one in postfix exim sendmail opensmtpd smtplib aiosmtplib nodemailer; do
      simsmtp audit $one --programs programs --parallel 8 --timeout 240 --output kept/$one
    done
    python experiments/audit/publish.py kept/*
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from simsmtp.audit.cells import REPLIES, matrix
from simsmtp.audit.judgement import MEANINGS, Verdict
from simsmtp.audit.likeness import audit_differences, is_predictable
from simsmtp.audit.matrix import SENDERS
from simsmtp.audit.table import LEGEND, markdown
from simsmtp.figures.canvas import RC, new_figure, save_figure
from simsmtp.figures.outside import write_letters

FATES = {"delivered": "#0072B2", "false_ndr": "#D55E00", "queued": "0.75"}
LABELS = {"delivered": "delivered", "false_ndr": "NDR", "queued": "still queued"}
HEAD = Path(__file__).with_name("head.md")


def measured(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the rows of the matrix, sender by sender and cell by cell."""
    rows = [
        json.loads(line)
        for folder in folders
        for line in (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    place = {(sender, cell.name): (i, j) for i, sender in enumerate(SENDERS) for j, cell in enumerate(matrix())}
    found = {(row["sender"], row["name"]): row for row in rows if (row["sender"], row["name"]) in place}
    return [found[key] for key in sorted(found, key=place.__getitem__)]


def likeness(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of how many cells the simulator reaches exactly, and those it does not."""
    alike: Counter[tuple[str, bool]] = Counter()
    unknown: Counter[str] = Counter()
    different: list[str] = []
    for row in rows:
        if not is_predictable(row):
            unknown[row["sender"]] += 1
        elif found := audit_differences(row):
            different.append(f"- {row['sender']} {row['name']}: {found} (real, simulated)")
        else:
            alike[row["sender"], row["queued"] > 0] += 1
    senders = {row["sender"]: row["version"] for row in rows}
    heads = [
        "sender",
        "cells",
        "all predicted",
        "transactions given, the rest predicted",
        "order not known",
        "different",
    ]
    lines = [f"| {' | '.join(heads)} |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for sender, version in senders.items():
        count = sum(row["sender"] == sender for row in rows)
        full, partly = alike[sender, False], alike[sender, True]
        rest = count - full - partly - unknown[sender]
        lines.append(f"| {sender} {version} | {count} | {full} | {partly} | {unknown[sender]} | {rest} |")
    return "\n".join([*lines, *different])


def verdicts(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of verdicts."""
    found = Counter((row["sender"], row["verdict"]) for row in rows)
    seen = [one for one in Verdict if any(row["verdict"] == one for row in rows)]
    lines = [f"| sender | {' | '.join(seen)} |", "|---|" + "---:|" * len(seen)]
    for sender in SENDERS:
        told = [str(found[sender, one]) for one in seen]
        lines += [f"| {sender} | {' | '.join(told)} |"] if any(map(int, told)) else []
    return "\n".join([*lines, "", *(f"- *{one}*: {MEANINGS[one]}" for one in seen)])


def figure(rows: Sequence[dict[str, Any]]) -> mpl.figure.Figure:
    """Draw what became of 250 recipients for each sender and reply."""
    senders = list(dict.fromkeys(row["sender"] for row in rows))
    chosen = {
        (row["sender"], row["reply"]): row
        for row in rows
        if row["kind"] == "transaction" and row["pipelining"] and (row["recipients"], row["limit"]) == (250, 100)
    }
    with mpl.rc_context(RC):
        drawn = new_figure(8.4, 2.9)
        panels = drawn.subplots(1, len(REPLIES), sharey=True)
        for panel, reply in zip(panels, REPLIES, strict=True):
            left = [0] * len(senders)
            for fate, colour in FATES.items():
                width = [chosen[sender, reply][fate] for sender in senders]
                panel.barh(senders, width, left=left, color=colour, label=LABELS[fate])
                left = [a + b for a, b in zip(left, width, strict=True)]
            panel.set_title(reply.split()[0])
            panel.set_xlim(0, 250)
            panel.set_xlabel("recipients")
            panel.set_xticks([0, 100, 250])
        panels[0].invert_yaxis()
        write_letters(panels)
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        drawn.suptitle(
            "250 recipients, a server that takes 100 of a transaction: what became of them, by its reply", fontsize=10.5
        )
    return drawn


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", nargs="+", type=Path, help="folders that simsmtp audit --output wrote")
    parser.add_argument("--output", type=Path, default=Path("results/audit"), help="folder of the files")
    given = parser.parse_args()
    rows = measured(given.kept)
    given.output.mkdir(parents=True, exist_ok=True)
    kept = "".join(f"{json.dumps(row)}\n" for row in rows)
    (given.output / "rows.jsonl").write_text(kept, encoding="utf-8")
    text = HEAD.read_text(encoding="utf-8").format(
        cells=len(matrix()), rows=len(rows), verdicts=verdicts(rows), likeness=likeness(rows), legend=LEGEND,
        table=markdown(rows),
    )  # fmt: skip
    (given.output / "README.md").write_text(text, encoding="utf-8")
    save_figure(figure(rows), given.output, "audit")
    print(f"{given.output}: README.md, rows.jsonl, audit.png, audit.svg")


if __name__ == "__main__":
    main()
