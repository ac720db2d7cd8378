"""An instance of Postfix of its own, beside one that may run already."""

from __future__ import annotations

import shutil
from pathlib import Path

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


_MASTER = Path("/usr/share/postfix/master.cf.dist")


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
