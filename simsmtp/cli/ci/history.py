"""``simsmtp history``: responses over commits, and the commit that changed them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.cli.printing.help_text import Context
from simsmtp.cli.printing.lines import say

if TYPE_CHECKING:
    from simsmtp.history.bisect import Bisection
    from simsmtp.history.revisions import Repository

_FILE = Path("history.jsonl")
_MOST_CHANGES = 20


class _ShowsByDefault(click.Group):
    """A group that takes what is no command of its own for the arguments of ``show``."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command in front where it was left out."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


class _Command(click.Command):
    """A command whose help fits the terminal."""

    context_class = Context


@click.group(cls=_ShowsByDefault)
def history() -> None:
    """Show responses over commits, and find the commit that changed them.

    A history file holds one line for each commit and design point: mean, interval and digest of every response.
    Equal digests are equal values to the last bit, so that a change is a fact and not noise.

    'simsmtp history FILE' is short for 'simsmtp history show FILE'.

    \b
    Examples:
      simsmtp run gate.toml --history history.jsonl
      simsmtp history history.jsonl --figure history.png
      simsmtp history add results/gate history.jsonl --commit v1.2
      simsmtp history bisect gate.toml --good v1.1 --history history.jsonl

    Exit codes: 0 done; 1 the experiment cannot be run at a commit that was named; 2 bad input; 4 the commit could
    not be narrowed down to one.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped


@history.command(cls=_Command, short_help="Print what changed in a history file.")
@click.argument("file", type=click.Path(path_type=Path), default=_FILE)
@click.option("--response", "responses", multiple=True, metavar="NAME", shell_complete=words.responses,
              help="Show this response. May be repeated.")  # fmt: skip
@click.option("--all", "shows_all", is_flag=True, help="Show also what never changed.")
@click.option("--figure", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png",
              help="Draw the values over the commits; FILE.svg is possible, too.")  # fmt: skip
@options.as_json()
def show(file: Path, responses: tuple[str, ...], shows_all: bool, figure: Path | None, as_json: bool) -> None:
    """Print what changed in a history file, a row for each response and design point.

    FILE is history.jsonl unless another is named. Each row has the first and the last mean, the last commit that
    changed the response, and a line of bars, one for each commit. Commits are in the order that the repository
    around you gives them; without one, in the order in which they were noted.
    """
    from simsmtp.cli.printing.history_tables import history_document, print_history
    from simsmtp.errors import InputError
    from simsmtp.history.changes import in_order, series_of
    from simsmtp.history.history_file import read
    from simsmtp.history.revisions import order_of
    from simsmtp.output.writable import require_writable

    if figure is not None:
        if figure.suffix not in {".png", ".svg"}:
            raise InputError("is no picture", key="--figure", given=str(figure), allowed="a name with .png or .svg")
        require_writable(figure, "--figure")
    lines = read(file)
    found = series_of(in_order(lines, order_of({one.commit for one in lines}, Path())))
    known = list(dict.fromkeys(one.response for one in found))
    for name in responses:
        if name not in known:
            raise InputError("is not in the history", file=str(file), key="--response", given=name, allowed=known)
    found = [one for one in found if not responses or one.response in responses]
    picked = [one for one in found if shows_all or one.changes]
    if as_json:
        print(json.dumps(history_document(picked), indent=1, allow_nan=False))
    else:
        print_history(str(file), found, picked)
    if figure is not None:
        from simsmtp.figures.history_figure import write_history_figure

        write_history_figure(figure, picked or found)


@history.command(cls=_Command, short_help="Add results to a history file.")
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--commit", metavar="NAME", help="The commit; by default that of the folder you are in.")
def add(results: Path, file: Path, commit: str | None) -> None:
    """Add results to a history file.

    RESULTS is a results folder, the store in it, or a baseline.
    """
    from simsmtp.gate.baseline import load_baseline
    from simsmtp.history.history_file import append, lines_of

    commit = commit_named(commit, file)
    lines = lines_of(load_baseline(results), commit)
    append(file, lines)
    say(f"{file}: {len(lines)} lines added for {commit[:40]}")


def commit_named(given: str | None, file: Path) -> str:
    """Return the commit that was named, in full if it is known here, else that of the current folder.

    Raises
    ------
    InputError
        If there is none.
    """
    from simsmtp.errors import InputError
    from simsmtp.history.revisions import current_commit, repository_of

    if given:
        try:
            return repository_of(Path(), "--commit").commit(given, "--commit")
        except InputError:  # of another repository, or a name of the user's own
            return given
    found = current_commit(Path(), aside=file)
    if not found:
        raise InputError("is not known: this folder is in no git repository", key="--commit", allowed="--commit NAME")
    return found


@history.command(cls=_Command, short_help="Find the commit that changed results.")
@click.argument("experiment", type=click.Path(path_type=Path), shell_complete=words.experiments)
@click.option("--good", required=True, metavar="COMMIT", help="A commit before the change.")
@click.option("--bad", default="HEAD", show_default=True, metavar="COMMIT", help="A commit after it.")
@click.option("--repository", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
              help="A folder in the repository; by default the one you are in.")  # fmt: skip
@click.option("--history", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="Take what is known from this file, and add what is run.")  # fmt: skip
@click.option("--response", "responses", multiple=True, metavar="NAME", shell_complete=words.responses,
              help="Look at this response; by default at all. May be repeated.")  # fmt: skip
@options.settings()
@options.strategies(help="A Python file that registers counting strategies. One in the repository is taken from "
                         "each commit. May be repeated.")  # fmt: skip
@options.replications(type=click.IntRange(1), help="Replications of every design point.")
@options.workers()
@click.option("--timeout", "timeout_s", type=click.FloatRange(1), default=3600, show_default=True,
              metavar="SECONDS", help="Longest time for one commit.")  # fmt: skip
@options.as_json()
@click.pass_context
def bisect(
    ctx: click.Context,
    /,
    experiment: Path,
    *,
    good: str,
    bad: str,
    repository: Path,
    file: Path | None,
    responses: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
    **named: Any,
) -> None:
    """Find the commit that changed the results of an experiment.

    The range from --good to --bad is halved again and again. At each commit that is looked at, its files are
    written to a temporary folder, and a new process runs EXPERIMENT with them: with that commit's simsmtp if the
    repository holds it, and with that commit's strategy files. EXPERIMENT itself stays the same. Digests of the
    results tell exactly whether two commits are equal. Of merges the first parent is followed.

    Your working tree and your repository are only read. With --history the same command goes on where it was
    interrupted. The code of each commit is executed: use it on repositories that you trust.
    """
    from simsmtp.errors import InputError
    from simsmtp.experiment.shipped import named_file
    from simsmtp.history.bisect import Bisector
    from simsmtp.history.revisions import repository_of
    from simsmtp.output.writable import require_writable
    from simsmtp.rows.responses import COLUMNS
    from simsmtp.running.run_options import RunOptions

    for name in responses:
        if name not in COLUMNS:
            raise InputError("unknown response", key="--response", given=name, allowed=COLUMNS)
    if file is not None:
        require_writable(file, "--history", may_be_made=True)
    place = repository_of(repository, "--repository")
    ends = place.commit(good, "--good"), place.commit(bad, "--bad")
    bisector = Bisector(
        place, Path(str(named_file(experiment))), RunOptions(**named, progress=False), history=file,
        responses=responses, timeout_s=timeout_s, say=lambda text: say(f"simsmtp: {text}", to_stderr=True),
    )  # fmt: skip
    found = bisector.search(*ends)
    print(json.dumps(_document(found, place), indent=1)) if as_json else _print(found, place, ends)
    ctx.exit(4 if len(found.suspects) > 1 else 0)


def _document(found: Bisection, place: Repository) -> dict[str, Any]:
    changes = [
        {"response": one.response, "factors": dict(one.factors), "before": one.before.digest, "after": one.after.digest}
        for one in found.changes
    ]
    told = {} if found.first is None else {"subject": place.subject(found.first), "files": place.files(found.first)}
    return {**found._asdict(), "changes": changes, **told}


def _print(found: Bisection, place: Repository, ends: tuple[str, str]) -> None:
    from simsmtp.cli.printing.history_tables import print_changes

    cost = f"{found.ran} commits run, {found.known} known from the history file"
    if not found.suspects:
        say(f"No change: the results at {ends[0][:12]} and {ends[1][:12]} are equal to the last bit. {cost}")
        return
    if found.first is None:
        say(f"One of these {len(found.suspects)} commits changed the results; those between could not be run:")
    else:
        say("This commit changed the results:")
    for commit in found.suspects[:_MOST_CHANGES]:
        say(f"  {commit[:12]} {place.subject(commit)}")
    if found.first is not None:
        names = place.files(found.first)
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        say(f"  files: {', '.join(names[:8])}{more}")
    say(f"{cost}\n")
    print_changes(found.changes, found.before[:12], found.suspects[-1][:12])
