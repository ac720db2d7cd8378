"""A comparison as JUnit XML: what is worse or not known is a failure that says what was compared and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET  # only written, never parsed

from simsmtp.gate.ci.findings import full_text
from simsmtp.gate.comparison import Comparison
from simsmtp.gate.comparison_views import change_text, headline, next_step
from simsmtp.gate.verdicts import FAILED, INCONCLUSIVE, REGRESSION
from simsmtp.shown import shown


def benchmark_name(found: Comparison, row: Mapping[Any, Any]) -> str:
    """Return the name of a row's design point, with that of the study."""
    return "/".join([found.name or "simsmtp", *(f"{name}={row[name]}" for name in found.factors)])


def junit(found: Comparison) -> str:
    """Return a comparison as JUnit XML: a test case for each response at each design point."""
    rows = found.rows.to_dict("records")
    verdicts = [*(row["verdict"] for row in rows), *(verdict for verdict, _ in found.caveats)]
    counts = {
        "tests": len(verdicts),
        "failures": sum(one in {REGRESSION, INCONCLUSIVE} for one in verdicts),
        "errors": sum(row["verdict"] == FAILED for row in rows),
    }
    numbers = {name: str(count) for name, count in counts.items()} | {"time": "0"}
    suites = ET.Element("testsuites", {"name": "simsmtp compare", **numbers})
    suite = ET.SubElement(suites, "testsuite", {"name": shown(found.name or "simsmtp"), **numbers})
    for row in rows:
        _case(suite, found, row)
    for number, (verdict, text) in enumerate(found.caveats, 1):
        case = ET.SubElement(suite, "testcase", {"classname": "sides", "name": f"the same {number}", "time": "0"})
        if verdict == INCONCLUSIVE:
            failure = ET.SubElement(case, "failure", {"type": verdict, "message": shown(text)})
            failure.text = shown(f"The two sides are not the same: {text}.\nWhat to do: {next_step([])}", keep="\n")
    output = ET.SubElement(suite, "system-out")
    output.text = shown(headline(found))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, found: Comparison, row: Mapping[Any, Any]) -> None:
    name = shown(benchmark_name(found, row))
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": row["response"] or "runs", "time": "0"})
    if row["verdict"] in {REGRESSION, INCONCLUSIVE, FAILED}:
        tag = "error" if row["verdict"] == FAILED else "failure"
        change = "" if row["verdict"] == FAILED else f" {change_text(row)}"
        message = f"{row['verdict']}:{change} {row['reason']}".rstrip()
        told = {"type": row["verdict"], "message": shown(message)}
        ET.SubElement(case, tag, told).text = full_text(found, row)
