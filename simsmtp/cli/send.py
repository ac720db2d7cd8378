"""``simsmtp send``: a scenario's messages to a real server, counted by any strategy."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.cli.seconds import Seconds
from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.live.asyncio_client import Delivered, Delivery
    from simsmtp.live.endpoint import Endpoint
    from simsmtp.model.scenario import Scenario
    from simsmtp.peers.accounting import Accounts
    from simsmtp.rows.records import Output

_UNFINISHED, _INTERRUPTED = 4, 130
_WRONG = ("false_ndr", "contradictory_ndr", "duplicate", "lost", "missed_ndr")


@click.command()
@click.argument("given", metavar="[NAME=]HOST:PORT... [FILE]", nargs=-1, required=True)
@click.option("--preset", metavar="NAME", shell_complete=words.client_presets, help="Client preset, as client.preset.")
@options.settings()
@options.point()
@options.strategies()
@options.seed(help="Key of all random draws; by default the experiment's own.")
@options.replication()
@click.option("--rows", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write one row per recipient.")
@click.option("--dialogue", "shows_dialogue", is_flag=True, help="Show what is said, line by line, as it is said.")
@options.html()
@options.as_json(help="Print ledger, responses, rows and dialogue as one document.")
@click.option("--timeout", "timeout_s", type=Seconds(), metavar="SECONDS",
              help="Longest wait for any reply, where client.timeout_s would wait longer.")  # fmt: skip
@click.option("--tls-ca", type=click.Path(path_type=Path), metavar="FILE.pem",
              help="With client.starttls: check the server against this authority.")  # fmt: skip
@click.option("--allow-remote", metavar="HOST", help="Allow this host, which is not this machine.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def send(
    ctx: click.Context,
    given: tuple[str, ...],
    preset: str | None,
    settings: tuple[str, ...],
    point: int,
    strategies: tuple[str, ...],
    seed: int | None,
    replication: int,
    rows: Path | None,
    shows_dialogue: bool,
    page: Path | None,
    as_json: bool,
    timeout_s: float | None,
    tls_ca: Path | None,
    allow_remote: str | None,
    quiet: bool,
) -> None:
    """Send a scenario's messages to the SMTP server at HOST:PORT, over real connections.

    The same counting strategy, overflow policy, window and sizing as in the simulator decide what becomes of every
    recipient; the ledger says what did. Of FILE, an experiment or a scenario file, [workload] and [client] count;
    without it the defaults. Retries follow client.retry_initial_s and its kin in real time, resends
    workload.resend_after_s; horizon_s ends the run. Where the scenario lists destinations, give each its server by
    name: NAME=HOST:PORT.

    Only servers on this machine, unless --allow-remote names the host: what is sent is real mail.

    \b
    Examples:
      simsmtp serve --listen 127.0.0.1:2525 &
      simsmtp send 127.0.0.1:2525 --preset windows-2003-rtm
      simsmtp send 127.0.0.1:2525 --set client.strategy=per-read --set workload.recipients_per_message=250 --dialogue
      simsmtp send big=127.0.0.1:2525 small=127.0.0.1:2526 two_destinations.toml

    Exit codes: 0 every recipient has an outcome, right or wrong: the ledger says which; 1 the rows could not be
    written; 2 bad input, no connection, or the peer speaks no SMTP; 4 horizon_s ended the run while recipients
    were queued, or messages or resends still to come; 130 Ctrl-C.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    import asyncio

    from simsmtp.cli.live_case import LiveCounter, case_of, live_dialogue, write_rows
    from simsmtp.live.asyncio_client import Delivery
    from simsmtp.live.certificates import client_context
    from simsmtp.live.sender_task import How
    from simsmtp.output.writable import require_writable
    from simsmtp.rows.records import RecipientRow
    from simsmtp.running.user_strategies import load_strategies

    where, file = _places_and_file(given, allow_remote)
    for own in strategies:
        load_strategies(own)
    wanted = (*([f"client.preset={preset}"] if preset else []), *settings)
    scenario, own_seed = case_of(file, wanted, point)
    counter = LiveCounter(is_quiet=quiet)
    how = How(
        seed=own_seed if seed is None else seed,
        replication=replication,
        timeout_s=math.inf if timeout_s is None else timeout_s,
        keeps_dialogue=as_json or page is not None,
        show=(lambda line: click.echo(line, err=as_json)) if shows_dialogue else None,
        progress=lambda accounts: counter.show(_state(accounts)) if counter.is_due else None,
        warn=lambda fault: click.echo(f"simsmtp: {fault}", err=True),
        tls=client_context(tls_ca),
    )
    for key, path in (("--rows", rows), ("--html", page)):
        if path:
            require_writable(path, key)
    delivery = Delivery(scenario, where, how)
    delivered = asyncio.run(_until_stopped(delivery))
    counter.close()
    _print(scenario, delivered, as_json=as_json)
    if page:
        live_dialogue(scenario, delivery, delivered).write_html(page)
    if rows:
        write_rows(rows, RecipientRow._fields, delivered.output.recipients)
    if delivered.was_interrupted:
        raise click.Abort
    ctx.exit(_exit_code(delivered))


