"""Programs in namespaces of their own: users, groups, a host name and libraries that vanish with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from simsmtp.mailers.programs import run

HOST_NAME = "lab.example.test"


_SBIN = os.pathsep.join(("/usr/sbin", "/sbin"))


def in_own_namespaces(work: Path, users: Mapping[str, int], *, folder: Path | None = None, more: str = "") -> list[str]:
    """Return the beginning of a command that runs with names of its own, in namespaces that die with it.

    Parameters
    ----------
    work : Path
        A folder of its own.
    users : mapping of str to int
        Users and groups with their numbers: programs that are only unpacked want those that their packages would
        have made.
    folder : Path, optional
        Libraries found below it are added to the system's.
    more : str
        More to mount.

    Notes
    -----
    The host's name is one with a dot, and known: sendmail waits a minute at every start when it has none. Libraries
    are made known to the loader itself, because Exim purges its environment before it writes a notification, and the
    loader heeds no environment where a program changes its rights.
    """
    for name, rest in (("passwd", ":x:{0}:{0}::/:/bin/false"), ("group", ":x:{0}:")):
        own = Path("/etc", name).read_text(encoding="utf-8").splitlines()
        kept = [line for line in own if line.partition(":")[0] not in users]
        lines = [user + rest.format(number) for user, number in users.items()]
        (work / name).write_text("\n".join([*kept, *lines, ""]), encoding="utf-8")
    (work / "hosts").write_text(f"127.0.0.1 {HOST_NAME} lab localhost\n", encoding="utf-8")
    names = ["passwd", "group", "hosts", *_own_libraries(work, folder)]
    mounts = [f'mount --bind "$0/{name}" /etc/{name}' for name in names]
    steps = [*mounts, f"hostname {HOST_NAME}", *([more] if more else []), 'exec "$@"']
    return ["unshare", "-m", "-u", "sh", "-c", " && ".join(steps), str(work)]


def _own_libraries(work: Path, folder: Path | None) -> list[str]:
    """Write the loader's list of libraries with those below a folder; return its name, if there are any."""
    homes = {path.parent for path in folder.glob("*/**/lib*.so.*")} if folder else set()
    if not homes or not Path("/etc/ld.so.conf").is_file() or not (program := shutil.which("ldconfig", path=_SBIN)):
        return []
    lines = [*map(str, sorted(homes)), "include /etc/ld.so.conf", ""]
    (work / "ld.so.conf").write_text("\n".join(lines), encoding="utf-8")
    run([program, "-X", "-f", str(work / "ld.so.conf"), "-C", str(work / "ld.so.cache")])
    return ["ld.so.cache"]
