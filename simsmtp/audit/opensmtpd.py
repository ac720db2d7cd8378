"""OpenSMTPD as a sender: a daemon in a mount namespace of its own, because its paths are compiled in."""

from __future__ import annotations

import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from simsmtp.errors import InputError
from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.namespaces import in_own_namespaces
from simsmtp.mailers.programs import Programs, need_root, realtime_prefix, run

_CONFIGURATION = """listen on 127.0.0.1 port {port} hostname lab.example.test
action "out" relay helo lab.example.test host smtp://{place.host}:{place.port}
match from any for any action "out"
"""
_USERS = {"opensmtpd": 65_431, "opensmtpq": 65_432}
_MOUNTS = (
    "mount -t tmpfs none /var/spool && mount -t tmpfs none /var/lib && mount -t tmpfs none /run"
    " && mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd && chmod 711 /var/spool/smtpd"
)
_START_S = 10.0


class OpenSmtpd:
    """OpenSMTPD; it has no batch cap to lift."""

    name = "opensmtpd"
    keeps_queue = True

    def __init__(self, found: Programs) -> None:
        need_root(self.name)
        self._folder = found.folder
        self._smtpd = found.program("smtpd", package="opensmtpd")
        self._smtpctl = found.program("smtpctl", package="opensmtpd")
        self.version = ""
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, place: Endpoint, work: Path) -> None:
        """Write its configuration and start it."""
        self._work = work
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self._port = one.getsockname()[1]
        control = work / "smtpctl"
        shutil.copy(self._smtpctl, control)
        shutil.chown(control, 0, _USERS["opensmtpq"])
        control.chmod(0o2755)
        (work / "smtpd.conf").write_text(_CONFIGURATION.format(port=self._port, place=place), encoding="utf-8")
        world = in_own_namespaces(work, _USERS, folder=self._folder, more=_MOUNTS)
        # On a busy machine its processes would hand each other a message in parts, and each part is a transaction.
        command = [*realtime_prefix(), *world, self._smtpd, "-d", "-f", str(work / "smtpd.conf")]
        with (work / "log").open("wb") as log:
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own words
        self._await()
        self.version = run([self._smtpd, "-h"], okay=(0, 1)).split("OpenSMTPD ")[-1].split()[0]

    def _await(self) -> None:
        until = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                if time.monotonic() > until:
                    words = (self._work / "log").read_text(errors="replace").strip().splitlines()[-2:]
                    raise InputError(f"did not start: {' / '.join(words)}", key="audit", given=self.name) from None
                time.sleep(0.1)
            else:
                return

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Hand over a message by SMTP."""
        with smtplib.SMTP("127.0.0.1", self._port, timeout=60) as client:
            return set(client.sendmail(sender, list(recipients), text))

    def queued(self) -> set[str]:
        """Return who stands in its queue."""
        fields = [line.split("|") for line in self._control("show", "queue").splitlines()]
        return {one[5].lower() for one in fields if len(one) > 5}

    def retry(self) -> None:
        """Schedule everything now."""
        self._control("schedule", "all")

    def stop(self) -> None:
        """Stop it."""
        if self._daemon:
            self._daemon.terminate()
            try:
                self._daemon.wait(10)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()

    def _control(self, *arguments: str) -> str:
        assert self._daemon is not None
        inside = ["nsenter", "-t", str(self._daemon.pid), "-m"]
        return run([*inside, str(self._work / "smtpctl"), *arguments], okay=(0, 1))
