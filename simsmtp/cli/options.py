"""Options that several commands share; what a command says of one in its own words is given where it is used."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from simsmtp.cli.completion import words

_FILE = "A Python file that registers counting strategies"

settings = partial(click.option, "--set", "settings", multiple=True, metavar="KEY=VALUE",
                   shell_complete=words.settings,
                   help="Change a key, as with 'simsmtp run'.")  # fmt: skip
strategies = partial(click.option, "--strategy", "strategies", multiple=True, metavar="FILE.py", help=f"{_FILE}.")
determinism_check = partial(click.option, "--no-determinism-check", "determinism_check", is_flag=True,
                            callback=lambda _context, _option, given: not given)  # fmt: skip
replications = partial(click.option, "--replications", metavar="N")
seed = partial(click.option, "--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Key of all random draws.")
workers = partial(click.option, "--workers", type=click.IntRange(1), metavar="N",
                  help="Processes; by default one per processor. Results do not depend on it.")  # fmt: skip
engine = partial(click.option, "--engine", default="auto", show_default=True, metavar="NAME",
                 shell_complete=words.one_of(words.ENGINES),
                 help="What to simulate with: reference, compiled (extra 'fast': the same bits, faster), or auto for "
                      "the compiled one where that repays loading it.")  # fmt: skip
output = partial(click.option, "-o", "--output", type=click.Path(path_type=Path), metavar="DIR")
repair = partial(
    click.option, "--repair", is_flag=True,
    help="If the stored replications are damaged, keep what is whole and compute the rest anew.",
)  # fmt: skip
as_json = partial(click.option, "--json", "as_json", is_flag=True,
                  help="Print one JSON document in place of the table.")  # fmt: skip
dry_run = partial(click.option, "--dry-run", is_flag=True)
quiet = partial(
    click.option, "-q", "--quiet", is_flag=True, callback=lambda context, _option, given: _hushed(context, given)
)
no_figure = partial(click.option, "--no-figure", is_flag=True, help="Leave the figure out.")
point = partial(click.option, "--point", type=click.IntRange(1), default=1, show_default=True, metavar="N",
                help="Design point of an experiment, from 1.")  # fmt: skip
replication = partial(click.option, "--replication", type=click.IntRange(0), default=0, show_default=True, metavar="N",
                      help="Replication, from 0.")  # fmt: skip
html = partial(click.option, "--html", "page", type=click.Path(path_type=Path), metavar="FILE",
               help="Also draw the sequence diagram as one HTML page, to zoom and to click into.")  # fmt: skip


def _hushed(context: click.Context, quiet: bool) -> bool:
    """Write no notes until the command is done."""
    if quiet:
        from simsmtp.progress import hush

        hush()
        context.call_on_close(partial(hush, is_quiet=False))
    return quiet
