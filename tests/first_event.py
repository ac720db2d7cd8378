"""Where two engines part: the first event of a run that leaves them in different states.

Both engines know an event by its time, its kind and whom it concerns. A run that is cut off at an instant leaves
behind the events that were still to come, and its rows as they stood. So two runs are compared instant by instant.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from unittest import mock

from simsmtp.dialogue.smtp_lines import reply_lines, said_line
from simsmtp.engines import reference, run_replication
from simsmtp.engines.compiled import replication as compiled
from simsmtp.engines.compiled.packing import World
from simsmtp.engines.compiled.storage.heaps import DESTINATION_BITS, KIND_BITS
from simsmtp.engines.reference.clock import Clock
from simsmtp.model.plan import Plan, plan_of
from simsmtp.model.ranges import LONGEST_NS
from simsmtp.model.scenario import Scenario
from simsmtp.peers.kind import Kind
from simsmtp.protocol.wire import AddressBook
from simsmtp.rows.records import DialogueRow, Output, RecipientRow
from simsmtp.strategies.counting import Verdict

_ONE_BY_ONE = 16
"""So many instants are looked at in turn; of more, halves are left out first, and a difference that heals is missed."""
_SHOWN = 4
Pair = tuple[RecipientRow | None, RecipientRow | None]
_OF_NO_SESSION = (Kind.ARRIVAL, Kind.RETRY, Kind.WAIT)
_CONNECTION = "connection {number}{where}"
_WHAT = {
    Kind.SERVED: f"a worker is done with {_CONNECTION}",
    Kind.ARRIVAL: "message {number} reaches the queue",
    Kind.RETRY: "deferred recipients of message {number}{where} are due",
    Kind.REQUEST: f"a command of {_CONNECTION} wants a worker",
    Kind.ACCEPT: f"{_CONNECTION} reaches the server",
    Kind.HANG_UP: f"{_CONNECTION} ends at the server",
    Kind.READ: f"replies reach the client of {_CONNECTION}",
    Kind.WAIT: f"the client of {_CONNECTION} has waited",
    Kind.DECIDE: f"a command of {_CONNECTION} is decided",
}


class Event(NamedTuple):
    """What happens when; `number` is that of the connection, or of the message if no connection is concerned."""

    at_ns: int
    kind: Kind
    destination: int
    number: int

    @property
    def connection(self) -> tuple[int, int] | None:
        """Return the connection it concerns."""
        return None if self.kind in {Kind.ARRIVAL, Kind.RETRY} else (self.destination, self.number)

    def told(self, plan: Plan) -> str:
        """Return it in words."""
        several = len(plan.destinations) > 1 and self.kind != Kind.ARRIVAL
        where = f" to {plan.destinations[self.destination].name}" if several else ""
        what = _WHAT[self.kind].format(number=self.number, where=where)
        return f"{self.kind.name} at {self.at_ns} ns: {what}"


class State(NamedTuple):
    """A run cut off at an instant: the events that were still to come, in order, and its rows as they stood."""

    to_come: list[Event]
    output: Output

    @property
    def seen(self) -> str:
        return repr((self.to_come, list(self.output.recipients), self.output.responses))


class Log:
    """The events of a run on the reference engine, in order; and by which of them each was planned."""

    def __init__(self) -> None:
        self.happened: list[Event] = []
        self.planned: list[tuple[Event, Event | None]] = []

    def to_come(self) -> list[Event]:
        return sorted((Counter(event for event, _ in self.planned) - Counter(self.happened)).elements())


class _Parting(NamedTuple):
    """How the engines differ after the events up to an instant."""

    at_ns: int
    log: Log
    ours: State
    theirs: State

    @property
    def is_one(self) -> bool:
        """Whether they differ at all."""
        return self.ours.seen != self.theirs.seen

    def planned(self) -> tuple[list[Event], list[Event]]:
        """Return the events to come that only one of them has."""
        ours, theirs = Counter(self.ours.to_come), Counter(self.theirs.to_come)
        return sorted((ours - theirs).elements()), sorted((theirs - ours).elements())

    def rows(self) -> list[Pair]:
        """Return the recipients whose fates differ; last those that only met it at another time."""
        pairs = itertools.zip_longest(self.ours.output.recipients, self.theirs.output.recipients)
        return sorted((pair for pair in pairs if repr(pair[0]) != repr(pair[1])), key=_is_late)

    def responses(self) -> list[tuple[str, object, object]]:
        """Return the responses that differ."""
        ours, theirs = self.ours.output.responses, self.theirs.output.responses
        return [(name, ours[name], theirs[name]) for name in ours if repr(ours[name]) != repr(theirs[name])]

    def events(self) -> list[Event]:
        """Return what happened at the instant, in order."""
        return [event for event in self.log.happened if event.at_ns == self.at_ns]

    def event(self, connections: set[tuple[int, int]]) -> Event | None:
        """Return the first event of the instant that has to do with what differs.

        It planned what only the reference engine has to come; or it is of a connection that has something else to
        come with the compiled engine, or of one of the `connections` that carry the recipients whose fates differ.
        """
        ours, theirs = self.planned()
        causes = {cause for event, cause in self.log.planned if event in ours}
        others = connections | {event.connection for event in theirs}
        others -= {None, *(cause.connection for cause in causes if cause)}
        events = self.events()
        return next((one for one in events if one in causes or one.connection in others), next(iter(events), None))


def _is_late(pair: Pair) -> bool:
    ours, theirs = pair
    return ours is not None and theirs is not None and ours._replace(delay_s=0.0) == theirs._replace(delay_s=0.0)


class _Runs:
    """Both engines' runs of one replication."""

    def __init__(self, scenario: Scenario, seed: int, replication: int) -> None:
        self._scenario, self._key = scenario, {"seed": seed, "replication": replication}
        self.plan = plan_of(scenario)
        self.end_ns = self.plan.horizon_ns or LONGEST_NS

    def parting(self, at_ns: int) -> _Parting:
        """Run both engines on all events up to an instant."""
        horizon_ns = min(at_ns + 1, self.end_ns)
        return _Parting(at_ns, *self._ours(horizon_ns), self._theirs(horizon_ns))

    def _ours(self, horizon_ns: int) -> tuple[Log, State]:
        plan, log = self.plan._replace(horizon_ns=horizon_ns), Log()
        at = Clock.at

        def noted(clock: Clock, when_ns: int, kind: Kind, session: int, index: int) -> object:
            event = at(clock, when_ns, kind, session, index)
            # Of a connection, the session is its destination and its number, and the index tells its events apart.
            who = (session, index) if kind in _OF_NO_SESSION else divmod(session, 1 << DESTINATION_BITS)
            name = Event(when_ns, kind, *who)
            log.planned.append((name, log.happened[-1] if log.happened else None))
            event.callbacks.append(lambda _: log.happened.append(name))
            return event

        with mock.patch.object(Clock, "at", noted):
            output = reference.run(plan, **self._key, recipients=True)
        return log, State(log.to_come(), output)

    def _theirs(self, horizon_ns: int) -> State:
        worlds: list[World] = []
        world_of = compiled.world_of

        def cut_off(*given: object, **named: object) -> World:
            worlds.append(world_of(*given, **named))
            worlds[0]["settings"]["horizon_ns"] = horizon_ns
            return worlds[0]

        with mock.patch.object(compiled, "world_of", cut_off):
            output = compiled.run(self.plan, **self._key, recipients=True)
        events = worlds[0]["events"][: int(worlds[0]["run"]["events"][0])].tolist()
        return State(sorted(_unpacked(at_ns, who) for at_ns, who, _ in events), output)

    def dialogue(self) -> list[DialogueRow]:
        """Return what is said, as the reference engine has it."""
        return run_replication(self.plan, **self._key, engine="reference", dialogue=True).dialogue


