"""``simsmtp capacity``: a plan and its objectives in; what it can carry, needs and costs out."""

from __future__ import annotations

import json
from pathlib import Path

import click

_HELP = """Find out what a plan can carry: the largest arrival rate that meets the objectives, the smallest batch size
and number of connections that do, where it is tight, what sways it, what it costs.

The plan is an experiment file with a table [capacity]. An objective is a response, an operator and a number with its
unit. What counts is the end of the confidence interval, and what a search found is confirmed on fresh seeds. Finished
replications are kept: run the same command again to go on after Ctrl-C. The folder then holds capacity.json,
summary.csv, provenance.json and the figure capacity.png and .svg.

Where an objective may fail at low rates and hold at high ones ('delivered_per_s > 5'), rates are tried on a grid over
the whole range of the search, and what is told is the stretch that meets it.

\b
Examples:
  simsmtp capacity experiments/newsletter.toml
  simsmtp capacity experiments/newsletter.toml --slo 'delay p(99) < 60 s' --slo 'false_ndr == 0'
  simsmtp capacity experiments/newsletter.toml --full --set client.connections=8
  simsmtp capacity experiments/newsletter.toml --strategy my_strategy.py
  simsmtp capacity experiments/relay.toml --set scenario.workload.trace=/var/log/mail.log --json

\b
Exit codes: 0 the plan as written meets its objectives; 3 it does not; 4 the replications allowed do not tell, or
runs of this size do not carry a percentile that is asked for, and nothing was written; 1 a replication failed, or the
disk is full: what was finished is kept; 2 bad input or damaged results, and no answer was written; 130 Ctrl-C.
"""
_CODES = {"met": 0, "missed": 3, "undecided": 4}


@click.command(help=_HELP)
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--slo", "objectives", multiple=True, metavar="OBJECTIVE",
              help="An objective, in place of those in the file: 'delay p(99) < 60 s', 'false_ndr == 0'. "
                   "May be repeated.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="Change a key of the file, such as client.batch_size=50 or capacity.tolerance=0.1. "
                   "May be repeated.")  # fmt: skip
@click.option("--strategy", "strategies", multiple=True, metavar="FILE.py",
              help="A Python file that registers the counting strategy to use; of several, the one that "
                   "client.strategy names. May be repeated.")  # fmt: skip
@click.option("--no-determinism-check", is_flag=True,
              help="Do not repeat the first replication of each plan with a strategy of your own.")  # fmt: skip
@click.option("--replications", type=click.IntRange(2), metavar="N", help="The most that any question gets.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Key of all random draws.")
@click.option("--full", is_flag=True, help="The full size: apply [capacity.full] of the file.")
@click.option("--workers", type=click.IntRange(1), metavar="N",
              help="Processes; by default one per processor. Answers do not depend on it.")  # fmt: skip
@click.option("--engine", default="auto", show_default=True, metavar="NAME",
              help="What to simulate with: reference, compiled (extra 'fast': the same bits, faster), or auto for the "
                   "compiled one where that repays loading it.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of the results; by default results/NAME, with --full results/NAME-full.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the tables.")
@click.option("--repair", is_flag=True,
              help="If the stored replications are damaged, keep what is whole and compute the rest anew.")  # fmt: skip
@click.option("--no-figure", is_flag=True, help="Leave the figure out.")
@click.pass_context
def capacity(
    ctx: click.Context,
    plan: Path,
    objectives: tuple[str, ...],
    settings: tuple[str, ...],
    strategies: tuple[str, ...],
    no_determinism_check: bool,
    replications: int | None,
    seed: int | None,
    full: bool,
    workers: int | None,
    engine: str,
    output: Path | None,
    as_json: bool,
    repair: bool,
    no_figure: bool,
) -> None:
    """Parse, call, print."""
    from simsmtp.capacity.capacity import prepare_capacity, run_capacity
    from simsmtp.cli.printing.console import say
    from simsmtp.statistics.objectives import PercentileSupportError

    try:
        prepared = prepare_capacity(
            plan, objectives=objectives, settings=settings, strategies=strategies, replications=replications,
            seed=seed, full=full, workers=workers, engine=engine, output=output, repair=repair, progress=True,
            determinism_check=not no_determinism_check,
        )  # fmt: skip
    except PercentileSupportError as error:
        say(f"simsmtp: {error}", to_stderr=True)
        ctx.exit(4)
    found = run_capacity(prepared)
    from simsmtp.store.provenance import command_line

    written = found.write(figure=not no_figure, command=command_line())
    if as_json:
        from simsmtp.capacity.capacity_files import document_of_capacity

        print(json.dumps(document_of_capacity(found), indent=1, allow_nan=False))
    else:
        from simsmtp.cli.printing.capacity_tables import print_capacity

        print_capacity(found, written)
    ctx.exit(_CODES[found.verdict])
