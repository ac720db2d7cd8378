"""Files that users name: read with a bound, and replaced as a whole or not at all."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from simsmtp.errors import InputError

MOST_OCTETS = 16 * 2**20
"""Largest text that is read at once: experiments, strategies, calibrations, provenance."""


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


def begin_of(path: str | Path, *, allowed: str, octets: int = 4096) -> bytes:
    """Return the first octets of a regular file without a byte order mark; errors as `read_text`."""
    return _checked(str(path), octets, allowed).removeprefix(codecs.BOM_UTF8)


def _checked(name: str, most: int, allowed: str, key: str | None = None) -> bytes:
    try:
        file = open_regular(name)
        if file is not None:
            with file:
                return file.read(most + 1)
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
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
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
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield the path of an empty file that takes the place of `path` if the block ends without an exception.

    The new file has a name that nobody could have planted a link under. What cannot be finished leaves the old file,
    or none.

    Parameters
    ----------
    path : str or Path
        A regular file, a link (which is itself replaced) or a name that is free.

    Raises
    ------
    OSError
        If the file cannot be written, or `path` is a folder, device, FIFO or socket.
    """
    path = Path(path)
    if path.exists() and not path.is_symlink() and not path.is_file():
        raise OSError(None, "is not a regular file", str(path))
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    os.close(number)
    part = Path(name)
    try:
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        yield part
        os.replace(part, path)  # noqa: PTH105 - as Path.replace, and either the old or the new file is there
    finally:
        part.unlink(missing_ok=True)


def replace_file(path: str | Path, content: bytes) -> None:
    """Write a file as a whole or not at all; errors as `replacing`."""
    with replacing(path) as part:
        part.write_bytes(content)
