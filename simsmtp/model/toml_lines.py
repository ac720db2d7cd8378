"""Where a key stands in a TOML text. :mod:`tomllib` parses and forgets; messages need the line."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STOP = re.compile(r"\"\"\"|'''|[\"'#\[\]{}\n]")
_INSIDE = re.compile(_STOP.pattern.replace("{}", "{},="))
_END = {
    '"""': re.compile(r'\\.|"{3,5}', re.DOTALL),
    "'''": re.compile(r"'{3,5}"),
    '"': re.compile(r'\\.|"|(?=\n)'),
    "'": re.compile(r"'|(?=\n)"),
    "#": re.compile(r"(?=\n)"),
}
_KEY_PART = re.compile(r'\s*("(?:\\.|[^"\\])*"|\'[^\']*\'|[A-Za-z0-9_-]+)\s*')
_ESCAPE = re.compile(r'\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|["\\bfnrt])')
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
Path = tuple[str, ...]


def line_of(text: str, dotted: str) -> int | None:
    """Return the line of a key, or of the nearest table or key around it.

    Parameters
    ----------
    text : str
        A valid TOML document.
    dotted : str
        The key with its tables, quoted keys unquoted: ``factors.client.batch_size``. Tables of an
        array count from 0: ``points.1.sender``.

    Returns
    -------
    int or None
        Counted from 1; None if nothing around the key stands in the text.
    """
    nearest, found = -1, None
    for path, line in key_lines(text):
        # How much of the key this path shares; a header also stands for the tables around it.
        shared = _shared(path, dotted)
        if shared > nearest:
            nearest, found = shared, line
    return found


def _shared(path: Path, dotted: str) -> int:
    """Return where the part of a dotted key ends that begins a path, -1 if none does."""
    end, begin = -1, 0
    for part in path:
        upto = begin + len(part)
        if not dotted.startswith(part, begin) or dotted[upto : upto + 1] not in {"", "."}:
            break
        end, begin = upto, upto + 1
    return end


def key_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Yield every table header and key of a TOML text with its full path and line."""
    table: Path = ()
    arrays: dict[Path, int] = {}
    for line, statement in _statements(text):
        if statement.startswith("["):
            table = _header(statement, arrays)
            yield table, line
        else:
            path = (*table, *_key(statement))
            yield path, line
            if "{" in statement:
                yield from _inside(statement, path, line)


def _inside(statement: str, path: Path, line: int) -> Iterator[tuple[Path, int]]:
    """Yield the keys of inline tables, and the tables that stand in lists."""
    pieces = _pieces(statement, _INSIDE)
    for opening, _ in pieces:
        if opening == "=":
            break
    stack: list[tuple[str, Path]] = []
    key, at = "", line
    for opening, piece in pieces:
        kind, outer = stack[-1] if stack else ("", ())
        if opening in {"[", "{"}:
            if kind == "[" and opening == "{":
                yield path, line
            stack.append((opening, path))
            path, key = (*path, "0"), ""
        elif opening in {"]", "}"}:
            path = stack.pop()[1]
        elif opening == ",":
            path, key = (*outer, str(int(path[-1]) + 1)) if kind == "[" else path, ""
        elif opening == "=":
            path = (*outer, *_key(key))
            yield path, at
        elif kind == "{" and opening != "#":
            at = at if key.strip() else line
            key += piece
        line += piece.count("\n")


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
        parts.append(_unquoted(found[1]))
        position = found.end()
        if statement[position : position + 1] != ".":
            break
        position += 1
    return tuple(parts)


def _unquoted(part: str) -> str:
    if part[0] == '"':
        return _ESCAPE.sub(lambda one: _ESCAPES.get(one[1]) or chr(int(one[1][1:], 16)), part[1:-1])
    return part[1:-1] if part[0] == "'" else part


def bare_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and content of every line, an ``x`` for each string and without comments."""
    number, line = 1, ""
    for opening, piece in _pieces(text):
        if opening == "\n":
            yield number, line
            line = ""
        elif opening != "#":
            line += "x" if opening in _END else piece
        number += piece.count("\n")
    yield number, line


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each header or key with its value, which may run over several lines."""
    line, begin, depth = 1, 1, 0
    statement: list[str] = []
    for opening, piece in _pieces(text + "\n"):
        if opening == "\n" and depth == 0:
            if statement:
                yield begin, "".join(statement).strip()
            statement = []
        elif opening != "#" and (statement or piece.strip()):
            begin = begin if statement else line
            statement.append(piece)
            depth += (opening in {"[", "{"}) - (opening in {"]", "}"})
        line += piece.count("\n")


def _pieces(text: str, stops: re.Pattern[str] = _STOP) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a text, each with what opened it: a quote, ``#``, a bracket, a line end, or nothing."""
    at = 0
    while found := stops.search(text, at):
        if found.start() > at:
            yield "", text[at : found.start()]
        opening, at = found[0], found.start()
        end = _end(text, opening, found.end()) if opening in _END else found.end()
        yield opening, text[at:end]
        at = end
    if at < len(text):
        yield "", text[at:]


def _end(text: str, opening: str, at: int) -> int:
    for found in _END[opening].finditer(text, at):
        if not found[0].startswith("\\"):
            return found.end()
    return len(text)
