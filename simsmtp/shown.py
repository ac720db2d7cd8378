"""Words of others (labels, titles, file names, peers) made harmless for terminals, tables and spreadsheets."""

from __future__ import annotations

import html
import re
import unicodedata

_KEPT = {"Zs", "Co", "Cn"}  # spaces of any width, private characters, and those newer than this Python
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FORMULA = re.compile(r"'*(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
_MARKS = re.compile(r"[\\`*|]|\](?=[(\[:])")


def shown(text: object, keep: str = "") -> str:
    r"""Return a text with its invisible characters written out, as Python does.

    Those are control characters, which a terminal obeys and XML forbids, marks that turn the direction of writing
    around or have no width, separators of lines, and halves of surrogate pairs, which no file can hold.

    Parameters
    ----------
    text : object
        Is made a string.
    keep : str
        Characters that stay as they are, such as line feeds.

    Examples
    --------
    >>> shown("a\x1b[31mb"), shown("日本 ü"), shown("one\ntwo", keep="\n").count("\n")
    ('a\\x1b[31mb', '日本 ü', 1)
    """
    text = str(text)
    return text if text.isprintable() else "".join(one if one in keep else _written(one) for one in text)


def _written(one: str) -> str:
    code = ord(one)
    is_character = code & 0xFFFE != 0xFFFE and not 0xFDD0 <= code <= 0xFDEF
    if one.isprintable() or (is_character and unicodedata.category(one) in _KEPT):
        return one
    return one.encode("unicode_escape").decode("ascii")


def cell(text: str) -> str:
    """Return a text for a cell of a CSV file so that no spreadsheet takes it for a formula.

    What begins as a formula gets an apostrophe in front (OWASP, CSV injection); numbers stay numbers. `from_cell`
    takes it away again.

    Examples
    --------
    >>> cell("=1+1"), cell("-5"), cell("-5 %"), cell("one-stop")
    ("'=1+1", '-5', "'-5 %", 'one-stop')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_cell(text: str) -> str:
    """Return what `cell` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text


def html_text(text: object) -> str:
    """Return a text as it is read in HTML, in an attribute too; line feeds stay."""
    return html.escape(shown(text, keep="\n"))


def markdown_text(text: object) -> str:
    """Return a text as it is read in Markdown and in its tables: one line without markup, links or HTML."""
    plain = shown(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKS.sub(r"\\\g<0>", plain)
