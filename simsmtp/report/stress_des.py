"""A STRESS-DES draft from a study's record.

STRESS-DES is the reporting checklist of Monks, Currie, Onggo, Robinson, Kunc and Taylor (2019), "Strengthening the
reporting of empirical simulation studies: Introducing the STRESS guidelines", Journal of Simulation 13(1). About
half of its 20 items stand in the record of a study; the rest only its author can write, and is marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.figures.labels import level_text
from simsmtp.model.numbers import number_text
from simsmtp.report.stress_items import AUTHOR, COMPONENTS, HINTS, INITIALISATION, LOGIC, RANDOM, TITLES, VERSIONS
from simsmtp.rows.responses import BY_NAME, COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

_MOST_LEVELS = 12


class _Record(NamedTuple):
    """What a study left behind."""

    study: Mapping[str, Any]
    tables: Mapping[str, Any]
    provenance: Mapping[str, Any]
    summary: DataFrame | None


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
    record = _Record(experiment_tables.get("study", {}), experiment_tables, provenance, summary)
    lines = [f"# STRESS-DES: {record.study.get('title') or record.study.get('name') or 'a study'}", "", VERSIONS]
    for number, title in TITLES.items():
        level = "##" if "." not in number else "###"
        lines += ["", f"{level} {number} {title}"]
        if "." in number:
            filled = _ITEMS[number](record) if number in _ITEMS else ""
            lines += ["", *([filled] if filled else []), *_open_part(number, bool(filled))]
    return "\n".join(lines) + "\n"


def _open_part(number: str, filled: bool) -> list[str]:
    if number not in HINTS:
        return []
    return ["", f"{AUTHOR} {HINTS[number]}"] if filled else [f"{AUTHOR} {HINTS[number]}"]


def _purpose(record: _Record) -> str:
    words = " ".join(str(record.study.get("description", "")).split())
    return f"From the experiment file: {words}" if words else ""


def _outputs(record: _Record) -> str:
    given = record.study.get("responses") or COLUMNS
    names = [given] if isinstance(given, str) else given
    rows = [f"| `{one.name}` | {one.unit or '-'} | {one.meaning} |" for one in map(BY_NAME.__getitem__, names)]
    return "\n".join(["Per replication, averaged over replications:", "", "| output | unit | definition |",
                      "|---|---|---|", *rows])  # fmt: skip


def _scenarios(record: _Record) -> str:
    factors, design = record.tables.get("factors", {}), record.tables.get("design", {})
    points = record.provenance.get("design_points", "an unknown number of")
    lines = [f"{points} design points. What they differ by:", ""]
    lines += [f"- `{name}`: {_levels(levels)}" for name, levels in _flat(factors)]
    lines += [f"- `{name}`: {one['low']} to {one['high']} ({one.get('scale', 'linear')}), {design.get('kind', '')}, "
              f"{design.get('points', '')} points" for name, one in _flat(design.get("ranges", {}))]  # fmt: skip
    lines += [f"- listed point: {_levels(point)}" for point in record.tables.get("points", [])]
    return "\n".join(lines) if len(lines) > 2 else "One design point: the base scenario of item 3.3."


def _flat(table: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Return factors by dotted name: a table whose values are tables of tables or lists is one level of the name."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        nested = isinstance(value, Mapping) and key in {"workload", "client", "network", "server"}
        found += _flat(value, f"{path}{key}.") if nested else [(f"{path}{key}", value)]
    return found


def _levels(levels: Any) -> str:
    if isinstance(levels, Mapping):
        return "; ".join(f"{name} = {_value(value)}" for name, value in levels.items())
    shown = [_value(one) for one in levels[:_MOST_LEVELS]]
    return ", ".join([*shown, f"… ({len(levels)} in all)"] if len(levels) > _MOST_LEVELS else shown)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items() if one is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return level_text(value)


def _inputs(record: _Record) -> str:
    from simsmtp.model.scenario import Scenario

    scenario = Scenario.from_dict(record.tables.get("scenario", {}))
    given = record.tables.get("scenario", {})
    lines = ["Base scenario, with the unit in the name of each parameter. **Bold**: set by this study; the rest are",
             "defaults of simsmtp or of the preset named. Factors (item 2.3) override them.", "",
             "| parameter | value | meaning |", "|---|---|---|"]  # fmt: skip
    for table in ("workload", "client", "network", "server"):
        model = getattr(scenario, table)
        for name, field in type(model).model_fields.items():
            value = _value(model.model_dump()[name])
            shown = f"**{value}**" if name in given.get(table, {}) else value
            lines.append(f"| `{table}.{name}` | {shown} | {' '.join((field.description or '').split())} |")
    extra = [f"| `{key}` | **{_value(given[key])}** | |" for key in ("horizon_s", "destinations") if key in given]
    return "\n".join([*lines, *extra]).replace("``", "`")


def _run_length(record: _Record) -> str:
    horizon = record.tables.get("scenario", {}).get("horizon_s")
    end = "when every message is finished" if horizon is None else f"at {horizon} simulated seconds"
    if record.study.get("horizon", "terminating") == "terminating":
        return f"A terminating simulation: a replication ends {end}. There is no warm-up."
    return (
        f"A steady-state simulation: a replication ends {end}. The warm-up is cut by MSER-5 (White, Cobb and Spratt "
        "2000) on the delays of messages, averaged over replications; `warmup.csv` holds the cut."
    )


def _estimation(record: _Record) -> str:
    count, seed = (_known(record, key) for key in ("replications", "seed"))
    text = (f"{count} independent replications of each design point (seed {seed}). The replication is the unit: values "
            "are means over replications with 95 % Student t intervals. Design points share random numbers, so "
            "differences between them are taken within a replication.")  # fmt: skip
    return text + _width_text(record.summary)


def _width_text(summary: DataFrame | None) -> str:
    if summary is None:
        return ""
    usable = summary[(summary["mean"] != 0) & summary["high"].notna()]
    if usable.empty:
        return ""
    half = (usable["high"] - usable["low"]) / 2 / usable["mean"].abs() * 100
    widest = half.groupby(usable["response"], sort=False).max()
    return " Widest half-width, in per cent of the mean: " + ", ".join(
        f"`{name}` {number_text(value, 2)}" for name, value in widest.items()
    )


def _software(record: _Record) -> str:
    packages = record.provenance.get("packages") or {}
    versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    python = _known(record, "python")
    return f"simsmtp {_known(record, 'simsmtp')}, Python {python}. Packages: {versions or 'unknown'}."


def _execution(record: _Record) -> str:
    command = record.provenance.get("command")
    failed = record.provenance.get("failed", "unknown")
    ran = f"`{command}`" if command else "From Python, without a command line."
    return (f"{ran} Next-event simulation in integer nanoseconds; ties are ordered by time, kind, session. "
            f"{_known(record, 'computed')} replications computed in this run, {_known(record, 'reused')} taken from "
            f"the store, {failed} failed.")  # fmt: skip


def _system(record: _Record) -> str:
    platform, cpus, seconds = (_known(record, key) for key in ("platform", "cpus", "duration_s"))
    return f"{platform}, {cpus} processors. The run took {seconds} s; results do not depend on the machine."


def _code(record: _Record) -> str:
    commit, clean = record.provenance.get("commit"), record.provenance.get("clean")
    state = ", whether changed is unknown" if clean is None else "" if clean else ", with uncommitted changes"
    where = f"Commit {commit}{state}." if commit else "Commit unknown."
    return f"{where} Digest of all results: `{_known(record, 'digest')}`. Licence of simsmtp: MIT."


def _known(record: _Record, key: str) -> object:
    found = record.provenance.get(key)
    return "unknown" if found is None else found


_ITEMS: dict[str, Callable[[_Record], str]] = {
    "1.1": _purpose,
    "1.2": _outputs,
    "2.2": lambda _: LOGIC,
    "2.3": _scenarios,
    "2.5": lambda _: COMPONENTS,
    "3.3": _inputs,
    "4.1": lambda _: INITIALISATION,
    "4.2": _run_length,
    "4.3": _estimation,
    "5.1": _software,
    "5.2": lambda _: RANDOM,
    "5.3": _execution,
    "5.4": _system,
    "6.1": _code,
}
