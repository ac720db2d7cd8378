"""Listens for SMTP clients and answers them as a scenario's server would."""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from asyncio import constants
from collections.abc import Callable
from typing import Any, NamedTuple

from simsmtp.dialogue.recording import RecordedSession, Recorder
from simsmtp.errors import InputError
from simsmtp.live.effects import Pause, Read, StartTls, Write
from simsmtp.live.endpoint import Endpoint, reason_of
from simsmtp.live.mailboxes import Mailboxes
from simsmtp.live.served import Served, ServedRow
from simsmtp.live.server_session import ServerSession
from simsmtp.live.wire import Wire
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.peers.rates import Rates
from simsmtp.peers.responder import welcome
from simsmtp.protocol.answers import Answer

TIMEOUT_S = 300.0
"""Longest wait for a whole command, or for 4 KiB of text (RFC 5321 section 4.5.3.2.7: at least 5 minutes)."""

_RETRIED_AFTER_S = constants.ACCEPT_RETRY_DELAY + 0.1
_STARVED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Terms(NamedTuple):
    """How to serve.

    Attributes
    ----------
    seed, replication : int
        Key of the draws that decide which texts are refused.
    timeout_s : float
        Longest wait for a whole command.
    forbids_early : bool
        See `simsmtp.live.server_session.ServerSession`.
    tls : SSLContext, optional
        With it STARTTLS is offered.
    enter : callable, optional
        Is given every row as it is filed.
    report : callable, optional
        Is given the text of every message from the null sender.
    warn : callable, optional
        Is told once that connections have to wait because the system lacks something.
    recorder : Recorder, optional
        Keeps what is said.
    """

    seed: int = 0
    replication: int = 0
    timeout_s: float = TIMEOUT_S
    forbids_early: bool = True
    tls: ssl.SSLContext | None = None
    enter: Callable[[ServedRow], object] | None = None
    report: Callable[[bytes], object] | None = None
    warn: Callable[[str], object] | None = None
    recorder: Recorder | None = None


