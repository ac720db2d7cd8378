"""Standard output and error that cannot be written to: a command goes on to its end, and its exit code tells."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]


class _Guarded(io.FileIO):
    """A stream that drops the rest of the output once it cannot be written.

    What a command does besides printing, such as storing results, is then done all the same. A reader who left
    (``simsmtp compare … --json | head -1``) has read enough; any other failure is remembered.
    """

    failure: OSError | None = None

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return memoryview(data).nbytes


def guard_streams() -> None:
    """Let this process survive standard streams that cannot be written to.

    Raises
    ------
    OSError
        If standard output is closed: nothing could be told.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        raise OSError(None, "is closed; > /dev/null throws it away", "standard output")
    sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)


def output_failure() -> OSError | None:
    """Write out what is left of standard output, and return why not all of it could be written."""
    try:
        sys.stdout.flush()
    except OSError as error:  # of a terminal that is gone
        return error
    raw = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer) if hasattr(sys.stdout, "buffer") else None
    return raw.failure if isinstance(raw, _Guarded) else None


def _guarded(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    stream.flush()
    raw = _Guarded(stream.fileno(), "w", closefd=False)
    unbuffered = isinstance(stream.buffer, io.FileIO)  # python -u
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=stream.encoding, errors=stream.errors,
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip
