"""Numbers, tables and a little Markdown as HTML; all text that comes in is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from simsmtp.model import numbers
from simsmtp.shown import html_text

Cell = tuple[str, Any]
_LONG = 36
NOTHING = "\u2013"
_ROW = re.compile(r"(?<!\\)\|")


def number_text(value: float) -> str:
    """Return a number with four significant digits, thousands apart, or a dash for nan.

    Examples
    --------
    >>> number_text(1234567.8), number_text(0.123456)
    ('1,234,568', '0.1235')
    """
    if math.isnan(value):
        return NOTHING
    return numbers.number_text(value)


def interval_text(low: float, high: float) -> str:
    """Return an interval, nothing where there is none or it has no width."""
    if math.isnan(low) or math.isnan(high) or low == high:
        return ""
    return f"{number_text(low)} … {number_text(high)}"


def table_html(heads: Sequence[str], rows: Sequence[Sequence[Cell]], titles: Sequence[str] = ()) -> str:
    """Return a table that can be sorted.

    Parameters
    ----------
    heads : sequence of str
        Plain text.
    rows : sequence of sequence of (text, key)
        Plain text of a cell, with a second line after a line feed, and what it is sorted by.
    titles : sequence of str
        What a head says when pointed at.
    """
    said = [*titles, *([""] * len(heads))]
    kinds = [' class="n"' if _is_numeric(column) else "" for column in zip(*rows, strict=True)] or [""] * len(heads)
    head = "".join(
        f'<th scope="col"{kind}{_title(title)}>{html_text(one)}</th>'
        for one, title, kind in zip(heads, said, kinds, strict=False)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row, kinds))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _title(text: str) -> str:
    return f' title="{html_text(text)}"' if text else ""


def _cell(cell: Cell, kind: str) -> str:
    text, key = cell
    first, _, second = text.partition("\n")
    small = f" <small>{html_text(second)}</small>" if second else ""
    if _is_number(key):
        shown = key.item() if hasattr(key, "item") else key
        return f'<td{kind} data-v="{shown!r}">{html_text(first)}{small}</td>'
    long = ' class="long"' if len(first) > _LONG else kind
    return f"<td{long}>{html_text(first)}{small}</td>"


def _is_numeric(column: Sequence[Cell]) -> bool:
    """Tell whether a column holds numbers and otherwise nothing."""
    keys = [key for _, key in column if key != ""]
    return bool(keys) and all(map(_is_number, keys))


def _is_number(key: Any) -> bool:
    shown = key.item() if hasattr(key, "item") else key
    return isinstance(shown, int | float) and not isinstance(shown, bool)


def list_html(items: Sequence[str]) -> str:
    """Return a list of plain texts."""
    return f"<ul>{''.join(f'<li>{html_text(one)}</li>' for one in items)}</ul>" if items else ""


def pairs_html(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names with what belongs to them."""
    body = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(text)}</dd>" for name, text in pairs)
    return f"<dl>{body}</dl>"


def markdown_html(text: str, *, lowest: int = 3) -> str:
    """Return simple Markdown as HTML: headings, paragraphs, lists, quotes, pipe tables, code, bold, italics.

    Parameters
    ----------
    text : str
        Markdown; HTML in it is shown as text.
    lowest : int
        Level of a first-level heading.
    """
    return "\n".join(_blocks(text.split("\n\n"), lowest))


def _blocks(blocks: Sequence[str], lowest: int) -> Iterator[str]:
    for block in blocks:
        lines = [line for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        marks = len(lines[0]) - len(lines[0].lstrip("#"))
        if marks:
            level = min(marks + lowest - 1, 6)
            yield f"<h{level}>{_inline(lines[0].lstrip('# '))}</h{level}>"
            lines = lines[1:]
        if lines:
            yield _block(lines)


def _block(lines: Sequence[str]) -> str:
    if lines[0].startswith("|"):
        return _pipe_table(lines)
    if lines[0].startswith("- "):
        items = [one.replace("\n", " ") for one in "\n".join(lines)[2:].split("\n- ")]
        return "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"
    if lines[0].startswith(">"):
        return f"<blockquote>{_inline(' '.join(line.lstrip('> ') for line in lines))}</blockquote>"
    if len(lines) > 1 and lines[-1].startswith(("|", "- ")):
        first = next(i for i, line in enumerate(lines) if line.startswith(("|", "- ")))
        return f"<p>{_inline(' '.join(lines[:first]))}</p>{_block(lines[first:])}"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _pipe_table(lines: Sequence[str]) -> str:
    rows = [[cell.strip().replace("\\|", "|") for cell in _ROW.split(line.strip().strip("|"))] for line in lines]
    head = "".join(f'<th scope="col">{_inline(cell)}</th>' for cell in rows[0])
    body = "".join(f"<tr>{''.join(map(_pipe_cell, row))}</tr>" for row in rows[2:])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _pipe_cell(cell: str) -> str:
    return f'<td class="long">{_inline(cell)}</td>' if len(cell) > _LONG else f"<td>{_inline(cell)}</td>"


def _inline(text: str) -> str:
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"<code>{html_text(one[1:-1])}</code>" if one[:1] == "`" else _marked(one) for one in parts)


def _marked(text: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html_text(text))
    return re.sub(r"(?<!\*)\*([^*]+)\*(?!\*)", r"<i>\1</i>", bold)
