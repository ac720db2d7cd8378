"""One cell: a message is handed to a program, our server answers, and every recipient is filed."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from simsmtp.audit.cells import Cell
from simsmtp.audit.dsn import failed_recipients
from simsmtp.audit.judgement import RecipientOutcome, Verdict, counts, judge
from simsmtp.audit.sender import CallerTold, Sender
from simsmtp.dialogue.capture import recorded_ladder
from simsmtp.dialogue.ladder import Ladder
from simsmtp.dialogue.recording import NOTE, TOO_MUCH, Recorder
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.served import ServedRow
from simsmtp.protocol.ledger import LEDGER_NAMES

TEXT = "From: <{sender}>\r\nSubject: audit\r\nMessage-ID: <{name}@orig.example.test>\r\n\r\nHello.\r\n"
_SENDERS = re.compile(rb"audit-[a-z0-9-]+@orig\.example\.test")
_LOOK_S, _RETRY_S, _QUIET_S = 0.2, 2.0, 1.0
_NOTICE_S = 8.0  # a program that dropped somebody may still be writing the notification
_MOST_ROUNDS = 3  # transactions without any progress, after which none is expected


class AuditRow(NamedTuple):
    """A cell's result.

    Attributes
    ----------
    sender, version : str
        The program.
    cell : Cell
        What was tried.
    ledger : dict
        Recipients of each class.
    connections, transactions, rcpt_commands : int
        What the server saw of the message.
    ndr_messages : int
        Notifications that came back.
    seconds : float
        How long it took.
    verdict : Verdict
        What it says.
    ladder : Ladder, optional
        What was said, if it was recorded.
    """

    sender: str
    version: str
    cell: Cell
    ledger: dict[str, int]
    connections: int
    transactions: int
    rcpt_commands: int
    ndr_messages: int
    seconds: float
    verdict: Verdict
    ladder: Ladder | None = None

    def document(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "sender": self.sender,
            "version": self.version,
            "name": self.cell.name,
            **self.cell._asdict(),
            **self.ledger,
            **{name: getattr(self, name) for name in ("connections", "transactions", "rcpt_commands", "ndr_messages")},
            "seconds": round(self.seconds, 3),
            "verdict": str(self.verdict),
        }


class _Account:
    """What the server hears of one message; a cell's sender tells its message from what other cells have left."""

    def __init__(self, sender: str, recipients: list[str]) -> None:
        self.sender = sender
        self.known = set(recipients)
        self.rows: list[ServedRow] = []
        self.failed: set[str] = set()
        self.notifications = 0
        self.changed = time.monotonic()

    def enter(self, row: ServedRow) -> None:
        if row.sender.lower() == self.sender:
            self.rows.append(row)
            self.changed = time.monotonic()

    def report(self, octets: bytes) -> None:
        about = _SENDERS.findall(octets.lower())
        named = set() if about and self.sender.encode() not in about else failed_recipients(octets) & self.known
        self.failed |= named
        self.notifications += bool(named)
        self.changed = time.monotonic()

    @property
    def rounds(self) -> int:
        """Transactions so far."""
        return len({(row.session, row.transaction) for row in self.rows})

    def seen(self, queued: set[str]) -> dict[str, RecipientOutcome]:
        accepted: Counter[str] = Counter()
        codes: dict[str, list[int]] = defaultdict(list)
        cut_off = {(row.session, row.transaction) for row in self.rows if row.code == 421}
        for row in sorted(self.rows, key=lambda row: (row.session, row.transaction, row.position)):
            accepted[row.recipient.lower()] += row.accepted
            # Accepted by RCPT and then never by a final reply: the whole transaction failed, or was cut off.
            cut = 421 if (row.session, row.transaction) in cut_off else 0
            code = row.code if row.accepted or row.code >= 400 else row.final_code or cut
            codes[row.recipient.lower()].append(code)
        return {
            who: RecipientOutcome(accepted[who], who in self.failed, who in queued, tuple(codes[who]))
            for who in self.known
        }


