"""A study at a glance: what varies, how many, the means that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.figures.labels import factor_label, factor_name, level_text, level_with_unit, plain_level, response_label
from simsmtp.model.numbers import counted, number_text
from simsmtp.rows.responses import BY_NAME, COLUMNS
from simsmtp.shown import html_text, shown
from simsmtp.statistics.pooled_percentiles import note_for
from simsmtp.store.stored_rows import KEPT
from simsmtp.study.figure_choice import MAIN_RESPONSES, varied_factors

if TYPE_CHECKING:
    from simsmtp.experiment.factors import Label
    from simsmtp.study.study import Study  # for annotations: a study shows itself

_MOST_ROWS = 40
_MOST_LEVELS = 6
_MOST_RESPONSES = 4
_BAR = "#0072B2"
"""Behind a mean, as long as it is large; faint, for light and dark pages."""


def text_of(study: Study) -> str:
    """Return a few lines: size, factors with their levels, and the range of the main means."""
    varied = varied_factors(study.points)
    entries = [(shown(name), _levels_text(levels)) for name, levels in varied.items()]
    # A repr takes no minutes: the rows of a large study are read when somebody asks for its summary.
    if "_summary" in vars(study) or len(study.points) * study.experiment.replications <= KEPT:
        entries += list(_ranges(study))
    width = max((len(name) for name, _ in entries), default=0)
    head = f"<Study {study.name!r}: {_size(study)}"
    return "\n".join([head, *(f"  {name:<{width}}  {text}" for name, text in entries), *study.notes]) + ">"


def _size(study: Study) -> str:
    failed = f", {len(study.failures):,} failed" if study.failures else ""
    points, replications = len(study.points), study.experiment.replications
    each = " each" if points > 1 else ""
    return f"{counted(points, 'design point')}, {counted(replications, 'replication')}{each}{failed}"


def _levels_text(levels: Sequence[Label]) -> str:
    numbers = [one for one in levels if isinstance(one, int | float)]
    if len(levels) > _MOST_LEVELS and len(numbers) == len(levels):
        return f"{level_text(min(numbers))} to {level_text(max(numbers))} ({len(levels)} levels)"
    texts = [level_text(plain_level(one)) for one in levels]
    if len(texts) > _MOST_LEVELS:
        texts = [*texts[: _MOST_LEVELS - 1], f"… ({len(texts)} levels)"]
    return ", ".join(texts)


def _ranges(study: Study) -> Iterator[tuple[str, str]]:
    table = study.summary()
    for name in shown_responses(study)[:_MOST_RESPONSES]:
        means = table.loc[table["response"] == name, "mean"].dropna()
        if means.empty:
            yield name, "no value"
            continue
        ends = list(dict.fromkeys(number_text(one) for one in (means.min(), means.max())))
        yield name, f"mean{'s' if len(means) > 1 else ''} {' to '.join(ends)}"


def shown_responses(study: Study) -> tuple[str, ...]:
    """Return the responses that the study is about: those its author chose, or that its figure shows, or the main."""
    chosen = study.experiment.responses
    if chosen and len(chosen) < len(COLUMNS):
        return tuple(chosen)
    return study.experiment.figure.y if study.experiment.figure else (*MAIN_RESPONSES, "lost")


def html_of(study: Study) -> str:
    """Return title and table for a notebook: mean and half-width of the interval of the main responses."""
    responses, varied = shown_responses(study), tuple(varied_factors(study.points))
    names = [*map(factor_label, varied), *map(response_label, responses)]
    titles = [*varied, *(BY_NAME[name].meaning for name in responses)]
    heads = "".join(f'<th title="{html_text(t)}">{html_text(n)}</th>' for n, t in zip(names, titles, strict=True))
    count = len(study.points)
    cut = f"; the first {_MOST_ROWS} are shown" if count > _MOST_ROWS else ""
    fixed = [one for one in study.experiment.columns if one not in varied]
    same = "".join(f" · {_fixed_text(name, study.points[0].factors[name])}" for name in fixed)
    head = f"<b>{html_text(study.experiment.title)}</b><br>{_size(study)}, seed {study.experiment.seed}"
    head += f"{html_text(same)}{cut}; means ± half-width of their 95 % intervals"
    notes = (note_for(responses, study.destinations), *study.notes)
    head += "".join(f"<br>{html_text(note)}" for note in notes if note)
    body = f'<tbody style="white-space: nowrap">{"".join(_html_rows(study, varied, responses))}</tbody>'
    return f"<p>{head}</p><table><thead><tr>{heads}</tr></thead>{body}</table>"


def _fixed_text(name: str, level: Label) -> str:
    return f"{factor_name(name).name} {level_with_unit(name, plain_level(level))}"


def _html_rows(study: Study, factors: Sequence[str], responses: Sequence[str]) -> Iterator[str]:
    table = study.summary()
    columns = ["point", "response", "n", "mean", "low", "high"]
    rows = {(point, name): rest for point, name, *rest in table[columns].to_numpy().tolist()}
    most = table.groupby("response")["mean"].max()
    for point in study.points[:_MOST_ROWS]:
        levels = "".join(f"<td>{html_text(level_text(plain_level(point.factors[one])))}</td>" for one in factors)
        cells = (_cell(rows[point.number, name], float(most[name])) for name in responses)
        yield f"<tr>{levels}{''.join(cells)}</tr>"


def _cell(row: Sequence[float], most: float) -> str:
    n, mean, low, high = row
    share = 100 * mean / most if n and most > 0 else 0.0
    end = f"{np.clip(share, 0, 100):.0f}%"
    bar = f' style="background: linear-gradient(90deg, {_BAR}33 {end}, transparent {end})"' if share > 0 else ""
    return f"<td{bar}>{_mean_text(n, mean, low, high)}</td>"


def _mean_text(n: float, mean: float, low: float, high: float) -> str:
    half = max(high - mean, mean - low)
    return "no value" if n == 0 else f"{number_text(mean)} ± {number_text(half, 2)}" if half > 0 else number_text(mean)
