"""Exim as a receiver: a daemon at the far end of the line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from simsmtp.lab.ends import End
from simsmtp.lab.postfix import PORT, await_port
from simsmtp.mailers.namespaces import in_own_namespaces
from simsmtp.mailers.programs import Programs, run

_CONFIGURATION = """exim_path = {exim}
spool_directory = {work}/spool
log_file_path = {work}/spool/%slog
primary_hostname = b.test
qualify_domain = b.test
keep_environment =
host_lookup =
tls_advertise_hosts =
local_interfaces = {address}
daemon_smtp_ports = {port}
recipients_max = {limit}
acl_smtp_rcpt = everybody
begin acl
everybody:
  accept
begin routers
away:
  driver = redirect
  data = :blackhole:
"""
_USER = "Debian-exim"
_NUMBER = 65_433


class EximReceiver:
    """Exim that accepts everything within its recipient limit and throws it away."""

    name = "Exim"

    def __init__(self, found: Programs, end: End, work: Path, limit: int) -> None:
        binary = work / "exim4"
        (work / "spool").mkdir(parents=True)
        shutil.copy(found.program("exim4", "exim", package="exim4-daemon-light"), binary)
        binary.chmod(0o4755)
        shutil.chown(work / "spool", _NUMBER, _NUMBER)
        text = _CONFIGURATION.format(exim=binary, work=work, address=end.address, port=PORT, limit=limit)
        (work / "exim.conf").write_text(text, encoding="utf-8")
        command = [*end.start, *in_own_namespaces(work, {_USER: _NUMBER}), str(binary), "-C", str(work / "exim.conf")]
        self.version = run([*command, "--version"]).split()[2]
        with (work / "log").open("wb") as log:
            self._daemon = subprocess.Popen(  # noqa: S603 - our own words
                [*command, "-bdf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        await_port(end, end.address, PORT)
