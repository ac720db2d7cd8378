"""What the sections of a report say."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.figures.labels import factor_label, factor_name, level_text, plain_level, response_label
from simsmtp.model.numbers import NOTHING, counted, number_text
from simsmtp.report.at_a_glance import grouping, range_table, responses_at_a_glance, sentences
from simsmtp.report.html import (
    Cell,
    interval_text,
    list_html,
    markdown_html,
    pairs_html,
    table_html,
)
from simsmtp.report.page import details_html
from simsmtp.report.stress_des import stress_des
from simsmtp.rows.responses import BY_NAME, RESPONSES
from simsmtp.shown import html_text
from simsmtp.statistics.pooled_percentiles import note_for

if TYPE_CHECKING:
    from simsmtp.report.results_folder import Means, Record

_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
_MECHANISMS = (
    "Counting strategies other than corrected and first-pending are hypotheses, not the code of any vendor. One-stop, "
    "per-read, send-cursor and budget are consistent with the public description of the defect in Microsoft KB 822105. "
    "First-pending is what Exim did before 4.95 (its bug 2693)."
)
_READING = (
    "Mean over replications; below it the 95 % t interval, none where all replications are equal. "
    "Select a head to sort."
)
_UNIT = "The replication is the unit of all statistics: recipients of one share its fate and are never pooled."
_INTERVALS = (
    "Intervals are 95 % Student t intervals of the mean, each by itself, cut at what the response can be. Where a "
    "fault was seen in no replication the interval has no width and proves little: what is said then is how many "
    "replications may still show it (one-sided Clopper-Pearson bound)."
)
_COMMON = (
    "Common random numbers: in a replication every design point meets the same arrivals, sizes, mailboxes and "
    "round-trip times. Compare design points by paired differences, far narrower than these intervals suggest."
)


def glance(record: Record) -> str:
    """Return the answer in sentences, and the range of every response for each line."""
    size = f"{counted(len(record.means.points), 'design point')}, {_replications(record)} of each; means over them"
    failed = record.provenance.get("failed")
    lead = f"{size}.{f' {failed} replications failed and are left out.' if failed else ''}"
    parts = [f"<p>{html_text(lead)}</p>", list_html(sentences(record))]
    factor = grouping(record)
    if factor in record.means.varied:
        heads, rows = range_table(record, factor)
        titles = ["", "", *map(_meaning, responses_at_a_glance(record))]
        words = f"Least and greatest mean over all design points with each {factor_name(factor).name}:"
        parts += [f"<p>{html_text(words)}</p>", table_html(heads, rows, titles)]
    return f'<div class="glance">{"".join(parts)}</div>'


def _meaning(response: str) -> str:
    return BY_NAME[response].meaning if response in BY_NAME else ""


def _replications(record: Record) -> str:
    counts = record.means.table.groupby("point")["n"].max()  # a response may have no value in some replications
    low, high = int(counts.min()), int(counts.max())
    return counted(high, "replication") if low == high else f"{low} to {high} replications"


def figures(record: Record) -> str:
    """Return the figures, each inside the page; a note if there is none."""
    if not record.figures:
        return '<p class="note">The folder holds no figure.</p>'
    return "".join(_figure(path, record) for path in record.figures)


def _figure(path: Path, record: Record) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    alt = html_text(f"{record.title}: figure {path.stem}. The numbers stand in the tables below.")
    image = f'<img class="{path.suffix[1:]}" alt="{alt}" src="data:{_TYPES[path.suffix]};base64,{data}">'
    return f'<figure><div tabindex="0">{image}</div></figure>'


def results(record: Record) -> str:
    """Return the table of means for the responses of the study, and for all of them folded away."""
    held = list(dict.fromkeys(record.means.table["response"]))
    scenario = record.experiment.get("scenario")
    listed = scenario.get("destinations") if isinstance(scenario, dict) else None
    note = note_for(held, len(listed) if isinstance(listed, list) else 0)
    reading = f"{_READING} {note}".rstrip()
    parts = [f"<p>{reading}</p>", means_table(record.means, record.responses)]
    if len(held) > len(record.responses):
        parts.append(details_html(f"All {len(held)} responses", means_table(record.means, held)))
    if record.steady is not None:
        named = list(dict.fromkeys(record.steady.table["response"]))
        parts += ["<h3>After the warm-up</h3>", means_table(record.steady, [n for n in record.responses if n in named])]
        parts.append(details_html("All responses after the warm-up", means_table(record.steady, named)))
    if record.warmup is not None:
        rows = [[_text_cell(cell) for cell in row] for row in record.warmup.to_numpy().tolist()]
        parts += ["<h3>Where the warm-up ends (MSER-5)</h3>", table_html([str(one) for one in record.warmup], rows)]
    return "".join(parts)


def _text_cell(text: str) -> Cell:
    try:
        return text, float(text)
    except ValueError:
        return text, text


def means_table(means: Means, responses: Sequence[str]) -> str:
    """Return one row per design point, with mean and interval of each response."""
    heads = ["point", *(factor_label(name) for name in means.factors), *(response_label(name) for name in responses)]
    titles = ["", *means.factors, *(_meaning(name) for name in responses)]
    cells: dict[tuple[int, str], Cell] = {
        (point, name): (f"{number_text(mean)}\n{interval_text(low, high)}", mean)
        for point, name, mean, low, high in means.table[["point", "response", "mean", "low", "high"]].itertuples(
            index=False
        )
    }
    rows = [
        [(str(point), point), *((str(level_text(one)), one) for one in levels),
         *(cells.get((point, name), (NOTHING, "")) for name in responses)]
        for point, *levels in means.points.itertuples(index=False)
    ]  # fmt: skip
    return table_html(heads, rows, titles)


def method(record: Record) -> str:
    """Return design, base scenario, replications and intervals in words."""
    words = [_simulated(record), _replicated(record), _INTERVALS, _COMMON, _MECHANISMS]
    parts = [list_html(words)]
    if not record.capacity:  # a plan has none: its table of results lists what was tried
        parts += ["<h3>Factors</h3>", _factors(record)]
    if scenario := record.experiment.get("scenario"):
        given = [(key, _value(value)) for key, value in _flat(scenario)]
        parts += ["<h3>Base scenario</h3>", "<p>All else has simsmtp's defaults.</p>", pairs_html(given)]
    elif not record.experiment:
        parts.append('<p class="note">experiment.json is not in the folder: the base scenario is not known here.</p>')
    return "".join(parts)


def _simulated(record: Record) -> str:
    horizon = record.experiment.get("study", {}).get("horizon")
    text = "Discrete-event simulation of pipelined SMTP sessions, in integer nanoseconds"
    return f"{text}. Horizon: {horizon}." if horizon else f"{text}."


def _replicated(record: Record) -> str:
    seed = record.provenance.get("seed", record.experiment.get("study", {}).get("seed", "unknown"))
    size = f"{counted(len(record.means.points), 'design point')}, {_replications(record)} of each, seed {seed}"
    return f"{size}. {_UNIT}"


def _factors(record: Record) -> str:
    points = record.means.points
    rows: list[list[Cell]] = []
    for name in record.means.factors:
        levels = list(dict.fromkeys(points[name]))
        shown = ", ".join(level_text(one) for one in levels[:24]) + (", …" if len(levels) > 24 else "")
        rows.append([(name, name), (factor_label(name), ""), (str(len(levels)), len(levels)), (shown, shown)])
    return table_html(["key", "factor", "levels", "values"], rows) if rows else "<p>One design point: no factors.</p>"


def _flat(table: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        inner = isinstance(value, dict) and "dist" not in value
        found += _flat(value, f"{path}{key}.") if inner else [(f"{path}{key}", value)]
    return found


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "\n".join(", ".join(f"{key} {_value(one)}" for key, one in _flat(part)) for part in value)
    return level_text(plain_level(value))


def provenance(record: Record) -> str:
    """Return where the results come from; a note if that is not recorded."""
    noted = record.provenance
    if not noted:
        return '<p class="note">provenance.json is not in the folder: where these results come from is not known.</p>'
    packages = noted.get("packages")
    known = ", ".join(f"{k} {v}" for k, v in packages.items() if v) if isinstance(packages, dict) else ""
    clean = {"True": "as committed", "False": "with uncommitted changes"}.get(str(noted.get("clean")), "state unknown")
    commit = f"{noted['commit']} ({clean})" if noted.get("commit") else "unknown"
    order = ("simsmtp", "seed", "digest", "code", "started", "duration_s", "computed", "reused", "failed", "python")
    pairs = [("commit", commit), *((key, str(noted[key])) for key in order if noted.get(key) is not None)]
    engines = noted.get("engines")
    ran = ", ".join(f"{name} {count}" for name, count in engines.items()) if isinstance(engines, dict) else ""
    pairs += [(name, text) for name, text in (("engines", ran), ("packages", known)) if text]
    return pairs_html([*pairs, *((key, str(noted[key])) for key in ("platform", "cpus") if key in noted)])


def stress(record: Record) -> str:
    """Return the STRESS-DES draft, folded away, with a copy to save; a note without the experiment."""
    if not record.experiment:
        return '<p class="note">A STRESS-DES draft needs experiment.json, which is not in the folder.</p>'
    text = stress_des(record.experiment, record.provenance, record.means.table)
    data = base64.b64encode(text.encode()).decode()
    name = html_text(f"{record.name}-stress-des.md")
    link = f'<p><a download="{name}" href="data:text/markdown;base64,{data}">Save the draft as Markdown</a></p>'
    words = "<p>A reporting checklist, filled as far as the record goes; what only the author knows is marked.</p>"
    return words + link + details_html("Show the draft", markdown_html(text))


def reproduce(record: Record) -> str:
    """Return the commands that give the results again."""
    noted = record.provenance
    command = noted.get("command") or f"simsmtp run {record.name}.toml"
    lines = [f"git checkout {noted['commit']}"] if noted.get("commit") else []
    lines += ["python3 -m venv .venv && .venv/bin/python -m pip install -q .", f".venv/bin/{command}"]
    parts = ["<p>In a clone of the sources of simsmtp:</p>", f"<pre>{html_text(chr(10).join(lines))}</pre>"]
    if not noted.get("command"):
        parts.append("<p>The command line is not recorded; this is what it would usually be.</p>")
    if noted.get("digest"):
        parts.append(
            f"<p>Equal results have the digest <code>{html_text(str(noted['digest']))}</code> in provenance.json.</p>"
        )
    if noted.get("clean") is False:
        parts.append(
            '<p class="note">The sources had uncommitted changes: the commit alone may not give these bits.</p>'
        )
    return "".join(parts)


def glossary(record: Record) -> str:
    """Return what the responses mean."""
    held = set(record.means.table["response"])
    rows: list[list[Cell]] = [
        [(one.name, one.name), (one.meaning, ""), (one.unit or NOTHING, ""), (one.better or NOTHING, "")]
        for one in RESPONSES
        if one.name in held
    ]
    return table_html(["response", "meaning", "unit", "better"], rows)
