"""``simsmtp run``: an experiment file in; rows, a table, a figure out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simsmtp.cli import options
from simsmtp.cli.ci import documents
from simsmtp.cli.ci.gate import Gate, GateOptions
from simsmtp.cli.completion import words
from simsmtp.cli.printing.lines import say, wrapped
from simsmtp.model.numbers import counted
from simsmtp.shown import shown

if TYPE_CHECKING:
    from simsmtp.gate.comparison import Comparison
    from simsmtp.running.runner import PreparedRun
    from simsmtp.running.sequential_run import PreciseStudy
    from simsmtp.statistics.sequential import Precision
    from simsmtp.study.study import Study


@click.command()
@click.argument("experiment", type=click.Path(path_type=Path), shell_complete=words.experiments)
@options.settings(help="Change a key of the file: a full path (study.seed=3), a scenario key "
                   "(client.batch_size=50), or a factor and its levels ('network.rtt_ms=[10, 50]'). "
                   "The value is TOML, or else text. May be repeated.")  # fmt: skip
@options.replications(type=click.IntRange(1), help="Replications of every design point.")
@click.option("--precision", "precisions", multiple=True, metavar="'RESPONSE ±WIDTH'",
              shell_complete=words.responses,
              help="Run until the 95 % interval of every mean is that narrow: 'delivered_per_s ±5%', "
                   "'false_ndr_rate ±0.01'. May be repeated.")  # fmt: skip
@click.option("--budget", type=click.IntRange(2), metavar="N",
              help="With --precision, most replications of every design point; by default 1000.")  # fmt: skip
@options.seed()
@options.workers()
@options.engine()
@click.option("--executor", default="local", show_default=True, metavar="NAME",
              shell_complete=words.one_of(words.EXECUTORS),
              help="Where to simulate: local (processes), serial (this process), dask (extra 'cluster').")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS",
              help="With --executor dask, the scheduler, such as tcp://10.0.0.1:8786; by default one is started "
                   "on this machine.")  # fmt: skip
@options.strategies(help="A Python file that registers counting strategies; each becomes one more line in the "
                   "figure. May be repeated.")  # fmt: skip
@options.determinism_check(help="Do not repeat the first replication of every design point with a strategy of your "
                                "own. What differs only in a later replication is not noticed.")  # fmt: skip
@options.output(help="Folder of the results; by default results/NAME, with the name of the study.")
@options.as_json()
@options.quiet(help="Print errors, and with --baseline or --precision the verdict; no table, progress or notes.")
@options.dry_run(help="Say what would be computed and how long that may take; write nothing.")
@options.repair()
@options.no_figure()
@click.option("--baseline", type=click.Path(path_type=Path), metavar="PATH",
              help="Compare with this baseline afterwards, as 'simsmtp compare' does.")  # fmt: skip
@click.option("--write-baseline", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the rows as a baseline; with --baseline only if that is met.")  # fmt: skip
@click.option("--history", type=click.Path(path_type=Path), metavar="FILE",
              help="Add the results to this history, for 'simsmtp history'.")  # fmt: skip
@click.option("--commit", metavar="NAME", help="With --history, the commit; by default that of the folder you are in.")
@documents.to(help="Write that comparison in this format, as 'simsmtp compare' does. May be repeated.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    experiment: Path,
    *,
    replications: int | None,
    precisions: tuple[str, ...],
    budget: int | None,
    as_json: bool,
    quiet: bool,
    dry_run: bool,
    no_figure: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    kinds: tuple[str, ...],
    history: Path | None,
    commit: str | None,
    **named: Any,
) -> None:
    """Run an experiment, or what is missing of it.

    EXPERIMENT is a TOML file, or the name of one that comes with simsmtp: 'simsmtp experiments' lists them.

    Finished replications are kept in the output folder as they come. Run the same command again to go on after
    Ctrl-C or a crash: only what is missing is computed. The folder then also holds summary.csv, the figure and
    provenance.json. With horizon = "steady-state" in [study] also summary_steady.csv, without the messages of the
    warm-up, and warmup.csv and warmup.png, which show where it was cut.

    What is stored is verified when it is read. Damage ends with 2 and names the design point and the replication;
    --repair then computes just those anew and keeps the damaged file under another name.

    \b
    Examples:
      simsmtp run kb822105
      simsmtp run kb822105 --dry-run
      simsmtp run kb822105 --set client.batch_size=50 --set 'sender=["corrected", "one-stop"]'
      simsmtp run kb822105 --set network.rtt_ms=100 --replications 5 --output /tmp/quick
      simsmtp run kb822105 --strategy my_strategy.py --json > results.json
      simsmtp run kb822105 --precision 'delivered_per_s ±5%' --budget 200
      simsmtp run gate.toml --baseline baseline.csv --to github --history history.jsonl

    Exit codes: 0 all done; 1 some replications failed, the disk is full, another process uses the results, or a
    cluster was lost: what was finished is kept; 2 bad input, damaged results, or a strategy that is not
    deterministic, no result written; 3 worse than the baseline; 4 inconclusive, or the precision asked for was
    not reached; 5 there is no baseline; 130 Ctrl-C.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.running.run_options import RunOptions
    from simsmtp.running.runner import prepare

    if (budget is not None and not precisions) or (replications is not None and precisions):
        raise click.UsageError("--budget belongs to --precision, and --replications does not", ctx)
    if named["repair"] and dry_run:
        raise click.UsageError("--repair writes, and --dry-run does not", ctx)
    asked = documents.targets_of(kinds, as_json=as_json, prints=False)
    if (asked and baseline is None) or (commit is not None and history is None):
        raise click.UsageError("--to belongs to --baseline, and --commit to --history", ctx)
    wanted, most = _wanted(precisions), (budget or 1000) if precisions else replications
    prepared = prepare(experiment, RunOptions(**named, replications=most, progress=not quiet))
    if not no_figure:
        from simsmtp.experiment.figure_check import check_figure

        check_figure(prepared.experiment)
    if dry_run:
        _print_estimate(prepared, as_json)
        return
    gate = _gate(ctx, prepared, GateOptions(baseline, write_baseline, history, commit, asked))
    study = _executed(prepared, wanted)
    from simsmtp.store.provenance import command_line

    written = study.write(figure=not no_figure, command=command_line())
    if prepared.experiment.horizon == "steady-state":
        written += _without_warmup(study, quiet=quiet)
    compared = gate.compared(prepared, study)
    if as_json:
        from simsmtp.cli.printing.documents import document_of

        extra = {"comparison": compared.to_dict()} if compared else {}
        extra |= {"precision": _precise(study).document()} if precisions else {}
        print(json.dumps(document_of(study) | extra, indent=1, allow_nan=False))
    else:
        _print_results(study, written, compared, quiet=quiet)
    if not (no_figure or quiet):
        _print_without_theory(study)
    for failure in study.failures[:5]:
        levels = ", ".join(f"{name}={level}" for name, level in failure.factors.items())
        say(
            f"simsmtp: replication {failure.replication} failed at {shown(levels) or 'the base'}: {failure.error}",
            to_stderr=True,
        )
    if study.failures:
        print(
            f"simsmtp: {len(study.failures)} failed in all; the same command tries them again",
            file=sys.stderr,
        )
        ctx.exit(1)
    code = gate.close(study, compared)
    if precisions:
        reached = _print_precision(_precise(study), to_stderr=not quiet or as_json)
        code = code or reached
    ctx.exit(code)


