"""Measure sessions: a pair of servers for each way the programs are set, many sessions each."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock
from typing import Any

from simsmtp.errors import InputError, SimsmtpError
from simsmtp.lab.capture import facts, is_over, segments
from simsmtp.lab.ends import Line
from simsmtp.lab.exim import EximReceiver
from simsmtp.lab.postfix import PORT, PostfixReceiver, PostfixSender
from simsmtp.lab.settings import Medium, Setting
from simsmtp.mailers.programs import Programs

RECEIVERS: dict[str, type[PostfixReceiver | EximReceiver]] = {"postfix": PostfixReceiver, "exim": EximReceiver}
_PROGRAMS = {"postfix": (("postfix",), "postfix"), "exim": (("exim4", "exim"), "exim4-daemon-light")}
_LOOK_S = 0.02
_SETTLE_S = 0.1


def need_programs(found: Programs, receiver: str) -> None:
    """Raise an `InputError` unless the programs of a sender and that receiver are there."""
    for name in ("postfix", receiver):
        names, package = _PROGRAMS[name]
        try:
            found.program(*names, package=package)
        except InputError as error:
            raise InputError(error.message, key="lab", given=error.given, allowed=error.allowed) from None


class StoppedError(SimsmtpError):
    """A session was given up because somebody wants to stop."""


class Pair:
    """A sender and a receiver on a line of their own."""

    def __init__(self, line: Line, found: Programs, work: Path, receiver: str, setting: Setting, stop: Event) -> None:
        self._line, self._work, self._stop = line, work, stop
        self.receiver = RECEIVERS[receiver](found, line.receiver, work / "receiver", setting.limit)
        self.sender = PostfixSender(found, line.sender, work / "sender", setting)

    def measure(
        self,
        setting: Setting,
        *,
        medium: Medium = Medium(),  # noqa: B008 - never changed
        seed: int = 0,
        timeout_s: float = 600.0,
        alone: Lock | None = None,
    ) -> dict[str, Any]:
        """Run one session and return its row.

        Parameters
        ----------
        setting : Setting
            What to measure; must agree with what the programs were started with.
        medium : Medium
            What else the line does.
        seed : int
            Key of its losses.
        timeout_s : float
            Longest duration.
        alone : Lock, optional
            Held while the session runs, but not while a connection waits to be closed.

        Raises
        ------
        InputError
            If it takes too long.
        StoppedError
            If it is given up.
        """
        capture = self._work / "session.pcap"
        wish = {"delay_ns": round(setting.rtt_ms * 500_000), "seed": seed, "capture": str(capture), **medium._asdict()}
        until = time.monotonic() + timeout_s
        with alone or contextlib.nullcontext():
            self._line.set_up(json.dumps(wish))
            name = self.sender.submit(setting.N, setting.size)
            while (counts := self.sender.outcome(name)).total() < setting.N:
                self._wait(until, f"{counts.total()} of {setting.N} recipients were reported")
            time.sleep(_SETTLE_S)
        while not is_over(found := segments(capture, PORT)):
            self._wait(until, "the connections were not closed", 5 * _LOOK_S)
        time.sleep(setting.rtt_ms / 1e3)  # until the last acknowledgement is there
        self.sender.forget()
        ledger = {kind: counts[kind] for kind in ("sent", "deferred", "bounced")}
        measured = facts(found)
        duration = measured.pop("duration_s")
        return {
            **{name: value for name, value in setting._asdict().items() if name != "rtt_ms"},
            **ledger, **measured, "duration_s": duration, "rtt_ms": setting.rtt_ms,
            "sender": f"Postfix {self.sender.version}",
            "receiver": f"{self.receiver.name} {self.receiver.version}",
            **medium.named(),
        }  # fmt: skip

    def _wait(self, until: float, words: str, pause_s: float = _LOOK_S) -> None:
        if time.monotonic() > until:
            raise InputError(f"a session did not end in time: {words}", key="lab")
        if self._stop.wait(pause_s):
            raise StoppedError(words)


@contextlib.contextmanager
def pair(
    found: Programs, receiver: str, setting: Setting, alone: Lock | None = None, stop: Event | None = None
) -> Iterator[Pair]:
    """Start both programs, set as a setting says, and alone if a lock is given; everything is gone afterwards."""
    work = Path(tempfile.mkdtemp(prefix="simsmtp-lab-"))
    work.chmod(0o755)
    try:
        with Line() as line:
            with alone or contextlib.nullcontext():
                servers = Pair(line, found, work, receiver, setting, stop or Event())
            yield servers
    finally:
        shutil.rmtree(work, ignore_errors=True)
