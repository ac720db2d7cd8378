"""Measured rows in a file, one JSON object a line: what is measured is kept, and is not measured again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Lock
from typing import Any

from simsmtp.errors import InputError
from simsmtp.files import open_appending, parse_json, why_not_replaceable, write_errors
from simsmtp.lab.settings import Medium, Setting

NAMES = (
    *("N", "batch", "limit", "size", "cache", "pipelining", "sent", "deferred", "bounced", "connections", "rcpt_cmds"),
    *("client_turns", "bytes_up", "bytes_down", "server_segments", "codes", "duration_s", "rtt_ms"),
)


class Journal:
    """The rows of a file, which is appended to as sessions end, by several threads.

    Parameters
    ----------
    path : Path
        The file; made when there is something to write.

    Raises
    ------
    InputError
        If the file holds something else, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self.rows: list[dict[str, Any]] = []
        try:
            if reason := why_not_replaceable(path):
                raise OSError(None, reason)
            if path.exists():
                self._read()
            elif not path.resolve().parent.is_dir():
                raise InputError("no such folder", key="--output", given=str(path.parent))
        except OSError as error:
            raise InputError(f"cannot be used: {error.strerror}", key="--output", given=str(path)) from None

    def of(self, setting: Setting, receiver: str, medium: Medium) -> list[dict[str, Any]]:
        """Return the rows of a setting with that kind of receiver over that kind of line."""
        with self._lock:
            return [
                row
                for row in self.rows
                if setting.is_of(row)
                and str(row.get("receiver", "")).lower().startswith(receiver)
                and medium.is_of(row)
            ]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row: when this returns, it is on the disk."""
        with self._lock:
            self.rows.append(row)
            with write_errors(self._path, "--output"), open_appending(self._path) as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def _read(self) -> None:
        octets = self._path.read_bytes()
        whole, _, torn = octets.rpartition(b"\n")  # a kill may have cut the last line
        for number, line in enumerate(whole.decode("utf-8-sig", "replace").splitlines(), 1):
            try:
                row = parse_json(line)
                missing = [name for name in NAMES if name not in row]
            except (ValueError, TypeError):
                missing = list(NAMES)
            if missing:
                raise InputError(
                    "no measured session", file=str(self._path), line=number, given=line[:60], allowed="another file"
                )
            self.rows.append(row)
        if torn:
            os.truncate(self._path, len(octets) - len(torn))
