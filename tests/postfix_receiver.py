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

from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.postfix_instance import new_instance

_MAIN = """myhostname = mx.example.test
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
default_transport = discard:
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
disable_dns_lookups = yes
"""
_MASTER = Path("/usr/share/postfix/master.cf.dist")


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
        self.places = {limit: Endpoint("127.0.0.1", free_port()) for limit in limits}
        self._work = Path(tempfile.mkdtemp(prefix="postfix-"))

    def __enter__(self) -> PostfixReceiver:
        work = self._work
        work.chmod(0o755)
        own = [
            f"127.0.0.1:{place.port} inet n - n - - smtpd -o smtpd_recipient_limit={limit}"
            for limit, place in self.places.items()
        ]
        new_instance(work, _MAIN, *own)
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


def _await(place: Endpoint) -> None:
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
