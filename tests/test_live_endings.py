"""Servers that leave in the middle, over real sockets: at every reply, in every way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simsmtp import Scenario
from simsmtp.live.asyncio_client import Delivered, Delivery
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.sender_task import How

RECIPIENTS = 4
PATIENT = {"retry_initial_s": 60.0, "expiry_s": 3600.0}
REPLIES = 3 + RECIPIENTS + 2  # banner, EHLO, MAIL, RCPTs, DATA, text


class Leaver:
    """A proper server that leaves where its reply with this number, from 0, would be said."""

    def __init__(self, at: int, how: str) -> None:
        self._left, self._how = at, how

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await self._say(b"220 x", writer):
                return
            while line := await reader.readline():
                word = line[:4]
                if word == b"DATA":
                    if await self._say(b"354 go", writer):
                        return
                    await reader.readuntil(b"\r\n.\r\n")
                said = b"250-x\r\n250 PIPELINING" if word == b"EHLO" else b"250 ok"
                if await self._say(said, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _say(self, reply: bytes, writer: asyncio.StreamWriter) -> bool:
        """Say a reply, or leave: then return true."""
        self._left -= 1
        if self._left >= 0:
            writer.write(reply + b"\r\n")
            return False
        if self._how == "half":
            writer.write(reply[: len(reply) // 2])
        elif self._how == "unasked":
            writer.write((reply + b"\r\n") * (REPLIES + 1))
        elif self._how == "421":
            writer.write(b"421 4.3.2 bye\r\n")
        await writer.drain()
        if self._how == "reset":
            writer.transport.abort()
        elif self._how == "silence":
            await asyncio.sleep(30)
        return True


def sent_to(leaver: Leaver, client: dict[str, Any]) -> Delivered:
    """Send one message to it; the run ends when the sender would only wait."""
    workload = {"recipients_per_message": RECIPIENTS, "message_bytes": 300_000}
    scenario = Scenario.from_dict({"workload": workload, "client": PATIENT | client})

    async def run() -> Delivered:
        server = await asyncio.start_server(leaver.serve, "127.0.0.1", 0, limit=1 << 20)
        place = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        delivery = Delivery(scenario, place, How(timeout_s=0.3))
        try:
            sending = asyncio.create_task(delivery.run())
            async with asyncio.timeout(20):
                while not sending.done() and not _is_over(delivery):
                    await asyncio.sleep(0.005)
            delivery.interrupt()
            return await sending
        finally:
            server.close()

    return asyncio.run(run())


def _is_over(delivery: Delivery) -> bool:
    """Tell whether the sender has filed its first connection as over."""
    return delivery.accounts.round_trips > 0  # those of a connection are added up when it ends


@pytest.mark.parametrize("how", ["close", "reset", "half", "unasked", "421", "silence"])
@pytest.mark.parametrize("at", range(1, REPLIES))
@pytest.mark.parametrize("client", [{}, {"pipelining": False}], ids=["pipelined", "one at a time"])
def test_a_server_that_leaves_has_accepted_nobody_and_nobody_has_an_ndr(
    client: dict[str, Any], at: int, how: str
) -> None:
    delivered = sent_to(Leaver(at, how), client)
    rows = delivered.output.recipients
    assert len(rows) == RECIPIENTS
    is_whole = how == "unasked" and at == REPLIES - 1  # its answer to the text came, and only then the rest
    assert {row.ledger for row in rows} == {"delivered" if is_whole else "queued"}
    assert {row.accepted for row in rows} == {int(is_whole)}
