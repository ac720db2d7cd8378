"""Where a key stands in a TOML text. :mod:`tomllib` parses and forgets; messages need the line."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[{]|[\]}]|\n|[^\"'#\[\]{}\n]+|.",
    re.DOTALL,
)
_KEY_PART = re.compile(r'\s*("(?:\\.|[^"\\])*"|\'[^\']*\'|[A-Za-z0-9_-]+)\s*')
Path = tuple[str, ...]


def line_of(text: str, dotted: str) -> int | None:
    """Return the line of a key, or of the nearest table or key around it.

    Parameters
    ----------
    text : str
        A valid TOML document.
    dotted : str
        The key with its tables, quoted keys unquoted: ``factors.client.batch_size``. Tables of an
        array count from 0: ``points.1.sender``. Keys of an inline table stand where that table's key stands.

    Returns
    -------
    int or None
        Counted from 1; None if nothing around the key stands in the text.
    """
    lines: dict[str, int] = {}
    for path, line in key_lines(text):
        for length in range(1, len(path) + 1):  # a header also stands for the tables around it
            lines.setdefault(".".join(path[:length]), line)
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if (found := lines.get(".".join(parts[:length]))) is not None:
            return found
    return None


def key_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Yield every table header and key of a TOML text with its full path and line."""
    table: Path = ()
    arrays: dict[Path, int] = {}
    for line, statement in _statements(text):
        if statement.startswith("["):
            table = _header(statement, arrays)
            yield table, line
        else:
            yield (*table, *_key(statement)), line


def _header(statement: str, arrays: dict[Path, int]) -> Path:
    """Return the path of a table header, the elements of arrays of tables numbered."""
    *outer, last = _key(statement.lstrip("["))
    path: Path = ()
    for part in outer:
        path = _latest((*path, part), arrays)
    path = (*path, last)
    if statement.startswith("[["):
        arrays[path] = arrays.get(path, -1) + 1
    return _latest(path, arrays)


def _latest(path: Path, arrays: dict[Path, int]) -> Path:
    return (*path, str(arrays[path])) if path in arrays else path


def _key(statement: str) -> Path:
    parts: list[str] = []
    position = 0
    while found := _KEY_PART.match(statement, position):
        part = found[1]
        parts.append(part[1:-1] if part[0] in "\"'" else part)
        position = found.end()
        if statement[position : position + 1] != ".":
            break
        position += 1
    return tuple(parts)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each header or key with its value, which may run over several lines."""
    line, begin, depth, statement = 1, 1, 0, ""
    for piece in _PIECE.findall(text + "\n"):
        if piece == "\n" and depth == 0:
            if statement.strip():
                yield begin, statement.strip()
            statement = ""
        elif not piece.startswith("#"):
            if not statement.strip():
                begin = line
            statement += piece
            depth += (piece in "[{") - (piece in "]}")
        line += piece.count("\n")
