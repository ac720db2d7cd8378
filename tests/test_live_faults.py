"""A server that fails at any step, in any way, once or always: every run ends, and every recipient is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import Any

import pytest

from simsmtp import Scenario
from simsmtp.errors import InputError
from simsmtp.live.asyncio_client import Delivered, Delivery
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.sender_task import How

TIMEOUT_S = 0.6
LONGEST_S = 20.0
STEPS = ("banner", "EHLO", "MAIL", "RCPT", "DATA", "dot", "RSET", "QUIT")
NO_SMTP = ("close", "reset", "half-close", "silence", "dribble", "bare LF", "rubbish")
REFUSALS = ("421", "554", "451")
MESSAGES, RECIPIENTS = 3, 4
QUICK = {"retry_initial_s": 0.02, "retry_max_s": 0.05}


class Faulty:
    """A proper server that fails at one step of its first sessions.

    Parameters
    ----------
    step, fault : str
        Where, and how.
    times : int
        In so many sessions.
    """

    def __init__(self, step: str, fault: str, times: int) -> None:
        self.step, self.fault, self.left = step, fault, times
        self.rcpt = "550" if step == "RSET" else "250"  # then every transaction is left open
        self.offers = ["PIPELINING"]
        self.open = self.sessions = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open, self.sessions = self.open + 1, self.sessions + 1
        is_faulty, self.left = self.left > 0, self.left - 1
        try:
            await self._session(reader, writer, is_faulty)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.open -= 1

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_faulty: bool) -> None:
        async def say(step: str, code: str) -> str:
            """Answer; return the code, or nothing where that was the end."""
            if is_faulty and step == self.step:
                return await self._fail(writer)
            lines = [f"{code}-x", *(f"{code}-{one}" for one in self.offers)] if step == "EHLO" else []
            writer.write("".join(f"{line}\r\n" for line in [*lines, f"{code} ok"]).encode())
            await writer.drain()
            return code

        if await say("banner", "220") != "220":
            return
        has_mail, accepted = False, 0
        while line := await reader.readline():
            word = line[:4].decode()
            usual = {"MAIL": "250", "RCPT": self.rcpt if has_mail else "503", "DATA": "354" if accepted else "503"}
            code = await say(word, usual.get(word, "250"))
            if not code:
                return
            has_mail = code == "250" if word == "MAIL" else has_mail and word not in ("RSET", "DATA")
            accepted = accepted + (code == "250") if word == "RCPT" else accepted * (word not in ("MAIL", "RSET"))
            if code == "354":
                await reader.readuntil(b"\r\n.\r\n")
                if not await say("dot", "250"):
                    return

    async def _fail(self, writer: asyncio.StreamWriter) -> str:
        match self.fault:
            case "421" | "554" | "451":
                writer.write(f"{self.fault} no\r\n".encode())
                return "" if self.fault == "421" or self.step == "banner" else self.fault
            case "bare LF":
                writer.write(b"250 ok\n")
            case "rubbish":
                writer.write(b"login: ")
            case "half-close":
                writer.write_eof()
            case "reset":
                writer.transport.abort()
            case "dribble":
                for octet in itertools.chain(b"250 ", itertools.repeat(ord("x"))):
                    writer.write(bytes([octet]))
                    await writer.drain()
                    await asyncio.sleep(0.02)
        if self.fault not in ("close", "421"):
            await asyncio.sleep(3 * TIMEOUT_S)  # it neither reads nor writes
        return ""


async def sent(faulty: Faulty, tables: dict[str, dict[str, Any]], **how: Any) -> Delivered | InputError:
    """Send to such a server; the run ends by itself, within the time, and leaves no task behind."""
    server = await asyncio.start_server(faulty.serve, "127.0.0.1", 0, limit=1 << 24)
    place = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    delivery = Delivery(Scenario.from_dict(tables), place, How(**{"timeout_s": TIMEOUT_S} | how))
    try:
        async with asyncio.timeout(LONGEST_S):
            return await delivery.run()
    except InputError as error:
        return error
    finally:
        server.close()
        async with asyncio.timeout(LONGEST_S):
            while faulty.open:
                await asyncio.sleep(0.01)
        assert all(task.done() for task in delivery._tasks)


def tables(connections: int, *, expiry_s: float, octets: int = 2000, **client: Any) -> dict[str, dict[str, Any]]:
    return {
        "workload": {"messages": MESSAGES, "recipients_per_message": RECIPIENTS, "message_bytes": octets},
        "client": QUICK | {"connections": connections, "expiry_s": expiry_s} | client,
    }


def classes(found: Delivered | InputError) -> dict[str, int]:
    """Return the ledger, whose classes sum to the recipients."""
    assert isinstance(found, Delivered), found
    counts = found.output.responses
    names = ("delivered", "false_ndr", "contradictory_ndr", "duplicate", "lost", "true_ndr", "missed_ndr", "queued")
    ledger = {name: counts[name] for name in names if counts[name]}
    assert sum(ledger.values()) == counts["recipients"] == MESSAGES * RECIPIENTS
    return ledger


def is_no_smtp(step: str, fault: str) -> bool:
    """Tell whether the peer at the first connection may be no SMTP server at all."""
    return (step == "banner" and fault in NO_SMTP) or (step == "EHLO" and fault in ("bare LF", "rubbish"))


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 3, 10])
@pytest.mark.parametrize("fault", [*NO_SMTP, *REFUSALS])
def test_every_run_ends_wherever_a_server_fails_once(fault: str, connections: int) -> None:
    """Afterwards it behaves, and everybody is served."""

    async def all_steps() -> list[Delivered | InputError]:
        of_all = tables(connections, expiry_s=60.0)
        return await asyncio.gather(*(sent(Faulty(step, fault, 1), of_all) for step in STEPS))

    for step, found in zip(STEPS, asyncio.run(all_steps()), strict=True):
        if is_no_smtp(step, fault):
            # Where the other connections have delivered mail, the run goes on and says what became of it.
            is_told = isinstance(found, InputError) or (connections > 1 and found.faults)
            assert is_told, (step, found)
            if isinstance(found, InputError):
                continue
        ledger = classes(found)
        if step == "RSET":
            assert ledger == {"false_ndr": 12}
        elif fault == "554" and step in ("MAIL", "RCPT", "DATA", "dot"):
            assert "false_ndr" in ledger, step
            assert set(ledger) <= {"delivered", "false_ndr"}, step  # the other connections deliver
        else:
            assert ledger == {"delivered": 12}, step


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 3, 10])
@pytest.mark.parametrize("fault", [*NO_SMTP, *REFUSALS])
def test_every_run_ends_wherever_a_server_always_fails(fault: str, connections: int) -> None:
    """It is tried again until the messages are too old."""

    async def all_steps() -> list[Delivered | InputError]:
        of_all = tables(connections, expiry_s=0.3)
        return await asyncio.gather(*(sent(Faulty(step, fault, 10**9), of_all) for step in STEPS))

    for step, found in zip(STEPS, asyncio.run(all_steps()), strict=True):
        if is_no_smtp(step, fault):
            assert isinstance(found, InputError), (step, found)
        else:
            assert "queued" not in classes(found), step
            is_harmless = step == "QUIT" or (step == "EHLO" and fault in REFUSALS[1:])  # for there is HELO, too
            assert classes(found) == {"delivered" if is_harmless else "false_ndr": 12}, step


def run(faulty: Faulty, tables: dict[str, dict[str, Any]], **how: Any) -> Delivered | InputError:
    return asyncio.run(sent(faulty, tables, **how))


def test_the_last_connection_refused_with_421_ends_the_run() -> None:
    """Three connections to a server that takes one: two wait to be tried again when all is delivered."""

    class Busy(Faulty):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.left = int(self.sessions > 0)
            await super().serve(reader, writer)

    begin = time.monotonic()
    found = run(Busy("banner", "421", 0), tables(3, expiry_s=3600.0, retry_initial_s=300.0, retry_max_s=300.0))
    assert classes(found) == {"delivered": 12}
    assert time.monotonic() - begin < 10


def test_a_server_that_stops_reading_in_the_text_is_left_in_time() -> None:
    faulty = Faulty("DATA", "354 and no more", 10**9)

    async def fail(writer: asyncio.StreamWriter) -> str:
        writer.transport.pause_reading()
        writer.write(b"354 go\r\n")
        await asyncio.sleep(3 * TIMEOUT_S)
        return ""

    faulty._fail = fail  # type: ignore[method-assign]
    begin = time.monotonic()
    found = run(faulty, tables(2, expiry_s=0.3, octets=8_000_000))
    assert classes(found) == {"false_ndr": 12}
    assert time.monotonic() - begin < 10


def test_the_horizon_ends_a_run_in_the_middle_of_anything() -> None:
    async def all_steps() -> list[Delivered | InputError]:
        of_all = tables(2, expiry_s=60.0) | {"horizon_s": 0.3}
        silent = (Faulty(step, "silence", 10**9) for step in STEPS[1:6])
        return await asyncio.gather(*(sent(one, of_all, timeout_s=30.0) for one in silent))

    for found in asyncio.run(all_steps()):
        assert classes(found) == {"queued": 12}


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.2])
def test_an_interruption_at_any_moment_ends_a_run(after_s: float) -> None:
    async def all_steps() -> list[Delivered]:
        deliveries = []

        async def one(step: str) -> Delivered:
            faulty = Faulty(step, "silence", 10**9)
            server = await asyncio.start_server(faulty.serve, "127.0.0.1", 0)
            place = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
            deliveries.append(delivery := Delivery(Scenario.from_dict(tables(2, expiry_s=60.0)), place, How()))
            asyncio.get_running_loop().call_later(after_s, delivery.interrupt)
            async with asyncio.timeout(LONGEST_S):
                found = await delivery.run()
                server.close()
                while faulty.open:
                    await asyncio.sleep(0.01)
            return found

        return await asyncio.gather(*map(one, STEPS[:6]))

    for found in asyncio.run(all_steps()):
        assert found.was_interrupted
        assert classes(found) == {"queued": 12}


def test_a_greylisted_recipient_is_delivered_at_its_retry() -> None:
    assert classes(run(Faulty("RCPT", "451", 3), tables(3, expiry_s=60.0))) == {"delivered": 12}


def test_nobody_listens_any_more_when_it_is_tried_again() -> None:
    """The first connection was fine, so it is no mistake of the user's; it is tried until the messages are too old."""

    class Gone(Faulty):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.server.close()
            await super().serve(reader, writer)

    async def both() -> tuple[Delivered, list[str]]:
        gone, told = Gone("EHLO", "close", 10**9), []
        gone.server = await asyncio.start_server(gone.serve, "127.0.0.1", 0)  # type: ignore[attr-defined]
        place = Endpoint("127.0.0.1", gone.server.sockets[0].getsockname()[1])  # type: ignore[attr-defined]
        scenario = Scenario.from_dict(tables(1, expiry_s=0.3))
        async with asyncio.timeout(LONGEST_S):
            return await Delivery(scenario, place, How(warn=told.append)).run(), told

    found, told = asyncio.run(both())
    assert classes(found) == {"false_ndr": 12}
    assert told == ["connection 1: the server has closed", "connection 2: no connection: nobody listens there"]


