"""``simsmtp capacity``: a plan and its objectives in; what it can carry, needs and costs out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.cli.printing.lines import say, wrapped
from simsmtp.model.numbers import counted, seconds_text

if TYPE_CHECKING:
    from simsmtp.planning.plan import CapacityPlan

_CODES = {"met": 0, "missed": 3, "undecided": 4}


@click.command()
@click.argument("plan", type=click.Path(path_type=Path), shell_complete=words.plans)
@click.option("--slo", "objectives", multiple=True, metavar="OBJECTIVE",
              help="An objective, in place of those in the file: 'delay p(99) < 60 s', 'false_ndr == 0'. "
                   "May be repeated.")  # fmt: skip
@options.settings(help="Change a key of the file, such as client.batch_size=50 or capacity.tolerance=0.1. "
                   "May be repeated.")  # fmt: skip
@options.strategies(help="A Python file that registers the counting strategy to use; of several, the one that "
                   "client.strategy names. May be repeated.")  # fmt: skip
@options.determinism_check(help="Do not repeat the first replication of each plan with a strategy of your own.")
@options.replications(type=click.IntRange(2), help="The most that any question gets.")
@options.seed()
@click.option("--full", is_flag=True, help="The full size: apply [capacity.full] of the file.")
@options.workers(help="Processes; by default one per processor. Answers do not depend on it.")
@options.engine()
@options.output(help="Folder of the results; by default results/NAME, with --full results/NAME-full.")
@options.as_json(help="Print one JSON document in place of the tables.")
@options.dry_run(help="Say what would be asked and how long that may take; write nothing.")
@options.quiet(help="Print the verdict on the plan as written, and errors; no table, progress or notes.")
@options.repair()
@options.no_figure()
@click.pass_context
def capacity(
    ctx: click.Context, /, plan: Path, *, as_json: bool, dry_run: bool, quiet: bool, no_figure: bool, **named: Any
) -> None:
    """Find out what a plan can carry.

    The answer begins with a verdict and four numbers: the arrival rate that the plan can sustain, when the last
    recipient is served, the bottleneck and its headroom, and the cost. Then come the smallest batch size and number
    of connections that meet the objectives, and the most influential inputs.

    The sustainable rate is the largest one that met the objectives in simulation, but never more than the long-run
    bound: a run ends, and may pass at a rate at which the queue would grow as long as messages arrive.

    PLAN is an experiment file with a table [capacity], or the name of one that comes with simsmtp. An objective is a
    response, an operator and a number with its unit. What counts is the end of the confidence interval, and what a
    search found is confirmed on fresh seeds. Finished replications are kept: run the same command again to go on
    after Ctrl-C. The folder then holds capacity.json, summary.csv, provenance.json and the figure capacity.png and
    .svg.

    Where an objective may fail at low rates and hold at high ones ('delivered_per_s > 5'), rates are tried on a
    grid over the whole range of the search, and what is told is the stretch that meets it.

    \b
    Examples:
      simsmtp capacity newsletter
      simsmtp capacity newsletter --slo 'delay p(99) < 60 s' --slo 'false_ndr == 0'
      simsmtp capacity newsletter --full --set client.connections=8
      simsmtp capacity newsletter --strategy my_strategy.py
      simsmtp capacity relay --set scenario.workload.trace=/var/log/mail.log --json

    Exit codes: 0 the plan as written meets its objectives; 3 it does not; 4 the replications allowed do not
    tell, or runs of this size do not carry a percentile that is asked for, and nothing was written; 1 a
    replication failed, or the disk is full: what was finished is kept; 2 bad input or damaged results, and no
    answer was written; 130 Ctrl-C.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    if named["repair"] and dry_run:
        raise click.UsageError("--repair writes, and --dry-run does not", ctx)
    from simsmtp.planning.capacity import prepare_capacity, run_capacity
    from simsmtp.planning.plan import CapacityOptions
    from simsmtp.statistics.objectives import PercentileSupportError

    try:
        prepared = prepare_capacity(plan, CapacityOptions(**named, progress=not quiet))
    except PercentileSupportError as error:
        say(f"simsmtp: {error}", to_stderr=True)
        ctx.exit(4)
    if dry_run:
        _print_estimate(prepared, as_json)
        return
    found = run_capacity(prepared)
    from simsmtp.store.provenance import command_line

    written = found.write(figure=not no_figure, command=command_line())
    if as_json:
        from simsmtp.planning.capacity_files import document_of_capacity

        print(json.dumps(document_of_capacity(found), indent=1, allow_nan=False))
    else:
        from simsmtp.cli.printing.capacity_tables import print_capacity

        print_capacity(found, written, quiet=quiet)
    ctx.exit(_CODES[found.verdict])


def _print_estimate(plan: CapacityPlan, as_json: bool) -> None:
    from simsmtp.planning.capacity_estimate import estimate_capacity

    found = estimate_capacity(plan)
    if as_json:
        place = {"name": plan.experiment.name, "folder": str(plan.prepared.folder)}
        print(json.dumps({**place, **found._asdict()}, indent=1))
        return
    say(wrapped(f"{plan.experiment.name}: {plan.experiment.title}", 0))
    for one in found.asked:
        say(wrapped(f"- {one}", 2, 2))
    told = f"about {counted(found.questions, 'question')}, {counted(found.replications, 'replication')} in all"
    if found.most_replications > found.replications:
        told += f", {found.most_replications:,} if every question needs the {found.each:,} that it may get"
    say(wrapped(told, 2))
    workers = counted(plan.prepared.workers, "worker")
    say(wrapped(f"about {seconds_text(found.seconds)} with {workers}: an estimate from a short pilot", 2))
    say(wrapped(f"what is stored in {plan.prepared.folder} is not computed again", 2))
