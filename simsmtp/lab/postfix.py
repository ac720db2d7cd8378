"""Postfix at either end of the line: instances of their own, in a folder of their own."""

from __future__ import annotations

import re
import smtplib
import socket
import time
from collections import Counter
from pathlib import Path

from simsmtp.errors import InputError
from simsmtp.lab.ends import ADDRESSES, End
from simsmtp.lab.settings import Setting
from simsmtp.mailers.postfix_instance import new_instance
from simsmtp.mailers.programs import Programs, run

PORT = 2525
_SUBMISSION = 2500
_COMMON = """disable_dns_lookups = yes
smtpd_client_connection_count_limit = 0
"""
_SENDER = """myhostname = a.test
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
relayhost = [{address}]:{port}
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_recipient_limit = 1000000
in_flow_delay = 0
smtp_destination_concurrency_limit = 1
initial_destination_concurrency = 1
smtp_destination_recipient_limit = {setting.batch}
smtp_connection_cache_on_demand = no
smtp_connection_cache_destinations = {cached}
smtp_discard_ehlo_keywords = {discarded}
"""
_RECEIVER = """myhostname = b.test
inet_interfaces = {address}
mynetworks = 10.99.0.0/24
default_transport = discard:
smtpd_recipient_limit = {limit}
smtpd_peername_lookup = no
"""
_STATUS = re.compile(r"postfix/smtp\[\d+\]: (\w+): to=<.*status=(\w+)")
_QUEUED = re.compile(rb"queued as (\w+)")


class _Instance:
    """A Postfix that runs at an end until the end's last process is gone."""

    def __init__(self, found: Programs, end: End, work: Path, main: str, listen: str) -> None:
        self._end, self._work = end, work
        self._conf = new_instance(work, _COMMON + main, f"{listen} inet n - n - - smtpd")
        self.version = run([found.program("postconf", package="postfix"), "-d", "-h", "mail_version"]).strip()
        run([*end.start, found.program("postfix", package="postfix"), "-c", str(self._conf), "start"])


class PostfixSender(_Instance):
    """Postfix that sends what is submitted to it over the line, one connection at a time."""

    def __init__(self, found: Programs, end: End, work: Path, setting: Setting) -> None:
        main = _SENDER.format(
            address=ADDRESSES[1],
            port=PORT,
            setting=setting,
            cached="static:all" if setting.cache == "on" else "",
            discarded="" if setting.pipelining else "pipelining",
        )
        super().__init__(found, end, work, main, f"127.0.0.1:{_SUBMISSION}")
        self._log = work / "maillog"
        self._seen = 0
        await_port(end, "127.0.0.1", _SUBMISSION)

    def submit(self, recipients: int, size: int) -> str:
        """Submit a message by SMTP on its loopback; return its name in the queue."""
        self._seen = self._log.stat().st_size
        with _Submission(self._end) as client:
            client.ehlo()
            client.mail("s@a.test")
            for number in range(recipients):
                code, words = client.rcpt(f"u{number:05d}@b.test")
                if code != 250:
                    raise InputError(f"Postfix took no recipient: {words!r}", key="lab", given=number)
            _, words = client.data(_text(size))
        if not (match := _QUEUED.search(words)):
            raise InputError(f"Postfix took no message: {words!r}", key="lab")
        return match[1].decode("ascii")

    def outcome(self, name: str) -> Counter[str]:
        """Return how many recipients of a message have been sent, deferred and bounced by now."""
        with self._log.open("rb") as file:
            file.seek(self._seen)
            text = file.read().decode("utf-8", "replace")
        return Counter(match[2] for match in _STATUS.finditer(text) if match[1] == name)

    def forget(self) -> None:
        """Delete what is still queued."""
        run(["/usr/sbin/postsuper", "-c", str(self._conf), "-d", "ALL"])


class PostfixReceiver(_Instance):
    """Postfix that accepts everything within its recipient limit and throws it away."""

    name = "Postfix"

    def __init__(self, found: Programs, end: End, work: Path, limit: int) -> None:
        main = _RECEIVER.format(address=end.address, limit=limit)
        super().__init__(found, end, work, main, f"{end.address}:{PORT}")
        await_port(end, end.address, PORT)


class _Submission(smtplib.SMTP):
    """A client inside an end's network."""

    def __init__(self, end: End) -> None:
        self._end = end
        super().__init__("127.0.0.1", _SUBMISSION, local_hostname="[127.0.0.1]", timeout=60)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._end.connect(host, port, timeout)


def await_port(end: End, host: str, port: int, timeout_s: float = 20.0) -> None:
    """Wait until somebody listens.

    Raises
    ------
    InputError
        Nobody does in time.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            end.connect(host, port, 1.0).close()
        except OSError:
            if time.monotonic() > until:
                raise InputError("the server did not start", key="lab", given=f"{host}:{port}") from None
            time.sleep(0.05)
        else:
            return


def _text(size: int) -> str:
    """Return a message with a text of lines of 72 octets, as many as go into the size."""
    return "Subject: t\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72)