# -- STARTTLS -------------------------------------------------------------------------------------------------------


class Encrypting(Faulty):
    """A server that offers STARTTLS, and fails at it as told."""

    def __init__(self, how: str, first: str = "") -> None:
        super().__init__("banner", first, int(bool(first)))
        self.offers, self._how = ["PIPELINING", "STARTTLS"], how

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_faulty: bool) -> None:
        if is_faulty:
            await self._fail(writer)
            return
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 STARTTLS\r\n")
        await reader.readline()
        replies = {"refused": b"454 4.7.0 no\r\n", "more": b"220 go\r\n250 unasked\r\n", "silent": b""}
        writer.write(replies.get(self._how, b"220 go\r\n"))
        await writer.drain()
        if self._how == "rubbish":
            writer.write(b"no handshake at all, but more than a record's head\r\n")
        elif self._how == "reset":
            writer.transport.abort()
        elif self._how == "half":
            await reader.read(10)
            writer.write(b"\x16\x03\x03\x00\x50\x02")
        if self._how not in ("reset", "close"):
            await asyncio.sleep(3 * TIMEOUT_S)


TLS_FAULTS = ["refused", "more", "silent", "hang", "rubbish", "reset", "close", "half"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["refused", "hang", "half", "rubbish"])
def test_starttls_that_fails_at_first_is_an_input_error_in_time(how: str) -> None:
    begin = time.monotonic()
    found = run(Encrypting(how), tables(1, expiry_s=60.0, starttls=True))
    assert isinstance(found, InputError)
    assert time.monotonic() - begin < 10


@pytest.mark.slow
@pytest.mark.parametrize("how", TLS_FAULTS)
def test_starttls_that_fails_later_is_tried_until_the_messages_are_too_old(how: str) -> None:
    """So is a server that only leaves in the middle of it, at its first connection, too."""
    found = run(Encrypting(how, first="421"), tables(2, expiry_s=0.3, starttls=True))
    assert classes(found) == {"false_ndr": 12}


def test_a_refusal_in_the_middle_of_a_text_that_is_not_read_is_heard_at_once() -> None:
    """The client cannot write on, and need not wait for the time to be out."""
    faulty = Faulty("DATA", "421 and no more", 1)

    async def fail(writer: asyncio.StreamWriter) -> str:
        writer.transport.pause_reading()
        writer.write(b"354 go\r\n")
        await asyncio.sleep(0.3)
        writer.write(b"421 4.3.2 bye\r\n")
        await asyncio.sleep(0.3)
        return ""

    faulty._fail = fail  # type: ignore[method-assign]
    begin = time.monotonic()
    assert classes(run(faulty, tables(1, expiry_s=60.0, octets=8_000_000), timeout_s=60.0)) == {"delivered": 12}
    assert time.monotonic() - begin < 30
