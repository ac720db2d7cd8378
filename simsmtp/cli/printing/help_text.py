"""Help as wide as the terminal: words stay whole, and a command that is too long goes on in a second line."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

import click

_NARROW = 72
_KEPT = re.compile(r"(?<!\w)'[^']{1,30}'(?!\w)|\[[^\]]{1,30}\]")
_TWO_COLUMNS = re.compile(r" +\w+ {2,}")
_RANGES = (
    (re.compile(r"\[(\d+)<=x<=\d{19}\]|\[x>=(\d+)\]"), r"[\1\2 or more]"),
    (re.compile(r"\b(\d[\d.]*)<=x<=(\d[\d.]*)"), r"\1 to \2"),
    (re.compile(r"\bx>=(\d[\d.]*)"), r"\1 or more"),
    (re.compile(r"\bx>(\d[\d.]*)"), r"more than \1"),
)
_GLUE = "\N{NO-BREAK SPACE}"


class Formatter(click.HelpFormatter):
    """Writes paragraphs, examples and lists; a line is never longer than the terminal."""

    def write_text(self, text: str) -> None:
        r"""Write paragraphs; one that begins with ``\b`` keeps its lines as long as they fit."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            width = self.width - self.current_indent
            if paragraph.lstrip().startswith("\b"):
                kept = paragraph.replace("\b", "").strip("\n").split("\n")
                lines = [part for line in kept for part in _folded(line, width)]
            else:
                lines = _wrapped(paragraph, width)
            self.write("".join(f"{indent}{line}\n" for line in lines))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of terms and what they mean, beside each other or, if a term is long, below."""
        rows = list(rows)
        col_max = min(col_max, 18) if self.width < _NARROW else col_max
        first = min(max((len(term) for term, _ in rows), default=0), col_max) + col_spacing
        indent, room = " " * self.current_indent, self.width - self.current_indent - first
        for term, meaning in rows:
            lines = _wrapped(in_words(meaning), room) or [""]
            if len(term) + col_spacing > first:
                self.write(f"{indent}{term}\n")
            else:
                self.write(f"{indent}{term:<{first}}{lines.pop(0)}".rstrip() + "\n")
            self.write("".join(f"{indent}{'':<{first}}{line}\n" for line in lines))


class Context(click.Context):
    """The context of a command whose help is written by `Formatter`."""

    formatter_class = Formatter


def in_words(meaning: str) -> str:
    """Return a description with the range of its numbers as a reader would say it."""
    for pattern, words in _RANGES:
        meaning = pattern.sub(words, meaning)
    return meaning


def _wrapped(text: str, width: int) -> list[str]:
    """Return a paragraph in lines; what is quoted or in brackets stays together."""
    glued = _KEPT.sub(lambda found: found[0].replace(" ", _GLUE), text)
    lines = textwrap.wrap(glued, width, break_on_hyphens=False, break_long_words=False)
    return [line.replace(_GLUE, " ") for line in lines]


def _folded(line: str, width: int) -> list[str]:
    """Return a line of its own in as many as it needs: of a command each but the last ends with a backslash."""
    if len(line) <= width:
        return [line.rstrip()]
    text = line.lstrip()
    indent = " " * (len(line) - len(text))
    if columns := _TWO_COLUMNS.match(line):
        hanging = " " * len(columns[0])
        first, *rest = _wrapped(line[len(hanging) :], width - len(hanging))
        return [columns[0] + first, *(hanging + one for one in rest)]
    is_command = text.startswith("simsmtp ")
    if is_command:  # an option and its value stay together
        text = re.sub(r"(--[\w-]+) (?!-)", rf"\1{_GLUE}", text)
    first, *rest = _wrapped(text, width - len(indent) - 2 * is_command)
    if rest:
        rest = _wrapped(" ".join(rest), width - len(indent) - 4 - 2 * is_command)
    lines = [indent + first, *(f"{indent}    {one}" for one in rest)]
    return [f"{one} \\" for one in lines[:-1]] + lines[-1:] if is_command else lines
