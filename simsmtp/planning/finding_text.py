"""What a search found, as sentences that claim no more than was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.experiment.capacity_table import BATCH, CONNECTIONS, RATE
from simsmtp.model.numbers import number_text
from simsmtp.planning.search_keys import messages_per_s, rate_is_multiple, with_value
from simsmtp.theory.asymptotic_bounds import recipients_per_message

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.results import Finding

SOUGHT = {
    RATE: "largest arrival rate",
    BATCH: "smallest batch size",
    CONNECTIONS: "smallest number of connections",
}


def finding_text(scenario: Scenario, finding: Finding) -> str:
    """Return what a search found."""
    what = SOUGHT[finding.key]
    if finding.edge.passes is None:
        return _none_text(scenario, finding, what.split(" ", 1)[1])
    if finding.value is None:
        passes = value_text(scenario, finding.key, finding.edge.passes)
        failed = "failed on fresh seeds, and so did steps back"
        return f"The {what} could not be confirmed: {passes} passed at first, but {failed}."
    value, fails = value_text(scenario, finding.key, finding.value), finding.edge.fails
    if fails is None and finding.value == finding.edge.passes:
        return _at_bound(finding, what, value) + _lowest_text(scenario, finding)
    remarks = [_again(scenario, finding)] if finding.value != finding.edge.passes else []
    remarks += [f"{_plain(scenario, finding, fails)} did not pass"] if fails is not None else []
    text = f"The {what} that meets the objectives is {value}, {_confirmed(finding)} ({', and '.join(remarks)})."
    return text + _lowest_text(scenario, finding)


def value_text(scenario: Scenario, key: str, value: float) -> str:
    """Return a searched value with its unit."""
    if key != RATE:
        return number_text(value)
    rate = messages_per_s(with_value(scenario, RATE, value)) or float("nan")
    recipients = f"{number_text(rate)} messages/s, {number_text(rate * recipients_per_message(scenario))} recipients/s"
    if rate_is_multiple(scenario):
        return f"{number_text(value)} times the trace's own ({recipients})"
    return f"{number_text(value)} messages/s ({recipients.partition(', ')[2]})"


def _none_text(scenario: Scenario, finding: Finding, noun: str) -> str:
    values = [value for value, _ in finding.tried]
    ends = [value_text(scenario, finding.key, one) for one in dict.fromkeys((values[0], values[-1]))]
    many = f"{len(values)} between {' and '.join(ends)}" if len(ends) == 2 else f"only {ends[0]}"
    return f"No {noun} tried meets the objectives: {many}."


def _at_bound(finding: Finding, what: str, value: str) -> str:
    if finding.key == RATE:
        found = f"The {what} tried, {value}, meets the objectives, {_confirmed(finding)}"
        return f"{found}: no upper limit was found up to there."
    end = "" if finding.value == 1 else "; that is the bound of the search: it may be smaller"
    return f"The {what} that meets the objectives is {value}, {_confirmed(finding)}{end}."


def _lowest_text(scenario: Scenario, finding: Finding) -> str:
    """Return from which value on the objectives are met, where smaller ones do not meet them."""
    lowest = finding.lowest
    if lowest is None or lowest.edge.passes is None or lowest.edge.fails is None or finding.value is None:
        return ""
    if lowest.value is None:
        passes = _plain(scenario, finding, lowest.edge.passes)
        text = f" The smallest could not be confirmed: {passes} passed at first, but failed on fresh seeds."
    else:
        remarks = [_again(scenario, lowest)] if lowest.value != lowest.edge.passes else []
        remarks += [f"{_plain(scenario, finding, lowest.edge.fails)} did not pass"]
        value = value_text(scenario, finding.key, lowest.value)
        text = f" The smallest is {value}, {_confirmed(lowest)} ({', and '.join(remarks)})"
        between = sum(lowest.value < value < finding.value for value, _ in finding.tried)
        text += f"; {between} more were tried in between, and passed." if between else "."
    return text + _apart(scenario, finding, lowest.edge.fails)


def _apart(scenario: Scenario, finding: Finding, fails: float) -> str:
    """Return which values passed below one that did not."""
    below = [_plain(scenario, finding, value) for value, passed in finding.tried if passed and value < fails]
    if not below:
        return ""
    passed = f"{', '.join(below)} passed as well, and {_plain(scenario, finding, fails)} did not"
    return f" The values that meet the objectives are not one interval: {passed}."


def _confirmed(finding: Finding) -> str:
    return f"confirmed on {len(finding.confirmation.rows) if finding.confirmation else 0} fresh replications"


def _again(scenario: Scenario, finding: Finding) -> str:
    return f"{_plain(scenario, finding, finding.edge.passes or 0.0)} did not pass again on fresh seeds"


def _plain(scenario: Scenario, finding: Finding, value: float) -> str:
    text = number_text(value)
    return f"{text} times" if finding.key == RATE and rate_is_multiple(scenario) else text
