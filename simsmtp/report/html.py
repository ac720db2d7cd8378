"""Numbers, tables and Markdown as HTML; all text that comes in is escaped here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simsmtp.model.numbers import number_text
from simsmtp.shown import html_text, shown

Cell = tuple[str, Any]
_LONG = 36
_NOT_MADE = ["link", "image", "autolink", "reference", "html_inline", "html_block", "entity"]


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
        number = key.item() if hasattr(key, "item") else key
        return f'<td{kind} data-v="{number!r}">{html_text(first)}{small}</td>'
    long = ' class="long"' if len(first) > _LONG else kind
    return f"<td{long}>{html_text(first)}{small}</td>"


def _is_numeric(column: Sequence[Cell]) -> bool:
    """Tell whether a column holds numbers and otherwise nothing."""
    keys = [key for _, key in column if key != ""]
    return bool(keys) and all(map(_is_number, keys))


def _is_number(key: Any) -> bool:
    number = key.item() if hasattr(key, "item") else key
    return isinstance(number, int | float) and not isinstance(number, bool)


def list_html(items: Sequence[str]) -> str:
    """Return a list of plain texts."""
    return f"<ul>{''.join(f'<li>{html_text(one)}</li>' for one in items)}</ul>" if items else ""


def pairs_html(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names with what belongs to them."""
    body = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(text)}</dd>" for name, text in pairs)
    return f"<dl>{body}</dl>"


def markdown_html(text: str) -> str:
    """Return Markdown with tables as HTML, its first-level headings as third-level ones.

    HTML in it is shown as text; links and images are not made.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(_NOT_MADE)
    tokens = reader.parse(shown(text, keep="\n"))
    for one in tokens:
        if one.type.startswith("heading"):
            one.tag = f"h{min(int(one.tag[1:]) + 2, 6)}"
    return f'<div class="draft">{reader.renderer.render(tokens, reader.options, {})}</div>'
