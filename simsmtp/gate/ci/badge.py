"""A badge with the verdict: JSON for an endpoint badge of shields.io, or SVG."""

from __future__ import annotations

import json

from simsmtp.gate.ci.findings import Outcome
from simsmtp.shown import html_text, shown

_COLOURS = {0: ("brightgreen", "#44cc11"), 4: ("yellow", "#dfb317")}
_RED = ("red", "#e05d44")
_LONGEST = 60
_WIDTH, _GAP = 6.6, 10
"""Of a character in pixels, about, and beside a text."""


def badge_json(outcome: Outcome) -> str:
    """Return a badge as the JSON that shields.io reads from an address of yours."""
    label, message, (colour, _) = _parts(outcome)
    document = {"schemaVersion": 1, "label": label, "message": message, "color": colour}
    if outcome.exit_code:
        document["isError"] = True
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def badge_svg(outcome: Outcome) -> str:
    """Return a badge as SVG, which needs no service."""
    label, message, (_, colour) = _parts(outcome)
    left, right = (round(len(text) * _WIDTH + 2 * _GAP) for text in (label, message))
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{width - 2 * _GAP}" lengthAdjust="spacingAndGlyphs">{html_text(text)}</text>'
        for x, width, text in ((left / 2, left, label), (left + right / 2, right, message))
    )
    title = html_text(f"{label}: {message}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f'<title>{title}</title><clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#555"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>\n"
    )


def _parts(outcome: Outcome) -> tuple[str, str, tuple[str, str]]:
    label = shown(outcome.view.name or "simsmtp")
    return label[:_LONGEST], outcome.view.verdict[:_LONGEST].lower(), _COLOURS.get(outcome.exit_code, _RED)
