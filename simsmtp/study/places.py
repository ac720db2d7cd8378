"""Where the parts of an experiment were written, so that every complaint names its place."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simsmtp.errors import InputError
from simsmtp.study.toml_lines import line_of


@dataclass(frozen=True)
class Places:
    """The text of an experiment file and the settings given beside it.

    Attributes
    ----------
    file : str or None
        As the user named it; None for an experiment built in Python.
    text : str
        Content of the file.
    settings : dict
        Full dotted key → the ``--set`` argument that gave it.
    """

    file: str | None = None
    text: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    def locate(self, error: InputError, key: str | None = None) -> InputError:
        """Return the complaint with file and line of `key`, by default the error's own."""
        key = key or error.key or ""
        table = key.rpartition(".")[0]
        for given, setting in self.settings.items():
            inside = table.count(".") > 1 and given.startswith(f"{table}.")  # of scenario.table.key
            if key == given or key.startswith(f"{given}.") or inside:
                return error.at(file=f"--set {setting}", key=key)
        return error.at(file=self.file, line=line_of(self.text, key), key=key)


def read_toml(path: str | Path) -> tuple[dict[str, Any], Places]:
    """Read a TOML file; what cannot be read or parsed is an `InputError`."""
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", file=file, given=error.object[error.start : error.end]) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read: {reason}", file=file, allowed="a TOML file") from None
    try:
        return tomllib.loads(text), Places(file, text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, text, str(error)) from None


def _syntax_error(file: str, text: str, message: str) -> InputError:
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = int(found[1]) if found else max(1, len(text.splitlines()))
    reason = message.partition(" (at ")[0]
    where = f" (column {found[2]})" if found else " (at the end)"
    return InputError(f"not valid TOML: {reason}{where}", file=file, line=line)
