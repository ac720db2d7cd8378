"""One thread of the sender's steps, done with asyncio: connections, octets, waits."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable
from typing import NamedTuple, Protocol

from simsmtp.live.certificates import client_context
from simsmtp.live.client_session import ClientSession
from simsmtp.live.dialogue import Dialogue
from simsmtp.live.effects import Close, Connect, Effect, Pause, Poll, Read, StartTls, Steps, Until, Write
from simsmtp.live.endpoint import Endpoint, reason_of
from simsmtp.live.wire import Wire
from simsmtp.peers.accounting import Accounts
from simsmtp.protocol.commands import Verb

NO_CONNECTION = "no connection: "


class How(NamedTuple):
    """How to deliver.

    Attributes
    ----------
    seed, replication : int
        Key of all random draws.
    timeout_s : float
        Longest wait for a reply or a connection where `client.timeout_s` would wait longer.
    keeps_dialogue : bool
        The output holds dialogue rows.
    show : callable, optional
        Is given every line of the dialogue as it is said.
    progress : callable, optional
        Is given the accounts whenever a server has said something.
    warn : callable, optional
        Is given the fault of a session as soon as the session ends by it.
    tls : SSLContext, optional
        Used after STARTTLS; by default the server's certificate is not looked at.
    """

    seed: int = 0
    replication: int = 0
    timeout_s: float = math.inf
    keeps_dialogue: bool = False
    show: Callable[[str], object] | None = None
    progress: Callable[[Accounts], object] | None = None
    warn: Callable[[str], object] | None = None
    tls: ssl.SSLContext | None = None


class Driver(Protocol):
    """What a thread needs of the run that it belongs to."""

    how: How
    places: dict[str, Endpoint]
    dialogue: Dialogue | None
    accounts: Accounts
    changed: asyncio.Event

    @property
    def now(self) -> int:
        """Nanoseconds since the run began."""
        ...

    def close(self, session: ClientSession) -> None:
        """File a session that is over."""
        ...

    def patience_s(self, verb: Verb) -> float:
        """Return how long the reply to a command is waited for."""
        ...


class SenderTask:
    """One thread of the sender's steps, with the connection that it is at: a session ends before the next begins.

    Parameters
    ----------
    delivery : Driver
        Whose thread it is.

    Attributes
    ----------
    is_resting : bool
        It waits for a time, and has no connection open.
    """

    def __init__(self, delivery: Driver) -> None:
        self.is_resting = False
        self._delivery = delivery
        self._session: ClientSession | None = None
        self._wire: Wire | None = None
        self._progress, self._until = -1, 0.0

    async def go(self, steps: Steps) -> None:
        """Do one step after the other."""
        try:
            for step in steps:
                await self._do(step)
        finally:
            steps.close()
            self._close()

    async def _do(self, step: Effect) -> None:
        match step, self._session, self._wire:
            case Until(ns), _, wire:
                await self._rest((ns - self._delivery.now) / 1e9, is_idle=wire is None)
            case Connect(session), _, _:
                await self._connect(session)
            case Close(), _, _:
                self._close()
            case Pause(ns), _, _:
                await asyncio.sleep(ns / 1e9)
            case Write(octets), ClientSession() as session, Wire() as wire:
                await self._write(session, wire, octets)
            case Read(progress), ClientSession() as session, Wire() as wire:
                await self._read(session, wire, progress)
            case Poll(), ClientSession() as session, Wire() as wire:
                await self._poll(session, wire)
            case StartTls(), ClientSession() as session, Wire() as wire:
                await self._start_tls(session, wire)

    async def _rest(self, seconds: float, *, is_idle: bool) -> None:
        self.is_resting = is_idle
        if is_idle:
            self._delivery.changed.set()  # it may be the last that was not resting
        await asyncio.sleep(max(0.0, seconds))
        self.is_resting = False

    async def _connect(self, session: ClientSession) -> None:
        self._session, self._progress = session, -1
        place = self._delivery.places[session.destination]
        if self._delivery.dialogue:
            self._delivery.dialogue.connect(session, str(place))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._delivery.patience_s(Verb.CONNECT)):
                _, self._wire = await loop.create_connection(Wire, place.host, place.port)
        except OSError as error:
            session.fail(f"{NO_CONNECTION}{reason_of(error)}")

    def _close(self) -> None:
        session, wire, self._session, self._wire = self._session, self._wire, None, None
        if wire:
            wire.close()
        if session:
            self._delivery.close(session)

    async def _write(self, session: ClientSession, wire: Wire, octets: bytes) -> None:
        """Write, and take in replies for as long as the server does not read: else both might wait for ever."""
        wire.write(octets)
        until = asyncio.get_running_loop().time() + self._delivery.patience_s(session.awaits)
        while wire.is_full and not session.is_closed:
            if wire.has_input:
                session.receive(wire.take())
                continue
            try:
                await wire.change(until)
            except TimeoutError:
                session.time_out()

    async def _read(self, session: ClientSession, wire: Wire, progress: int) -> None:
        loop = asyncio.get_running_loop()
        if progress != self._progress:
            self._progress, self._until = progress, loop.time() + self._delivery.patience_s(session.awaits)
        try:
            while not wire.has_input:
                await wire.change(self._until)
        except TimeoutError:
            session.time_out()
            return
        if loop.time() > self._until:
            session.time_out()  # octets came, but no reply for all that time
        else:
            session.receive(wire.take())
        if self._delivery.how.progress:
            self._delivery.how.progress(self._delivery.accounts)

    async def _poll(self, session: ClientSession, wire: Wire) -> None:
        await asyncio.sleep(0)  # lets the loop look at its sockets,
        await asyncio.sleep(0)  # and hand over what they hold
        while wire.has_input and not session.is_closed:
            session.receive(wire.take())

    async def _start_tls(self, session: ClientSession, wire: Wire) -> None:
        if wire.has_input:
            session.fail_tls("the server sent something between STARTTLS and the handshake")
            return
        context, name = self._delivery.how.tls or client_context(None), self._delivery.places[session.destination].host
        patience_s = self._delivery.patience_s(Verb.STARTTLS)
        try:
            await wire.start_tls(context, server_side=False, timeout=patience_s, name=name)
        except (OSError, TimeoutError) as error:
            session.fail_tls(f"no TLS: {reason_of(error)}")
