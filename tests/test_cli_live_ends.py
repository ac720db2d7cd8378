"""How ``simsmtp serve`` and ``simsmtp send`` end: exit codes, verdicts, and too few file descriptors."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_cli_live import PROGRAM, lines_in, serving

from simsmtp.cli import simsmtp
from simsmtp.errors import InputError

FEW = ("--set", "workload.recipients_per_message=3", "--quiet")


@contextmanager
def scripted(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server in a thread, which speaks to one client after the other; give where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    speak(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def saying(*replies: bytes) -> Callable[[socket.socket], None]:
    """Return a server that answers each read with the next of these; then it only listens."""

    def speak(client: socket.socket) -> None:
        client.settimeout(20)
        for reply in replies:
            client.sendall(reply)
            if not client.recv(10_000):
                return
        while client.recv(10_000):
            pass

    return speak


BUSY = saying(b"421 4.3.2 busy\r\n")
EHLO = b"250-x\r\n250 PIPELINING\r\n"
TAKES_ALL = saying(b"220 x\r\n", EHLO, b"250 ok\r\n" * 4 + b"354 go\r\n", b"250 ok\r\n")


def sent(place: str, *arguments: str) -> Result:
    return CliRunner().invoke(simsmtp, ["send", place, *FEW, *arguments])


def test_send_ends_with_0_and_says_that_all_is_well() -> None:
    with scripted(TAKES_ALL) as place:
        done = sent(place)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "Finished: all 3 recipients have the right outcome."


def test_send_ends_with_4_when_recipients_are_still_queued() -> None:
    with scripted(BUSY) as place:
        done = sent(place, "--set", "horizon_s=0.2")
    assert done.exit_code == 4
    first = done.stdout.splitlines()[0]
    assert first == "Not finished: 3 of 3 recipients are still queued (horizon_s = 0.2 ended the run)."


def test_send_says_verdict_and_exit_code_first_as_json() -> None:
    with scripted(BUSY) as place:
        done = sent(place, "--set", "horizon_s=0.2", "--json")
    document = json.loads(done.stdout)
    assert list(document)[:2] == ["verdict", "exit_code"]
    assert (document["exit_code"], done.exit_code) == (4, 4)
    assert document["responses"]["queued"] == 3


def test_a_wrong_outcome_is_said_and_is_an_outcome() -> None:
    """The ledger is the answer: send judges nobody, as a simulation that loses recipients does not fail."""
    refusing = saying(b"220 x\r\n", EHLO, b"250 ok\r\n" + b"550 no\r\n" * 3 + b"554 no\r\n", b"250 ok\r\n")
    with scripted(refusing) as place:
        done = sent(place)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "Finished: 3 of 3 recipients have a wrong outcome."


def test_a_run_that_waits_for_its_retry_says_why_at_once() -> None:
    with scripted(saying(b"220 x\r\n", EHLO, b"250 ok\r\n250 ok\n")) as place:
        done = sent(place, "--set", "horizon_s=0.3")
    assert done.exit_code == 4
    told = done.stderr.splitlines()
    assert told == ["simsmtp: connection 1: a reply with a bare CR, LF or NUL; received: '250 ok\\n'"]


@pytest.mark.parametrize("option", ["--timeout"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "0", "-1", "1e400", "soon"])
def test_a_time_that_never_comes_is_refused(option: str, seconds: str) -> None:
    assert CliRunner().invoke(simsmtp, ["send", "127.0.0.1:1", option, seconds]).exit_code == 2
    for one in (option, "--seconds"):
        assert CliRunner().invoke(simsmtp, ["serve", "--listen", "127.0.0.1:0", one, seconds]).exit_code == 2


@pytest.mark.parametrize("command", ["send", "serve"])
def test_help_lists_the_exit_codes(command: str) -> None:
    shown = CliRunner().invoke(simsmtp, [command, "--help"]).output
    assert re.search(r"Exit codes: 0 .*; 1 .*;\s+2 ", shown, re.DOTALL)
    assert bool(re.search(r"; 4 horizon_s ended\s+the run", shown)) == (command == "send")


def test_rows_whose_words_a_spreadsheet_would_compute_are_quoted(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    with serving("--rows", str(rows), "--sessions", "1") as (server, place):
        host, _, port = place.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            for line in (
                b"EHLO x",
                b"MAIL FROM:<@a@b.test>",
                b"MAIL FROM:<+1@b.test>",
                b"RCPT TO:<=1+1@b.test>",
                b"QUIT",
            ):
                client.recv(1000)
                client.sendall(line + b"\r\n")
            client.recv(1000)
        server.communicate(timeout=60)
    with rows.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["sender"], row["recipient"]) == ("'+1@b.test", "'=1+1@b.test")


def test_rows_of_send_replace_a_file_as_a_whole(tmp_path: Path) -> None:
    rows, other = tmp_path / "rows.csv", tmp_path / "other.csv"
    other.write_text("kept\n", encoding="utf-8")
    rows.symlink_to(other)
    with scripted(TAKES_ALL) as place:
        assert sent(place, "--rows", str(rows)).exit_code == 0
    assert lines_in(rows) == 3
    assert other.read_text(encoding="utf-8") == "kept\n"
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["other.csv", "rows.csv"]


def test_rows_that_nobody_reads_are_not_waited_for(tmp_path: Path) -> None:
    """A FIFO opens only when its other end is opened."""
    fifo = tmp_path / "rows.csv"
    os.mkfifo(fifo)
    done = CliRunner().invoke(simsmtp, ["serve", "--listen", "127.0.0.1:0", "--rows", str(fifo), "--seconds", "0.1"])
    assert isinstance(done.exception, InputError)
    with scripted(TAKES_ALL) as place:
        assert isinstance(sent(place, "--rows", str(fifo)).exception, InputError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_ends_serve_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at once, the session goes on, and the command ends with the error."""
    from simsmtp.cli.live_case import RowFile

    def open_full(self: RowFile) -> None:
        self._file = Path("/dev/full").open("w", encoding="utf-8", buffering=1)  # noqa: SIM115
        self._writer = csv.writer(self._file)

    monkeypatch.setattr(RowFile, "open", open_full)
    runner, found = CliRunner(), []
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    arguments = [
        "serve",
        "--listen",
        f"127.0.0.1:{port}",
        "--rows",
        str(tmp_path / "r.csv"),
        "--quiet",
        "--seconds",
        "2",
    ]
    thread = threading.Thread(target=lambda: found.append(runner.invoke(simsmtp, arguments)))
    thread.start()
    with connected(port) as client:
        for line in (b"EHLO x", b"MAIL FROM:<a@b.test>", b"RCPT TO:<x1@b.test>"):
            client.recv(1000)
            client.sendall(line + b"\r\n")
        thread.join(20)
    assert isinstance(found[0].exception, OSError)
    assert "No space left on device; no further rows are kept" in found[0].stderr


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect as soon as somebody listens."""
    end = time.monotonic() + 20
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.02)
    with client:
        client.settimeout(20)
        yield client


# -- processes of their own -----------------------------------------------------------------------------------------

LIMITED = (
    "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2); "
    "sys.argv[:] = ['simsmtp', *sys.argv[2:]]; runpy.run_module('simsmtp', run_name='__main__')"
)


@pytest.mark.slow
def test_a_server_without_file_descriptors_says_so_in_one_line_and_goes_on() -> None:
    command = [sys.executable, "-c", LIMITED, "24", "serve", "--listen", "127.0.0.1:0", "--quiet", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"listening on \S+:(\d+)", server.stderr.readline())
            assert found
            port = int(found[1])
            clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(60)]
            line = server.stderr.readline()
            assert line.startswith("simsmtp: connections have to wait until others end: Too many open files")
            time.sleep(1.5)  # it tries again each second
            for client in clients:
                client.close()
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                assert client.recv(1000).startswith(b"220 ")  # those before it have had their turn
            server.send_signal(signal.SIGINT)
            out, rest = server.communicate(timeout=60)
        finally:
            if server.poll() is None:
                server.kill()
    assert (server.returncode, rest) == (0, "")
    assert json.loads(out)["sessions"] >= 2


def test_a_sender_without_file_descriptors_sends_over_those_it_has() -> None:
    with serving() as (_, place):
        keys = ("workload.messages=40", "workload.recipients_per_message=1", "client.connections=40")
        settings = [part for key in keys for part in ("--set", key)]
        command = [sys.executable, "-c", LIMITED, "24", "send", place, "--quiet", *settings]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Finished: all 40 recipients have the right outcome.")
    assert len(done.stderr.splitlines()) <= 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_send_with_130_and_its_ledger(sign: signal.Signals) -> None:
    with scripted(BUSY) as place:
        command = [*PROGRAM, "send", place, "--dialogue", *FEW]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sender:
            assert sender.stdout is not None
            while "421" not in sender.stdout.readline():
                pass
            sender.send_signal(sign)
            out, error = sender.communicate(timeout=60)
    assert sender.returncode == 130
    assert "Not finished: 3 of 3 recipients are still queued (interrupted)." in out
    assert "Traceback" not in error
