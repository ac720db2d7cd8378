"""``simsmtp run``: an experiment file in; rows, a table, a figure out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

_HELP = """Run the experiment in a TOML file, or what is missing of it.

Finished replications are kept in the output folder as they come. Run the same command again to go on after
Ctrl-C or a crash: only what is missing is computed. The folder then also holds summary.csv, the figure and
provenance.json.

\b
Examples:
  simsmtp run experiments/kb822105.toml
  simsmtp run experiments/kb822105.toml --dry-run
  simsmtp run experiments/kb822105.toml --set client.batch_size=50 --set 'sender=["corrected", "one-stop"]'
  simsmtp run experiments/kb822105.toml --set network.rtt_ms=100 --replications 5 --output /tmp/quick
  simsmtp run experiments/kb822105.toml --strategy my_strategy.py --json > results.json

\b
Exit codes: 0 all done; 1 some replications failed; 2 bad input, and nothing was written; 130 Ctrl-C.
"""


@click.command(help=_HELP)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="Change a key of the file: a full path (study.seed=3), a scenario key "
                   "(client.batch_size=50), or a factor and its levels ('network.rtt_ms=[10, 50]'). "
                   "The value is TOML, or else text. May be repeated.")  # fmt: skip
@click.option("--replications", type=click.IntRange(1), metavar="N", help="Replications of every design point.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Key of all random draws.")
@click.option("--workers", type=click.IntRange(1), metavar="N",
              help="Processes; by default one per processor. Results do not depend on it.")  # fmt: skip
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="Engine to simulate with.")
@click.option("--strategy", "strategies", multiple=True, metavar="FILE.py",
              help="A Python file that registers counting strategies; each becomes one more line in the "
                   "figure. May be repeated.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of the results; by default results/NAME, with the name of the study.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the table.")
@click.option("--dry-run", is_flag=True,
              help="Say what would be computed and how long that may take; write nothing.")  # fmt: skip
@click.option("--no-figure", is_flag=True, help="Leave the figure out.")
@click.pass_context
def run(
    ctx: click.Context,
    experiment: Path,
    settings: tuple[str, ...],
    replications: int | None,
    seed: int | None,
    workers: int | None,
    engine: str,
    strategies: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    dry_run: bool,
    no_figure: bool,
) -> None:
    """Parse, call, print."""
    from simsmtp.study.runner import execute, prepare  # noqa: PLC0415

    plan = prepare(
        experiment, replications=replications, seed=seed, workers=workers, engine=engine,
        output=output, settings=settings, strategies=strategies,
    )  # fmt: skip
    if dry_run:
        _print_estimate(plan, as_json)
        return
    study = execute(plan, progress=True)
    from simsmtp.study.provenance import command_line  # noqa: PLC0415

    written = study.write(figure=not no_figure, command=command_line())
    if as_json:
        from simsmtp.cli.documents import document_of  # noqa: PLC0415

        print(json.dumps(document_of(study), indent=1, allow_nan=False))
    else:
        from simsmtp.cli.tables import print_study  # noqa: PLC0415

        print_study(study, written)
    for failure in study.failures[:5]:
        levels = ", ".join(f"{name}={level}" for name, level in failure.factors.items())
        print(
            f"simsmtp: replication {failure.replication} failed at {levels or 'the base'}: {failure.error}",
            file=sys.stderr,
        )
    if study.failures:
        print(
            f"simsmtp: {len(study.failures)} failed in all; the same command tries them again",
            file=sys.stderr,
        )
        ctx.exit(1)


def _print_estimate(plan: object, as_json: bool) -> None:
    from simsmtp.cli.tables import duration_text  # noqa: PLC0415
    from simsmtp.study.pilot import estimate  # noqa: PLC0415
    from simsmtp.study.runner import Plan  # noqa: PLC0415

    assert isinstance(plan, Plan)
    found = estimate(plan)
    if as_json:
        print(json.dumps({"name": plan.experiment.name, "folder": str(plan.folder), **found._asdict()}, indent=1))
        return
    print(f"{plan.experiment.name}: {plan.experiment.title}")
    print(f"  {found.points} design points, {found.replications} replications of each")
    print(f"  {found.stored} replications stored in {plan.folder}, {found.missing} to compute")
    print(f"  about {duration_text(found.seconds)} with {plan.workers} workers: an estimate from a short pilot")