async def run_cell(sender: Sender, cell: Cell, place: Endpoint, *, timeout_s: float, records: bool = False) -> AuditRow:
    """Run a cell to its end, or as long as is allowed.

    Parameters
    ----------
    sender : Sender
        Not started yet.
    cell : Cell
        What to try.
    place : Endpoint
        Where to listen; port 0 takes any.
    timeout_s : float
        How long to wait for the last recipient.
    records : bool
        Keep what is said, for a diagram.

    Raises
    ------
    InputError
        The program cannot be run, or failed without naming a recipient to our server.
    """
    recorder = Recorder() if records else None
    account = _Account(cell.sender, cell.addresses())
    terms = Terms(timeout_s=timeout_s, enter=account.enter, report=account.report, recorder=recorder)
    async with Listener(cell.scenario(), place, terms) as listener, _started(sender, listener.place):
        begin = account.changed = time.monotonic()
        text = TEXT.format(name=cell.name, sender=cell.sender)
        failure: CallerTold | None = None
        try:
            told = await asyncio.to_thread(sender.submit, cell.sender, cell.addresses(), text)
        except CallerTold as error:
            told, failure = account.known, error
        account.failed |= {who.lower() for who in told} & account.known
        queued = await _settled(sender, account, begin + timeout_s)
    if failure and not account.rows:
        raise failure  # it never came to a recipient: what it says is about itself
    outcomes = account.seen(queued)
    seen = list(outcomes.values())
    rows = account.rows
    asked_again = any(len(one.codes) > 1 for one in seen) or account.rounds > 1
    return AuditRow(
        sender.name,
        sender.version,
        cell,
        counts(seen),
        len({row.session for row in rows}),
        account.rounds,
        len(rows),
        account.notifications,
        time.monotonic() - begin,
        judge(seen, asked_again=asked_again, keeps_queue=sender.keeps_queue and not failure),
        _ladder(recorder, f"{sender.name} {sender.version}: {cell.told}", outcomes) if recorder else None,
    )


def _ladder(recorder: Recorder, title: str, outcomes: dict[str, RecipientOutcome]) -> Ladder:
    truths = {
        who: (LEDGER_NAMES[one.ledger], "An NDR or the program named it as failed." if one.failed else "")
        for who, one in outcomes.items()
    }
    return recorded_ladder(recorder.segments, title, [NOTE, *([TOO_MUCH] if recorder.is_full else [])], truths)


@asynccontextmanager
async def _started(sender: Sender, place: Endpoint) -> AsyncIterator[None]:
    with tempfile.TemporaryDirectory(prefix="simsmtp-audit-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # mail programs give up their rights
        starting = asyncio.ensure_future(asyncio.to_thread(sender.start, place, Path(folder)))
        try:
            await asyncio.shield(starting)
            yield
        finally:
            await asyncio.wait([starting])  # a start that has begun goes on, even where nobody waits for it any more
            await asyncio.shield(asyncio.to_thread(sender.stop))


async def _settled(sender: Sender, account: _Account, until: float) -> set[str]:
    """Wait until nothing more can come, asking the program to try again now and then; return who is still queued."""
    retried = time.monotonic()
    queued: set[str] = set()
    settled = rounds = -1
    while time.monotonic() < until:
        await asyncio.sleep(_LOOK_S)
        quiet = time.monotonic() - account.changed
        if quiet < _QUIET_S:
            continue
        queued = await asyncio.to_thread(sender.queued)
        seen = account.seen(queued).values()
        now = sum(1 for one in seen if one.accepted or one.failed)
        if now != settled:
            settled, rounds = now, account.rounds
        is_missed = any(not one.accepted and not one.failed and not one.queued for one in seen)
        if not queued and quiet >= (_NOTICE_S if is_missed else _QUIET_S):
            break
        if not is_missed and ((now == len(seen) and quiet >= _NOTICE_S) or account.rounds - rounds >= _MOST_ROUNDS):
            break
        if queued and time.monotonic() - retried >= _RETRY_S:
            retried = time.monotonic()
            await asyncio.to_thread(sender.retry)
    return queued
