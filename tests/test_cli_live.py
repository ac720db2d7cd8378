"""``simsmtp serve`` and ``simsmtp send`` as a user starts them."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "simsmtp"]


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server; give it and where it listens."""
    command = [*PROGRAM, "serve", "--listen", "127.0.0.1:0", "--quiet", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"listening on (\S+)", server.stderr.readline())
        assert found
        try:
            yield server, found[1]
        finally:
            if server.poll() is None:
                server.kill()


def lines_in(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return len(list(csv.DictReader(file)))


def send(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, "send", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_serve_and_send_agree_on_who_was_accepted(tmp_path: Path) -> None:
    rows, mine = tmp_path / "served.csv", tmp_path / "sent.csv"
    with serving("--sessions", "2", "--json", "--rows", str(rows)) as (server, place):
        sent = send(place, "--preset", "windows-2003-rtm", "--json", "--quiet", "--rows", str(mine))
        assert sent.returncode == 0, sent.stderr
        account = json.loads(server.communicate(timeout=30)[0])
    document = json.loads(sent.stdout)
    assert (document["responses"]["delivered"], document["responses"]["false_ndr"]) == (101, 149)
    assert account["accepted"] == 101
    assert (account["transactions"], account["rcpt_commands"], account["over_limit"]) == (2, 251, 150)
    assert lines_in(rows) == 251
    assert lines_in(mine) == 250


def two_destinations(folder: Path, *, client: str, workload: str = "") -> Path:
    """Write a case with a wide destination and a narrow one."""
    case = folder / "two.toml"
    case.write_text(
        f"""[scenario.workload]
recipients_per_message = 40
{workload}
[scenario.client]
{client}
[[scenario.destinations]]
name = "wide"
[[scenario.destinations]]
name = "narrow"
server.recipient_limit = 5
"""
    )
    return case


def test_one_file_says_what_goes_to_which_of_two_servers(tmp_path: Path) -> None:
    case = two_destinations(tmp_path, client='strategy = "one-stop"')
    named = ["--json", "--destination"]
    with serving(*named, "wide", str(case)) as (_, wide), serving(*named, "narrow", str(case)) as (server, narrow):
        sent = send(f"wide={wide}", f"narrow={narrow}", str(case), "--json", "--quiet")
        assert sent.returncode == 0, sent.stderr
        server.send_signal(signal.SIGINT)
        account = json.loads(server.communicate(timeout=30)[0])
    rows = json.loads(sent.stdout)["recipients"]
    to = {name: [row for row in rows if row["destination"] == name] for name in ("wide", "narrow")}
    assert {row["ledger"] for row in to["wide"]} == {"delivered"}
    assert account["accepted"] == 6  # 5 at first, the first of the refused at second
    assert sum(row["ledger"] == "false_ndr" for row in to["narrow"]) == len(to["narrow"]) - 6


def test_send_shows_the_ledger_and_the_dialogue() -> None:
    with serving() as (_, place):
        sent = send(place, "--set", "workload.recipients_per_message=2", "--dialogue", "--quiet")
    assert sent.returncode == 0
    for part in ("C: RCPT TO:", "S: 250 2.1.5", "354", "delivered", "1 transactions, 1 connections, 2 RCPT commands"):
        assert part in sent.stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_leaves_whole_rows(tmp_path: Path, sign: signal.Signals) -> None:
    rows = tmp_path / "served.csv"
    with serving("--rows", str(rows)) as (server, place):
        send(place, "--set", "workload.recipients_per_message=5", "--quiet")
        server.send_signal(sign)
        out, _ = server.communicate(timeout=20)
        assert server.returncode == 0
    assert "accepted" in out
    assert lines_in(rows) == 5


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["127.0.0.1:1"], ["no connection", "127.0.0.1:1"]),
        (["mx.example.com:25"], ["this machine only", "--allow-remote mx.example.com"]),
        (["nowhere"], ["not a place", "HOST:PORT"]),
        (["127.0.0.1:2525", "--preset", "windows-203-rtm"], ["windows-2003-rtm"]),
        (["127.0.0.1:2525", "--set", "client.strategi=corrected"], ["client.strategi: unknown key", "strategy"]),
        (["127.0.0.1:1", "--rows", "/nowhere/rows.csv"], ["--rows", "cannot be written", "/nowhere"]),
        (["::1:2525"], ["not a place", "[::1]:2525"]),
        (["a..b:25", "--allow-remote", "a..b"], ["not a place"]),
        (["nosuch.invalid:25", "--allow-remote", "nosuch.invalid"], ["no connection", "nosuch.invalid:25"]),
        (["127.0.0.1:1", "127.0.0.1:2", "case.toml"], ["NAME=HOST:PORT", "a second place without a name"]),
        (["a=127.0.0.1:1", "a=127.0.0.1:2"], ["NAME=HOST:PORT", "a second place of that name", "a=127.0.0.1:2"]),
        (["a=127.0.0.1:1", "b=127.0.0.1:2"], ["the scenario has one destination"]),
        (["127.0.0.1:1", "--tls-ca", "/nowhere/ca.pem"], ["--tls-ca", "cannot be used"]),
    ],
)
def test_bad_input_is_explained_and_exits_with_2(arguments: list[str], parts: list[str]) -> None:
    done = send(*arguments, "--quiet")
    assert done.returncode == 2
    assert done.stdout == ""
    for part in parts:
        assert part in done.stderr


def test_a_run_that_cannot_begin_leaves_files_as_they_were(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    assert send("127.0.0.1:1", "--rows", str(rows), "--quiet").returncode == 2
    assert not rows.exists()
    rows.write_text("of an earlier run\n", encoding="utf-8")
    assert send("127.0.0.1:1", "--rows", str(rows), "--quiet").returncode == 2
    with serving() as (_, place):
        command = [*PROGRAM, "serve", "--listen", place, "--rows", str(rows)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "cannot listen" in done.stderr
    assert rows.read_text(encoding="utf-8") == "of an earlier run\n"


def test_a_resend_that_is_still_due_is_not_finished() -> None:
    """Nobody is queued then, and all the same the run is not over."""
    resend = ("workload.resend=failed", "workload.resends=1", "workload.resend_after_s=30", "horizon_s=1")
    with serving() as (_, place):
        sent = send(place, "--preset", "windows-2003-rtm", *(f"--set={one}" for one in resend), "--quiet")
    assert sent.returncode == 4, sent.stderr
    first = "Not finished: messages or resends were still to come (horizon_s = 1 ended the run)."
    assert sent.stdout.splitlines()[0] == first


def test_who_is_resent_to_and_what_each_destination_got_is_told(tmp_path: Path) -> None:
    resend = 'resend = "failed"\nresend_after_s = 0.1'
    case = two_destinations(tmp_path, client='strategy = "send-cursor"', workload=resend)
    named = ["--destination"]
    with serving(*named, "wide", str(case)) as (_, wide), serving(*named, "narrow", str(case)) as (_, narrow):
        sent = send(f"wide={wide}", f"narrow={narrow}", str(case), "--quiet")
    assert re.match(r"Finished: \d+ of \d+ recipients, \d+ of them in resends, have a wrong outcome\.", sent.stdout)
    assert re.search(r"\n  to narrow: delivered 10, false_ndr \d+\n  to wide: delivered \d+\n", sent.stdout)
