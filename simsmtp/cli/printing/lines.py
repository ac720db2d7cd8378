"""Lines on standard output and error, and how long they may be."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap

from simsmtp.shown import shown

_WIDTH, _NARROWEST, _PROSE = 80, 40, 100


def screen_width() -> int:
    """Return the columns to print in: what COLUMNS says, else what the terminal has, and 80 where there is none."""
    return max(shutil.get_terminal_size((_WIDTH, 24)).columns, _NARROWEST)


def prose_width() -> int:
    """Return the columns for text that is read line by line: those of the screen, and not more than 100."""
    return min(screen_width(), _PROSE)


def is_plain() -> bool:
    """Tell whether NO_COLOR asks for text without colours and other marks."""
    return bool(os.environ.get("NO_COLOR"))


def say(text: object = "", *, to_stderr: bool = False) -> None:
    """Print lines that hold words of others, on standard output or error."""
    print(shown(text, keep="\n"), file=sys.stderr if to_stderr else sys.stdout)


def wrapped(text: str, indent: int, hanging: int = 0) -> str:
    """Return a paragraph in lines as wide as the terminal, set in by so many columns, all but the first by more."""
    space = " " * indent
    return textwrap.fill(
        text, prose_width(), initial_indent=space, subsequent_indent=space + " " * hanging, break_on_hyphens=False
    )
