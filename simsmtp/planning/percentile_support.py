"""Percentile objectives that runs of this size are too small to estimate: refused before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from simsmtp.errors import InputError
from simsmtp.model.numbers import number_text
from simsmtp.model.plan import plan_of
from simsmtp.planning.bound_text import overload_text
from simsmtp.statistics.objectives import PERCENTILES, Objective, PercentileSupportError, parse_objectives
from simsmtp.theory.asymptotic_bounds import bounds_of, recipients_per_message

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.model.scenario import Scenario

BEYOND = 10
"""Recipients beyond a percentile that make it mean something."""


def supported_objectives(experiment: Experiment, texts: Sequence[str], key: str) -> tuple[Objective, ...]:
    """Return objectives of which a run of the experiment's scenario carries every percentile.

    Parameters
    ----------
    experiment : Experiment
        Its scenario is the plan as written.
    texts : sequence of str
        Objectives, see `simsmtp.statistics.objectives.parse_objective`.
    key : str
        Where they were given; ``capacity.objectives`` is looked up in the experiment's file.

    Raises
    ------
    PercentileSupportError
        If fewer than 10 recipients of a replication lie beyond a percentile, or it is beyond all that are recorded.
    InputError
        If one cannot be used.
    """
    for text in texts:
        _require_carried(experiment, text, key)
    try:
        return parse_objectives(texts, key)
    except InputError as error:
        raise _located(experiment, error) from None


def _require_carried(experiment: Experiment, text: str, key: str) -> None:
    try:
        (objective,) = parse_objectives([text], key)
    except PercentileSupportError as error:
        _refuse(experiment, error.message.partition("(")[2].partition(")")[0], text, key)
    except InputError as error:
        raise _located(experiment, error) from None
    if objective.percentile is not None and _beyond(experiment.scenario, objective.percentile) < BEYOND:
        _refuse(experiment, objective.percentile, text, key)


def _refuse(experiment: Experiment, percentile: str, text: str, key: str) -> NoReturn:
    scenario = experiment.scenario
    overload = overload_text(scenario, bounds_of(scenario)).removesuffix(".")
    lead = f"{overload}; besides, " if overload else ""
    message = f"{lead}refused: p({percentile}) is not carried by the sample, {_reason(scenario, percentile)}"
    error = InputError(message, key=key, given=text, allowed=_instead(scenario, percentile))
    placed = _located(experiment, error)
    raise PercentileSupportError(
        placed.message, file=placed.file, line=placed.line, key=placed.key, given=text, allowed=placed.allowed
    )


def _reason(scenario: Scenario, percentile: str) -> str:
    beyond = _beyond(scenario, percentile)
    if beyond >= BEYOND:
        return f"for a replication records its {', '.join(PERCENTILES)} only"
    recipients = f"{'' if _is_counted(scenario) else 'about '}{number_text(_recipients(scenario))} recipients"
    return f"for only {number_text(beyond, 2)} of a replication's {recipients} lie beyond it"


def _instead(scenario: Scenario, percentile: str) -> str:
    """Return what can be asked instead, and how large a run has to be for more."""
    carried = [f"delay p({one})" for one in PERCENTILES if _beyond(scenario, one) >= BEYOND]
    most = percentile if percentile in PERCENTILES else list(PERCENTILES)[-1]
    larger = [] if f"delay p({most})" in carried else [f"delay p({most}) with {_larger(scenario, most)}"]
    return ", ".join([*carried, *larger])


def _larger(scenario: Scenario, percentile: str) -> str:
    recipients = math.ceil(round(BEYOND / (1 - float(percentile) / 100), 6))
    if scenario.workload.trace is not None:
        return f"a trace of {recipients:,} recipients or more"
    messages = math.ceil(recipients / recipients_per_message(scenario))
    return f"{recipients:,} recipients or more (workload.messages={messages})"


def _recipients(scenario: Scenario) -> float:
    return plan_of(scenario).workload.messages * recipients_per_message(scenario)


def _is_counted(scenario: Scenario) -> bool:
    """Tell whether the number of recipients is known and not a mean over draws."""
    workload = plan_of(scenario).workload
    return bool(workload.trace) or isinstance(scenario.workload.recipients_per_message, int)


def _beyond(scenario: Scenario, percentile: str) -> float:
    return round(_recipients(scenario) * (1 - float(percentile) / 100), 6)


def _located(experiment: Experiment, error: InputError) -> InputError:
    return experiment.places.locate(error) if (error.key or "").startswith("capacity.") else error
