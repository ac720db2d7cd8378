"""Tables that fit the terminal and lose nothing: what is too wide is wrapped, and then divided into parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table

from simsmtp.cli.printing.console import PlainConsole
from simsmtp.shown import shown

if TYPE_CHECKING:
    from rich.console import JustifyMethod

_GAP = 2
_PIECES = re.compile(r".+?(?:[_. ]+(?=\w)|$)")
_LEAST_TEXT = 20
"""Columns that a text needs beside others; with less it gets a part of its own."""
_MOST_KEYS = 0.7
"""Share of the width that keys may take: with more there is no room to read values side by side."""

_SHORT = 8
"""A head of so few characters is not wrapped."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    head : str
        Its name; wrapped at blanks, points and underscores.
    cells : sequence of str
        One for each row.
    is_text : bool
        Words, which stand to the left and may be wrapped; numbers stand to the right and are never.
    keeps_head : bool
        The head is not wrapped.
    """

    head: str
    cells: Sequence[str]
    is_text: bool = False
    keeps_head: bool = False

    @property
    def width(self) -> int:
        """The columns of the terminal that it takes where nothing but the head is wrapped."""
        is_whole = self.keeps_head or len(self.head) <= _SHORT
        pieces = [self.head] if is_whole else _PIECES.findall(self.head)
        return max([1, *(cell_len(one.rstrip()) for one in pieces), *map(cell_len, self.cells)])

    @property
    def least(self) -> int:
        """The columns that it takes where words are wrapped, too."""
        if not self.is_text:
            return self.width
        word = max((cell_len(word) for cell in self.cells for word in cell.split()), default=0)
        return min(self.width, max(word, _LEAST_TEXT))

    def head_in(self, width: int) -> str:
        """Return the head in lines of so many columns, broken between its words."""
        lines = [""]
        for piece in _PIECES.findall(self.head):
            if lines[-1] and cell_len((lines[-1] + piece).rstrip()) > width:
                lines.append("")
            lines[-1] += piece
        return "\n".join(line.rstrip() for line in lines)


def columns_of(heads: Iterable[str], rows: Iterable[Sequence[object]], *, is_text: bool = False) -> list[Column]:
    """Return the columns of a table that is given row by row; the words in it may be those of others."""
    texts = [[shown(cell) for cell in row] for row in rows]
    return [Column(shown(head), [row[at] for row in texts], is_text) for at, head in enumerate(heads)]


def short_names(names: Sequence[str]) -> list[str]:
    """Return dotted keys without what they need not say: the last part, more of it where two end alike.

    Examples
    --------
    >>> short_names(["client.batch_size", "network.rtt_ms", "sender"])
    ['batch_size', 'rtt_ms', 'sender']
    >>> short_names(["destinations.0.server.recipient_limit", "destinations.1.server.recipient_limit"])
    ['0.server.recipient_limit', '1.server.recipient_limit']
    """
    found = []
    for name in names:
        parts = name.split(".")
        endings = [".".join(parts[at:]) for at in range(len(parts) - 1, -1, -1)]
        others = [f".{other}" for other in names if other != name]
        found.append(next((one for one in endings if not any(o.endswith(f".{one}") for o in others)), name))
    return found


def print_table(
    console: PlainConsole, keys: Sequence[Column], values: Sequence[Column], *, title: str = "", number: str = "row"
) -> None:
    """Print a table within the width of the console.

    Parameters
    ----------
    console : PlainConsole
        Where to.
    keys : sequence of Column
        What tells rows apart; stands in front of the values, and again in every part.
    values : sequence of Column
        Where they do not fit beside each other, they are divided into parts, and keys that are alike in all rows are
        told once. Where keys take too much room, rows get numbers, and keys parts of their own.
    title : str
        Stands above.
    number : str
        Head of the numbers of rows.
    """
    if title:
        console.print(title, style="bold")
    whole = [replace(one, keeps_head=True) for one in (*keys, *values)]
    if _taken(whole) - _GAP <= console.width:
        _print_parts(console, whole[: len(keys)], whole[len(keys) :])
        return
    rows = len(next(iter((*keys, *values))).cells)
    alike = [one for one in keys if rows > 1 and len(set(one.cells)) == 1]
    keys = [one for one in keys if one not in alike]
    if alike:
        console.print(f"In all rows: {', '.join(f'{one.head} {one.cells[0]}' for one in alike)}")
    if not _leave_room(console, keys, values):
        numbers = Column(number, [str(at) for at in range(1, rows + 1)])
        _print_parts(console, [numbers], keys)
        keys = [numbers]
    _print_parts(console, keys, values)


def _leave_room(console: PlainConsole, keys: Sequence[Column], values: Sequence[Column]) -> bool:
    widest = max((one.least for one in values), default=0)
    return _taken(keys) <= min(console.width - widest, console.width * (_MOST_KEYS if values else 1) + _GAP)


def _taken(columns: Sequence[Column]) -> int:
    return sum(one.width + _GAP for one in columns)


def _print_parts(console: PlainConsole, keys: Sequence[Column], values: Sequence[Column]) -> None:
    room = console.width - _taken(keys)
    parts = _parts(values, room, len(values))
    even = _parts(values, room, -(-len(values) // len(parts)))  # rather than a last part of one column
    for part in even if len(even) == len(parts) else parts:
        console.print(_table(keys, _widened(part, room)))
        console.print()


def _parts(values: Sequence[Column], room: int, most: int) -> list[list[Column]]:
    parts: list[list[Column]] = [[]]
    for one in values:
        if parts[-1] and (len(parts[-1]) == most or sum(col.least + _GAP for col in [*parts[-1], one]) - _GAP > room):
            parts.append([])
        parts[-1].append(one)
    return parts


def _widened(part: Sequence[Column], room: int) -> list[tuple[Column, int]]:
    """Return columns with their widths: what is free goes to words, from the left."""
    free = room - sum(one.least + _GAP for one in part) + _GAP
    found = []
    for one in part:
        more = max(0, min(one.width - one.least, free))
        free -= more
        found.append((one, min(one.least + more, max(room, 1))))
    return found


def _table(keys: Sequence[Column], values: Sequence[tuple[Column, int]]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    columns = [*((one, one.width) for one in keys), *values]
    for one, width in columns:
        side: JustifyMethod = "left" if one.is_text else "right"
        table.add_column(one.head_in(width), justify=side, width=width, overflow="fold")
    for cells in zip(*(one.cells for one, _ in columns), strict=True):
        table.add_row(*cells)
    return table
