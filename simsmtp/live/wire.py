"""One TCP connection under asyncio: reads as the system gives them, writes that do not wait for the peer to read."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

_MOST_BUFFERED = 1 << 18
_LINGER_S = 2.0


class Wire(asyncio.Protocol):
    """A connection.

    Parameters
    ----------
    on_connect : callable, optional
        Is given the wire once it is connected: a server's way to hear of it.
    """

    def __init__(self, on_connect: Callable[[Wire], object] | None = None) -> None:
        self._on_connect = on_connect
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._has_ended = self._is_full = self._is_secure = False
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    # -- what asyncio calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        is_first = self._transport is None
        self._transport = cast("asyncio.Transport", transport)
        if is_first and self._on_connect:
            self._on_connect(self)

    def data_received(self, data: bytes) -> None:
        """Keep one read."""
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _MOST_BUFFERED and self._transport:
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> bool:
        """Note that the peer writes no more; it may still read."""
        self._has_ended = True
        self._changed.set()
        return not self._is_secure

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        del exc
        self._has_ended, self._is_full = True, False
        self._transport = None
        self._changed.set()

    def pause_writing(self) -> None:
        """Note that the peer does not read."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._is_full = False
        self._changed.set()

    # -- what a driver calls --------------------------------------------------------------------------------

    @property
    def peer(self) -> str:
        """Address of the peer."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return f"{name[0]}:{name[1]}" if name else "?"

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Address and port of the peer, and of this side; only while connected."""
        assert self._transport is not None
        peer, own = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
        return peer[:2], own[:2]

    @property
    def is_full(self) -> bool:
        """Whether more has been written than the peer takes at present."""
        return self._is_full

    @property
    def has_input(self) -> bool:
        """Whether there is a read, or the end, to be taken."""
        return bool(self._chunks) or self._has_ended

    def take(self) -> bytes:
        """Take one read; no octets if the peer has closed. There must be input."""
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self._buffered -= len(chunk)
        if self._transport and self._buffered <= _MOST_BUFFERED and not self._transport.is_reading():
            with contextlib.suppress(RuntimeError):  # it may be closing
                self._transport.resume_reading()
        return chunk

    def write(self, octets: bytes) -> None:
        """Write; look at `is_full` before writing more."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(octets)

    async def change(self, until: float) -> None:
        """Wait until something has happened; past the loop's time `until` a `TimeoutError`."""
        self._changed.clear()
        async with asyncio.timeout_at(until):
            await self._changed.wait()

    async def start_tls(self, context: ssl.SSLContext, *, server_side: bool, timeout: float, name: str = "") -> None:
        """Go on encrypted; an `OSError` or `TimeoutError` if that fails."""
        if self._transport is None:
            raise ConnectionResetError("the peer has closed")
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(
            self._transport,
            self,
            context,
            server_side=server_side,
            server_hostname=None if server_side else name,
            ssl_handshake_timeout=timeout,
        )
        if transport is None:
            raise ConnectionResetError("the peer has closed")
        self._transport, self._is_secure = transport, True

    async def leave(self) -> None:
        """Close such that the peer can still read what was written to it (no reset because of unread input)."""
        if self._transport is None:
            return
        with contextlib.suppress(OSError, TimeoutError):
            if self._transport.can_write_eof():
                self._transport.write_eof()
            until = asyncio.get_running_loop().time() + _LINGER_S
            while not self._has_ended:
                while self._chunks:
                    self.take()
                await self.change(until)
        self.close()

    def close(self) -> None:
        """Close after what was written has gone out, if the peer reads."""
        transport = self._transport
        if transport is None:
            return
        if self._is_full:
            transport.abort()
        elif not transport.is_closing():
            is_waiting = transport.get_write_buffer_size() > 0
            transport.close()
            if is_waiting:  # for ever, if the peer does not read
                asyncio.get_running_loop().call_later(_LINGER_S, transport.abort)
