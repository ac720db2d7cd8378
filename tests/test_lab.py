"""The lab: a line with a delay, what is read from a capture, rows that survive, and one real session."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_files import heed_ctrl_c

from simsmtp import Scenario
from simsmtp.dialogue.pcap import write_pcap
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.lab.capture import Segment, facts, is_over, segments
from simsmtp.lab.delay import DelayLine
from simsmtp.lab.ends import why_not
from simsmtp.lab.journal import NAMES, Journal
from simsmtp.lab.settings import Medium, Setting, settings
from simsmtp.model.plan import plan_of
from simsmtp.protocol.wire import AddressBook

FIN, SYN, ACK = 0x01, 0x02, 0x10
SETTING = Setting(N=200, batch=50, limit=100, size=1000, cache="on", pipelining=True, rtt_ms=2.0)
ROW = dict.fromkeys(NAMES, 0) | SETTING._asdict() | {"duration_s": 0.1, "receiver": "Postfix 3.7.11"}

WHY_NOT = why_not() or ("" if shutil.which("postfix") else "Postfix is not installed (Debian package postfix)")

steps = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1]), st.binary(min_size=1, max_size=40)))


@given(steps, st.integers(0, 5_000), st.sampled_from([0.0, 1.0, 100.0]))
def test_the_line_delays_every_packet_and_keeps_the_order_of_each_direction(
    packets: list[tuple[int, int, bytes]], delay_ns: int, rate_mbit: float
) -> None:
    line, put = DelayLine(delay_ns, rate_mbit=rate_mbit), sorted(packets, key=lambda one: one[0])
    for at_ns, end, octets in put:
        line.put(at_ns, end, octets)
    out = []
    while (due := line.next_due()) is not None:
        assert line.due(due - 1) == []
        out += line.due(due)
    assert [one.due_ns for one in out] == sorted(one.due_ns for one in out)
    for end in (0, 1):
        went_in = [(at_ns, octets) for at_ns, where, octets in put if where == end]
        came_out = [one for one in out if one.end == end]
        assert [one.octets for one in came_out] == [octets for _, octets in went_in]
        free_ns = 0
        for (at_ns, octets), one in zip(went_in, came_out, strict=True):
            free_ns = max(at_ns, free_ns) + (round(8000 / rate_mbit * len(octets)) if rate_mbit else 0)
            assert one.due_ns == free_ns + delay_ns


def test_losses_are_those_of_the_seed() -> None:
    def left(seed: int) -> list[bytes]:
        line = DelayLine(1, loss=0.2, seed=seed)
        for number in range(1000):
            line.put(number, 0, b"%d" % number)
        out = [one.octets for one in line.due(2000)]
        assert line.lost == 1000 - len(out)
        return out

    assert left(1) == left(1) != left(2)
    assert 740 <= len(left(1)) <= 860  # five standard deviations


def segment(at_ms: float, up: bool, number: int, octets: bytes = b"", flags: int = ACK, port: int = 40_000) -> Segment:
    return Segment(round(at_ms * 1e6), port, up, flags, number % 2**32, octets)


FIRST = 2**32 - 20  # the numbers go over the end


def session() -> list[Segment]:
    group = b"MAIL FROM:<s@a>\r\nRCPT TO:<a@b>\r\nRCPT TO:<b@b>\r\nDATA\r\n"
    text = b"RCPT TO:<no command>\r\n.\r\n"
    return [
        segment(0, True, FIRST, flags=SYN),
        segment(10, False, 500, flags=SYN | ACK),
        segment(20, False, 501, b"220 b\r\n"),
        segment(21, True, FIRST + 1, group[:25]),
        segment(21, True, FIRST + 26, group[25:]),
        segment(23, True, FIRST + 26, group[25:]),  # sent twice
        segment(40, False, 520, b"0 c\r\n354 d\r\n"),  # out of its turn
        segment(41, False, 508, b"250-a\r\n250 b\r\n"[:12] + b""),
        segment(50, True, FIRST + 1 + len(group), text.replace(b"RCPT", b"rcpx")),
        segment(60, False, 532, b"250 queued\r\n"),
        segment(61, True, FIRST + 1 + len(group) + len(text), b"QUIT\r\n"),
        segment(71, False, 544, b"221 bye\r\n"),
        segment(72, True, FIRST + 7 + len(group) + len(text), flags=FIN | ACK),
        segment(82, False, 553, b"421 lost connection\r\n"),
        segment(83, False, 574, flags=FIN | ACK),
    ]


def test_a_session_is_put_together_from_its_segments() -> None:
    found = facts(session())
    assert found["rcpt_cmds"] == 2
    assert found["client_turns"] == 3
    assert found["server_segments"] == 5
    assert found["connections"] == 1
    assert found["codes"] == {"220": 1, "221": 1, "250": 2, "354": 1}
    assert found["duration_s"] == pytest.approx(0.060)
    assert (
        found["bytes_up"] == 25 + 2 * (len(b"MAIL FROM:<s@a>\r\nRCPT TO:<a@b>\r\nRCPT TO:<b@b>\r\nDATA\r\n") - 25) + 31
    )
    assert is_over(session())
    assert not is_over(session()[:-1])


def test_two_connections_are_two() -> None:
    later = [one._replace(port=40_001, at_ns=one.at_ns + 100_000_000) for one in session()]
    found = facts(session() + later)
    assert (found["connections"], found["client_turns"], found["rcpt_cmds"]) == (2, 6, 4)
    assert found["duration_s"] == pytest.approx(0.160)
    assert not is_over(session() + later[:-1])


def test_the_capture_of_a_simulated_session_has_what_was_simulated(tmp_path: Path) -> None:
    scenario = Scenario.from_dict(
        {"workload": {"recipients_per_message": 250}, "server": {"recipient_limit": 100}, "network": {"rtt_ms": 50}}
    )
    output = run_replication(plan_of(scenario), recipients=True, dialogue=True)
    path = tmp_path / "session.pcap"
    write_pcap(path, output, plan_of(scenario), AddressBook(scenario.workload.address_chars, scenario.workload.domains))
    found = facts(segments(path, 25))
    assert found["rcpt_cmds"] == output.responses["rcpt_commands"]
    assert found["connections"] == output.responses["connections"]
    assert found["duration_s"] == pytest.approx(output.responses["makespan_s"], rel=1e-6)


@given(st.binary(max_size=400))
def test_what_is_no_packet_is_passed_over(tmp_path_factory: pytest.TempPathFactory, rest: bytes) -> None:
    path = tmp_path_factory.mktemp("captures") / "some.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 101) + rest)
    assert segments(path, 2525) == []


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no capture at all, but long enough for one", encoding="utf-8")
    with pytest.raises(InputError, match="is not a capture"):
        segments(tmp_path / "x", 2525)
    with pytest.raises(InputError, match="no connection"):
        facts([])


def test_around_changes_one_factor_at_a_time() -> None:
    levels: dict[str, list[Any]] = {"N": [200], "limit": [100], "pipelining": [True], "rtt_ms": [2.0, 40.0]}
    levels |= {"batch": [50, 5], "size": [1000, 9], "cache": ["on", "off"]}
    around, product = settings(levels, "around"), settings(levels, "product")
    assert len(around) == 2 * 4
    assert len(product) == 2 * 8
    assert set(around) <= set(product)
    base = around[0]
    assert all(sum(a != b for a, b in zip(one[:-1], base[:-1], strict=True)) <= 1 for one in around)


def test_rows_survive_a_kill_and_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    rows = Journal(path)
    rows.add(ROW)
    rows.add(ROW | {"receiver": "Exim 4.96"})
    rows.add(ROW | {"loss": 0.01})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"N": 200, "ba')
    again = Journal(path)
    assert again.rows == rows.rows
    assert len(again.of(SETTING, "postfix", Medium())) == 1
    assert len(again.of(SETTING, "exim", Medium())) == 1
    assert len(again.of(SETTING, "postfix", Medium(loss=0.01))) == 1
    assert again.of(SETTING._replace(batch=51), "postfix", Medium()) == []
    again.add(ROW)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == again.rows


def lab(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simsmtp", "lab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, **more)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--rtt", "2,fast"], "--rtt"),
        (["--batch", "0"], "--batch"),
        (["--cache", "maybe"], "--cache"),
        (["--receiver", "qmail"], "--receiver"),
        (["--loss", "2"], "--loss"),
    ],
)
def test_bad_input_is_refused(tmp_path: Path, arguments: list[str], word: str) -> None:
    done = lab("-o", str(tmp_path / "measured.jsonl"), *arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert not (tmp_path / "measured.jsonl").exists()


def test_without_what_it_needs_the_lab_says_so(tmp_path: Path) -> None:
    # Without tools in the path, or without the rights, whichever is missing first.
    done = lab("-o", str(tmp_path / "measured.jsonl"), env=os.environ | {"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "root" in done.stderr or "is not installed (Debian package iproute2)" in done.stderr


needs_lab = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "nothing is missing")


@pytest.mark.slow
@pytest.mark.mta
@needs_lab
def test_a_real_session_over_the_line(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    arguments = ["--rtt", "40", "--recipients", "12", "--batch", "5", "--limit", "4", "--repeats", "1", "--json"]
    done = lab("-o", str(path), *arguments)
    assert done.returncode == 0, done.stderr
    row = json.loads(path.read_text(encoding="utf-8"))
    assert set(NAMES) | {"sender", "receiver"} == set(row)
    assert (row["sent"], row["deferred"], row["bounced"]) == (10, 2, 0)
    assert (row["connections"], row["rcpt_cmds"], row["client_turns"]) == (1, 12, 9)
    assert row["codes"] == {"220": 1, "250": 1 + 3 + 10 + 3 + 2, "354": 3, "452": 2}
    # Connection, greeting, EHLO; then for each of three transactions a group and the text, with RSET between them.
    assert row["duration_s"] >= 11 * 0.040
    again = json.loads(lab("-o", str(path), *arguments).stdout)
    assert (again["measured"], len(again["settings"])) == (0, 1)
    assert again["settings"][0]["median_s"] == row["duration_s"]


def running_in(folder: Path) -> list[str]:
    """Return the processes that stand in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "comm").read_text(encoding="utf-8"))
    return found


