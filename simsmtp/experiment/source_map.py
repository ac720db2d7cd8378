"""Where each part of an experiment was written, so that every error names file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from simsmtp.errors import InputError
from simsmtp.files import read_text
from simsmtp.model.toml_lines import line_of
from simsmtp.model.toml_text import MOST_OCTETS, parse_toml


@dataclass(frozen=True)
class SourceMap:
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
            beside = table.count(".") > 1 and given.startswith(f"{table}.")  # of scenario.table.key
            inside = beside or ("." in key and given.startswith(f"{key}."))
            if key == given or key.startswith(f"{given}.") or inside:
                return error.at(file=f"--set {setting}", key=key)
        return error.at(file=self.file, line=line_of(self.text, key), key=key)


def read_toml(path: object) -> tuple[dict[str, Any], SourceMap]:
    """Read a TOML file; what cannot be read or parsed, or is no path, is an `InputError`."""
    if not isinstance(path, str | PathLike):
        allowed = "an experiment file; Experiment.from_dict makes an experiment of a dict"
        raise InputError("should be a path", key="path", given=path, allowed=allowed)
    file = str(path)
    text = read_text(file, allowed="a TOML file", most=MOST_OCTETS)
    return parse_toml(text, file), SourceMap(file, text)
