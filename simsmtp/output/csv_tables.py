"""Tables as CSV: written so that no text is a formula to a spreadsheet, and read back as texts."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from simsmtp.errors import InputError
from simsmtp.files import read_text
from simsmtp.output.file_hashes import require_as_noted
from simsmtp.shown import cell, from_cell

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_MOST_OCTETS = 2**28
_STATISTICS = ("mean", "sd", "low", "high")


def csv_of(table: DataFrame) -> bytes:
    """Return a table as CSV in which no label is a formula to a spreadsheet; `read_csv_texts` reads it."""
    table = without_formulas(table)
    texts = set(map(str, table.columns)).union(*(_texts(column) for _, column in table.items()))
    # Python before 3.13 quotes no carriage return by itself, and readers take it for the end of a line.
    quoting: Any = csv.QUOTE_NONNUMERIC if any("\r" in one for one in texts) else csv.QUOTE_MINIMAL
    text: str = table.to_csv(index=False, lineterminator="\n", quoting=quoting)
    return text.encode("utf-8", "backslashreplace")


def without_formulas(table: DataFrame) -> DataFrame:
    """Return a table whose texts and heads are cells that no spreadsheet takes for formulas; see `simsmtp.shown`."""
    changed: dict[Hashable, list[Any]] = {}
    for name, column in table.items():
        cells = {one: cell(one) for one in _texts(column)}
        if any(one != text for one, text in cells.items()):
            changed[name] = [cells[one] if _is_text(one) else one for one in column]
    if changed:
        table = table.copy()
        for name, cells_of_column in changed.items():
            table[name] = cells_of_column
    return table.rename(columns={name: cell(name) for name in map(str, table.columns) if cell(name) != name})


def _texts(column: Series[Any]) -> set[str]:
    """Return the different texts of a column."""
    may_hold_some = column.dtype.kind in "OST" or column.dtype.name in {"category", "string", "str"}
    return set(filter(_is_text, column.tolist())) if may_hold_some else set()


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def read_csv_texts(path: Path) -> DataFrame:
    """Return the table in a file as texts, with what `csv_of` put in front of some taken away.

    Raises
    ------
    InputError
        If it cannot be read, is no regular file, or is larger than 256 MiB.
    ValueError
        If it is no table.
    """
    return csv_texts(read_text(path, allowed="a table, as simsmtp wrote it", most=_MOST_OCTETS))


def read_summary(path: Path) -> DataFrame:
    """Return the table of a ``summary.csv``, numbers as such in its own columns and texts in those of factors.

    Raises
    ------
    InputError
        If it is no summary, was changed after it was written, or cannot be read.
    """
    import pandas as pd

    require_as_noted(path)
    try:
        # As text: float() gives back the very bits that were written, whatever the version of pandas.
        table = read_csv_texts(path)
        if missing := [name for name in ("point", "response", "n", *_STATISTICS) if name not in table]:
            raise InputError(f"malformed summary: no column {missing[0]!r}", file=str(path))
        for name in _STATISTICS:
            table[name] = [float(cell or "nan") for cell in table[name]]
        return table.astype({"point": "int64", "n": "int64"})
    except OverflowError:
        raise InputError("malformed summary: too large a number of a point or of replications",
                         file=str(path)) from None  # fmt: skip
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"malformed summary: {error}", file=str(path)) from None


def csv_texts(text: str) -> DataFrame:
    """Return what `csv_of` made a text of, all of it as texts; a `ValueError` if it is no table."""
    import pandas as pd

    table = pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False)
    for name, column in table.items():
        if any(one[:1] == "'" for one in column.unique()):
            table[name] = [from_cell(one) for one in column]
    return table.rename(columns={name: from_cell(name) for name in table.columns})
