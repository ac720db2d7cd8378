"""Files that users name: read with a bound, replaced as a whole or not at all, and loaded only from safe hands."""

from __future__ import annotations

import codecs
import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, TextIO

from simsmtp.errors import InputError

MOST_OCTETS = 16 * 2**20
"""Largest text that is read at once: experiments, strategies, calibrations, provenance."""


_OF_THE_SYSTEM = {("dev",), ("proc",), ("sys",)}
_BINARY, _NO_LINK, _NO_WAIT = (getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))
_IS_LINK = {errno.ELOOP, errno.EMLINK}  # what O_NOFOLLOW ends with, on Linux and on BSD


def read_text(path: str | Path, *, allowed: str, most: int = MOST_OCTETS, key: str | None = None) -> str:
    """Return the text of a regular file without its byte order mark.

    Parameters
    ----------
    path : str or Path
        FIFOs, devices and folders are refused, so that nothing is waited for and nothing is read without end.
    allowed : str
        What would have been accepted, for the message.
    most : int
        Largest size that is read, in octets.
    key : str, optional
        The option or key that named the file.

    Raises
    ------
    InputError
        If the file cannot be read, is no regular file, is larger than `most` or is not UTF-8.
    """
    name = str(path)
    data = _checked(name, most, allowed, key)
    if len(data) > most:
        raise InputError(f"is larger than {most:,} octets", file=name, key=key, allowed=allowed)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8", file=name, line=line, key=key, allowed=allowed) from None


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    ValueError
        If it is none, or is nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def begin_of(path: str | Path, *, allowed: str, octets: int = 4096) -> bytes:
    """Return the first octets of a regular file without a byte order mark; errors as `read_text`."""
    return _checked(str(path), octets, allowed).removeprefix(codecs.BOM_UTF8)


def _checked(name: str, most: int, allowed: str, key: str | None = None) -> bytes:
    with reading(name, allowed=allowed, key=key) as file:
        return file.read(most + 1)


@contextmanager
def reading(path: str | Path, *, allowed: str, key: str | None = None) -> Iterator[BufferedReader]:
    """Yield a regular file opened for reading; an `OSError` of the block becomes an `InputError` that names the file.

    Parameters
    ----------
    path : str or Path
        FIFOs, devices and folders are refused.
    allowed : str
        What would have been accepted, for the message.
    key : str, optional
        The option or key that named the file.
    """
    name = str(path)
    try:
        file = open_regular(name)
        if file is not None:
            with file:
                yield file
            return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read: {reason}", file=name, key=key, allowed=allowed) from None
    raise InputError("is not a regular file", file=name, key=key, allowed=allowed)


def open_regular(path: str | Path) -> BufferedReader | None:
    """Return a regular file opened for reading, None for a FIFO, device or socket: no end of it is known.

    Raises
    ------
    OSError
        If it cannot be opened, or is a folder.
    """
    # Without O_NONBLOCK the opening of a FIFO waits for a writer.
    try:
        number = os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY)
    except ValueError as error:  # a null character
        raise OSError(None, str(error), str(path)) from None
    kind = os.fstat(number).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(number, "rb")
    os.close(number)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return None


