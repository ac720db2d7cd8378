"""``simsmtp serve``: a scenario's server on a real port."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.cli.seconds import Seconds

if TYPE_CHECKING:
    from simsmtp.cli.live_case import LiveCounter, RowFile
    from simsmtp.live.asyncio_server import Listener
    from simsmtp.live.served import Served


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--preset", metavar="NAME", shell_complete=words.server_presets, help="Server preset, as server.preset.")
@options.settings()
@options.point()
@click.option("--destination", metavar="NAME", help="Be this one of the destinations that FILE lists.")
@options.seed(help="Key of the draws that decide which texts are refused.")
@click.option("--rows", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write one row per RCPT command.")
@options.html()
@options.as_json(help="At the end, print the account as one JSON document.")
@click.option("--sessions", type=click.IntRange(1), metavar="N", help="End after so many sessions.")
@click.option("--seconds", type=Seconds(), metavar="N", help="End after so many seconds.")
@click.option("--timeout", "timeout_s", type=Seconds(), default=300.0, show_default=True, metavar="SECONDS",
              help="Longest wait for a command.")  # fmt: skip
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE.pem", help="Offer STARTTLS.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE.pem", help="Its key, if elsewhere.")
@click.option("--allow-early", is_flag=True,
              help="Take commands that came before they were allowed; else 554 and the end.")  # fmt: skip
@click.option("--allow-remote", metavar="HOST", help="Allow this address, which others can reach.")
@click.option("-q", "--quiet", is_flag=True, help="Show no counter.")
def serve(
    file: Path | None,
    listen: str,
    preset: str | None,
    settings: tuple[str, ...],
    point: int,
    destination: str | None,
    seed: int | None,
    rows: Path | None,
    page: Path | None,
    as_json: bool,
    sessions: int | None,
    seconds: float | None,
    timeout_s: float,
    tls_cert: Path | None,
    tls_key: Path | None,
    allow_early: bool,
    allow_remote: str | None,
    quiet: bool,
) -> None:
    """Listen for SMTP clients and answer them as a scenario's server would.

    Of FILE, an experiment or a scenario file, [server] counts, and network.losses, by which it drops connections;
    without it the defaults: 100 recipients per transaction, 552 beyond. Nothing is delivered anywhere: texts are
    counted and thrown away. Mailboxes named x and digits are unknown, all others exist. Ctrl-C ends it; then it says
    whom it accepted.

    Only on this machine, unless --allow-remote names the address to listen on.

    \b
    Examples:
      simsmtp serve --listen 127.0.0.1:2525
      simsmtp serve --listen 127.0.0.1:2525 --set server.recipient_limit=50 --set 'server.overflow_reply="452 4.5.3"'
      simsmtp serve --listen 127.0.0.1:2526 --destination small two_destinations.toml
      simsmtp serve --listen 127.0.0.1:0 --preset rfc5321 --rows served.csv --json

    Exit codes: 0 ended by --sessions, --seconds, Ctrl-C or SIGTERM; 1 the rows could not be written; 2 bad
    input, or the place cannot be listened at.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    import asyncio

    from simsmtp.cli.live_case import LiveCounter, RowFile, case_of, only_destination, write_recorded
    from simsmtp.dialogue.recording import Recorder
    from simsmtp.live.asyncio_server import Listener, Terms
    from simsmtp.live.certificates import server_context
    from simsmtp.live.endpoint import endpoint_in
    from simsmtp.live.served import ServedRow
    from simsmtp.output.writable import require_writable

    place = endpoint_in(listen, key="--listen", allow_remote=allow_remote)
    wanted = (*([f"server.preset={preset}"] if preset else []), *settings)
    listed, own_seed = case_of(file, wanted, point)
    scenario = only_destination(listed, destination)
    tls = server_context(tls_cert, tls_key) if tls_cert else None
    if page:
        require_writable(page, "--html")
    file_of_rows = RowFile(rows, ServedRow._fields) if rows else None
    terms = Terms(
        seed=own_seed if seed is None else seed,
        timeout_s=timeout_s,
        forbids_early=not allow_early,
        tls=tls,
        enter=file_of_rows.write if file_of_rows else None,
        warn=lambda trouble: click.echo(f"simsmtp: {trouble}", err=True),
        recorder=Recorder() if page else None,
    )
    listener = Listener(scenario, place, terms)
    counter = LiveCounter(is_quiet=quiet)
    try:
        asyncio.run(_serve(listener, counter, file_of_rows, Until(sessions, seconds)))
        counter.close()
        if page and terms.recorder:
            write_recorded(page, terms.recorder, f"server at {listener.place}")
        _print(listener.served, as_json=as_json)
    finally:
        if file_of_rows:
            file_of_rows.close()


class Until(NamedTuple):
    """When to end of oneself: after so many sessions, or seconds; None for never."""

    sessions: int | None
    seconds: float | None


async def _serve(listener: Listener, counter: LiveCounter, rows: RowFile | None, until: Until) -> None:
    """Serve until so many sessions are over, so much time has passed, or a signal comes."""
    import asyncio
    import contextlib

    from simsmtp.cli.live_case import on_signals

    is_over = asyncio.Event()
    async with listener:
        if rows:
            rows.open()  # not where another server has the port: its rows may be in that file
        print(f"listening on {listener.place}", file=sys.stderr, flush=True)
        if until.seconds is not None:
            asyncio.get_running_loop().call_later(until.seconds, is_over.set)
        with on_signals(is_over.set):
            while not (is_over.is_set() or listener.failure) and (
                until.sessions is None or listener.ended < until.sessions
            ):
                if counter.is_due:
                    counter.show(_state(listener))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(is_over.wait(), 0.05)


def _state(listener: Listener) -> str:
    served = listener.served
    return (
        f"{listener.sessions} sessions open, {served.sessions} in all; {served.transactions} transactions, "
        f"{served.rcpt_commands:,} RCPT commands, {served.over_limit:,} over the limit, "
        f"{served.accepted.total():,} recipients accepted"
    )


def _print(served: Served, *, as_json: bool) -> None:
    from simsmtp.cli.printing.lines import say

    summary = served.summary()
    if as_json:
        accepted = [[sender, recipient, times] for (sender, recipient), times in sorted(served.accepted.items())]
        print(json.dumps({**summary, "accepted_recipients": accepted}, indent=1))
        return
    for name, value in summary.items():
        if name == "faults":
            continue
        print(f"{name.replace('_', ' '):<24}{value!s:>10}")
    for name, times in served.faults.items():
        say(f"  fault: {name.replace('_', ' '):<15}{times:>10}")
