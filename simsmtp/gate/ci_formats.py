"""Comparisons in the formats of common CI tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET  # only written, never parsed

import numpy as np

from simsmtp.errors import InputError
from simsmtp.gate.capacity_comparison import CapacityComparison
from simsmtp.gate.comparison_views import change_text, headline
from simsmtp.gate.verdicts import FAILED, INCONCLUSIVE, REGRESSION
from simsmtp.model.numbers import number_text
from simsmtp.output.json_values import plain
from simsmtp.rows.responses import BY_NAME
from simsmtp.shown import shown
from simsmtp.statistics.intervals import Interval, mean_interval

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.gate.comparison import Comparison

Documents = dict[str, str]


def export(found: Comparison | CapacityComparison, kind: str) -> Documents:
    """Return a comparison as the documents of a format.

    Parameters
    ----------
    found : Comparison
        What to export.
    kind : str
        ``gha`` (github-action-benchmark; one document per direction, ``customSmallerIsBetter`` and
        ``customBiggerIsBetter``), ``bmf`` (Bencher), ``gobench`` (for ``benchstat -col side``),
        ``pytest-benchmark`` (one document per side; responses where lower is better), ``junit``, ``markdown``.

    Returns
    -------
    dict
        Suffix for the name of the file (empty if there is one document) → text.
    """
    if kind not in FORMATS:
        raise InputError("unknown format", key="--to", given=kind, allowed=FORMATS)
    if isinstance(found, CapacityComparison):
        if kind != "markdown":
            raise InputError("does not take capacity plans", key="--to", given=kind, allowed="markdown, or --json")
        return {"": found.to_markdown(len(found.rows))}
    return FORMATS[kind](found)


def _name_of(found: Comparison, row: Mapping[Any, Any]) -> str:
    return "/".join([found.name or "simsmtp", *(f"{name}={row[name]}" for name in found.factors)])


def _unit(response: str) -> str:
    one = BY_NAME[response]
    return one.unit or ("count" if one.whole else "ratio")


def _cells(found: Comparison) -> Iterator[tuple[dict[Any, Any], Interval]]:
    """Yield every row with the interval of the new side's mean; those without a mean are left out."""
    places = {int(point): indices for point, indices in found.new.groupby("point").indices.items()}  # type: ignore[call-overload]
    for row in found.rows.to_dict("records"):
        if row["response"] and not np.isnan(row["new_mean"]):
            values = found.new[row["response"]].to_numpy(np.float64)[places[row["point"]]]
            yield row, mean_interval(values, found.level)


def _json(document: object) -> str:
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _gha(found: Comparison) -> Documents:
    entries: dict[str, list[dict[str, Any]]] = {"lower": [], "higher": [], "": []}
    for row, interval in _cells(found):
        entry = {
            "name": f"{_name_of(found, row)} {row['response']}",
            "unit": _unit(row["response"]),
            "value": float(interval.mean),
            "extra": f"{row['verdict']}: {change_text(row)} against the baseline",
        }
        if interval.n > 1:
            entry["range"] = f"± {interval.high - interval.mean:.4g}"
        entries[BY_NAME[row["response"]].better].append(entry)
    documents = {"-smaller": entries["lower"], "-bigger": entries["higher"]}
    return {suffix: _json(one) for suffix, one in documents.items() if one}  # the action takes no empty document


def _bmf(found: Comparison) -> Documents:
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for row, interval in _cells(found):
        metric = {"value": float(interval.mean)}
        if interval.n > 1:
            metric |= {"lower_value": float(interval.low), "upper_value": float(interval.high)}
        benchmarks.setdefault(_name_of(found, row)[:1024], {})[row["response"]] = metric
    return {"": _json(benchmarks)}


def _gobench(found: Comparison) -> Documents:
    names = [name for name in dict.fromkeys(found.rows["response"]) if name]
    lines = [f"Unit {name} better={BY_NAME[name].better}" for name in names if BY_NAME[name].better]
    lines += ["", "pkg: simsmtp", f"study: {_token(found.name or 'simsmtp')}"]
    labels = found.rows.drop_duplicates("point").set_index("point")
    for side, rows in (("base", found.base), ("new", found.new)):
        lines += ["", f"side: {side}"]
        for row in rows.to_dict("records"):
            levels = labels.loc[row["point"]]
            parts = "".join(f"/{_token(name)}={_token(levels[name])}" for name in found.factors)
            values = " ".join(f"{plain(row[name])!r} {name}" for name in names if plain(row[name]) is not None)
            # A number behind the last hyphen would be taken for the number of processors.
            lines.append(f"Benchmark{_token(found.name or 'simsmtp').capitalize()}{parts}-1 1 {values}")
    return {"": "\n".join(lines) + "\n"}


