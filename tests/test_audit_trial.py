"""One cell, with senders of our own that do well and badly: what is really received decides."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from test_audit_dsn import block, report

from simsmtp.audit import trial
from simsmtp.audit.cells import Cell
from simsmtp.audit.judgement import Verdict
from simsmtp.audit.matrix import SENDERS, run_matrix, sender_named
from simsmtp.audit.trial import AuditRow, run_cell
from simsmtp.errors import InputError
from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.programs import Programs

CELL = Cell("452 4.5.3", 6, 4)
ANYWHERE = Endpoint("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"_LOOK_S": 0.01, "_RETRY_S": 0.02, "_QUIET_S": 0.02, "_NOTICE_S": 0.05}.items():
        monkeypatch.setattr(trial, name, seconds)


class Program:
    """A sender that goes wrong as it is told to."""

    name, version, keeps_queue = "ours", "1", True

    def __init__(self, *, goes: str = "well") -> None:
        self._goes = goes
        self._queue: list[str] = []
        self.is_stopped = False

    def start(self, place: Endpoint, work: Path) -> None:
        assert work.is_dir()
        self._place = place

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        self._sender, self._text, self._queue = sender, text, list(recipients)
        if self._goes == "stuck":
            return set()
        self._send(self._queue)
        match self._goes:
            case "loses":
                self._queue = []
            case "bounces":
                self._bounce(self._queue)
            case "bounces the wrong ones":
                self._bounce(set(recipients) - set(self._queue))
            case "repeats":
                waiting = self._queue
                self._send(recipients[:1])
                self._queue = waiting
            case "tells of delay":
                self._notify(report(*(block(one, "delayed") for one in self._queue)))
            case "tells of another cell":
                self._notify(report(*map(block, recipients)).replace(b"audit@", b"audit-other@"))
        return set()

    def queued(self) -> set[str]:
        return {one.upper().lower() for one in self._queue}

    def retry(self) -> None:
        if self._goes == "asks in vain":
            self._send([], give_up=True)
        elif self._goes != "stuck":
            self._send(self._queue)

    def stop(self) -> None:
        self.is_stopped = True

    def _send(self, recipients: Sequence[str], *, give_up: bool = False) -> None:
        with smtplib.SMTP(*self._place) as client:
            if give_up:
                client.ehlo()
                client.mail(self._sender)
                client.rcpt(self._queue[0])
                client.rset()
                return
            refused = client.sendmail(self._sender, list(recipients), self._text) if recipients else {}
        self._queue = [one for one in self._queue if one in refused]

    def _bounce(self, recipients: Iterable[str]) -> None:
        named = list(recipients)
        self._queue = [one for one in self._queue if one not in named]
        self._notify(report(*map(block, named)))

    def _notify(self, octets: bytes) -> None:
        with smtplib.SMTP(*self._place) as client:
            client.sendmail("", [self._sender], octets)


def run(program: Program, cell: Cell = CELL, timeout_s: float = 10.0) -> AuditRow:
    row = asyncio.run(run_cell(program, cell, ANYWHERE, timeout_s=timeout_s))
    assert program.is_stopped
    assert sum(row.ledger.values()) == cell.recipients
    return row


def classes(row: AuditRow) -> dict[str, int]:
    return {name: count for name, count in row.ledger.items() if count}


@pytest.mark.parametrize(
    ("goes", "expected", "verdict"),
    [
        ("well", {"delivered": 6}, Verdict.UNAFFECTED),
        ("loses", {"delivered": 4, "lost": 2}, Verdict.MISCOUNTED),
        ("bounces", {"delivered": 4, "false_ndr": 2}, Verdict.BOUNCED),
        ("bounces the wrong ones", {"delivered": 2, "contradictory_ndr": 4}, Verdict.MISCOUNTED),
        ("repeats", {"delivered": 5, "duplicate": 1}, Verdict.MISCOUNTED),
        ("tells of delay", {"delivered": 6}, Verdict.UNAFFECTED),
        ("tells of another cell", {"delivered": 6}, Verdict.UNAFFECTED),
    ],
)
def test_every_recipient_is_filed_by_what_was_really_received(
    goes: str, expected: dict[str, int], verdict: Verdict
) -> None:
    row = run(Program(goes=goes))
    assert classes(row) == expected
    assert row.verdict == verdict


def test_counts_are_those_of_the_server() -> None:
    row = run(Program())
    assert (row.connections, row.transactions, row.rcpt_commands, row.ndr_messages) == (2, 2, 8, 0)
    assert run(Program(goes="bounces")).ndr_messages == 1


def test_who_is_cut_off_each_time_is_not_waited_for_without_end() -> None:
    class CutOff(Program):
        def _send(self, recipients: Sequence[str], *, give_up: bool = False) -> None:
            try:
                super()._send(recipients, give_up=give_up)
            except smtplib.SMTPRecipientsRefused:
                self._queue = list(recipients)

    begin = time.monotonic()
    row = run(CutOff(), Cell("421 4.3.2", 6, 4), timeout_s=30.0)
    assert time.monotonic() - begin < 20
    assert classes(row) == {"queued": 6}
    assert (row.verdict, row.transactions, row.rcpt_commands) == (Verdict.CUT_OFF, 4, 20)


def test_asked_again_and_again_without_progress() -> None:
    row = run(Program(goes="asks in vain"))
    assert classes(row) == {"delivered": 4, "queued": 2}
    assert row.verdict == Verdict.NO_PROGRESS


def test_who_never_sends_is_inconclusive() -> None:
    row = run(Program(goes="stuck"), timeout_s=0.3)
    assert classes(row) == {"queued": 6}
    assert row.verdict == Verdict.INCONCLUSIVE


def test_cells_run_side_by_side_and_each_has_its_own_sender() -> None:
    made: list[Program] = []

    def make() -> Program:
        made.append(Program())
        return made[-1]

    cells = [Cell("452 4.5.3", count, 4) for count in range(3, 9)]
    done: list[AuditRow] = []
    rows = run_matrix(make, cells, timeout_s=10.0, done=done.append, parallel=3)
    assert [row.cell for row in rows] == cells
    assert sorted(done) == sorted(rows)
    assert len(made) == len(cells)
    assert all(row.verdict == Verdict.UNAFFECTED for row in rows)


def test_a_sender_that_does_not_start_is_said_and_stopped() -> None:
    made: list[Program] = []

    class Broken(Program):
        def start(self, place: Endpoint, work: Path) -> None:
            raise InputError("did not start", key="audit", given="ours")

    def make() -> Broken:
        made.append(Broken())
        return made[-1]

    with pytest.raises(InputError, match="did not start"):
        run_matrix(make, [CELL], timeout_s=1.0, done=lambda row: None)
    assert made[0].is_stopped


def test_unknown_senders_and_programs_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.mailers.programs.os.geteuid", lambda: 0)
    with pytest.raises(InputError, match="postfix"):
        sender_named("postfx", Programs(None))
    monkeypatch.setattr("simsmtp.mailers.programs.shutil.which", lambda *_, **__: None)
    for name in set(SENDERS) - {"smtplib", "aiosmtplib", "sendmail"}:
        with pytest.raises(InputError, match="not installed"):
            sender_named(name, Programs(tmp_path))
    with pytest.raises(InputError, match=r"not installed.*sendmail"):
        sender_named("sendmail", Programs(tmp_path))


def test_mail_servers_want_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.mailers.programs.os.geteuid", lambda: 1000)
    for name in ("postfix", "exim", "sendmail", "opensmtpd"):
        with pytest.raises(InputError, match="only as root"):
            sender_named(name, Programs(None))
