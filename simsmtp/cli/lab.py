"""``simsmtp lab``: sessions of real mail servers, measured over a line with a delay."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from simsmtp.lab.settings import Setting


def _levels(name: str, each: click.ParamType[Any], default: str, meaning: str) -> Callable[[Any], Any]:
    """Return an option that takes values divided by commas, each once, that a type of click's converts."""

    def read(ctx: click.Context, param: click.Parameter, value: str) -> list[Any]:
        found = [each.convert(one.strip(), param, ctx) for one in value.split(",")]
        if any(one != one for one in found):  # noqa: PLR0124 - nan is in every range
            raise click.BadParameter(f"{value!r} holds what is no number", ctx, param)
        return list(dict.fromkeys(found))

    return click.option(name, metavar="LIST", callback=read, default=default, show_default=True, help=meaning)


_WHOLE, _SWITCH = click.IntRange(1, 10_000_000), click.Choice(["on", "off"])


@click.command()
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.jsonl",
              help="Rows are appended here, one JSON object a line.")  # fmt: skip
@click.option("--receiver", type=click.Choice(["postfix", "exim"]), default="postfix", show_default=True,
              help="Who receives.")  # fmt: skip
@_levels("--rtt", click.FloatRange(0, 10_000), "2,20,40,100,200", "Round trips of the line in milliseconds.")
@_levels("--recipients", _WHOLE, "200", "Recipients of the one message.")
@_levels("--batch", _WHOLE, "50", "Recipients in a transaction, at most.")
@_levels("--limit", _WHOLE, "100", "Recipient limit of the receiver.")
@_levels("--size", _WHOLE, "1000", "Octets of text in the message.")
@_levels("--cache", _SWITCH, "on", "Use a connection again.")
@_levels("--pipelining", _SWITCH, "on", "Let the sender pipeline.")
@click.option("--design", type=click.Choice(["product", "around"]), default="product", show_default=True,
              help="Which combinations.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Sessions of each setting.")
@click.option("--loss", type=click.FloatRange(0, 0.5), default=0.0, show_default=True, metavar="P",
              help="Probability that the line loses a packet.")  # fmt: skip
@click.option("--rate", "rate_mbit", type=click.FloatRange(0), default=0.0, show_default=True, metavar="MBIT",
              help="Megabits a second that the line carries in each direction; 0 is all that comes.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Key of the losses.")
@click.option("--lanes", type=click.IntRange(1, 16), default=4, show_default=True, help="Pairs of servers at once.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(1), default=600.0, show_default=True, metavar="SECONDS",
              help="Longest session.")  # fmt: skip
@click.option("--programs", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER",
              help="Where packages were unpacked that are not installed.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a summary of each setting as one document.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def lab(
    output: Path,
    receiver: str,
    design: str,
    repeats: int,
    loss: float,
    rate_mbit: float,
    seed: int,
    lanes: int,
    timeout_s: float,
    programs: Path | None,
    as_json: bool,
    quiet: bool,
    **levels: Any,
) -> None:
    """Measure sessions of a real Postfix that sends to a real receiver, over real TCP, on a line with a delay.

    Sender and receiver run on this machine, each in a network namespace of its own, started from their packages in a
    temporary folder and gone afterwards; nothing reaches any network. Needs root, Linux and Postfix, for Exim its
    package or its unpacked files (--programs).

    Options with LIST take values divided by commas. Every combination is measured; with --design around only the first
    value of each, changed in one option at a time. What FILE already holds is not measured again: start it again after
    an interruption, or with more repeats. Round trips below 30 ms are measured one at a time, others --lanes at a
    time. Queues are in the temporary folder: on a busy disk, TMPDIR=/dev/shm leaves its delays out.

    \b
    Examples:
      simsmtp lab -o measured.jsonl
      simsmtp lab -o measured.jsonl --design around --batch 50,5,100 --size 1000,100000 --cache on,off
      simsmtp lab -o exim.jsonl --receiver exim --programs unpacked --rtt 2,20,100
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.errors import InputError
    from simsmtp.lab.ends import why_not
    from simsmtp.lab.journal import Journal
    from simsmtp.lab.schedule import Job, Lab, measure_all
    from simsmtp.lab.sessions import need_programs
    from simsmtp.lab.settings import Medium, settings
    from simsmtp.mailers.programs import Programs
    from simsmtp.progress import progress_bar

    if reason := why_not():
        raise InputError(reason, key="lab")
    found = Programs(programs)
    need_programs(found, receiver)
    kept = Journal(output)
    levels["N"], levels["rtt_ms"] = levels.pop("recipients"), levels.pop("rtt")
    levels["pipelining"] = [one == "on" for one in levels["pipelining"]]
    wanted, medium = settings(levels, design), Medium(loss, rate_mbit)
    jobs = [Job(one, repeat) for one in wanted for repeat in range(len(kept.of(one, receiver, medium)), repeats)]
    lab_of = Lab(found, receiver, medium, seed, timeout_s, lanes)
    with progress_bar("lab", len(jobs), False if quiet else None, unit="session") as advance:

        def done(row: dict[str, Any]) -> None:
            kept.add(row)
            advance(1)

        measure_all(lab_of, jobs, done)
    _print(output, [_summary(one, kept.of(one, receiver, medium)) for one in wanted], len(jobs), as_json=as_json)


def _summary(setting: Setting, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    durations = [row["duration_s"] for row in rows]
    return {
        **setting._asdict(),
        "receiver": rows[-1]["receiver"],
        "repeats": len(rows),
        **{name: rows[-1][name] for name in ("sent", "deferred", "bounced", "connections", "client_turns")},
        "median_s": statistics.median(durations),
        "low_s": min(durations),
        "high_s": max(durations),
    }


def _print(output: Path, found: Sequence[dict[str, Any]], measured: int, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"file": str(output), "measured": measured, "settings": found}, indent=1))
        return
    from simsmtp.cli.printing.console import PlainConsole
    from simsmtp.cli.printing.tables import columns_of, print_table
    from simsmtp.model.numbers import counted, number_text

    console = PlainConsole()
    receivers = ", ".join(dict.fromkeys(one["receiver"] for one in found))
    console.print(f"{counted(measured, 'session')} measured with {receivers}; all are in {output}\n")
    settings = ("rtt_ms", "N", "batch", "limit", "size", "cache", "pipelining")
    counts = ("repeats", "sent", "deferred", "bounced", "connections", "client_turns")
    spans = [f"{number_text(one['low_s'])} to {number_text(one['high_s'])}" for one in found]
    values = [
        [*(_text(one[name]) for name in counts), number_text(one["median_s"]), span]
        for one, span in zip(found, spans, strict=True)
    ]
    print_table(
        console, columns_of(settings, [[_text(one[name]) for name in settings] for one in found]),
        columns_of((*counts, "median_s", "lowest to highest"), values), number="setting",
    )  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    from simsmtp.model.numbers import number_text

    return number_text(value, 6) if isinstance(value, float) else str(value)
