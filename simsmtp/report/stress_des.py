"""A STRESS-DES draft from a study's record.

STRESS-DES is the reporting checklist of Monks, Currie, Onggo, Robinson, Kunc and Taylor (2019), "Strengthening the
reporting of empirical simulation studies: Introducing the STRESS guidelines", Journal of Simulation 13(1). About
half of its 20 items are in the record of a study; the template ``stress_des.md`` marks what only its author can write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from simsmtp.figures.labels import level_text
from simsmtp.model.numbers import number_text
from simsmtp.rows.responses import BY_NAME, COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

_TEMPLATE = Path(__file__).with_suffix(".md")
_TABLES = ("workload", "client", "network", "server")
_MOST_LEVELS = 12
_TERMINATING = "A terminating simulation: a replication ends {}. There is no warm-up."
_STEADY = (
    "A steady-state simulation: a replication ends {}. The warm-up is cut by MSER-5 (White, Cobb and Spratt 2000) on "
    "the delays of messages, averaged over replications; `warmup.csv` holds the cut."
)


class _Known(dict[str, object]):
    """What the record knows; the rest is unknown."""

    def __missing__(self, key: str) -> str:
        return "unknown"


def stress_des(
    experiment_tables: Mapping[str, Any], provenance: Mapping[str, Any], summary: DataFrame | None = None
) -> str:
    """Return a STRESS-DES checklist in Markdown, filled as far as the record of a study goes.

    Parameters
    ----------
    experiment_tables : mapping
        The tables of the experiment file: ``study``, ``scenario``, ``factors``, ``points``, ``design``.
    provenance : mapping
        Content of ``provenance.json``; what is missing is said to be unknown.
    summary : DataFrame, optional
        Content of ``summary.csv``: it adds how wide the intervals became.

    Returns
    -------
    str
        20 items under 6 headings. An item that the record cannot fill reads "To be written by the author", with
        what belongs there.

    Raises
    ------
    InputError
        If the ``scenario`` table is not one.
    """
    study, scenario = experiment_tables.get("study", {}), experiment_tables.get("scenario", {})
    known = _Known({key: value for key, value in provenance.items() if value is not None})
    words = " ".join(str(study.get("description", "")).split())
    packages = provenance.get("packages") or {}
    clean = provenance.get("clean")
    state = ", whether changed is unknown" if clean is None else "" if clean else ", with uncommitted changes"
    horizon = scenario.get("horizon_s")
    end = "when every message is finished" if horizon is None else f"at {horizon} simulated seconds"
    is_steady = study.get("horizon", "terminating") != "terminating"
    known.update(
        title=study.get("title") or study.get("name") or "a study",
        purpose=f"From the experiment file: {words}" if words else "",
        outputs=_outputs(study.get("responses") or COLUMNS),
        scenarios=_scenarios(experiment_tables, known["design_points"]),
        inputs=_inputs(scenario),
        run_length=(_STEADY if is_steady else _TERMINATING).format(end),
        widths="" if summary is None else _widths(summary),
        versions=", ".join(f"{name} {version}" for name, version in packages.items() if version) or "unknown",
        started_by=f"`{known['command']}`" if known.get("command") else "From Python, without a command line.",
        source=f"Commit {known['commit']}{state}." if known.get("commit") else "Commit unknown.",
    )
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(known)


def _outputs(responses: Any) -> str:
    found = map(BY_NAME.__getitem__, [responses] if isinstance(responses, str) else responses)
    return "\n".join(f"| `{one.name}` | {one.unit or '-'} | {one.meaning} |" for one in found)


def _scenarios(tables: Mapping[str, Any], points: object) -> str:
    design = tables.get("design", {})
    lines = [f"- `{name}`: {_levels(levels)}" for name, levels in _flat(tables.get("factors", {}))]
    lines += [f"- `{name}`: {one['low']} to {one['high']} ({one.get('scale', 'linear')}), {design.get('kind', '')}, "
              f"{design.get('points', '')} points" for name, one in _flat(design.get("ranges", {}))]  # fmt: skip
    lines += [f"- listed point: {_levels(point)}" for point in tables.get("points", [])]
    if not lines:
        return "One design point: the base scenario of item 3.3."
    return "\n".join([f"Design points: {points}. What they differ by:", "", *lines])


def _flat(table: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Return factors by dotted name."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        is_table = isinstance(value, Mapping) and key in _TABLES
        found += _flat(value, f"{path}{key}.") if is_table else [(f"{path}{key}", value)]
    return found


def _levels(levels: Any) -> str:
    if isinstance(levels, Mapping):
        return "; ".join(f"{name} = {_value(value)}" for name, value in levels.items())
    shown = [_value(one) for one in levels[:_MOST_LEVELS]]
    return ", ".join([*shown, f"… ({len(levels)} in all)"] if len(levels) > _MOST_LEVELS else shown)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items() if one is not None) + "}"
    return "[" + ", ".join(map(_value, value)) + "]" if isinstance(value, list | tuple) else level_text(value)


def _inputs(given: Mapping[str, Any]) -> str:
    from simsmtp.model.scenario import Scenario

    scenario = Scenario.from_dict(given)
    lines = []
    for table in _TABLES:
        model = getattr(scenario, table)
        values = model.model_dump()
        for name, field in type(model).model_fields.items():
            mark = "**" if name in given.get(table, {}) else ""
            meaning = " ".join((field.description or "").replace("``", "`").split())
            lines.append(f"| `{table}.{name}` | {mark}{_value(values[name])}{mark} | {meaning} |")
    lines += [f"| `{key}` | **{_value(given[key])}** | |" for key in ("horizon_s", "destinations") if key in given]
    return "\n".join(lines)


def _widths(summary: DataFrame) -> str:
    usable = summary[(summary["mean"] != 0) & summary["high"].notna()]
    half = (usable["high"] - usable["low"]) / 2 / usable["mean"].abs() * 100
    widest = half.groupby(usable["response"], sort=False).max()
    texts = ", ".join(f"`{name}` {number_text(value, 2)}" for name, value in widest.items())
    return f" Widest half-width, in per cent of the mean: {texts}" if texts else ""
