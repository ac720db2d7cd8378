"""Sends a scenario's messages to real servers: the sender's driver over sockets and in real time, with asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.live.client_session import ClientSession
from simsmtp.live.dialogue import Dialogue
from simsmtp.live.effects import Steps, Until
from simsmtp.live.encoding import Encoder
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.route import Route
from simsmtp.live.sender_task import NO_CONNECTION, How, SenderTask
from simsmtp.model.people.who import book_of
from simsmtp.model.plan import Plan, plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.peers.accounting import Accounts
from simsmtp.peers.kind import Kind
from simsmtp.peers.sender import Sender
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.streams import Streams
from simsmtp.rows.records import Output
from simsmtp.strategies.own_code import blamed, kept_alive
from simsmtp.strategies.registry import strategy_of


class Delivered(NamedTuple):
    """What came of it.

    Attributes
    ----------
    output : Output
        As from an engine.
    faults : list of str
        How sessions ended that neither side ended in order.
    was_interrupted, is_finished : bool
        Somebody ended it before its time; nothing was queued or still to come, resends among it.
    """

    output: Output
    faults: list[str]
    was_interrupted: bool
    is_finished: bool


class Delivery:
    """One run of a scenario against real servers: the clock of its sender, with a task for each thread of steps.

    Parameters
    ----------
    scenario : Scenario
        `workload` and `client` are obeyed, of `network` only `replies_per_read`; what a server offers is asked of the
        server. ``horizon_s`` ends the run in real time.
    places : Endpoint or mapping of str to Endpoint
        The server; where the scenario lists destinations, one for each by name.
    how : How
        Everything else.

    Attributes
    ----------
    accounts : Accounts
        The run's counts.
    faults : list of str
        How sessions ended that neither side ended in order.

    Raises
    ------
    InputError
        There are not just as many places as destinations.
    """

    def __init__(self, scenario: Scenario, places: Endpoint | Mapping[str, Endpoint], how: How) -> None:
        self.how = how
        self.faults: list[str] = []
        plan = plan_of(scenario)
        self.places = _places_for(plan, places)
        self._began_ns = time.monotonic_ns()
        keeps = how.keeps_dialogue or how.show is not None
        self.dialogue = Dialogue(lambda: self.now, how.show) if keeps else None
        self.accounts = Accounts([one.name for one in plan.destinations], keep_rows=True)
        encoder = Encoder(book=book_of(plan.workload, scenario.workload.address_chars))
        routes = [Route(one, plan.client, encoder, self.dialogue) for one in plan.destinations]
        streams = Streams(how.seed, how.replication)
        self._sender = Sender(plan, streams, self.accounts, self, routes, self.dialogue)
        self._timeouts = plan.client.timeouts
        self._strategy, self._horizon_s = strategy_of(plan.client.settle, plan.client.hooks), scenario.horizon_s
        self.changed = asyncio.Event()
        self._is_stopped = self._was_interrupted = False
        self._tasks: dict[asyncio.Task[None], SenderTask] = {}
        self._told: set[str] = set()

    def interrupt(self) -> None:
        """End now; what is not finished stays ``queued``."""
        self._was_interrupted = True
        self._stop()

    async def run(self) -> Delivered:
        """Send everything.

        Raises
        ------
        InputError
            The first connection cannot be had or encrypted, or the peer speaks no SMTP.
        """
        if self._horizon_s:
            asyncio.get_running_loop().call_later(self._horizon_s, self._stop)
        with blamed(self._strategy), kept_alive():
            try:
                self._sender.start()
                while not (self._is_stopped or self._is_over):
                    await self.changed.wait()
                    self.changed.clear()
                    self._raise_failures()
            finally:
                await self._end_tasks()
        is_finished = self._sender.is_finished
        output = Output(
            self.accounts.responses(),
            self.accounts.rows.finish(),
            self.dialogue.rows if self.dialogue else [],
            engine="live",
            destinations=self.accounts.by_destination(),
        )
        return Delivered(output, self.faults, self._was_interrupted, is_finished)

    # -- what the sender asks of a clock --------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Nanoseconds since the run began."""
        return time.monotonic_ns() - self._began_ns

    def at(self, when_ns: int, kind: Kind, session: int, index: int) -> Until:
        """Return what to yield until `when_ns`; real time has no ties to break."""
        del kind, session, index
        return Until(when_ns)

    def start(self, steps: Steps) -> None:
        """Begin to go through steps, beside whatever else goes on."""
        one = SenderTask(self)
        task = asyncio.get_running_loop().create_task(one.go(steps))
        self._tasks[task] = one
        task.add_done_callback(lambda _: self.changed.set())

    # -- what its tasks ask ---------------------------------------------------------------------------------

    def patience_s(self, verb: Verb) -> float:
        """Return how long the reply to a command is waited for, see `client.timeout_s`."""
        return min(self._timeouts[verb] / 1e9, self.how.timeout_s)

    def close(self, session: ClientSession) -> None:
        """File a session, and tell its fault at once if none of its kind was told before: retries may take days."""
        self.accounts.round_trips += session.waits
        if not session.fault:
            return
        if self._is_mistake(session):
            self._refuse(session)
        self.faults.append(session.fault)
        kind = f"{session.destination}: {session.fault.partition(';')[0]}"
        if self.how.warn and kind not in self._told:
            self._told.add(kind)
            to = f" to {session.destination}" if session.destination else ""
            self.how.warn(f"connection {session.number}{to}: {session.fault}")

    def _is_mistake(self, session: ClientSession) -> bool:
        """Tell whether the user named a wrong place: the first session failed, and nobody has any mail yet."""
        return session.number == 1 and not session.transactions and self.accounts.last_final_ns < 0

    def _refuse(self, session: ClientSession) -> None:
        """Raise an `InputError` if the first session failed because of what was asked for."""
        if session.speaks_no_smtp or not session.has_greeted:
            said = session.fault if session.fault.startswith(NO_CONNECTION) else f"speaks no SMTP: {session.fault}"
            raise InputError(said, key="HOST:PORT", given=str(self.places[session.destination]))
        if session.lacks_tls:
            raise InputError(
                session.fault,
                key="client.starttls",
                given=True,
                allowed="false, or a server that offers it and whose certificate --tls-ca vouches for",
            )

    # -- how it ends ----------------------------------------------------------------------------------------

    @property
    def _is_over(self) -> bool:
        """Whether nothing is left to wait for: connections that only wait to be tried again do not count."""
        return not self._tasks or (self._sender.is_finished and all(one.is_resting for one in self._tasks.values()))

    def _stop(self) -> None:
        self._is_stopped = True
        self.changed.set()

    def _raise_failures(self) -> None:
        for task in [task for task in self._tasks if task.done()]:
            del self._tasks[task]
            task.result()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _places_for(plan: Plan, places: Endpoint | Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """Return the place of each destination by name."""
    names = [one.name for one in plan.destinations]
    given = {"": places} if isinstance(places, Endpoint) else dict(places)
    if names != [""] and given.keys() != set(names):
        raise InputError(
            "the scenario has several destinations, and each needs a place of its own",
            key="NAME=HOST:PORT",
            given=", ".join(name or "a place without a name" for name in given),
            allowed=" ".join(f"{name}=HOST:PORT" for name in names),
        )
    if names == [""] and len(given) != 1:
        raise InputError(
            "the scenario has one destination",
            key="HOST:PORT",
            given=", ".join(given),
            allowed="one place; for several, a FILE behind them that lists destinations",
        )
    return given if names != [""] else {"": next(iter(given.values()))}
