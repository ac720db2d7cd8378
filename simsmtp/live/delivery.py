"""Sends a scenario's messages to a real server: opens connections, keeps the time, does what the sessions ask for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.live.certificates import client_context
from simsmtp.live.client_session import ClientSession
from simsmtp.live.dialogue import Dialogue
from simsmtp.live.places import Place, reason_of
from simsmtp.live.sending import Sending
from simsmtp.live.steps import Pause, Poll, Read, StartTls, Steps, Write
from simsmtp.live.wire import Wire
from simsmtp.model.recipient_rows import RecipientRows
from simsmtp.model.records import Output
from simsmtp.model.scenario import Scenario

TIMEOUT_S = 300.0
"""Longest wait for one reply: the shortest of those that RFC 5321 section 4.5.3.2 gives for most commands."""


class How(NamedTuple):
    """How to deliver.

    Attributes
    ----------
    seed, replication : int
        Key of all random draws.
    timeout_s : float
        Longest wait for one reply, and for a connection.
    keeps_dialogue : bool
        The output holds dialogue rows.
    show : callable, optional
        Is given every line of the dialogue as it is said.
    progress : callable, optional
        Is given the sending after every transaction.
    warn : callable, optional
        Is given the fault of a session as soon as the session ends by it.
    tls : SSLContext, optional
        Used after STARTTLS; by default the server's certificate is not looked at.
    """

    seed: int = 0
    replication: int = 0
    timeout_s: float = TIMEOUT_S
    keeps_dialogue: bool = False
    show: Callable[[str], object] | None = None
    progress: Callable[[Sending], object] | None = None
    warn: Callable[[str], object] | None = None
    tls: ssl.SSLContext | None = None


class Delivered(NamedTuple):
    """What came of it: as from an engine, the faults of sessions, and whether it was interrupted."""

    output: Output
    faults: list[str]
    was_interrupted: bool


class Delivery:
    """One run of a scenario against one server.

    Parameters
    ----------
    scenario : Scenario
        See `simsmtp.live.sending.Sending`; ``horizon_s`` ends it in real time.
    place : Place
        The server.
    how : How
        Everything else.
    """

    def __init__(self, scenario: Scenario, place: Place, how: How) -> None:
        self._place, self._how = place, how
        self._began_ns = time.monotonic_ns()
        keeps = how.keeps_dialogue or how.show is not None
        self._dialogue = Dialogue(self._now, how.show) if keeps else None
        self.sending = Sending(
            scenario, now=self._now, seed=how.seed, replication=how.replication, dialogue=self._dialogue
        )
        self._horizon_s = scenario.horizon_s
        self._changed = asyncio.Event()
        self._is_stopped = self._was_interrupted = False
        self._open = self._starting = self._resting = 0
        self._tasks: set[asyncio.Task[None]] = set()
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
        try:
            while not self._is_stopped:
                self._raise_failures()
                self._changed.clear()
                self.sending.wake()
                self._staff()
                if self._is_over():
                    break
                await self._wait()
            self._raise_failures()
        finally:
            await self._end_tasks()
        parcels = self.sending.parcels
        rows = self._dialogue.rows if self._dialogue else []
        output = Output(parcels.responses(), RecipientRows.of(parcels.rows()), rows, engine="live")
        return Delivered(output, self.sending.faults, self._was_interrupted)

    def _stop(self) -> None:
        self._is_stopped = True
        self._changed.set()

    # -- tasks ----------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        while self.sending.wants_connection(self._open, self._starting):
            self._open += 1
            self._starting += 1
            task = asyncio.get_running_loop().create_task(self._connection())
            self._tasks.add(task)
            task.add_done_callback(lambda _: self._changed.set())

    def _is_over(self) -> bool:
        """Tell whether nothing is left to wait for: connections that only wait to be tried again do not count."""
        is_idle = len(self._tasks) == self._resting
        return is_idle and (self.sending.is_finished or (not self._tasks and self.sending.next_due_ns() is None))

    async def _wait(self) -> None:
        due = self.sending.next_due_ns()
        seconds = None if due is None else max(0.0, (due - self._now()) / 1e9)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def _raise_failures(self) -> None:
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.remove(task)
            task.result()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self) -> None:
        """Send from the queue until it is empty, over as many sessions as that takes."""
        refusals = 0
        try:
            while True:
                has_greeted = await self._session()
                if has_greeted:
                    refusals = 0
                else:
                    refusals += 1
                    await self._rest(self.sending.wait_after_refusal(refusals) / 1e9)
                    self.sending.expire()
                if not self.sending.parcels:
                    break
                self._starting += 1
        finally:
            self._open -= 1

    async def _rest(self, seconds: float) -> None:
        self._resting += 1
        self._changed.set()  # it may be the last that was not resting
        try:
            await asyncio.sleep(seconds)
        finally:
            self._resting -= 1

    async def _session(self) -> bool:
        """Send over one connection; return whether the server was willing to talk."""
        session = self.sending.session()
        is_first = session.number == 1
        try:
            wire = await self._connect(session)
        except OSError as error:
            if is_first:
                raise InputError(
                    f"no connection: {reason_of(error)}", key="HOST:PORT", given=str(self._place)
                ) from None
            self._starting -= 1
            session.fail(f"no connection: {reason_of(error)}")
            self._close(session)
            return False
        try:
            await self._drive(session, session.open(), wire)
            self._starting -= 1
            if is_first and session.fault and (session.speaks_no_smtp or not session.has_greeted):
                raise InputError(f"speaks no SMTP: {session.fault}", key="HOST:PORT", given=str(self._place))
            if is_first and session.lacks_tls:
                raise InputError(
                    session.fault,
                    key="client.starttls",
                    given=True,
                    allowed="false, or a server that offers it and whose certificate --tls-ca vouches for",
                )
            is_willing = not session.is_closed
            while self.sending.may_go_on(session):
                await self._drive(session, self.sending.transaction(session), wire)
                self._changed.set()
                if self._how.progress:
                    self._how.progress(self.sending)
            await self._drive(session, session.quit(), wire)
        finally:
            wire.close()
            self._close(session)
        return is_willing

    def _close(self, session: ClientSession) -> None:
        """File a session, and tell its fault at once if none of its kind was told before: retries may take days."""
        self.sending.close(session)
        kind = session.fault.partition(";")[0]
        if kind and self._how.warn and kind not in self._told:
            self._told.add(kind)
            self._how.warn(f"connection {session.number}: {session.fault}")

    async def _connect(self, session: ClientSession) -> Wire:
        if self._dialogue:
            self._dialogue.connect(session.place, str(self._place))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._how.timeout_s):
            _, wire = await loop.create_connection(Wire, self._place.host, self._place.port)
        return wire

    # -- steps ----------------------------------------------------------------------------------------------

    async def _drive(self, session: ClientSession, steps: Steps, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        progress, until = -1, 0.0
        for step in steps:
            match step:
                case Write(octets):
                    await self._write(session, wire, octets)
                case Read(now):
                    if now != progress:
                        progress, until = now, loop.time() + self._how.timeout_s
                    await self._read(session, wire, until)
                case Poll():
                    await asyncio.sleep(0)  # lets the loop look at its sockets,
                    await asyncio.sleep(0)  # and hand over what they hold
                    while wire.has_input and not session.is_closed:
                        session.receive(wire.take())
                case Pause(ns):
                    await asyncio.sleep(ns / 1e9)
                case StartTls():
                    await self._start_tls(session, wire)

    async def _write(self, session: ClientSession, wire: Wire, octets: bytes) -> None:
        """Write, and take in replies for as long as the server does not read: else both might wait for ever."""
        wire.write(octets)
        until = asyncio.get_running_loop().time() + self._how.timeout_s
        while wire.is_full and not session.is_closed:
            if wire.has_input:
                session.receive(wire.take())
                continue
            try:
                await wire.change(until)
            except TimeoutError:
                session.time_out()

    async def _read(self, session: ClientSession, wire: Wire, until: float) -> None:
        try:
            while not wire.has_input:
                await wire.change(until)
        except TimeoutError:
            session.time_out()
            return
        if asyncio.get_running_loop().time() > until:
            session.time_out()  # octets came, but no reply for all that time
        else:
            session.receive(wire.take())

    async def _start_tls(self, session: ClientSession, wire: Wire) -> None:
        if wire.has_input:
            session.fail_tls("the server sent something between STARTTLS and the handshake")
            return
        context = self._how.tls or client_context(None)
        try:
            await wire.start_tls(context, server_side=False, timeout=self._how.timeout_s, name=self._place.host)
        except (OSError, TimeoutError) as error:
            session.fail_tls(f"no TLS: {reason_of(error)}")

    def _now(self) -> int:
        return time.monotonic_ns() - self._began_ns
