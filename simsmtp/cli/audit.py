"""``simsmtp audit``: real mail programs as senders; tables, files and an exit code out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from simsmtp.cli.ci import documents
from simsmtp.cli.printing.lines import say

if TYPE_CHECKING:
    from simsmtp.audit.cells import Cell
    from simsmtp.audit.journal import Journal
    from simsmtp.audit.sender import Sender
    from simsmtp.audit.trial import AuditRow
    from simsmtp.live.endpoint import Endpoint

    Senders = dict[str, Callable[[], Sender]]

_GIVEN_S, _ASKED_S = 120.0, 600.0


class Manner(NamedTuple):
    """How to go through the cells."""

    place: Endpoint | None
    timeout_s: float
    parallel: int
    quiet: bool
    pages: Path | None = None


@click.command()
@click.argument("senders", nargs=-1, metavar="[SENDER]...")
@click.option("--quick", is_flag=True, help="Only the cells that tell most.")
@click.option("--reply", "replies", multiple=True, type=int, metavar="CODE",
              help="Only cells with this over-limit reply. May be repeated.")  # fmt: skip
@click.option("--recipients", "numbers", multiple=True, type=int, metavar="N",
              help="Only cells with so many recipients. May be repeated.")  # fmt: skip
@click.option("--programs", type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
              metavar="DIR", envvar="SIMSMTP_PROGRAMS",
              help="Where programs were unpacked, each in a folder of its own; else SIMSMTP_PROGRAMS.")  # fmt: skip
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N",
              help="Cells at once.")  # fmt: skip
@click.option("--listen", metavar="HOST:PORT", help="Judge what your own server relays to this place.")
@click.option("--send", "command", metavar="COMMAND",
              help="With --listen: what hands your server the message on its standard input; AUDIT_SENDER and the file "
              "AUDIT_RECIPIENTS stand in its environment. Without it you are asked to.")  # fmt: skip
@click.option("--no-queue", is_flag=True,
              help="With --send: the command itself sends and keeps nothing; code 0 says all went out.")  # fmt: skip
@click.option("--allow-remote", metavar="HOST", help="Allow this host, which is not this machine.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(1), metavar="SECONDS",
              help="Longest time for one cell: by default 120, or 600 where you are asked to send.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Keep rows in DIR/audit.jsonl; those that are there are not done again.")  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Fail only for what is worse.")
@click.option("--write-baseline", type=click.Path(path_type=Path), metavar="FILE", help="Write the verdicts.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a table.")
@documents.to(help="Write the verdicts in this format: github (annotations and a job summary), comment, badge or "
                   "badge-svg. Without FILE it is printed in place of the table. May be repeated.")  # fmt: skip
@click.option("--html", "pages", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Draw the sequence diagram of each cell that is run, DIR/SENDER-CELL.html.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one document.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def audit(
    ctx: click.Context,
    senders: tuple[str, ...],
    quick: bool,
    replies: tuple[int, ...],
    numbers: tuple[int, ...],
    programs: Path | None,
    parallel: int,
    listen: str | None,
    command: str | None,
    no_queue: bool,
    allow_remote: str | None,
    timeout_s: float | None,
    output: Path | None,
    baseline: Path | None,
    write_baseline: Path | None,
    junit_file: Path | None,
    markdown_file: Path | None,
    kinds: tuple[str, ...],
    pages: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run real mail programs as senders against a server with a recipient limit, and file every recipient.

    Each SENDER gets one message per cell of a matrix: over-limit reply, kind of limit, recipients around the limit,
    pipelining or not. Delivered once, twice or never; an NDR that really came back; still queued: the ledger says.
    Batch caps of the programs are lifted, for at their defaults they may never meet the limit. Without SENDER every
    program that is there is tried.

    \b
      postfix, exim, sendmail, opensmtpd: from Debian packages, installed or unpacked below --programs; as root
      smtplib, aiosmtplib, nodemailer: libraries; what they tell their caller is judged
      curl, msmtp: commands; another exit code than 0 tells the caller that nobody got the message

    Your own server: --listen HOST:PORT says what to relay there, and judges what arrives; only the cells that tell
    most are asked for, unless --reply or --recipients names others. A command that --send names may be the sender
    itself, such as curl or a script with a library: if it ends with another code than 0, its caller was told.

    \b
    Examples:
      simsmtp audit smtplib --quick
      simsmtp audit postfix --baseline audit.json --junit audit.xml
      simsmtp audit --listen 127.0.0.1:2525 --reply 552 --recipients 250
      simsmtp audit --listen 127.0.0.1:2525 --send ./submit.sh --baseline audit.json
      simsmtp audit --listen 127.0.0.1:2525 --send 'python letter.py' --no-queue

    Exit codes: 0 unaffected; 2 bad input; 3 affected, or worse than the baseline; 4 inconclusive;
    5 there is no baseline.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.audit import verdicts
    from simsmtp.audit.custom_sender import CustomSender
    from simsmtp.audit.journal import Journal
    from simsmtp.audit.table import LEGEND, markdown
    from simsmtp.cli.printing.audit_tables import audit_outcome, print_audit
    from simsmtp.live.endpoint import endpoint_in
    from simsmtp.output.writable import require_writable

    targets = documents.targets_of(kinds, as_json=as_json, allowed=documents.OF_ANY)
    if baseline and not baseline.exists():
        say(
            f"simsmtp: --baseline: there is no such file; given: '{baseline}'; --write-baseline makes one",
            to_stderr=True,
        )
        ctx.exit(5)
    known = verdicts.read_baseline(baseline) if baseline else None
    for key, path in (("--write-baseline", write_baseline), ("--junit", junit_file), ("--markdown", markdown_file)):
        if path:
            require_writable(path, key)
    if pages:
        require_writable(pages, "--html", is_folder=True)
    cells = _cells(quick or bool(listen and not replies and not numbers), replies, numbers)
    kept = Journal(output)
    _require_command(no_queue, command)
    if listen:
        _refuse(senders, "--listen", "it without SENDER")
        place: Endpoint | None = endpoint_in(listen, key="--listen", allow_remote=allow_remote)
        yours = CustomSender(output or Path("audit"), lambda text: click.echo(text, err=True), _words(command),
                             keeps_queue=not no_queue)  # fmt: skip
        chosen: Senders = {yours.name: lambda: yours}
    else:
        _refuse([command] if command else [], "--send", "--listen HOST:PORT beside it")
        place, chosen = None, _senders(senders, programs)
    longest_s = timeout_s or (_ASKED_S if listen and not command else _GIVEN_S)
    _run(chosen, cells, kept, Manner(place, longest_s, parallel, quiet, pages))
    rows = kept.in_order(list(chosen), [cell.name for cell in cells])
    found = verdicts.verdicts_of(rows)
    if write_baseline:
        verdicts.write_baseline(write_baseline, found)
    if junit_file:
        documents.write_file(junit_file, verdicts.junit(rows, known), "--junit")
    if markdown_file:
        documents.write_file(markdown_file, f"{markdown(rows)}\n{LEGEND}\n", "--markdown")
    documents.write_outcome(audit_outcome(rows, known, baseline), targets)
    if as_json:
        print(json.dumps({"rows": rows, "exit_code": verdicts.exit_code(found, known)}, indent=1))
    elif all(one.file is not None for one in targets):
        print_audit(rows)
        for sender, cell in verdicts.worse(found, known) if known is not None else ():
            say(f"worse than the baseline: {sender} {cell}: {found[sender, cell]}")
    ctx.exit(verdicts.exit_code(found, known))


def _cells(quick: bool, replies: Sequence[int], numbers: Sequence[int]) -> list[Cell]:
    from simsmtp.audit.cells import matrix
    from simsmtp.errors import InputError

    cells = matrix(quick=quick)
    for key, given, of in (("--reply", replies, lambda cell: int(cell.reply.split()[0])),
                           ("--recipients", numbers, lambda cell: cell.recipients)):  # fmt: skip
        allowed = sorted({of(cell) for cell in cells})
        for one in given:
            if one not in allowed:
                raise InputError("no such cell", key=key, given=one, allowed=map(str, allowed))
        cells = [cell for cell in cells if not given or of(cell) in given]
    if not cells:
        raise InputError("no cell is left", key="--reply", given=list(replies), allowed="other filters")
    return cells


def _refuse(given: Sequence[str], option: str, allowed: str) -> None:
    from simsmtp.errors import InputError

    if given:
        raise InputError("means your own server", key=option, given=given[0], allowed=allowed)


def _require_command(no_queue: bool, command: str | None) -> None:
    from simsmtp.errors import InputError

    if no_queue and not command:
        raise InputError("is about the command that sends", key="--no-queue", allowed="--send COMMAND beside it")


def _words(command: str | None) -> list[str]:
    from simsmtp.errors import InputError

    try:
        return shlex.split(command or "")
    except ValueError as error:
        raise InputError(f"no command line: {error}", key="--send", given=command) from None


def _senders(names: Sequence[str], programs: Path | None) -> Senders:
    """Return how to make those named, or all that are there; who is not is said."""
    from simsmtp.audit.matrix import SENDERS, sender_named
    from simsmtp.errors import InputError
    from simsmtp.mailers.programs import Programs

    found = Programs(programs)
    chosen: Senders = {}
    for name in dict.fromkeys(names or SENDERS):
        try:
            sender_named(name, found)
        except InputError as error:
            if names:
                raise
            say(f"left out: {error}", to_stderr=True)
        else:
            chosen[name] = partial(sender_named, name, found)
    return chosen


def _run(chosen: Senders, cells: Sequence[Cell], kept: Journal, manner: Manner) -> None:
    from simsmtp.audit.matrix import run_matrix
    from simsmtp.progress import progress_bar
    from simsmtp.tracing import Dialogue

    if manner.pages:
        manner.pages.mkdir(parents=True, exist_ok=True)
    todo = {name: [cell for cell in cells if not kept.has(name, cell.name)] for name in chosen}
    total = sum(map(len, todo.values()))

    def done(row: AuditRow) -> None:
        kept.add(row)
        if manner.pages and row.ladder:
            Dialogue(row.ladder).write_html(manner.pages / f"{row.sender}-{row.cell.name}.html")
        advance(1)

    with progress_bar("audit", total, False if manner.quiet else None, unit="cell") as advance:
        for name, make in chosen.items():
            run_matrix(
                make, todo[name], timeout_s=manner.timeout_s, place=manner.place, parallel=manner.parallel, done=done,
                records=manner.pages is not None,
            )  # fmt: skip
