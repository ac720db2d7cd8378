"""Comparisons in the formats of common CI tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.errors import InputError
from simsmtp.gate.capacity_comparison import CapacityComparison
from simsmtp.gate.ci.badge import badge_json, badge_svg
from simsmtp.gate.ci.findings import Outcome, outcome_of
from simsmtp.gate.ci.github import workflow_commands
from simsmtp.gate.ci.junit import benchmark_name, junit
from simsmtp.gate.ci.markdown import comment, summary
from simsmtp.gate.comparison import Comparison
from simsmtp.gate.comparison_views import change_text
from simsmtp.output.json_values import plain
from simsmtp.rows.responses import BY_NAME
from simsmtp.shown import shown
from simsmtp.statistics.intervals import Interval, mean_interval

if TYPE_CHECKING:
    from pandas import DataFrame

Documents = dict[str, str]


def export(found: Comparison | CapacityComparison, kind: str) -> Documents:
    """Return a comparison as the documents of a format.

    Parameters
    ----------
    found : Comparison or CapacityComparison
        What to export.
    kind : str
        ``github`` (annotations, then the job summary), ``comment`` (Markdown of a comment that is kept up to date),
        ``markdown``, ``junit``, ``badge`` (JSON for an endpoint badge of shields.io), ``badge-svg``,
        ``github-action-benchmark`` (one document per direction, ``customSmallerIsBetter`` and
        ``customBiggerIsBetter``), ``bmf`` (Bencher), ``gobench`` (for ``benchstat -col side``),
        ``pytest-benchmark`` (one document per side; responses where lower is better).

    Returns
    -------
    dict
        Suffix for the name of the file (empty if there is one document) → text.
    """
    if kind not in FORMATS:
        raise InputError("unknown format", key="--to", given=kind, allowed=FORMATS)
    if kind in _OF_ANY:
        return _OF_ANY[kind](found)
    if isinstance(found, CapacityComparison):
        allowed = f"{', '.join(_OF_ANY)}, or --json"
        raise InputError("does not take capacity plans", key="--to", given=kind, allowed=allowed)
    return FORMATS[kind](found)


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


def _github_action_benchmark(found: Comparison) -> Documents:
    entries: dict[str, list[dict[str, Any]]] = {"lower": [], "higher": [], "": []}
    for row, interval in _cells(found):
        entry = {
            "name": f"{benchmark_name(found, row)} {row['response']}",
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
        benchmarks.setdefault(benchmark_name(found, row)[:1024], {})[row["response"]] = metric
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
        name, response = benchmark_name(found, row), row["response"]
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


def _of_outcome(write: Callable[[Outcome], str]) -> Callable[[Comparison | CapacityComparison], Documents]:
    return lambda found: {"": write(outcome_of(found))}


_OF_ANY: dict[str, Callable[[Comparison | CapacityComparison], Documents]] = {
    "markdown": lambda found: {"": found.to_markdown(40 if isinstance(found, Comparison) else len(found.rows))},
    "github": _of_outcome(lambda outcome: workflow_commands(outcome) + summary(outcome)),
    "comment": _of_outcome(comment),
    "badge": _of_outcome(badge_json),
    "badge-svg": _of_outcome(badge_svg),
}
FORMATS: dict[str, Callable[[Comparison], Documents]] = {
    "github-action-benchmark": _github_action_benchmark,
    "bmf": _bmf,
    "gobench": _gobench,
    "pytest-benchmark": _pytest_benchmark,
    "junit": lambda found: {"": junit(found)},
    **_OF_ANY,
}
