"""The page around a report: style, sorting, and a policy that forbids whatever is not in the file itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from string import Template

from simsmtp.shown import html_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5c5c5c; --paper: #fdfdfc; --card: #f2f2ef;
  --line: #d8d8d3; --mark: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e4; --soft: #a8a8a2; --paper: #161717; --card: #212323;
  --line: #3b3e3e; --mark: #7db8f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem clamp(.8rem, 3vw, 2rem) 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: clamp(1.4rem, 4vw, 2rem); line-height: 1.2; margin: 1rem 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3, h4, h5, h6 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p, ul, dl { max-width: 52rem; margin: .5rem 0; }
li { margin: .3rem 0; }
.lead { font-size: 1.08rem; }
.soft, small, caption { color: var(--soft); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: 0; max-width: none; }
a { color: var(--mark); }
.note { border-left: 4px solid var(--mark); background: var(--card); padding: .5rem .8rem; max-width: 46rem; }
.glance { background: var(--card); border-radius: .6rem; padding: .3rem 1rem .6rem; }
.glance ul, .glance .lead { padding-left: 1.1rem; max-width: 62rem; }
.glance .lead { padding-left: 0; }
.scroll { overflow: auto; max-height: 34rem; margin: .8rem 0; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; font-size: .875rem; min-width: 100%; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: var(--card); font-weight: 600; min-width: 5.5rem; overflow-wrap: normal; }
td { white-space: nowrap; }
td.long, .draft td { white-space: normal; }
td.long { min-width: 14rem; }
.draft { overflow-x: auto; }
td { font-variant-numeric: tabular-nums; }
.n { text-align: right; }
td small { display: block; }
.sorts th { cursor: pointer; }
.sorts th:focus-visible { outline: 2px solid var(--mark); outline-offset: -2px; }
.sorts th::after { content: "\\a0\\2195"; color: var(--soft); }
.sorts th[aria-sort="ascending"]::after { content: "\\a0\\2191"; color: var(--mark); }
.sorts th[aria-sort="descending"]::after { content: "\\a0\\2193"; color: var(--mark); }
figure { margin: .8rem 0; }
figure div { overflow-x: auto; background: #fff; border: 1px solid var(--line); border-radius: .4rem; padding: .4rem; }
figure img { display: block; margin: 0 auto; height: auto; }
figure img.png { width: 100%; min-width: 44rem; max-width: 60rem; }
@media (min-width: 64rem) { figure img { max-width: 100%; } }
pre, code { font: .875rem/1.45 ui-monospace, monospace; }
pre { background: var(--card); padding: .7rem; overflow-x: auto; border-radius: .4rem; }
code { background: var(--card); border-radius: .2rem; padding: 0 .2rem; }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
blockquote { margin: .4rem 0; padding-left: .8rem; border-left: 3px solid var(--line); color: var(--soft); }
summary { cursor: pointer; color: var(--mark); padding: .4rem 0; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .scroll { max-height: 26rem; } }
@media print { .scroll { max-height: none; overflow: visible; } nav { display: none; } }
"""
# Numbers sort by data-v, everything else as text; without it tables stay in the order of the design.
_SCRIPT = """
document.querySelectorAll('table.sortable').forEach(function (table) {
  table.classList.add('sorts');
  var body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells);
  function value(row, i) {
    var cell = row.cells[i], v = cell.dataset.v, n = parseFloat(v === undefined ? cell.textContent : v);
    return isNaN(n) ? (v === undefined ? cell.textContent : Infinity) : n;
  }
  heads.forEach(function (head, i) {
    head.tabIndex = 0;
    function sort() {
      var sign = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
      heads.forEach(function (one) { one.removeAttribute('aria-sort'); });
      head.setAttribute('aria-sort', sign === 1 ? 'ascending' : 'descending');
      Array.from(body.rows).sort(function (a, b) {
        var x = value(a, i), y = value(b, i);
        var both = typeof x === 'number' && typeof y === 'number';
        return sign * (both ? (x > y) - (x < y) : String(x).localeCompare(String(y)));
      }).forEach(function (row) { body.appendChild(row); });
    }
    head.addEventListener('click', sort);
    head.addEventListener('keydown', function (event) {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); sort(); }
    });
  });
});
"""
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
script-src 'sha256-$hash'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
<script>$script</script>
</body>
</html>
""")


def page_html(title: str, body: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML in which everything that came from outside is escaped.
    """
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return _PAGE.substitute(title=html_text(title), body=body, style=_STYLE, script=_SCRIPT, hash=digest)


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
