"""Which senders there are, where their programs are found, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from simsmtp.errors import InputError

HOST_NAME = "lab.example.test"
_LONGEST_S = 120
_SBIN = os.pathsep.join(("/usr/sbin", "/sbin"))


class Found(NamedTuple):
    """Programs by name; `folder` is where packages were unpacked or programs were built, if anywhere."""

    folder: Path | None

    def program(self, *names: str, package: str) -> str:
        """Return the path of the first program that is there.

        Raises
        ------
        InputError
            None is; names the Debian package.
        """
        places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/sendmail-bin"]
        if self.folder:
            roots = [self.folder, *sorted(one for one in self.folder.iterdir() if one.is_dir())]
            inside = (
                ".",
                "sbin",
                "bin",
                "usr/sbin",
                "usr/bin",
                "usr/libexec/sendmail",
                "usr/lib/sm.bin",
                "usr/lib/sendmail-bin",
            )
            places = [str(root / part) for root in roots for part in inside] + places
        for name in names:
            if path := shutil.which(name, path=os.pathsep.join(places)):
                return path
        raise InputError(
            "the program is not installed",
            key="audit",
            given=names[0],
            allowed=f"Debian package {package}, installed, or unpacked in a folder that --programs names",
        )


def run(
    command: Sequence[str], *, text: str = "", okay: Sequence[int] = (0,), environment: dict[str, str] | None = None
) -> str:
    """Run a program and return what it printed; its complaints if it printed nothing.

    Raises
    ------
    InputError
        It ended with another code than `okay`; holds its last words.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a list of our own words, no shell
            list(command), input=text, capture_output=True, text=True, check=False, timeout=_LONGEST_S,
            env=None if environment is None else os.environ | environment, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InputError(f"did not end within {_LONGEST_S} s", key="audit", given=command[0]) from None
    except OSError as error:
        raise InputError(f"cannot be run: {error.strerror}", key="audit", given=command[0]) from None
    if done.returncode not in okay:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InputError(f"ended with {done.returncode}: {' / '.join(words)}", key="audit", given=command[0])
    return done.stdout or done.stderr


def need_root(name: str) -> None:
    """Raise an `InputError` unless we are root, as a mail server's own start wants."""
    if os.geteuid() != 0:
        raise InputError("starts only as root", key="audit", given=name)


def need_package(name: str) -> None:
    """Raise an `InputError` unless a Python package is there."""
    if find_spec(name) is None:
        raise InputError("the package is not installed", key="audit", given=name, allowed=f"pip install {name}")


@cache
def ahead() -> tuple[str, ...]:
    """Return the beginning of a command that runs ahead of what else this machine does; empty where it may not."""
    command = ("chrt", "-r", "1")
    if shutil.which(command[0]) is None:
        return ()
    tried = subprocess.run([*command, "true"], check=False, capture_output=True, timeout=_LONGEST_S)  # noqa: S603 - our own words
    return command if tried.returncode == 0 else ()


def own_world(work: Path, users: Mapping[str, int], *, folder: Path | None = None, more: str = "") -> list[str]:
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
