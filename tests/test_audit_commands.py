"""Commands as senders: what their exit code says was told to the caller, and a text comes to them as SMTP has it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from simsmtp.audit import trial
from simsmtp.audit.cells import Cell
from simsmtp.audit.custom_sender import CustomSender
from simsmtp.audit.judgement import Verdict
from simsmtp.audit.matrix import sender_named
from simsmtp.audit.sender import Sender
from simsmtp.audit.trial import AuditRow, run_cell
from simsmtp.errors import InputError
from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.programs import Programs

CELL = Cell("452 4.5.3", 6, 4)
ALL_OR_NOTHING = ("curl", "msmtp")
FOUND = Programs(Path(os.environ["SIMSMTP_PROGRAMS"]) if os.environ.get("SIMSMTP_PROGRAMS") else None)
SCRIPT = """
import os, smtplib, sys
host, port = os.environ["AUDIT_PLACE"].rsplit(":", 1)
recipients = open(os.environ["AUDIT_RECIPIENTS"], encoding="utf-8").read().split()
text = sys.stdin.buffer.read()
assert text.count(b"\\r\\n") == text.count(b"\\n") > 3, "as SMTP has it"
with smtplib.SMTP(host, int(port)) as client:
    refused = client.sendmail(os.environ["AUDIT_SENDER"], recipients, text)
{}
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"_LOOK_S": 0.01, "_RETRY_S": 0.05, "_QUIET_S": 0.05, "_NOTICE_S": 0.1}.items():
        monkeypatch.setattr(trial, name, seconds)


def run(sender: Sender, cell: Cell = CELL, timeout_s: float = 20.0) -> AuditRow:
    return asyncio.run(run_cell(sender, cell, Endpoint("127.0.0.1", 0), timeout_s=timeout_s))


def classes(row: AuditRow) -> dict[str, int]:
    return {name: count for name, count in row.ledger.items() if count}


def custom(folder: Path, ending: str, *, keeps_queue: bool) -> CustomSender:
    """Return a script with smtplib that ends in a way of its own after some were refused."""
    script = folder / "send.py"
    script.write_text(SCRIPT.format(ending), encoding="utf-8")
    return CustomSender(folder, print, [sys.executable, str(script)], keeps_queue=keeps_queue)


def installed(name: str) -> Sender:
    try:
        return sender_named(name, FOUND)
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("reply", ["452 4.5.3", "552 5.5.3", "421 4.3.2"])
@pytest.mark.parametrize("name", ALL_OR_NOTHING)
def test_a_command_that_gives_up_has_told_its_caller_of_everybody(name: str, reply: str, pipelining: bool) -> None:
    """A user of curl saw code 55 for a whole letter: an outcome, and nothing that waits."""
    row = run(installed(name), Cell(reply, 6, 4, pipelining=pipelining))
    assert classes(row) == {"false_ndr": 6}
    assert (row.verdict, row.transactions) == (Verdict.UNAFFECTED, 1)


@pytest.mark.parametrize("name", ALL_OR_NOTHING)
def test_a_command_within_the_limit_delivers_its_text(name: str) -> None:
    row = run(installed(name), Cell("452 4.5.3", 4, 4))
    assert classes(row) == {"delivered": 4}
    assert row.verdict == Verdict.UNAFFECTED


def test_curl_gets_a_text_that_it_can_send_as_it_is(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = tmp_path / "send.sh"
    script.write_text(
        'exec curl -q --silent --show-error --noproxy \'*\' "smtp://$AUDIT_PLACE" --mail-from "$AUDIT_SENDER" '
        "$(sed 's/^/--mail-rcpt /' \"$AUDIT_RECIPIENTS\") --upload-file -",
        encoding="utf-8",
    )
    for count, expected in ((4, {"delivered": 4}), (5, {"false_ndr": 5})):
        row = run(CustomSender(tmp_path, print, ["/bin/sh", str(script)]), Cell("452 4.5.3", count, 4))
        assert classes(row) == expected
        assert row.verdict == Verdict.UNAFFECTED


@pytest.mark.parametrize(
    ("ending", "keeps_queue", "expected", "verdict"),
    [
        ("sys.exit(0)", True, {"delivered": 4, "queued": 2}, Verdict.INCONCLUSIVE),
        ("sys.exit(0)", False, {"delivered": 4, "lost": 2}, Verdict.MISCOUNTED),
        ("sys.exit(75)", True, {"contradictory_ndr": 4, "false_ndr": 2}, Verdict.MISCOUNTED),
        ("sys.exit(75)", False, {"contradictory_ndr": 4, "false_ndr": 2}, Verdict.MISCOUNTED),
    ],
)
def test_who_was_served_though_the_command_failed_and_who_was_not_though_it_did_not(
    tmp_path: Path, ending: str, keeps_queue: bool, expected: dict[str, int], verdict: Verdict
) -> None:
    row = run(custom(tmp_path, ending, keeps_queue=keeps_queue), timeout_s=3.0 if ending.endswith("(0)") else 20.0)
    assert classes(row) == expected
    assert row.verdict == verdict


@pytest.mark.parametrize("command", [["false"], ["/bin/sh", "-c", "exec nowhere"], ["./nowhere"]])
def test_a_command_that_never_came_to_a_recipient_is_bad_input(tmp_path: Path, command: list[str]) -> None:
    with pytest.raises(InputError, match=r"ended with|cannot be run"):
        run(CustomSender(tmp_path, print, command))
