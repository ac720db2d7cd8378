"""The terminal that tables are printed on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simsmtp.shown import shown

_NARROWEST = 100


class PlainConsole(Console):
    """A console that prints text as it is.

    A title or a path may hold brackets, and so does ``simsmtp[fast]``: none of it is markup. Control characters are
    written out; they would be the terminal's to obey.

    Parameters
    ----------
    width : int
        Columns where the output is no terminal; a terminal has its own, at least 100: a long line is better wrapped
        than cut.
    """

    def __init__(self, width: int) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)
        self.width = max(self.width if self.is_terminal else width, _NARROWEST)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, a cell or a title of a table as it is rendered."""
        return super().render_str(shown(text, keep="\n"), **options)


def new_table(left: Iterable[str], right: Iterable[str], title: str | None = None) -> Table:
    """Return an empty table with columns of texts, and of numbers, which are set to the right."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False,
                  padding=(0, 1, 0, 0))  # fmt: skip
    for name in left:
        table.add_column(shown(name), no_wrap=True)
    for name in right:
        table.add_column(shown(name), justify="right", no_wrap=True)
    return table
