"""A results folder as one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simsmtp.files import replace_file, write_errors
from simsmtp.report import sections as parts
from simsmtp.report.capacity_sections import capacity_parts
from simsmtp.report.page import contents_html, page_html, section_html
from simsmtp.report.results_folder import read_record
from simsmtp.shown import html_text

if TYPE_CHECKING:
    from simsmtp.report.results_folder import Record

REPORT = "report.html"


def write_report(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write a report of what is in a results folder.

    Parameters
    ----------
    folder : str or Path
        As ``simsmtp run`` or ``simsmtp capacity`` leaves it; ``summary.csv`` alone has to be there.
    output : str or Path, optional
        The file; by default ``report.html`` in the folder.

    Returns
    -------
    Path
        The file: no other is needed to read it.

    Raises
    ------
    InputError
        If folder or summary is missing, a file in it is malformed, or the output cannot be written. Nothing is
        written then.
    """
    content = report_html(read_record(folder)).encode()
    path = Path(folder) / REPORT if output is None else Path(output)
    with write_errors(path):
        replace_file(path, content)
    return path


def report_html(record: Record) -> str:
    """Return the report of a results folder as HTML."""
    figures = parts.figures(record)
    study = [("glance", "The answer at a glance", parts.glance(record)), ("figures", "Figures", figures)]
    sections = [
        *(capacity_parts(record.capacity, figures) if record.capacity else study),
        ("results", "Results", parts.results(record)),
        ("method", "Method", parts.method(record)),
        ("provenance", "Provenance", parts.provenance(record)),
        ("reproduce", "How to reproduce", parts.reproduce(record)),
        ("stress-des", "STRESS-DES draft", parts.stress(record)),
        ("glossary", "Glossary of the responses", parts.glossary(record)),
    ]
    shown = [(name, title, content) for name, title, content in sections if content]
    head = f"<h1>{html_text(record.title)}</h1>"
    asked = f'<p class="lead">{html_text(record.description)}</p>' if record.description else ""
    links = contents_html([(name, title) for name, title, _ in shown])
    return page_html(record.title, "\n".join([head, asked, links, *(section_html(*one) for one in shown)]))
