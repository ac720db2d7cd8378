"""``simsmtp report``: a results folder in, one HTML file out."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="The file to write; by default report.html in the folder.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the path in a JSON document.")
def report(folder: Path, output: Path | None, as_json: bool) -> None:
    """Write one HTML file of what a results folder holds.

    It has the answer at a glance, figures, sortable tables, method, provenance, how to reproduce it, a STRESS-DES
    draft, and what the responses mean.

    The file needs nothing else: it can be sent by mail and read on a phone. summary.csv has to be in the folder; what
    else is missing is said in the report.

    \b
    Examples:
      simsmtp report results/kb822105
      simsmtp report results/kb822105 --output /tmp/kb822105.html

    Exit codes: 0 written; 2 bad input, and nothing was written.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.cli.printing.lines import say
    from simsmtp.report.report import write_report

    path = write_report(folder, output).as_posix()
    if as_json:
        print(json.dumps({"report": path}))
    else:
        say(path)
