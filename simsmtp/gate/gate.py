"""The gate: whether what the code does now is worse than a baseline by more than a margin."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.errors import InputError, texts_in
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.shipped import named_file
from simsmtp.gate.baseline import kind_of, load_baseline
from simsmtp.gate.compare_rows import Comparison, Margins, compare_rows, read_margins
from simsmtp.gate.places import Place
from simsmtp.gate.read_results import means_of
from simsmtp.gate.recorded_results import (
    NoBaselineError,
    RecordedResults,
    recorded_experiment,
    recorded_study,
    require_same,
)
from simsmtp.gate.shared_part import caveats_of
from simsmtp.gate.verdicts import INCONCLUSIVE
from simsmtp.planning.capacity import Capacity
from simsmtp.planning.recorded_answers import RecordedAnswers, answers_of, capacity_folder, read_answers
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.run_options import RunOptions, worker_count
from simsmtp.running.runner import PreparedRun, execute, prepare
from simsmtp.running.user_strategies import find_strategies
from simsmtp.statistics.intervals import check_level
from simsmtp.statistics.pooled_percentiles import pooled_note
from simsmtp.study.study import Study

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.gate.capacity_comparison import CapacityComparison

_SHOWN = 5
Side = str | Path | Experiment | Study | RecordedResults | Capacity
_KINDS = "a path, Study, Experiment, Recorded or Capacity"


class Rule(NamedTuple):
    """How strict a comparison is; attributes as the parameters of `compare`."""

    margin: Margins = 0.05
    responses: Sequence[str] | None = None
    level: float = 0.95


def compare(
    base: Side,
    new: Side,
    *,
    margin: Margins = 0.05,
    responses: Iterable[str] | None = None,
    level: float = 0.95,
    settings: Sequence[str] = (),
    strategies: Iterable[str | Path] = (),
    workers: int | None = None,
    progress: bool | str | None = None,
    determinism_check: bool = True,
) -> Comparison | CapacityComparison:
    """Compare new results with a baseline, response by response; two capacity plans answer by answer.

    Parameters
    ----------
    base, new : path, Study, Experiment or Capacity
        A baseline file, a results folder or its store, a ``summary.csv`` (means only: they are equal, or not), or an
        experiment, which is run. An experiment as `new` is run with no more replications than the baseline holds;
        if that is inconclusive, up to as many as it holds. Or two capacity plans: their folders, or what
        `simsmtp.planning.capacity.run_capacity` returned.
    margin : float or mapping
        Change for the worse that is allowed, as a share of the base's mean; or response → share or
        `simsmtp.gate.verdicts.Margin`, which also has an absolute margin for where the base is 0.
    responses : iterable of str, optional
        By default all.
    level : float
        Confidence level of the intervals.
    settings, strategies, workers, progress, determinism_check
        As of `simsmtp.run`, for experiments.

    Returns
    -------
    Comparison
        With `rows`, `verdict` and `exit_code`. Replications that only one side has are left out, and then the
        sides are not identical. See `simsmtp.gate.compare_rows` for what the verdicts promise, and
        `simsmtp.gate.compare_capacity` for those of a `CapacityComparison`.

    Raises
    ------
    NoBaselineError
        If there is nothing at `base`.
    InputError
        If the sides are not of one design, seed and schema (another version of the code is the normal case), or
        anything given cannot be used. Nothing was run then.
    """
    base, new = _named(base), _named(new)
    worker_count(workers, are_ours=False)
    named = None if responses is None else texts_in(responses, "responses", "responses in a list, or None for all")
    rule = checked(Rule(margin, named, level))
    if (answers := _compared_capacity(base, new, rule)) is not None:
        return answers
    options = RunOptions(
        settings=settings, strategies=find_strategies(strategies), workers=workers, progress=progress,
        determinism_check=determinism_check,
    )  # fmt: skip
    known = _recorded(base, options)
    if isinstance(new, Experiment) or (isinstance(new, str | Path) and _is_experiment(new)):
        return gated(known, _prepared(new, options), rule)
    if isinstance(new, str | Path) and not os.path.exists(new):  # noqa: PTH110 - false for too long a name
        raise InputError("there is no such file", file=str(new), allowed="results or an experiment file")
    try:
        return judged(known, _recorded(new, options), rule)
    except NoBaselineError as error:  # the other side lacks results, which is a mistake, not a first run
        raise InputError(error.message, file=error.file, allowed=error.allowed) from None


def checked(rule: Rule) -> Rule:
    """Return the rule; one that cannot be used is an `InputError`."""
    read_margins(rule.margin)
    check_level(rule.level)
    for name in rule.responses or ():
        if name not in COLUMNS:
            raise InputError("unknown response", key="response", given=name, allowed=COLUMNS)
    return rule


def _named(side: Any) -> Any:
    """Return the file of a shipped experiment for its name, unless something of that name is here."""
    is_here = isinstance(side, str | Path) and os.path.lexists(side)
    return side if is_here else named_file(side)


def _is_experiment(path: str | Path) -> bool:
    return os.path.isfile(path) and kind_of(Path(path)) == "experiment"  # noqa: PTH113 - false for too long a name


def _prepared(side: str | Path | Experiment, options: RunOptions) -> PreparedRun:
    """Check a side that is run; settings change those that are files."""
    return prepare(side, dataclasses.replace(options, settings=()) if isinstance(side, Experiment) else options)


def _recorded(side: Side, options: RunOptions) -> RecordedResults:
    if isinstance(side, RecordedResults):
        return side
    if isinstance(side, Study):
        return recorded_study(side)
    if not isinstance(side, str | Path | Experiment):
        raise InputError("cannot be compared", key="compare", given=type(side).__name__, allowed=_KINDS)
    if isinstance(side, Experiment) or _is_experiment(side):
        return recorded_study(execute(_prepared(side, options)))
    return load_baseline(side)


def _compared_capacity(base: object, new: object, rule: Rule) -> CapacityComparison | None:
    """Compare two capacity plans; None where neither side is one.

    Raises
    ------
    InputError
        If one side alone is one, or an option is given that means nothing to answers.
    """
    sides = [_answered(base), _answered(new)]
    if sides == [None, None]:
        return None
    for side, other, given in ((sides[0], sides[1], new), (sides[1], sides[0], base)):
        if side is not None and other is None:
            if given is base and isinstance(given, str | Path) and not os.path.exists(given):  # noqa: PTH110 - a name may be too long
                load_baseline(given)  # says that there is no baseline
            raise InputError(
                f"is no capacity plan's folder, as {side.source} is", key="compare", given=str(given)[:200],
                allowed="two folders that 'simsmtp capacity' wrote, or two results of 'simsmtp run'",
            )  # fmt: skip
    if rule.responses is not None:
        raise InputError("capacity plans are compared by their answers", key="response",
                         given=list(rule.responses), allowed="no response")  # fmt: skip
    margins = {one.relative for one in read_margins(rule.margin).values()}
    if len(margins) > 1:
        raise InputError("capacity plans are compared by their answers", key="margin", given=str(rule.margin)[:200],
                         allowed="one share for all")  # fmt: skip
    known, found = sides
    assert known is not None
    assert found is not None
    from simsmtp.gate.compare_capacity import compare_capacity

    return compare_capacity(known, found, margins.pop())


def _answered(side: object) -> RecordedAnswers | None:
    if isinstance(side, str | Path):
        folder = capacity_folder(Path(side))
        return None if folder is None else read_answers(folder)
    if isinstance(side, RecordedAnswers):
        return side
    return answers_of(side) if isinstance(side, Capacity) else None


def gated(base: RecordedResults, prepared: PreparedRun, rule: Rule, *, study: Study | None = None) -> Comparison:
    """Run what is prepared and compare it; where that is inconclusive, run all that the baseline can be paired with.

    Parameters
    ----------
    base : RecordedResults
        The baseline.
    prepared : PreparedRun
        Of the experiment.
    rule : Rule
        How to compare.
    study : Study, optional
        Its results, if it was run already.
    """
    require_same(base, recorded_experiment(prepared.experiment))
    most, first = base.replications, prepared.experiment.replications
    if study is not None:
        first = study.experiment.replications
    first = most if base.means_only else min(first, most)
    looks = 1 if first == most else 2
    if study is None or study.experiment.replications < first:
        study = execute(prepared.with_replications(first))
    found = judged(base, recorded_study(study), rule, looks=looks, some=True)
    if found.verdict != INCONCLUSIVE or looks == 1:
        return found
    more = recorded_study(execute(prepared.with_replications(most)))
    note = f"inconclusive with {first} replications: {most - first} more were run, each look with half the error"
    return judged(base, more, rule, looks=looks, notes=(note,))


def judged(
    base: RecordedResults,
    new: RecordedResults,
    rule: Rule,
    *,
    looks: int = 1,
    notes: Sequence[str] = (),
    some: bool = False,
) -> Comparison:
    """Compare results that are there; `some`: fewer replications than the base has were run on purpose."""
    pairs = require_same(base, new)
    means_only = base.means_only or new.means_only
    base_rows, new_rows = base.rows, new.rows
    if means_only:
        replications = base.replications if base.means_only else new.replications
        base_rows, new_rows = means_of(base, replications), means_of(new, replications)
    labelled = base if new.means_only or not new.complete else new
    base_numbers = [(there, number) for number, there in pairs.items()]
    points = {
        number: (labelled.points[(there if labelled is base else number) - 1].factors)
        for number, there in pairs.items()
    }
    found = compare_rows(
        _renumbered(base_rows, base_numbers), _labelled(new_rows, points, labelled.columns), factors=labelled.columns,
        responses=rule.responses, margins=rule.margin, level=rule.level, looks=looks, means_only=means_only,
        name=new.name or base.name, notes=[*notes, *_notes(base, new, len(pairs), means_only)],
        caveats=caveats_of(base, new, pairs, some=some),
    )  # fmt: skip

    def places(number: int) -> list[Place]:
        return [one for one in (new.place(number), base.place(pairs[number])) if one is not None]

    return dataclasses.replace(found, places=places)


def _renumbered(rows: DataFrame, numbers: Sequence[tuple[int, int]]) -> DataFrame:
    import pandas as pd

    of_point = dict(iter(rows.groupby("point")))
    return pd.concat([of_point[old].assign(point=new) for old, new in numbers if old in of_point])


def _labelled(rows: DataFrame, points: Mapping[int, Mapping[str, object]], columns: Sequence[str]) -> DataFrame:
    kept = rows[rows["point"].isin(points)]
    labels = {name: kept["point"].map({number: levels[name] for number, levels in points.items()}) for name in columns}
    return kept.assign(**labels)


def _failures(new: RecordedResults) -> list[str]:
    """Say what the first replications that failed were told, and how often."""
    if "error" not in new.rows:
        return []
    counts = new.rows["error"].dropna().value_counts(sort=False)
    return [f"{times} replications failed: {error}" for error, times in list(counts.items())[:_SHOWN]]


def _notes(base: RecordedResults, new: RecordedResults, pairs: int, means_only: bool) -> list[str]:
    notes = [f"{pairs} design points of {new.source} against {base.source}"]
    if base.code and new.code:
        notes.append(f"simsmtp itself is {'the same' if base.code == new.code else 'another version'}")
    if pooled := pooled_note(len(new.common.get("destinations") or base.common.get("destinations") or ())):
        notes.append(pooled)
    if means_only:
        notes.append("a summary holds means only: they are equal or not, and no margin is tested")
    elif new.replications < base.replications:
        notes.append(f"{new.replications} of the {base.replications} replications of {base.source} were compared")
    notes += _failures(new)
    return notes
