"""Run a study until its means are as precise as asked for, within a budget of replications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.output.json_values import plain
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import PreparedRun, execute, prepare
from simsmtp.study.engine_tally import EngineTally
from simsmtp.study.study import Study

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.statistics.sequential import Decision, Precision

_FIRST = 8
# A mean that was 0 so often has no relative precision that is worth waiting for.
_ENOUGH_TO_SEE_ZERO = 30
_SHOWN = 5

Decisions = Mapping[tuple[int, str], "Decision"]


@dataclass(frozen=True, repr=False)
class PreciseStudy(Study):
    """A study that was run to a stated precision.

    Attributes
    ----------
    precisions : tuple of Precision
        What was asked for, at every design point.
    decisions : dict
        (Number of the design point, response) → `Decision`.
    budget : int
        Most replications of a design point.
    """

    precisions: tuple[Precision, ...]
    decisions: Decisions
    budget: int

    @property
    def reached(self) -> bool:
        """True where every mean is as precise as asked for."""
        return all(one.enough is not None for one in self.decisions.values())

    def verdict(self) -> str:
        """Return in words what was reached, and where it was not."""
        wanted = ", ".join(str(one) for one in self.precisions)
        count = self.experiment.replications
        if self.reached:
            return f"{wanted}: reached at every design point with {count} replications"
        open_ones = [(key, one) for key, one in self.decisions.items() if one.enough is None]
        lines = [f"{wanted}: not reached at {len(open_ones)} of {len(self.decisions)} means with {count} replications"]
        lines += [f"  {self._place(*key)}: {_reached_text(one)}" for key, one in open_ones[:_SHOWN]]
        lines += [f"  … and {len(open_ones) - _SHOWN} more"] if len(open_ones) > _SHOWN else []
        return "\n".join([*lines, f"  {self._remedy([one for _, one in open_ones])}"])

    def document(self) -> dict[str, Any]:
        """Return what was asked for and reached, fit for JSON."""
        means = [
            {"point": point, **one._asdict(), "response": response, "reached": one.enough is not None}
            for (point, response), one in self.decisions.items()
        ]
        wanted = [one._asdict() for one in self.precisions]
        return {"asked": wanted, "budget": self.budget, "reached": self.reached, "means": plain(means)}

    def _place(self, point: int, response: str) -> str:
        levels = self.points[point - 1].factors.items()
        return ", ".join([response, *(f"{name}={level}" for name, level in levels)])

    def _remedy(self, open_ones: Sequence[Decision]) -> str:
        needed = [one.needed for one in open_ones]
        if None in needed:
            return "a mean of 0 has no relative precision: state an absolute one, such as 'false_ndr_rate ±0.01'"
        most = max(one or 0 for one in needed)
        return f"about {most:,} replications may do: give a larger budget than {self.budget}, or ask for less"


def _reached_text(one: Decision) -> str:
    if one.n < 2:
        return f"no interval from {one.n} replications with a value"
    if one.bounded:
        return f"0 in all {one.n} replications, so at most {number_text(one.half_width, 3)}"
    share = f" ({percent_text(one.half_width / abs(one.mean))})" if one.mean else ""
    return f"{number_text(one.mean)} ± {number_text(one.half_width, 3)}{share}"


def run_to_precision(
    path_or_experiment: str | Path | Experiment,
    *,
    response: str,
    relative: float | None = None,
    absolute: float | None = None,
    budget: int,
    level: float = 0.95,
    **options: Any,
) -> PreciseStudy:
    """Run replications of every design point until the mean of a response is precise enough.

    All design points get the same number of replications: differences between them are paired. Replications that
    are stored count, and everything that is run is stored.

    Parameters
    ----------
    path_or_experiment : str, Path or Experiment
        What to run; its own number of replications is not used.
    response : str
        Response column.
    relative, absolute : float, optional
        Half-width of the interval as a share of the mean (0.05), or in the unit of the response. With both, either
        is enough. For a rate that is 0 throughout, the upper bound has to be below `absolute`.
    budget : int
        Most replications of a design point.
    level : float
        Confidence level of the interval of each mean.
    **options
        As of `simsmtp.run`, without ``replications``.

    Returns
    -------
    PreciseStudy
        With ``reached``, ``decisions`` and ``verdict()``. What was run is kept if the precision was not reached.

    Raises
    ------
    InputError
        If anything given cannot be used. Nothing is written then.
    StudyInterrupted
        On Ctrl-C; running again goes on from there.
    """
    from simsmtp.statistics.sequential import Precision, checked

    precision = checked(Precision(response, relative, absolute, level))
    return run_until([precision], prepare(path_or_experiment, RunOptions(replications=budget, **options)))


def run_until(precisions: Sequence[Precision], prepared: PreparedRun) -> PreciseStudy:
    """Run what was prepared until all precisions are reached; its number of replications is the budget."""
    if not precisions:
        raise InputError("is required", key="precision", allowed="at least one")
    budget = prepared.experiment.replications
    if budget < 2:
        raise InputError("an interval needs two replications", key="budget", given=budget, allowed="2 or more")
    done: list[Study] = []
    count = min(_FIRST, budget)
    while count:
        done.append(execute(prepared.with_replications(count)))
        decisions = _decisions(done[-1], precisions)
        count = _next_count(decisions, count, budget)
    return _together(done, tuple(precisions), decisions, budget)


def _decisions(study: Study, precisions: Sequence[Precision]) -> dict[tuple[int, str], Decision]:
    from simsmtp.statistics.sequential import decide

    return {
        (point.number, one.response): decide(study.values(point.number, one.response), one)
        for point in study.points
        for one in precisions
    }


def _next_count(decisions: Decisions, count: int, budget: int) -> int:
    """Return to how many replications to go on; 0 to stop."""
    open_ones = [one for one in decisions.values() if one.enough is None]
    needed = [one.needed + count - one.n for one in open_ones if one.needed is not None]  # some have no value
    zeros = [_ENOUGH_TO_SEE_ZERO for one in open_ones if one.needed is None and count < _ENOUGH_TO_SEE_ZERO]
    # An estimate from few replications may be far off: never more than double on its word.
    wanted = min(max([*needed, *zeros], default=0), 2 * count, budget)
    return wanted if wanted > count else 0


def _together(
    done: Sequence[Study], precisions: tuple[Precision, ...], decisions: Decisions, budget: int
) -> PreciseStudy:
    """Return the last study as what the steps did in all."""
    last = done[-1]
    computed = sum(one.computed for one in done)
    total = last.computed + last.reused
    ran = EngineTally()
    for one in done:
        ran.add(one.ran)
    return PreciseStudy(
        last.experiment, last.folder, last.results, min(computed, total), max(0, total - computed), ran,
        done[0].started, sum(one.duration_s for one in done), precisions, decisions, budget, ids=last.ids,
    )  # fmt: skip
