"""``simsmtp check``: are experiment files right? Nothing is run."""

from __future__ import annotations

from pathlib import Path

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.cli.printing.lines import say


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...",
                shell_complete=words.experiments)  # fmt: skip
@options.strategies(help="A Python file that registers counting strategies which the files name. May be repeated.")
@options.quiet(help="Print errors only.")
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], strategies: tuple[str, ...], quiet: bool) -> None:
    """Check experiment files and capacity plans: one line for each error, with file and line.

    All is checked that 'simsmtp run' checks before it starts: keys, values, every design point, the figure. Nothing
    is run or written. A file with [scenario] alone is checked as a scenario. Made for a hook of pre-commit.

    \b
    Examples:
      simsmtp check experiments/*.toml
      simsmtp check gate.toml --strategy my_counting.py

    Exit codes: 0 all are right; 2 an error.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.errors import InputError
    from simsmtp.model.numbers import counted
    from simsmtp.running.user_strategies import find_strategies

    find_strategies(strategies)
    wrong = 0
    for file in files:
        try:
            told = _checked(file)
        except InputError as error:
            wrong += 1
            say(f"simsmtp: {error if error.file else error.at(file=str(file))}", to_stderr=True)
        else:
            if not quiet:
                say(f"{file}: ok, {told}")
    if wrong:
        say(f"simsmtp: {counted(wrong, 'file')} of {len(files)} with an error", to_stderr=True)
        ctx.exit(2)


def _checked(file: Path) -> str:
    """Check one file, and return what it holds."""
    from simsmtp.experiment.experiment_file import load_case, load_experiment
    from simsmtp.experiment.figure_check import check_figure
    from simsmtp.experiment.shipped import named_file
    from simsmtp.experiment.source_map import read_toml
    from simsmtp.model.numbers import counted

    found = named_file(file)
    if isinstance(found, Path) and found.exists() and set(read_toml(found)[0]) == {"scenario"}:
        load_case(found)
        return "a scenario"
    experiment = load_experiment(file)
    check_figure(experiment)
    if experiment.capacity is not None:
        return "a capacity plan"
    return (
        f"{counted(len(experiment.points), 'design point')}, {counted(experiment.replications, 'replication')} of each"
    )
