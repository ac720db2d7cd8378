"""The page around a report: style, sorting, and a policy that forbids whatever is not in the file itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from string import Template

from simsmtp.shown import html_text

_PAGE = Path(__file__).with_suffix(".html")


def page_html(title: str, body: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML in which everything that came from outside is escaped.
    """
    page = _PAGE.read_text(encoding="utf-8")
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(page).substitute(title=html_text(title), body=body, hash=digest)


def section_html(name: str, title: str, content: str) -> str:
    """Return a section with its heading; nothing if there is no content."""
    return f'<section id="{html_text(name)}"><h2>{html_text(title)}</h2>\n{content}\n</section>' if content else ""


def details_html(summary: str, content: str) -> str:
    """Return something that is folded away."""
    return f"<details><summary>{html_text(summary)}</summary>\n{content}\n</details>"


def contents_html(sections: Sequence[tuple[str, str]]) -> str:
    """Return links to sections, given by name and title."""
    links = "".join(f'<li><a href="#{html_text(name)}">{html_text(title)}</a></li>' for name, title in sections)
    return f'<nav aria-label="contents"><ul>{links}</ul></nav>'