@contextmanager
def replacing(path: str | Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield the path of an empty file that takes the place of `path` if the block ends without an exception.

    The new file has a name that nobody could have planted a link under. What cannot be finished leaves the old file,
    or none.

    Parameters
    ----------
    path : str or Path
        A regular file, a link to one or to nothing (which is itself replaced, not followed) or a name that is free.
    mode : int
        Permissions of the file, of which the umask takes away.

    Raises
    ------
    OSError
        If the file cannot be written, or `path` is a folder, device, FIFO or socket.
    """
    path = Path(path)
    if reason := why_not_replaceable(path):
        raise OSError(None, reason, str(path))
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield part
        os.replace(part, path)  # noqa: PTH105 - as Path.replace, and either the old or the new file is there
    except OSError as error:  # one that is raised in the middle of writing names no file
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        part.unlink(missing_ok=True)


def replace_file(path: str | Path, content: bytes | str) -> None:
    """Write a file as a whole or not at all; errors as `replacing`."""
    with replacing(path) as part:
        part.write_bytes(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


def replace_files(folder: str | Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files into a folder, which is made if it is not there, and return their paths.

    Raises
    ------
    InputError
        If one cannot be written; those before it are.
    """
    folder = Path(folder)
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with write_errors(folder / name):
            replace_file(folder / name, content)
    return [folder / name for name in contents]


def why_not_replaceable(path: Path) -> str:
    """Return why a file may not be put at `path`, empty if it may.

    Raises
    ------
    OSError
        If that cannot be found out.
    """
    folder = Path(os.path.realpath(path.parent))
    if os.name == "posix" and folder.parts[1:2] in _OF_THE_SYSTEM and folder.parts[1:3] != ("dev", "shm"):
        return f"it is in {folder}, where no files are kept"  # /dev/stdout is a link that may lead to a file
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return ""
        raise
    return "it is a folder" if stat.S_ISDIR(mode) else "" if stat.S_ISREG(mode) else "it is not a regular file"


@contextmanager
def write_errors(path: str | Path, key: str | None = None) -> Iterator[None]:
    """Turn an `OSError` of the block into an `InputError` that names the file.

    Parameters
    ----------
    path : str or Path
        What is written in the block.
    key : str, optional
        The option or key that named it.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        allowed = "a file in a folder that may be written to"
        raise InputError(f"cannot be written: {reason}", file=str(path), key=key, allowed=allowed) from None


def open_appending(path: str | Path) -> TextIO:
    """Open a text file to write at its end; it is made if it is not there, and written line by line.

    In a folder that everybody may write to, such as /tmp, no link is followed and the file has to be the user's own:
    others could have put it there.

    Raises
    ------
    OSError
        If it cannot be opened, is no regular file, or lies so and may be another's.
    """
    path = Path(path)
    if reason := why_not_replaceable(path):
        raise OSError(None, reason, str(path))
    real = path if _is_public(path.parent) else Path(os.path.realpath(path))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK | _NO_WAIT | _BINARY
    try:
        number = os.open(real, flags, 0o666)
    except OSError as error:
        if error.errno in _IS_LINK:
            raise OSError(None, f"it is a link in {real.parent}, which everybody may write to", str(path)) from None
        raise
    file = os.fdopen(number, "a", buffering=1, encoding="utf-8", errors="backslashreplace", newline="")
    found = os.fstat(number)
    is_ours = not _is_public(real.parent) or (found.st_uid == os.geteuid() and found.st_nlink == 1)
    if not stat.S_ISREG(found.st_mode) or not is_ours:
        file.close()
        reason = (
            f"it may be another's, for everybody may write to {real.parent}"
            if not is_ours
            else "it is not a regular file"
        )
        raise OSError(None, reason, str(path))
    return file


def _is_public(folder: Path) -> bool:
    return hasattr(os, "geteuid") and bool(folder.stat().st_mode & stat.S_IWOTH)


class UntrustedError(Exception):
    """A file that is to be executed may come from somebody else; the text says why."""


def read_trusted(path: Path) -> bytes:
    """Return the content of a file that only this user and root can have written.

    Raises
    ------
    OSError
        If it cannot be read.
    UntrustedError
        If it is a link or no regular file, or somebody else owns it or may write to it or to a folder on its way.
    """
    try:
        number = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT | _BINARY)
    except OSError as error:
        if error.errno in _IS_LINK and path.is_symlink():
            raise UntrustedError(f"{path} is a link") from None
        raise
    with os.fdopen(number, "rb") as file:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise UntrustedError(f"{path} is not a regular file")
        # The file that is open is looked at, then the way to it: a file that is exchanged meanwhile is not read.
        if reason := _mistrust(path, found, is_on_the_way=False) or why_untrusted(path.parent):
            raise UntrustedError(reason)
        return file.read()


def why_untrusted(path: Path) -> str:
    """Return why somebody else than this user and root may have put there what is at `path`, empty if nobody may.

    Every folder and link on the way counts; a folder with the sticky bit, such as /tmp, keeps what others do not own.
    Where there are no such owners (Windows), nothing is asked.
    """
    if not hasattr(os, "geteuid"):
        return ""
    itself = {path.absolute(), Path(os.path.realpath(path))}
    for one in _way_to(path.absolute()):
        with suppress(FileNotFoundError, NotADirectoryError):
            if reason := _mistrust(one, one.lstat(), is_on_the_way=one not in itself):
                return reason
    return ""


def _mistrust(path: Path, found: os.stat_result, *, is_on_the_way: bool) -> str:
    if not hasattr(os, "geteuid"):
        return ""
    if found.st_uid not in {0, os.geteuid()}:
        return f"{path} belongs to another user, {found.st_uid}"
    if stat.S_ISLNK(found.st_mode) or (is_on_the_way and found.st_mode & stat.S_ISVTX):
        return ""
    is_open = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return f"others may write to {path}; chmod go-w takes that away" if is_open else ""


def _way_to(path: Path) -> Iterator[Path]:
    """Yield a path, its folders, and those of the links among them."""
    known: set[Path] = set()
    ahead = [path]
    while ahead:
        whole = ahead.pop()
        for one in (whole, *whole.parents):
            if one in known:
                continue
            known.add(one)
            yield one
            if one.is_symlink():
                ahead.append(Path(os.path.normpath(one.parent / one.readlink())))
    real = Path(os.path.realpath(path))
    yield from (one for one in (real, *real.parents) if one not in known)
