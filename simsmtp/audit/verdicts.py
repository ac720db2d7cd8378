"""Verdicts of an audit as others read them: an exit code, a baseline, JUnit."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simsmtp.audit.judgement import AFFECTED, MEANINGS, WORST, Verdict
from simsmtp.errors import InputError
from simsmtp.files import parse_json, read_text, replace_file, write_errors

_FORMAT = "simsmtp audit baseline"
Verdicts = dict[tuple[str, str], Verdict]
"""Sender and cell → verdict."""


def verdicts_of(rows: Sequence[Mapping[str, Any]]) -> Verdicts:
    """Return the verdicts of rows."""
    return {(row["sender"], row["name"]): Verdict(row["verdict"]) for row in rows}


def worse(found: Verdicts, baseline: Verdicts) -> list[tuple[str, str]]:
    """Return what is worse than in a baseline; a cell that is not in it has to be unaffected."""
    return [key for key, one in found.items() if WORST.index(one) < WORST.index(baseline.get(key, Verdict.UNAFFECTED))]


def exit_code(found: Verdicts, baseline: Verdicts | None = None) -> int:
    """Return 0, 3 or 4.

    Parameters
    ----------
    found : Verdicts
        What was found.
    baseline : Verdicts, optional
        What is known and put up with.

    Returns
    -------
    int
        3 if a cell is affected, or worse than in the baseline; else 4 if nothing was found or a cell is inconclusive
        that is not so in the baseline; else 0. Being cut off is told and, without a baseline, forgiven: it is the
        server's doing, and loses nobody.
    """
    if not found:
        return 4
    if baseline is not None:
        regressed = {found[key] for key in worse(found, baseline)}
        return 0 if not regressed else 4 if regressed == {Verdict.INCONCLUSIVE} else 3
    if any(one in AFFECTED for one in found.values()):
        return 3
    return 4 if Verdict.INCONCLUSIVE in found.values() else 0


def write_baseline(path: Path, found: Verdicts) -> None:
    """Write a baseline."""
    senders: dict[str, dict[str, str]] = {}
    for (sender, cell), one in sorted(found.items()):
        senders.setdefault(sender, {})[cell] = str(one)
    with write_errors(path, "--write-baseline"):
        replace_file(path, json.dumps({"format": _FORMAT, "version": 1, "verdicts": senders}, indent=1) + "\n")


def read_baseline(path: Path) -> Verdicts:
    """Read a baseline.

    Raises
    ------
    InputError
        It cannot be read, or is none.
    """
    hint = "a file that --write-baseline wrote, version 1"
    try:
        document = parse_json(read_text(path, key="--baseline", allowed=hint))
        if document["format"] != _FORMAT or document["version"] != 1:
            raise KeyError
        return {
            (sender, cell): Verdict(one)
            for sender, cells in document["verdicts"].items()
            for cell, one in cells.items()
        }
    except InputError as error:
        wrong = f"no baseline of an audit: {error.message}"
        raise InputError(wrong, file=str(path), key="--baseline", allowed=hint) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError("no baseline of an audit", file=str(path), key="--baseline", allowed=hint) from None


def junit(rows: Sequence[Mapping[str, Any]], baseline: Verdicts | None = None) -> str:
    """Return rows as JUnit XML: what makes the exit code 3 is a failure, inconclusive is skipped."""
    found = verdicts_of(rows)
    failed = set(worse(found, baseline)) if baseline is not None else {k for k, v in found.items() if v in AFFECTED}
    failed -= {key for key, one in found.items() if one == Verdict.INCONCLUSIVE}
    root = ET.Element("testsuites", name="simsmtp audit")
    for sender in sorted({row["sender"] for row in rows}):
        own = [row for row in rows if row["sender"] == sender]
        suite = ET.SubElement(root, "testsuite", name=sender, tests=str(len(own)))
        suite.set("failures", str(sum((sender, row["name"]) in failed for row in own)))
        suite.set("skipped", str(sum(row["verdict"] == Verdict.INCONCLUSIVE for row in own)))
        for row in own:
            seconds = f"{row['seconds']:.3f}"
            case = ET.SubElement(suite, "testcase", classname=f"audit.{sender}", name=row["name"], time=seconds)
            meaning = MEANINGS[Verdict(row["verdict"])]
            if (sender, row["name"]) in failed:
                ET.SubElement(case, "failure", message=row["verdict"], type=row["verdict"]).text = meaning
            elif row["verdict"] == Verdict.INCONCLUSIVE:
                ET.SubElement(case, "skipped", message=meaning)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
