"""A line with a delay between a real program and a server on this machine: round trips decide what comes first."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from simsmtp.live.endpoint import Endpoint

_MOST_OCTETS = 1 << 16


class Line:
    """Listens, and passes what comes on to a place: connecting takes a round trip and a half, each way half of one.

    Parameters
    ----------
    place : Endpoint
        Where the server listens.
    rtt_s : float
        The round trip.

    Notes
    -----
    A program's own connection is made at once, on this machine. So the line takes the handshake upon itself: the server
    hears of the connection after one and a half round trips, and its banner is there after two, as over a real line.
    """

    def __init__(self, place: Endpoint, rtt_s: float) -> None:
        self._far, self._rtt_s = place, rtt_s
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Endpoint:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=1000)
        return Endpoint("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        writers = [writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):  # asyncio takes a cancelled handler for a fault
            await asyncio.sleep(1.5 * self._rtt_s)
            far_reader, far_writer = await asyncio.open_connection(*self._far)
            writers.append(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._one_way(reader, far_writer))
                group.create_task(self._one_way(far_reader, writer))
        for one in writers:
            one.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one end says, and that it has closed, half a round trip later."""
        loop = asyncio.get_running_loop()
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(_arrive(on_the_way, writer))
            octets = b"-"
            while octets:
                try:
                    octets = await reader.read(_MOST_OCTETS)
                except OSError:
                    octets = b""
                on_the_way.put_nowait((loop.time() + self._rtt_s / 2, octets))


async def _arrive(on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    while True:
        due, octets = await on_the_way.get()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if not octets:
            writer.close()
            return
        writer.write(octets)
