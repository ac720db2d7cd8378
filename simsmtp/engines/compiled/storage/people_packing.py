"""From a plan to what compiled code has to know of people who are met again; see `simsmtp.model.people.who`."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simsmtp.engines.compiled.storage.layout import ARRAYS
from simsmtp.model.plan import Plan, WorkloadPlan, meets_again
from simsmtp.model.ranges import MOST_RECIPIENTS
from simsmtp.rows.memory import check_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = 32
"""Of a person's number, or that of a domain, below that of a message or an author."""


class Packed(NamedTuple):
    """Settings and arrays of people."""

    settings: dict[str, int]
    arrays: dict[str, NDArray[np.void]]


def packed_people(plan: Plan) -> Packed:
    """Return the settings about people, and the arrays of a trace, of its people, and of who was seen when.

    Raises
    ------
    MemoryError
        Memory has no room for a greylist of so many people.
    """
    work, named = plan.workload, bool(plan.workload.trace) and meets_again(plan.workload)
    people = _people(work) if named else np.zeros(1, ARRAYS["people"])
    pairs = (int(people["pair"].max()) + 1) * work.recipient_factor if named else work.population
    remembers = pairs if any(lane.server.policy.greylist_ns for lane in plan.destinations) else 0
    check_memory(remembers * ARRAYS["seen"].itemsize, "the greylist of so many people")
    settings: dict[str, Any] = {
        "population": work.population,
        "named": named,
        "named_domains": bool(work.person_domains),
        "meets_again": meets_again(work),
        "most_recipients": min(MOST_RECIPIENTS, work.population or MOST_RECIPIENTS),
        "has_twins": named and _has_twins(work, people),
    }
    return Packed(settings, {"trace": _lines(work), "people": people, "seen": np.zeros(remembers or 1, ARRAYS["seen"])})


def _lines(work: WorkloadPlan) -> NDArray[np.void]:
    firsts = accumulate((len(one.persons) for one in work.trace), initial=0)
    lines = [
        (one.arrival_ns, one.recipients, one.size or 0, first)
        for one, first in zip(work.trace, firsts, strict=False)
    ]  # fmt: skip
    return np.array(lines or [(0, 0, 0, 0)], ARRAYS["trace"])


def _people(work: WorkloadPlan) -> NDArray[np.void]:
    """Return the recipients of a trace, message by message."""
    trace = work.trace
    counts = np.array([len(one.persons) for one in trace])
    persons = np.fromiter(chain.from_iterable(one.persons for one in trace), np.int64, int(counts.sum()))
    message = np.repeat(np.arange(len(trace)), counts)
    place = np.arange(len(persons)) - np.repeat(np.cumsum(counts) - counts, counts)
    author = np.array([one.author for one in trace])[message]
    people = np.zeros(len(persons), ARRAYS["people"])
    people["person"] = persons
    _, first, same = np.unique((message << _BITS) | persons, return_index=True, return_inverse=True)
    people["twin"] = place[first][same]
    people["pair"] = np.unique((author << _BITS) | persons, return_inverse=True)[1]
    if work.person_domains:
        people["domain"] = _local(message, np.array(work.person_domains)[persons])
    return people


def _local(message: NDArray[np.int64], domain: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the domains by numbers of their own in each message, in order of appearance."""
    _, first, same = np.unique((message << _BITS) | domain, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    begin = np.searchsorted(message[np.sort(first)], np.arange(int(message[-1]) + 1))
    local: NDArray[np.int64] = rank[same] - begin[message]
    return local


def _has_twins(work: WorkloadPlan, people: NDArray[np.void]) -> bool:
    """Tell whether somebody is named twice in one message."""
    places = np.concatenate([np.arange(len(one.persons)) for one in work.trace])
    return bool((people["twin"] != places).any())
