"""The terminal that tables are printed on."""

from __future__ import annotations

import os
import sys

from rich.console import Console

_NARROWEST = 100


class PlainConsole(Console):
    """A console that prints text as it is, and whose reader may leave.

    A title or a path may hold brackets, and so does ``simsmtp[fast]``: none of it is markup. Where nobody reads on
    (``simsmtp compare … | head``), the command goes on to its own exit code, which may be the verdict of a gate.

    Parameters
    ----------
    width : int
        Columns where the output is no terminal; a terminal has its own, at least 100: a long line is better wrapped
        than cut.
    """

    def __init__(self, width: int) -> None:
        super().__init__(highlight=False, markup=False)
        self.width = max(self.width if self.is_terminal else width, _NARROWEST)

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
