"""The terminal that tables are printed on."""

from __future__ import annotations

from rich.console import Console

_NARROWEST = 100


class PlainConsole(Console):
    """A console that prints text as it is: a title or a path may hold brackets, and so does ``simsmtp[fast]``.

    Parameters
    ----------
    width : int
        Columns where the output is no terminal; a terminal has its own, at least 100: a long line is better wrapped
        than cut.
    """

    def __init__(self, width: int) -> None:
        super().__init__(highlight=False, markup=False)
        self.width = max(self.width if self.is_terminal else width, _NARROWEST)
