"""Rows of an audit in a file, one JSON object a line: what is finished is kept, and is not done again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from simsmtp.audit.judgement import Verdict
from simsmtp.audit.trial import AuditRow
from simsmtp.errors import InputError
from simsmtp.files import open_appending, parse_json, read_text, replace_file, why_not_replaceable, write_errors


class Journal:
    """The rows in ``audit.jsonl`` of a folder; without a folder they are kept in memory only.

    Attributes
    ----------
    rows : list of dict
        Documents of all rows, those found in the file first.
    """

    def __init__(self, folder: Path | None) -> None:
        self.rows: list[dict[str, Any]] = []
        self._path = folder / "audit.jsonl" if folder else None
        if folder and self._path:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._read(self._path)
            except OSError as error:
                raise InputError(f"cannot be used: {error.strerror}", key="--output", given=str(folder)) from None

    def has(self, sender: str, cell: str) -> bool:
        """Tell whether a cell is done."""
        return any(row["sender"] == sender and row["name"] == cell for row in self.rows)

    def in_order(self, senders: Sequence[str], cells: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of some senders and cells, in that order."""
        found = {(row["sender"], row["name"]): row for row in self.rows}
        return [found[key] for key in product(senders, cells) if key in found]

    def add(self, row: AuditRow) -> None:
        """Keep a row."""
        self.rows.append(row.document())
        if self._path:
            with write_errors(self._path, "--output"), open_appending(self._path) as file:
                file.write(json.dumps(self.rows[-1]) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def _read(self, path: Path) -> None:
        if reason := why_not_replaceable(path):
            raise OSError(None, reason)
        if not path.exists():
            return
        text = read_text(path, allowed="rows that simsmtp audit wrote", most=2**28)
        whole, _, torn = text.rpartition("\n")  # a kill may have cut the last line
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                row = parse_json(line)
                row["sender"], row["name"], Verdict(row["verdict"])
            except (ValueError, KeyError, TypeError):
                raise InputError("no row of an audit", file=str(path), line=number, given=line[:60]) from None
            self.rows.append(row)
        if torn:
            replace_file(path, "".join(f"{line}\n" for line in whole.splitlines()))
