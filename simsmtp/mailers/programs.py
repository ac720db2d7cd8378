"""Mail programs: where they are found, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from simsmtp.errors import InputError

_LONGEST_S = 120


class EndedBadlyError(InputError):
    """A program ended with a code that stands for a failure.

    Attributes
    ----------
    code : int
        That code; negative is the signal that ended it.
    """

    code = 0


class Programs(NamedTuple):
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
        raise not_installed(names[0], package)


def not_installed(program: str, package: str) -> InputError:
    """Return the complaint that a program is not there, with its Debian package."""
    allowed = f"Debian package {package}, installed, or unpacked in a folder that --programs names"
    return InputError("the program is not installed", key="audit", given=program, allowed=allowed)


def run(
    command: Sequence[str], *, text: str = "", okay: Sequence[int] = (0,), environment: dict[str, str] | None = None
) -> str:
    """Run a program and return what it printed; its complaints if it printed nothing.

    Raises
    ------
    EndedBadlyError
        It ended with another code than `okay`; holds its last words.
    InputError
        It cannot be run, or did not end.
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
        wrong = EndedBadlyError(f"ended with {done.returncode}: {' / '.join(words)}", key="audit", given=command[0])
        wrong.code = done.returncode
        raise wrong
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
def realtime_prefix() -> tuple[str, ...]:
    """Return the beginning of a command that runs ahead of what else this machine does; empty where it may not."""
    command = ("chrt", "-r", "1")
    if shutil.which(command[0]) is None:
        return ()
    tried = subprocess.run([*command, "true"], check=False, capture_output=True, timeout=_LONGEST_S)  # noqa: S603 - our own words
    return command if tried.returncode == 0 else ()