def _unpacked(at_ns: int, who: int) -> Event:
    kind, rest = divmod(who, 1 << KIND_BITS)
    return Event(at_ns, Kind(kind), *divmod(rest, 1 << DESTINATION_BITS))


def first_event(scenario: Scenario, *, seed: int = 0, replication: int = 0) -> str:
    """Tell the first event that leaves the engines in different states; nothing if they agree to the end."""
    runs = _Runs(scenario, seed, replication)
    end = runs.parting(runs.end_ns)
    if not end.is_one:
        return ""
    # The first instant is 0, even if nothing is there but messages and clients that set out.
    instants = sorted({0, *(event.at_ns for event in end.log.happened)})
    at_ns = _first(instants, lambda at_ns: runs.parting(at_ns).is_one)
    book = AddressBook(scenario.workload.address_chars, scenario.workload.domains)
    return "\n  ".join(_told(runs.parting(at_ns), end, runs, book))


def _first(instants: Sequence[int], differs: Callable[[int], bool]) -> int:
    """Return the first instant that differs, given that the last one does."""
    low, high = 0, len(instants)
    while high - low > _ONE_BY_ONE:
        middle = (low + high) // 2
        low, high = (low, middle + 1) if differs(instants[middle]) else (middle + 1, high)
    return next(filter(differs, instants[low : high - 1]), instants[high - 1])


