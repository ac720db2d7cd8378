"""Machine code that is kept on disk: found again whole, or compiled anew.

Every file begins with what it is and with the checksum of the rest. What is loaded is executed, and a checksum proves
nothing about its author: only files are loaded that nobody but this user and root can have written.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from simsmtp.files import UntrustedError, read_trusted, replacing, why_untrusted
from simsmtp.shown import shown

_HEAD = b"simsmtp machine code 1\n"
_DIGEST = hashlib.sha256().digest_size
_MOST_FOLDERS = 16
_VERSION = re.compile("[0-9a-f]{32}")
_TAKES = "about ten seconds of one processor"


class KernelCache:
    """Where the machine code of one version lies, one file per kind of processor.

    Parameters
    ----------
    folder : Path
        It is named after all that the code is made of; folders beside it are of other versions, and the oldest of
        them are removed.
    name : str
        What the user is told is compiled.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._obstacle = ""

    def load(self, file: str) -> bytes | None:
        """Return the code of a file, or None after saying that it will be compiled; what is damaged is removed."""
        path = self._folder / file
        try:
            found = _found(path)
        except UntrustedError as error:
            self._refuse(str(error))
            return None
        except OSError:
            self._tell("", ", once for this version")
            return None
        if (code := _checked(found)) is None:
            with suppress(OSError):
                path.unlink()
            self._tell(" again", f", for {path} was damaged")
        return code

    def keep(self, file: str, code: bytes) -> None:
        """Keep the code of a file, unless that is impossible."""
        if self._obstacle:
            return
        try:
            _write(self._folder / file, _HEAD + hashlib.sha256(code).digest() + code)
        except OSError as error:
            _say(f"{self._name} could not be kept for the next run: {_reason(error)}")
        _remove_oldest(self._folder.parent)

    def _tell(self, again: str, why: str) -> None:
        """Say what takes so long, and if it will take as long next time."""
        if reason := why_untrusted(self._folder):
            self._refuse(reason)
            return
        self._obstacle = _obstacle(self._folder)
        if self._obstacle:
            why = f", in this run as in every run, for nothing can be kept in {self._folder.parent} ({self._obstacle})"
        _say(f"compiling {self._name}{again}{why}: {_TAKES}")

    def _refuse(self, reason: str) -> None:
        """Say that the folder is left alone, and why."""
        self._obstacle = reason
        why = f"for code is not loaded from {self._folder.parent} ({reason})"
        _say(f"compiling {self._name}, in this run as in every run, {why}: {_TAKES}")


def _found(path: Path) -> bytes:
    if not path.is_absolute():  # what lies below the working folder is no cache of the user's
        raise FileNotFoundError(path)
    return read_trusted(path)


def _checked(found: bytes) -> bytes | None:
    """Return the code of a file, None if it is not whole."""
    head, digest, code = found[: len(_HEAD)], found[len(_HEAD) :][:_DIGEST], found[len(_HEAD) + _DIGEST :]
    return code if head == _HEAD and hashlib.sha256(code).digest() == digest else None


def _obstacle(folder: Path) -> str:
    """Return why nothing can be kept in a folder, empty if something can."""
    if not folder.is_absolute():
        return "there is no home folder; SIMSMTP_CACHE_DIR names another"
    try:
        _make(folder)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return _reason(error)


def _make(folder: Path) -> None:
    """Make a folder and those around it so that others may not write to them, whatever the umask."""
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        one.mkdir(mode=0o755, exist_ok=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, and that others may not write to."""
    with replacing(path, mode=0o644) as part:
        part.write_bytes(content)


def _remove_oldest(versions: Path) -> None:
    """Leave the newest folders; other processes may be doing the same."""
    try:
        ours = [one for one in versions.iterdir() if _VERSION.fullmatch(one.name)]
        newest = sorted(ours, key=lambda one: one.stat().st_mtime, reverse=True)
    except OSError:
        return
    for one in newest[_MOST_FOLDERS:]:
        shutil.rmtree(one, ignore_errors=True)


def _say(text: str) -> None:
    sys.stderr.write(f"simsmtp: {shown(text)}\n")