def _print_results(study: Study, written: list[Path], compared: Comparison | None, *, quiet: bool) -> None:
    if not quiet:
        from simsmtp.cli.printing.study_tables import print_study

        print_study(study, written)
    if compared:
        from simsmtp.cli.compare import print_comparison

        print_comparison(compared, quiet=quiet)


def _print_without_theory(study: Study) -> None:
    """Say on standard error which design points have no theory line in the figure, and why."""
    if found := study.without_theory():
        reasons = [f"{reason} ({many})" for reason, many in found.items()]
        more = f" and {len(reasons) - 5} other reasons" if len(reasons) > 5 else ""
        total = counted(len(study.points), "design point")
        print(
            f"simsmtp: no theory line at {sum(found.values())} of {total}: {', '.join(reasons[:5])}{more}",
            file=sys.stderr,
        )


def _gate(ctx: click.Context, prepared: PreparedRun, given: GateOptions) -> Gate:
    if not any(given):
        return Gate()
    from simsmtp.cli.ci.gate import prepare_gate
    from simsmtp.cli.compare import no_baseline
    from simsmtp.gate.recorded_results import NoBaselineError

    try:
        return prepare_gate(prepared, given)
    except NoBaselineError as error:
        no_baseline(ctx, error)


def _without_warmup(study: Study, *, quiet: bool) -> list[Path]:
    """Cut the warm-up off, say where on standard error, and return the files written."""
    from simsmtp.running.steady_state import write_steady

    files, notes = write_steady(study)
    for note in () if quiet else notes:
        say(f"simsmtp: {note}", to_stderr=True)
    return files


def _wanted(precisions: tuple[str, ...]) -> list[Precision]:
    if not precisions:
        return []
    from simsmtp.statistics.sequential import parse_precision

    return [parse_precision(one) for one in precisions]


def _executed(prepared: PreparedRun, wanted: list[Precision]) -> Study:
    if not wanted:
        from simsmtp.running.runner import execute

        return execute(prepared)
    from simsmtp.running.sequential_run import run_until

    return run_until(wanted, prepared)


def _precise(study: Study) -> PreciseStudy:
    from simsmtp.running.sequential_run import PreciseStudy

    assert isinstance(study, PreciseStudy)
    return study


def _print_precision(study: PreciseStudy, *, to_stderr: bool) -> int:
    """Say whether the precision was reached, and return the exit code."""
    print(f"simsmtp: {study.verdict()}", file=sys.stderr if to_stderr else sys.stdout)
    return 0 if study.reached else 4


def _print_estimate(prepared: PreparedRun, as_json: bool) -> None:
    from simsmtp.model.numbers import seconds_text
    from simsmtp.running.pilot import estimate

    found = estimate(prepared)
    if as_json:
        print(
            json.dumps({"name": prepared.experiment.name, "folder": str(prepared.folder), **found._asdict()}, indent=1)
        )
        return
    workers = counted(prepared.workers, "worker")
    told = (
        f"{counted(found.points, 'design point')}, {counted(found.replications, 'replication')} of each",
        f"{counted(found.stored, 'replication')} stored in {prepared.folder}, {found.missing:,} to compute",
        f"about {seconds_text(found.seconds)} with {workers}: an estimate from a short pilot",
    )
    say(wrapped(f"{prepared.experiment.name}: {prepared.experiment.title}", 0))
    for one in told:
        say(wrapped(one, 2))
