"""Postfix as a sender: an instance of its own, beside one that may run already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.postfix_instance import new_instance
from simsmtp.mailers.programs import Programs, need_root, run

_MAIN = """myhostname = lab.example.test
myorigin = orig.example.test
inet_interfaces = 127.0.0.1
relayhost = [{place.host}]:{place.port}
smtp_host_lookup = native
smtp_tls_security_level = none
default_destination_recipient_limit = {batch}
queue_run_delay = 3s
minimal_backoff_time = 2s
maximal_backoff_time = 3s
"""
_NO_CAP = 1000


class Postfix:
    """Postfix, with its batch cap lifted: at its default of 50 it never meets a limit of 100."""

    name = "postfix"
    keeps_queue = True

    def __init__(self, found: Programs, batch: int = _NO_CAP) -> None:
        need_root(self.name)
        self._postfix = found.program("postfix", package="postfix")
        self._sendmail = str(Path(self._postfix).with_name("sendmail"))
        self._batch = batch
        self.version = run([found.program("postconf", package="postfix"), "-d", "-h", "mail_version"]).strip()

    def start(self, place: Endpoint, work: Path) -> None:
        """Write its configuration and start it."""
        self._conf = new_instance(work, _MAIN.format(place=place, batch=self._batch))
        run([self._postfix, "-c", str(self._conf), "start"])

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Hand over a message at its command line."""
        command = [self._sendmail, "-C", str(self._conf), "-i", "-f", sender, "--", *recipients]
        run(command, text=text.replace("\r\n", "\n"), environment={"MAIL_CONFIG": str(self._conf)})
        return set()

    def queued(self) -> set[str]:
        """Return who stands in its queue."""
        listed = run(["/usr/sbin/postqueue", "-c", str(self._conf), "-j"])
        entries = [json.loads(line) for line in listed.splitlines() if line.strip()]
        return {one["address"].lower() for entry in entries for one in entry["recipients"]}

    def retry(self) -> None:
        """Flush its queue."""
        run(["/usr/sbin/postqueue", "-c", str(self._conf), "-f"])

    def stop(self) -> None:
        """Stop it."""
        run([self._postfix, "-c", str(self._conf), "stop"], okay=(0, 1))