def _told(parting: _Parting, end: _Parting, runs: _Runs, book: AddressBook) -> Iterator[str]:
    plan, dialogue, rows = runs.plan, runs.dialogue(), parting.rows()
    numbers = {one.name: number for number, one in enumerate(plan.destinations)}
    connection_of = {row: (numbers[row.destination], row.connection) for row in dialogue}
    now = [row for row in dialogue if parting.at_ns in (row.client_ns, row.server_ns)]
    apart = _recipients(rows)
    event, events = parting.event({connection_of[row] for row in now if _recipient(row) in apart}), parting.events()
    yield "the engines part " + (f"at {event.told(plan)}" if event else "from the start")
    if len(events) > 1:
        yield "at the same instant, in this order: " + "; ".join(_few(one.told(plan) for one in events))
    for name, planned in zip(("reference", "compiled"), parting.planned(), strict=True):
        yield from _few(f"only {name} then has planned {one.told(plan)}" for one in planned)
    yield from _few(map(_row_told, rows))
    yield from _few(f"{name}: reference {one}, compiled {other}" for name, one, other in parting.responses())
    if not rows:
        yield from _few(f"in the end {_row_told(pair)}" for pair in end.rows())
    if event and event.connection:
        near = _near([row for row in dialogue if connection_of[row] == event.connection], event.at_ns)
        about = ([row for row in near if _recipient(row) == one] for one in apart or _recipients(end.rows()))
        yield from _few(f"said (reference) {_said(row, plan, book)}" for row in next(filter(None, about), near))


def _few(lines: Iterable[str]) -> list[str]:
    some = list(lines)
    return some if len(some) <= _SHOWN else [*some[: _SHOWN - 1], f"… and {len(some) - _SHOWN + 1} more such"]


def _recipient(row: RecipientRow | DialogueRow) -> tuple[int, int]:
    return row.message, row.recipient


def _recipients(pairs: Iterable[Pair]) -> list[tuple[int, int]]:
    return [_recipient(one) for ours, theirs in pairs if (one := ours or theirs)]


def _row_told(pair: Pair) -> str:
    ours, theirs = pair
    if ours is None or theirs is None:
        return f"only {'reference' if ours else 'compiled'} has {ours or theirs}"
    who = f"recipient {ours.recipient} of message {ours.message}"
    pairs = zip(ours._asdict().items(), theirs, strict=True)
    return f"{who}: " + "; ".join(
        f"{name}: reference {here!r}, compiled {there!r}" for (name, here), there in pairs if repr(here) != repr(there)
    )


def _near(rows: list[DialogueRow], at_ns: int) -> list[DialogueRow]:
    """Return what is said on a connection at an instant, then the rest of the flight that has last begun by then."""
    group = max((row.group for row in rows if row.client_ns <= at_ns), default=-1)
    now = [row for row in rows if at_ns in (row.client_ns, row.server_ns)]
    return now + [row for row in rows if row.group == group and row not in now]


def _said(row: DialogueRow, plan: Plan, book: AddressBook) -> str:
    match row.kind:
        case "command":
            line = f"C: {said_line(row, book)}"
        case "reply":
            line = f"S: {' '.join(reply_lines(row, plan))}"
        case "verdict":
            line = f"{Verdict(row.note).name} for {book.recipient(row.origin)}"
        case other:
            line = f"({other})"
    about = f" (recipient {row.recipient} of message {row.message})" if row.recipient >= 0 else ""
    return f"at {row.client_ns} ns: {line}{about}"
