"""The terminal that texts and tables are printed on."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.text import Text

from simsmtp.cli.printing.lines import is_plain, prose_width, screen_width
from simsmtp.shown import shown

_LINE_ENDS = re.compile(r"(?m)(?: |\x1b\[[0-9;]*m)+$")


class PlainConsole(Console):
    """A console that prints text as it is, as wide as `screen_width`, and no blanks at the ends of lines.

    A title or a path may hold brackets, and so does ``simsmtp[fast]``: none of it is markup. Control characters are
    written out; they would be the terminal's to obey.
    """

    def __init__(self) -> None:
        color = None if is_plain() else "auto"
        super().__init__(highlight=False, markup=False, emoji=False, color_system=color)  # type: ignore[arg-type]
        self.width = screen_width()

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `rich.console.Console.print` does; text is wrapped at 100 columns at most."""
        if all(isinstance(one, str) for one in objects):
            options.setdefault("width", prose_width())
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write(_LINE_ENDS.sub(lambda found: found[0].replace(" ", ""), captured.get()))

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, a cell or a title of a table as it is rendered."""
        return super().render_str(shown(text, keep="\n"), **options)
