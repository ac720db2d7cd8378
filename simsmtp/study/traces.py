"""Traces of real traffic that scenarios name: looked at before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario
    from simsmtp.study.experiment import Experiment
    from simsmtp.study.places import Places


def check_trace(scenario: Scenario, places: Places) -> None:
    """Raise an `InputError` if the scenario's trace is not a file.

    Parameters
    ----------
    scenario : Scenario
        Its ``workload.trace`` is relative to the current directory.
    places : Places
        To name the line that gave the path.
    """
    trace = scenario.workload.trace
    if trace is not None and not Path(trace).is_file():
        hint = "an existing file; another one: --set scenario.workload.trace=PATH"
        error = InputError("there is no such trace", key="workload.trace", given=trace, allowed=hint)
        key = "scenario.workload.trace"
        raise places.locate(error, key if "factors.workload.trace" not in places.settings else "factors.workload.trace")


def check_plans(experiment: Experiment) -> None:
    """Make an engine's plan of every scenario and read every trace once, before anything is written.

    Raises
    ------
    InputError
        For a malformed trace with its line, and for whatever else no engine could run.
    """
    from simsmtp.model.plan import plan_of  # noqa: PLC0415 - the experiment can be looked at without

    seen = set()
    for point in experiment.points:
        workload = point.scenario.workload
        trace = (workload.trace, workload.trace_format)
        if workload.trace is None or trace not in seen:
            plan_of(point.scenario)
        seen.add(trace)
