"""The process that carries packets between two TUN devices, with a delay, and keeps a capture of the first end.

It is a process of its own because a delay of one millisecond wants a loop that waits for nothing else. Run as
``python -m simsmtp.lab.carrier FD FD`` it takes one line of JSON per session on standard input, with ``delay_ns``,
``loss``, ``seed``, ``rate_mbit`` and ``capture``, answers with a line once the line is so, and ends with its input: it
never outlives its owner.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import sys
import time
from typing import BinaryIO

from simsmtp.lab.delay import DelayLine

_HEAD = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 101)  # nanoseconds; packets begin with IP
_MOST = 65_535
_IDLE_S = 3600.0
# What the system wakes us up too late by; the rest is waited for by looking at the clock.
_EARLY_NS = 60_000


def main(ends: tuple[int, int]) -> None:
    """Carry until standard input ends."""
    with contextlib.suppress(OSError):  # a busy machine must not lengthen the line
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    offset_ns = time.time_ns() - time.monotonic_ns()
    line, capture = DelayLine(0), None
    while True:
        due = line.next_due()
        left_ns = _IDLE_S * 1e9 if due is None else due - time.monotonic_ns() - _EARLY_NS
        ready, _, _ = select.select([*ends, 0], [], [], max(0.0, left_ns / 1e9))
        now = time.monotonic_ns()
        if 0 in ready:
            wish = sys.stdin.readline()
            if not wish:
                return
            if capture:
                capture.close()
            line, capture = _set_up(json.loads(wish))
            continue
        for number, end in enumerate(ends):
            if end in ready:
                for octets in _waiting(end):
                    line.put(now, 1 - number, octets)
                    if number == 0:
                        _keep(capture, now + offset_ns, octets)
        for packet in line.due(time.monotonic_ns()):
            if packet.end == 0:
                _keep(capture, time.monotonic_ns() + offset_ns, packet.octets)
            with contextlib.suppress(OSError):  # its end is gone
                os.write(ends[packet.end], packet.octets)


def _set_up(wish: dict[str, str | int | float]) -> tuple[DelayLine, BinaryIO]:
    capture = open(str(wish["capture"]), "wb", buffering=0)  # noqa: SIM115, PTH123 - closed by the next session
    capture.write(_HEAD)
    print("ready", flush=True)  # noqa: T201
    return DelayLine(int(wish["delay_ns"]), float(wish["loss"]), int(wish["seed"]), float(wish["rate_mbit"])), capture


def _waiting(end: int) -> list[bytes]:
    packets: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while len(packets) < 64:
            packets.append(os.read(end, _MOST))
    return packets


def _keep(capture: BinaryIO | None, at_ns: int, octets: bytes) -> None:
    if capture:
        seconds, rest = divmod(at_ns, 10**9)
        capture.write(struct.pack("<IIII", seconds, rest, len(octets), len(octets)) + octets)


if __name__ == "__main__":
    main((int(sys.argv[1]), int(sys.argv[2])))
