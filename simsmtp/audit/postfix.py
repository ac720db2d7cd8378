"""Postfix as a sender: an instance of its own, beside one that may run already."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from simsmtp.live.places import Place
from simsmtp.mailers.programs import Found, need_root, run

_COMMON = """compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {work}/maillog
maillog_file_prefixes = /var, {work}
mydestination =
inet_protocols = ipv4
alias_maps =
alias_database =
"""
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
_MASTER = Path("/usr/share/postfix/master.cf.dist")
_NO_CAP = 1000


class Postfix:
    """Postfix, with its batch cap lifted: at its default of 50 it never meets a limit of 100."""

    name = "postfix"
    keeps_queue = True

    def __init__(self, found: Found, batch: int = _NO_CAP) -> None:
        need_root(self.name)
        self._postfix = found.program("postfix", package="postfix")
        self._sendmail = str(Path(self._postfix).with_name("sendmail"))
        self._batch = batch
        self.version = run([found.program("postconf", package="postfix"), "-d", "-h", "mail_version"]).strip()

    def start(self, place: Place, work: Path) -> None:
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


def new_instance(work: Path, main: str, *services: str) -> Path:
    """Write what an instance of Postfix of its own needs; return its folder of configuration.

    Parameters
    ----------
    work : Path
        Folder for all of it; made if missing.
    main : str
        What its main.cf says beside what every such instance says.
    services : str
        Lines of its master.cf beside Debian's; nothing listens but for these.
    """
    for name in ("conf", "queue", "data"):
        (work / name).mkdir(parents=True)
    shutil.chown(work / "data", "postfix")
    (work / "conf" / "main.cf").write_text(_COMMON.format(work=work) + main, encoding="utf-8")
    usual = [_unchrooted(line) for line in _MASTER.read_text(encoding="utf-8").splitlines()]
    (work / "conf" / "master.cf").write_text("\n".join([*usual, *services, ""]), encoding="utf-8")
    return work / "conf"


def _unchrooted(line: str) -> str:
    """Return a service that runs in no chroot; without the one that listens."""
    fields = line.split()
    if len(fields) < 8 or line.startswith(("#", " ", "\t")):
        return line
    if fields[:2] == ["smtp", "inet"]:
        return ""
    return " ".join([*fields[:4], "n", *fields[5:]])
