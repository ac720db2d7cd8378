"""A real Postfix that receives on this machine, in a folder of its own, and throws away what it accepted."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from simsmtp.live.places import Place

_MAIN = """compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
maillog_file = {work}/maillog
maillog_file_prefixes = /var, {work}
myhostname = mx.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
default_transport = discard:
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
disable_dns_lookups = yes
"""
_MASTER = Path("/usr/share/postfix/master.cf.dist")
_DAEMONS = Path("/usr/lib/postfix/sbin")


def why_not() -> str:
    """Return why Postfix cannot be run here, or nothing."""
    if shutil.which("postfix") is None or not _MASTER.is_file():
        return "Postfix is not installed (Debian package postfix)"
    return "Postfix starts only as root" if os.geteuid() else ""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class PostfixReceiver:
    """Postfix with one smtpd for each recipient limit."""

    def __init__(self, limits: Iterable[int]) -> None:
        self.places = {limit: Place("127.0.0.1", free_port()) for limit in limits}
        self._work = Path(tempfile.mkdtemp(prefix="postfix-"))

    def __enter__(self) -> PostfixReceiver:
        work = self._work
        work.chmod(0o755)
        for name in ("conf", "queue", "data"):
            (work / name).mkdir()
        shutil.chown(work / "data", "postfix")
        (work / "conf" / "main.cf").write_text(_MAIN.format(work=work, daemons=_DAEMONS), encoding="utf-8")
        services = [line for line in _MASTER.read_text(encoding="utf-8").splitlines() if not line.startswith("smtp  ")
                    or "inet" not in line]  # fmt: skip
        unchrooted = [_without_chroot(line) for line in services]
        own = [
            f"127.0.0.1:{place.port} inet n - n - - smtpd -o smtpd_recipient_limit={limit}"
            for limit, place in self.places.items()
        ]
        (work / "conf" / "master.cf").write_text("\n".join([*unchrooted, *own, ""]), encoding="utf-8")
        self._postfix("start")
        for place in self.places.values():
            _await(place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._postfix("stop")
        shutil.rmtree(self._work, ignore_errors=True)

    def _postfix(self, word: str) -> None:
        subprocess.run(["postfix", "-c", str(self._work / "conf"), word], check=True, capture_output=True, timeout=60)


def _without_chroot(line: str) -> str:
    fields = line.split()
    is_service = len(fields) >= 8 and not line.startswith(("#", " ", "\t"))
    return " ".join([*fields[:4], "n", *fields[5:]]) if is_service else line


def _await(place: Place) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(place, timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