def until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that")


@pytest.mark.slow
@pytest.mark.mta
@needs_lab
def test_a_killed_lab_leaves_its_rows_and_no_process(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    arguments = ["-o", str(path), "--rtt", "2", "--recipients", "4", "--cache", "off", "--quiet"]
    with tempfile.TemporaryDirectory() as work:
        Path(work).chmod(0o755)
        environment = os.environ | {"TMPDIR": work}
        command = [sys.executable, "-m", "simsmtp", "lab", *arguments, "--repeats", "1000"]
        with subprocess.Popen(command, env=environment) as killed:
            until(lambda: path.exists() and path.read_bytes().count(b"\n") >= 2)
            assert running_in(Path(work))
            killed.kill()
        until(lambda: not running_in(Path(work)))
    before = path.read_text(encoding="utf-8").splitlines()
    done = lab(*arguments, "--repeats", str(len(before) + 1), "--json")
    assert json.loads(done.stdout)["measured"] == 1
    after = path.read_text(encoding="utf-8").splitlines()
    assert after[:-1] == before
    assert json.loads(after[-1])["sent"] == 4


@pytest.mark.slow
@pytest.mark.mta
@needs_lab
def test_an_interrupted_lab_ends_in_order(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    with tempfile.TemporaryDirectory() as work:
        Path(work).chmod(0o755)
        command = [sys.executable, "-m", "simsmtp", "lab", "-o", str(path), "--rtt", "2", "--cache", "off"]
        how = {"env": os.environ | {"TMPDIR": work}, "preexec_fn": heed_ctrl_c}
        with subprocess.Popen([*command, "--repeats", "1000"], **how) as stopped:  # type: ignore[call-overload]
            until(path.exists)
            stopped.send_signal(signal.SIGINT)
            assert stopped.wait(120) == 130
        assert running_in(Path(work)) == []
        assert list(Path(work).iterdir()) == []


@pytest.mark.mta
@needs_lab
def test_another_file_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_text('{"N": 1}\n', encoding="utf-8")
    done = lab("-o", str(path))
    assert done.returncode == 2
    assert "measured.jsonl:1: no measured session" in done.stderr
    assert path.read_text(encoding="utf-8") == '{"N": 1}\n'
