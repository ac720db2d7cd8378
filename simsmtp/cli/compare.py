"""``simsmtp compare``: results and a baseline in; a verdict and an exit code out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from simsmtp.cli import options
from simsmtp.cli.ci import documents
from simsmtp.cli.completion import words

if TYPE_CHECKING:
    from simsmtp.gate.capacity_comparison import CapacityComparison
    from simsmtp.gate.comparison import Comparison

_MOST_ROWS = 30


@click.command()
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--margin", "margins", multiple=True, metavar="[RESPONSE=]SHARE",
              help="Change for the worse that is allowed; 0.05 by default. May be repeated.")  # fmt: skip
@click.option("--response", "responses", multiple=True, metavar="NAME", shell_complete=words.responses,
              help="Compare this response; by default all. May be repeated.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True, help="Confidence level of the intervals.")
@options.settings(help="Change a key of an experiment file, as with 'simsmtp run'.")
@options.strategies(help="A Python file that registers counting strategies, as with 'simsmtp run'.")
@options.determinism_check(help="Do not repeat first replications with a strategy of your own, as with 'simsmtp run'.")
@options.workers(help="Processes; by default one per processor.")
@options.as_json()
@options.quiet(help="Print the verdict alone, and no notes.")
@documents.to(help="Write the comparison in this format: github (annotations and a job summary), comment, markdown, "
                   "junit, badge, badge-svg, github-action-benchmark, bmf, gobench or pytest-benchmark. Without FILE "
                   "it is printed. May be repeated.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The file of the one format that names none. github-action-benchmark makes FILE-smaller and "
                   "FILE-bigger, pytest-benchmark FILE-base and FILE-new, in front of the suffix.")  # fmt: skip
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    base: Path,
    new: Path,
    *,
    margins: tuple[str, ...],
    responses: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    kinds: tuple[str, ...],
    output: Path | None,
    **named: Any,
) -> None:
    """Compare NEW with BASE, response by response, and say whether it is worse.

    Each is a baseline file, a results folder or the store in it, a summary.csv (means only: equal, or not), or an
    experiment file, which is run (its rows are kept in results/NAME, as by 'simsmtp run'). Equal results are OK.
    Where they differ, the change of the mean with its paired interval is held against a margin: OK, REGRESSION, or
    INCONCLUSIVE; then NEW, if it is an experiment, gets more replications, up to as many as BASE holds.

    Two folders of 'simsmtp capacity' are compared by their answers: REGRESSION where NEW misses an objective that
    BASE met, or where a searched value is worse by more than the margin.

    \b
    Examples:
      simsmtp run window --replications 10 --write-baseline baseline.csv
      simsmtp compare baseline.csv window
      simsmtp compare baseline.csv results/window --margin 0.02 --margin makespan_s=0.1
      simsmtp compare baseline.csv results/window --to github --to junit=gate.xml
      simsmtp compare results/newsletter results/newsletter-full

    Exit codes: 0 ok; 1 a replication failed; 2 bad input, other scenarios or another seed; 3 regression;
    4 inconclusive; 5 there is no baseline.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.gate.gate import compare as compared
    from simsmtp.gate.recorded_results import NoBaselineError

    targets = documents.targets_of(kinds, output=output, as_json=as_json)
    try:
        found = compared(base, new, margin=read_margins(margins), responses=responses or None, **named)
    except NoBaselineError as error:
        no_baseline(ctx, error)
    documents.write_comparison(found, targets)
    if as_json:
        print(json.dumps(found.to_dict(), indent=1, allow_nan=False))
    elif all(one.file is not None for one in targets):
        print_comparison(found, quiet=quiet)
    ctx.exit(found.exit_code)


def no_baseline(ctx: click.Context, error: Exception) -> NoReturn:
    """Say that there is no baseline and exit with code 5."""
    from simsmtp.cli.printing.lines import say

    say(f"simsmtp: {error}", to_stderr=True)
    ctx.exit(5)


def read_margins(given: Sequence[str]) -> float | Mapping[str, float]:
    """Return what ``--margin`` says: one share for all, shares by response, or both."""
    from simsmtp.errors import InputError
    from simsmtp.rows.responses import COLUMNS

    margins = dict.fromkeys(COLUMNS, 0.05)
    for one in sorted(given, key=lambda text: "=" in text):
        name, _, share = one.rpartition("=")
        try:
            margins |= {name: float(share)} if name else dict.fromkeys(COLUMNS, float(share))
        except ValueError:
            raise InputError("not a margin", key="--margin", given=one, allowed="SHARE or RESPONSE=SHARE") from None
    return margins


def print_comparison(found: Comparison | CapacityComparison, *, quiet: bool = False) -> None:
    """Print the verdict, then what changed, the gravest first; of capacity plans every answer."""
    from simsmtp.cli.printing.console import PlainConsole
    from simsmtp.cli.printing.tables import columns_of, print_table, short_names
    from simsmtp.shown import shown

    console, view = PlainConsole(), found.view()
    console.print(f"{shown(view.name)}: {view.headline}", style="bold")
    if quiet:
        return
    if view.rows:
        console.print()
        rows, keys = [row for _, row in view.rows[:_MOST_ROWS]], list(view.heads).index("base")
        names = columns_of(short_names(view.heads[:keys]), [row[:keys] for row in rows], is_text=True)
        *values, verdict = columns_of(view.heads[keys:], [row[keys:] for row in rows])
        are_texts = "change" not in view.heads  # answers to capacity plans
        values = [replace(verdict, is_text=True), *(replace(one, is_text=are_texts) for one in values)]
        print_table(console, names, values)
        if len(view.rows) > _MOST_ROWS:
            console.print(f"{len(view.rows) - _MOST_ROWS} more rows: --json or --to markdown")
        console.print(view.explanation)
    for note in view.notes:
        console.print(f"- {note}")
