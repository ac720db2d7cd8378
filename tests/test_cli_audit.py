"""``simsmtp audit`` as a user starts it."""

from __future__ import annotations

import json
import re
import smtplib
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "simsmtp", "audit"]


def audit(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments), "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)


def test_a_library_is_audited_and_everything_is_written(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("audit.xml", "audit.json", "audit.md")]
    told = audit("smtplib", "--quick", "--json", "--junit", files[0], "--write-baseline", files[1],
                 "--markdown", files[2], "--output", tmp_path / "kept")  # fmt: skip
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    assert document["exit_code"] == 0
    assert [row["name"] for row in document["rows"]] == [
        f"{code}-250-100-{kind}-pipelining" for code in (452, 552) for kind in ("transaction", "first-domain-only")
    ]
    assert all((row["delivered"], row["false_ndr"], row["lost"]) == (100, 150, 0) for row in document["rows"])
    [suite] = ET.parse(files[0]).getroot()  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("4", "0")
    assert "100 / 150 / 0 · 1 : 250" in files[2].read_text(encoding="utf-8")
    kept = (tmp_path / "kept" / "audit.jsonl").read_text(encoding="utf-8")
    again = audit("smtplib", "--quick", "--output", tmp_path / "kept", "--baseline", files[1])
    assert again.returncode == 0, again.stderr
    assert "unaffected" in again.stdout
    assert (tmp_path / "kept" / "audit.jsonl").read_text(encoding="utf-8") == kept, "what is done is not done again"


def _kept_with(folder: Path, verdict: str) -> Path:
    """Keep rows as if a program had behaved like that."""
    assert audit("smtplib", "--quick", "--output", folder).returncode == 0
    path = folder / "audit.jsonl"
    lines = [json.loads(line) | {"verdict": verdict} for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return folder


def test_affected_is_code_3_inconclusive_4_and_worse_than_the_baseline_is_named(tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    folder = _kept_with(tmp_path / "kept", "unaffected")
    assert audit("smtplib", "--quick", "--output", folder, "--write-baseline", base).returncode == 0
    text = (folder / "audit.jsonl").read_text(encoding="utf-8")
    for verdict, code in (("bounced", 3), ("miscounted", 3), ("no progress", 3), ("inconclusive", 4), ("cut off", 0)):
        changed = text.replace('"verdict": "unaffected"', f'"verdict": "{verdict}"')
        (folder / "audit.jsonl").write_text(changed, encoding="utf-8")
        assert audit("smtplib", "--quick", "--output", folder).returncode == code, verdict
    told = audit("smtplib", "--quick", "--output", folder, "--baseline", base)
    assert told.returncode == 3
    assert "worse than the baseline: smtplib 452-250-100-transaction-pipelining: cut off" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["smtlib"], ["unknown sender", "smtlib", "smtplib"]),
        (["smtplib", "--reply", "250"], ["no such cell", "--reply", "452"]),
        (["smtplib", "--recipients", "3"], ["no such cell", "--recipients", "250"]),
        (["smtplib", "--quick", "--reply", "421"], ["no such cell", "--reply"]),
        (["smtplib", "--programs", "nowhere"], ["nowhere"]),
        (["smtplib", "--timeout", "0"], ["--timeout"]),
        (["smtplib", "--parallel", "0"], ["--parallel"]),
        (["smtplib", "--quick", "--junit", "nowhere/x.xml"], ["--junit", "nowhere"]),
        (["smtplib", "--quick", "--write-baseline", "."], ["--write-baseline"]),
        (["smtplib", "--listen", "127.0.0.1:0"], ["--listen"]),
        (["smtplib", "--send", "true"], ["--send", "--listen"]),
        (["smtplib", "--no-queue"], ["--no-queue", "--send COMMAND"]),
        (["--listen", "127.0.0.1:0", "--send", "'"], ["--send", "quotation"]),
        (["--listen", "192.0.2.1:2525"], ["this machine only", "--allow-remote"]),
        (["--listen", "2525"], ["not a place", "HOST:PORT"]),
    ],
)
def test_bad_input_is_code_2_and_nothing_is_written(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    told = audit(*arguments, cwd=tmp_path)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    for word in words:
        assert word in told.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_baseline_is_code_5_and_another_file_is_none(tmp_path: Path) -> None:
    told = audit("smtplib", "--quick", "--baseline", tmp_path / "nowhere.json")
    assert told.returncode == 5
    assert "nowhere.json" in told.stderr
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    told = audit("smtplib", "--quick", "--baseline", tmp_path / "other.json")
    assert told.returncode == 2
    assert "no baseline of an audit" in told.stderr


@pytest.mark.slow
def test_your_own_server_is_told_what_to_send_and_judged(tmp_path: Path) -> None:
    command = [*PROGRAM, "--listen", "127.0.0.1:0", "--reply", "550", "--recipients", "101", "--timeout", "20",
               "--json", "--quiet", "--output", str(tmp_path / "kept")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as judge:
        assert judge.stderr is not None
        told = ""
        for _ in range(2):  # with PIPELINING and without
            while "sendmail -i" not in (line := judge.stderr.readline()):
                assert line, told
                told += line
            place, sender = re.search(r"127\.0\.0\.1:(\d+)", told), re.search(r"message from (\S+) to", told)
            assert place
            assert sender
            file = tmp_path / "kept" / "recipients-101.txt"
            recipients = file.read_text(encoding="utf-8").split()
            assert len(recipients) == 101
            with smtplib.SMTP("127.0.0.1", int(place[1])) as client:
                refused = client.sendmail(sender[1], recipients, "Subject: audit\r\n\r\nHello.\r\n")
            assert set(refused) == set(recipients[100:])
            _notify(int(place[1]), sender[1], list(refused))
            told = ""
        document = json.loads(judge.stdout.read()) if judge.stdout else {}
        assert judge.wait(30) == 0
    assert {row["verdict"] for row in document["rows"]} == {"unaffected"}
    assert {(row["delivered"], row["false_ndr"], row["ndr_messages"]) for row in document["rows"]} == {(100, 1, 1)}


SUBMIT = """
import os, smtplib, sys
host, port = os.environ["AUDIT_PLACE"].rsplit(":", 1)
recipients = open(os.environ["AUDIT_RECIPIENTS"], encoding="utf-8").read().split()
text = sys.stdin.read()
while recipients:
    with smtplib.SMTP(host, int(port)) as client:
        recipients = list(client.sendmail(os.environ["AUDIT_SENDER"], recipients, text))
"""


@pytest.mark.slow
def test_a_command_may_hand_over_the_message(tmp_path: Path) -> None:
    (tmp_path / "submit.py").write_text(SUBMIT, encoding="utf-8")
    send = f"{sys.executable} {tmp_path / 'submit.py'}"
    command = ["--listen", "127.0.0.1:0", "--send", send, "--reply", "452", "--recipients", "125", "--json"]
    told = audit(*command, "--timeout", "30", "--output", tmp_path / "kept")
    assert told.returncode == 0, told.stderr
    rows = json.loads(told.stdout)["rows"]
    assert {(row["delivered"], row["transactions"], row["rcpt_commands"]) for row in rows} == {(125, 2, 150)}
    told = audit("--listen", "127.0.0.1:0", "--send", "./nowhere", "--output", tmp_path / "other")
    assert told.returncode == 2
    assert "cannot be run" in told.stderr


def _notify(port: int, sender: str, failed: list[str]) -> None:
    from test_audit_dsn import block, report

    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("", [sender], report(*map(block, failed)).replace(b"audit@orig.example.test", sender.encode()))