async def _until_stopped(delivery: Delivery) -> Delivered:
    """Run; Ctrl-C ends it in order, and what is not finished stays queued."""
    from simsmtp.cli.live_case import on_signals

    with on_signals(delivery.interrupt):
        return await delivery.run()


def _places_and_file(given: tuple[str, ...], allow_remote: str | None) -> tuple[dict[str, Endpoint], Path | None]:
    """Tell servers, by the names of their destinations, from the file behind them, if there is one."""
    from simsmtp.live.endpoint import endpoint_in

    places: dict[str, Endpoint] = {}
    *others, last = given
    if not others and Path(last).is_file():
        raise InputError("no server is named before the file", key="HOST:PORT", given=last, allowed="HOST:PORT FILE")
    is_file = bool(others) and ("=" not in last or Path(last).exists())
    for text in others if is_file else given:
        name, _, place = text.rpartition("=")
        if name in places:
            raise InputError(
                f"a second place {'of that name' if name else 'without a name'}",
                key="NAME=HOST:PORT",
                given=text,
                allowed="one place for each destination, and one FILE after them",
            )
        places[name] = endpoint_in(place, key="HOST:PORT", allow_remote=allow_remote)
    return places, Path(last) if is_file else None


def _state(accounts: Accounts) -> str:
    ledger = accounts.standing()
    counts = ", ".join(f"{name} {ledger[name]:,}" for name in sorted(ledger, key=lambda name: -ledger[name]))
    return f"{counts}; {accounts.transactions} transactions, {accounts.connections} connections"


def _exit_code(delivered: Delivered) -> int:
    return 0 if delivered.is_finished else _UNFINISHED


def _verdict(scenario: Scenario, delivered: Delivered) -> str:
    """Return what came of the run in one sentence."""
    counts = delivered.output.responses
    everybody, queued, wrong = counts["recipients"], counts["queued"], sum(counts[name] for name in _WRONG)
    resent = sum(int((rows["resend_of"] >= 0).sum()) for rows in delivered.output.recipients.chunks())
    told = f"{everybody:,} recipients" + (f", {resent:,} of them in resends," if resent else "")
    if not delivered.is_finished:
        why = "interrupted" if delivered.was_interrupted else f"horizon_s = {scenario.horizon_s:g} ended the run"
        left = f"{queued:,} of {told} are still queued" if queued else "messages or resends were still to come"
        return f"Not finished: {left} ({why})."
    if wrong:
        return f"Finished: {wrong:,} of {told} have a wrong outcome."
    return f"Finished: all {told} have the right outcome."


def _ledger_by_destination(output: Output) -> Iterator[str]:
    """Yield a line for each destination, where there are several."""
    if len(output.recipients.destinations) == 1:
        return
    counts: dict[str, Counter[str]] = {}
    for row in output.recipients:
        counts.setdefault(row.destination, Counter())[row.ledger] += 1
    for name, of_it in sorted(counts.items()):
        yield f"  to {name}: {', '.join(f'{entry} {number:,}' for entry, number in sorted(of_it.items()))}"


def _print(scenario: Scenario, delivered: Delivered, *, as_json: bool) -> None:
    output = delivered.output
    if as_json:
        from simsmtp.output.json_values import plain

        document = {
            "verdict": _verdict(scenario, delivered),
            "exit_code": _INTERRUPTED if delivered.was_interrupted else _exit_code(delivered),
            "scenario": scenario.to_dict(),
            "responses": plain(output.responses),
            "faults": delivered.faults,
            "recipients": [plain(row._asdict()) for row in output.recipients],
            "dialogue": [row._asdict() for row in output.dialogue],
        }
        print(json.dumps(document, indent=1))
        return
    from simsmtp.cli.printing.lines import say
    from simsmtp.dialogue.transcript import ledger_lines

    print(_verdict(scenario, delivered))
    for line in ledger_lines(output.responses):
        print(line)
    for line in _ledger_by_destination(output):
        say(line)
    said = output.responses
    print(
        f"{said['transactions']} transactions, {said['connections']} connections, "
        f"{said['rcpt_commands']} RCPT commands, {said['makespan_s']:.3f} s"
    )
    for fault in dict.fromkeys(delivered.faults):
        say(f"{delivered.faults.count(fault)} connections ended otherwise than by QUIT or 421: {fault}")
