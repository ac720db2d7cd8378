"""The arrival rate that a plan can sustain: what passed in simulation, but never more than the long-run bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.experiment.capacity_table import RATE
from simsmtp.model.numbers import number_text
from simsmtp.planning.search_keys import messages_per_s, rate_is_multiple, with_value
from simsmtp.statistics.judgements import MET
from simsmtp.theory.asymptotic_bounds import recipients_per_message

if TYPE_CHECKING:
    from simsmtp.planning.results import CapacityResults, Finding
    from simsmtp.theory.asymptotic_bounds import Bound

SEARCHED, BOUND = "search", "bound"


class SustainableRate(NamedTuple):
    """The smaller of two rates: the largest confirmed one, and the tightest long-run bound.

    A run ends, and so a rate above the bound may pass in it although the queue grows as long as messages arrive.

    Attributes
    ----------
    messages_per_s, recipients_per_s : float or None
        The rate; None where no rate is known to be sustainable.
    value : float or None
        The same in the terms of the search: a trace's rate is searched as a multiple.
    basis : str
        ``"search"`` where the confirmed rate is the smaller one, ``"bound"`` where the bound is; empty without a rate.
        Only rates below a bound are sustainable, not the bound itself: the text says up to which one was tried.
    text, note : str
        For a reader: the rate, and what it rests on.
    """

    messages_per_s: float | None
    recipients_per_s: float | None
    value: float | None
    basis: str
    text: str
    note: str


def sustainable_rate(capacity: CapacityResults) -> SustainableRate:
    """Return the rate that a plan can sustain while it meets its objectives."""
    finding, bound = capacity.findings.get(RATE), next(iter(capacity.bounds), None)
    if finding is None or finding.value is None:
        return _unknown(finding, bound)
    rate = _rate(capacity, finding.value)
    if bound is None or bound.headroom(rate) >= 0:
        return _confirmed(capacity, finding, bound, rate)
    lowest = finding.lowest and (finding.lowest.value or finding.lowest.edge.passes)
    if lowest and bound.headroom(_rate(capacity, lowest)) < 0:
        note = f"rates that meet the objectives do so only in runs that end: the {_bound_text(bound)}"
        return SustainableRate(None, None, None, "", "none found", note)
    met = max((one for one in _rates_met(capacity) if bound.headroom(one) >= 0), default=None)
    least = f"at least {number_text(met, 3)}, " if met else ""
    seen = f"runs at {number_text(met, 3)} meet the objectives; " if met else ""
    note = f"{seen}the {_bound_text(bound)}; runs that end pass up to {number_text(rate)}"
    return _known(capacity, bound.messages_per_s, BOUND, f"{least}below ", note, digits=3)


def _rates_met(capacity: CapacityResults) -> Iterator[float]:
    """Yield the rates that were tried with all else as written, and met the objectives."""
    for look in capacity.looks:
        if look.verdict == MET and set(look.changes) <= {RATE}:
            yield _rate(capacity, look.changes[RATE]) if look.changes else messages_per_s(capacity.plan.scenario) or 0.0


def _confirmed(capacity: CapacityResults, finding: Finding, bound: Bound | None, rate: float) -> SustainableRate:
    open_end = finding.edge.fails is None and finding.value == finding.edge.passes
    note = "the largest rate tried" if open_end else "the largest rate that meets the objectives"
    note += f", confirmed on {len(finding.confirmation.rows)} fresh replications" if finding.confirmation else ""
    note += f"; the {_bound_text(bound)}" if bound else "; no long-run bound is known"
    return _known(capacity, rate, SEARCHED, "at least " if open_end else "", note)


def _known(
    capacity: CapacityResults, rate: float, basis: str, prefix: str, note: str, digits: int = 4
) -> SustainableRate:
    scenario = capacity.plan.scenario
    recipients, value = rate * recipients_per_message(scenario), rate / _rate(capacity, 1.0)
    text = f"{prefix}{number_text(rate, digits)} messages/s ({number_text(recipients, digits)} recipients/s"
    text += f", {number_text(value, digits)} times the trace's own)" if rate_is_multiple(scenario) else ")"
    return SustainableRate(rate, recipients, value, basis, text, note)


def _unknown(finding: Finding | None, bound: Bound | None) -> SustainableRate:
    if finding is None:
        text, note = "not searched", "no rate in [capacity.search]"
    elif finding.edge.passes is None:
        text, note = "none found", "no rate tried meets the objectives"
    else:
        text, note = "not confirmed", f"{number_text(finding.edge.passes)} passed, but not on fresh seeds"
    return SustainableRate(None, None, None, "", text, f"{note}; the {_bound_text(bound)}" if bound else note)


def _rate(capacity: CapacityResults, value: float) -> float:
    """Return messages a second of a searched value."""
    return messages_per_s(with_value(capacity.plan.scenario, RATE, value)) or float("nan")


def _bound_text(bound: Bound) -> str:
    return f"long-run bound of {bound.name} is {number_text(bound.messages_per_s, 3)} messages/s"
