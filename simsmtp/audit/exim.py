"""Exim as a sender: run by hand for every message, with its own configuration and spool."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.namespaces import in_own_namespaces
from simsmtp.mailers.programs import Programs, need_root, run

_CONFIGURATION = """exim_path = {exim}
spool_directory = {work}/spool
log_file_path = {work}/spool/%slog
primary_hostname = lab.example.test
qualify_domain = orig.example.test
keep_environment =
host_lookup =
tls_advertise_hosts =
begin routers
all:
  driver = manualroute
  transport = out
  route_list = * {place.host}
  self = send
begin transports
out:
  driver = smtp
  port = {place.port}
  max_rcpt = 0
begin retry
*  *  F,1h,1s
"""
_USER = "Debian-exim"
_NUMBER = 65_433


class Exim:
    """Exim, with its batch cap lifted: at its default of 100 it never meets a limit of 100."""

    name = "exim"
    keeps_queue = True

    def __init__(self, found: Programs) -> None:
        need_root(self.name)
        self._folder = found.folder
        self._exim = found.program("exim4", "exim", package="exim4-daemon-light")
        self.version = ""

    def start(self, place: Endpoint, work: Path) -> None:
        """Write its configuration."""
        self._work = work
        binary = work / "exim4"
        shutil.copy(self._exim, binary)
        binary.chmod(0o4755)
        (work / "spool").mkdir()
        shutil.chown(work / "spool", _NUMBER, _NUMBER)
        self._world = in_own_namespaces(work, {_USER: _NUMBER}, folder=self._folder)
        text = _CONFIGURATION.format(work=work, place=place, exim=binary)
        (work / "exim.conf").write_text(text, encoding="utf-8")
        self.version = self._run("--version").split()[2]

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Hand over a message; its first attempt is over when this returns."""
        self._run("-odi", "-oi", "-f", sender, "--", *recipients, text=text.replace("\r\n", "\n"), okay=(0, 1, 2))
        return set()

    def queued(self) -> set[str]:
        """Return who stands in its queue and has not been delivered (those are marked D)."""
        lines = (line.strip() for line in self._run("-bp").splitlines())
        return {line.lower() for line in lines if "@" in line and "<" not in line and not line.startswith("D ")}

    def retry(self) -> None:
        """Run its queue, whatever the retry times say."""
        self._run("-qff", okay=(0, 1, 2))

    def stop(self) -> None:
        """Nothing runs on."""

    def _run(self, *arguments: str, text: str = "", okay: Sequence[int] = (0,)) -> str:
        exim = [str(self._work / "exim4"), "-C", str(self._work / "exim.conf"), *arguments]
        return run([*self._world, *exim], text=text, okay=okay)