def _token(text: object) -> str:
    return shown(re.sub(r"[\s/=]+", "_", str(text)))


def _pytest_benchmark(found: Comparison) -> Documents:
    return {f"-{side}": _json(_runs(found, rows)) for side, rows in (("base", found.base), ("new", found.new))}


def _runs(found: Comparison, rows: DataFrame) -> dict[str, Any]:
    places = {int(point): indices for point, indices in rows.groupby("point").indices.items()}  # type: ignore[call-overload]
    benchmarks = []
    for row, _ in _cells(found):
        name, response = _name_of(found, row), row["response"]
        values = rows[response].to_numpy(np.float64)[places[row["point"]]]
        values = values[~np.isnan(values)]
        if BY_NAME[response].better == "lower" and len(values):
            params = {one: plain(row[one]) for one in found.factors}
            benchmarks.append({
                "group": response, "name": f"{name}[{response}]", "fullname": f"simsmtp::{name}[{response}]",
                "params": params or None, "param": None, "extra_info": {"unit": _unit(response)},
                "options": {"disable_gc": False, "timer": "simulated", "min_rounds": len(values), "max_time": 0.0,
                            "min_time": 0.0, "warmup": False},
                "stats": _stats(values),
            })  # fmt: skip
    nobody = {"node": "simulated", "processor": "", "machine": "", "system": "", "release": "", "cpu": {},
              "python_implementation": "", "python_version": ""}  # fmt: skip
    commit = {"id": "unversioned", "time": None, "dirty": False, "project": "simsmtp", "branch": "(unknown)"}
    return {"machine_info": nobody, "commit_info": commit, "benchmarks": benchmarks,
            "datetime": "1970-01-01T00:00:00+00:00", "version": "5.0.0"}  # fmt: skip


def _stats(values: np.ndarray) -> dict[str, Any]:
    q1, median, q3 = (float(one) for one in np.percentile(values, [25, 50, 75]))
    low, high, mean = float(values.min()), float(values.max()), float(values.mean())
    return {
        "min": low, "max": high, "mean": mean, "stddev": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "rounds": len(values), "median": median, "q1": q1, "q3": q3, "iqr": q3 - q1, "iqr_outliers": 0,
        "stddev_outliers": 0, "outliers": "0;0", "ld15iqr": low, "hd15iqr": high, "ops": 1 / mean if mean else 0.0,
        "total": float(values.sum()), "data": [float(one) for one in values], "iterations": 1,
    }  # fmt: skip


def _junit(found: Comparison) -> Documents:
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
        _junit_case(suite, row, shown(_name_of(found, row)))
    for number, (verdict, text) in enumerate(found.caveats, 1):
        case = ET.SubElement(suite, "testcase", {"classname": "sides", "name": f"the same {number}", "time": "0"})
        if verdict == INCONCLUSIVE:
            ET.SubElement(case, "failure", {"type": verdict, "message": shown(text)})
    output = ET.SubElement(suite, "system-out")
    output.text = shown(headline(found))
    ET.indent(suites)
    return {"": '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"}


def _junit_case(suite: ET.Element, row: Mapping[Any, Any], name: str) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": row["response"] or "runs", "time": "0"})
    if row["verdict"] in {REGRESSION, INCONCLUSIVE, FAILED}:
        tag = "error" if row["verdict"] == FAILED else "failure"
        message = f"{row['verdict']}: {change_text(row)} {row['reason']}".rstrip()
        means = [f"{side} mean {number_text(row[f'{side}_mean'], 6)}" for side in ("base", "new")]
        detail = f"{', '.join(means)}, {row['n']} pairs"
        ET.SubElement(case, tag, {"type": row["verdict"], "message": shown(message)}).text = detail


def _markdown(found: Comparison) -> Documents:
    return {"": found.to_markdown()}


FORMATS: dict[str, Callable[[Comparison], Documents]] = {
    "gha": _gha,
    "bmf": _bmf,
    "gobench": _gobench,
    "pytest-benchmark": _pytest_benchmark,
    "junit": _junit,
    "markdown": _markdown,
}