class Listener:
    """A listening server; use it as an asynchronous context.

    Parameters
    ----------
    scenario : Scenario
        Its `server` table is obeyed, except for service times and workers: this server takes the time it takes. Of
        its `network` only `losses`: it hangs up where the line would fall silent.
    place : Endpoint
        Where to listen; port 0 lets the system choose one.
    terms : Terms
        Everything else.

    Attributes
    ----------
    served : Served
        Its account.
    place : Endpoint
        Where it listens.
    sessions : int
        Sessions open now.
    ended : int
        Sessions that are over.
    failure : BaseException, optional
        What ended a session and was neither side's doing; it is raised on leaving.

    Raises
    ------
    InputError
        On entering: the place cannot be listened at.
    """

    def __init__(self, scenario: Scenario, place: Endpoint, terms: Terms) -> None:
        if scenario.destinations:
            raise InputError("one server listens", key="destinations", allowed="a scenario with [server]")
        self.served = Served(terms.enter)
        self.place = place
        self.sessions = self.ended = 0
        self.changed = asyncio.Event()
        self.failure: BaseException | None = None
        self._connections = 0
        self._is_starved = self._is_closing = False
        self._retried_at = 0.0
        one, self._groups = plan_of(scenario).destinations[0], scenario.workload.groups
        server = one.server
        self._plan = server._replace(offered=server.offered._replace(starttls=terms.tls is not None))
        self._terms = terms
        began_ns = time.monotonic_ns()
        self._mailboxes = Mailboxes(
            seed=terms.seed,
            replication=terms.replication,
            failure_share=server.data_failure_share,
            losses=one.path.losses,
            clock=lambda: time.monotonic_ns() - began_ns,
        )
        self._rates = Rates(server.rate_limits)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Listener:
        loop = asyncio.get_running_loop()
        self._handler_before = loop.get_exception_handler()
        loop.set_exception_handler(self._note_trouble)
        try:
            self._server = await loop.create_server(lambda: Wire(self._welcome), self.place.host, self.place.port)
        except OSError as error:
            raise InputError(f"cannot listen: {reason_of(error)}", key="--listen", given=str(self.place)) from None
        name = self._server.sockets[0].getsockname()
        self.place = Endpoint(self.place.host, name[1])
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        assert self._server is not None
        loop = asyncio.get_running_loop()
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(self._retried_at - loop.time())  # asyncio would try again on a socket that is gone
        self._server.close()
        loop.set_exception_handler(self._handler_before)
        if self.failure and not kind:
            raise self.failure

    def _note_trouble(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear what asyncio has to say; it tries again each second to accept what it could not."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _STARVED:
            loop.default_exception_handler(context)
            return
        self._retried_at = loop.time() + _RETRIED_AFTER_S
        if not self._is_starved and self._terms.warn:
            self._is_starved = True  # once: it says so for every connection that waits, again and again
            self._terms.warn(f"connections have to wait until others end: {error.strerror}")

    def _welcome(self, wire: Wire) -> None:
        if self._is_closing:
            wire.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(wire))
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self.failure = self.failure or failure
        self.changed.set()

    async def _serve(self, wire: Wire) -> None:
        terms = self._terms
        self._connections += 1
        if self._mailboxes.is_connect_lost(self._connections):
            self._drop(wire)
            return
        banner = welcome(self._plan, self.sessions, self._rates, self._mailboxes.now_ns())
        is_admitted = banner == Answer.BANNER
        session = ServerSession(self._plan, self._mailboxes, self.served, self._rates,
                                forbids_early=terms.forbids_early,
                                groups=self._groups, report=terms.report)  # fmt: skip
        self.sessions += is_admitted
        recorded = terms.recorder.session(*wire.ends) if terms.recorder else None
        try:
            await self._drive(session, wire, recorded, banner)
            self.sessions -= is_admitted
            is_admitted = False
            await wire.leave()
        finally:
            self.sessions -= is_admitted
            session.abandon()
            wire.close()
            if recorded:
                recorded.close()
            self.ended += 1
            self.changed.set()

    def _drop(self, wire: Wire) -> None:
        """Hang up before a word is said, as `network.losses` says."""
        self.served.dropped += 1
        self.ended += 1
        wire.close()
        self.changed.set()

    async def _drive(
        self, session: ServerSession, wire: Wire, recorded: RecordedSession | None, banner: Answer
    ) -> None:
        loop = asyncio.get_running_loop()
        progress, until = -1, 0.0
        for step in session.steps(banner):
            match step:
                case Write(octets):
                    wire.write(octets)
                    if recorded:
                        recorded.said(octets)
                    if not await self._has_room(wire):
                        return
                case Read(now):
                    if now != progress:
                        progress, until = now, loop.time() + self._terms.timeout_s
                    await self._read(session, wire, until, recorded)
                case Pause(ns):
                    await asyncio.sleep(ns / 1e9)
                case StartTls():
                    assert self._terms.tls is not None
                    if wire.has_input:
                        session.receive(wire.take())  # before the handshake: the session refuses to go on
                        continue
                    try:
                        await wire.start_tls(self._terms.tls, server_side=True, timeout=self._terms.timeout_s)
                    except (OSError, TimeoutError):
                        return
                case _:
                    raise AssertionError(step)

    async def _has_room(self, wire: Wire) -> bool:
        """Wait until the client reads what was written; False if it does not."""
        until = asyncio.get_running_loop().time() + self._terms.timeout_s
        try:
            while wire.is_full:
                await wire.change(until)
        except TimeoutError:
            return False
        return True

    async def _read(self, session: ServerSession, wire: Wire, until: float, recorded: RecordedSession | None) -> None:
        try:
            while not wire.has_input:
                await wire.change(until)
        except TimeoutError:
            session.time_out()
            return
        if asyncio.get_running_loop().time() > until:
            session.time_out()  # octets came, but no command for all that time
            return
        octets = wire.take()
        session.receive(octets)
        if recorded:
            recorded.heard(octets)
