"""Real mail programs, a few cells each: they reach what their presets reach in the simulator.

Postfix has to be installed; the others are taken where ``.ci/mail-programs`` has put them (``SIMSMTP_PROGRAMS``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simsmtp import presets
from simsmtp.audit.cells import Cell
from simsmtp.audit.likeness import audit_differences, is_predictable
from simsmtp.audit.matrix import SENDERS, run_matrix, sender_named
from simsmtp.errors import InputError
from simsmtp.mailers.programs import Programs

CELLS = [
    Cell("452 4.5.3", 25, 10),
    Cell("552 5.5.3", 25, 10),
    Cell("421 4.3.2", 25, 10),
    Cell("451 4.5.3", 24, 10, "first-domain-only"),
    Cell("452 4.5.3", 25, 10, pipelining=False),
]
SIZES = {"transactions", "rcpt_commands"}
ALL_OR_NOTHING = ("curl", "msmtp")
PIPELINED_BEYOND_ITS_PRESET = ("msmtp",)
TRIES = 3
HEEDING_CTRL_C = """
import signal
from simsmtp.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job does not
main()
"""
FOUND = Programs(Path(os.environ["SIMSMTP_PROGRAMS"]) if os.environ.get("SIMSMTP_PROGRAMS") else None)


def documents_of(name: str, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Run a program through cells, all at a time."""
    found = run_matrix(
        lambda: sender_named(name, FOUND), cells, timeout_s=60.0, done=lambda row: None, parallel=len(cells)
    )
    return [row.document() for row in found]


def differing(documents: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return cell → in what the program differs from its preset there, both sides."""
    return {one["name"]: apart for one in documents if is_predictable(one) and (apart := audit_differences(one))}


@pytest.mark.slow
@pytest.mark.mta
@pytest.mark.parametrize("name", SENDERS)
def test_the_real_program_reaches_what_its_preset_reaches(name: str) -> None:
    try:
        sender_named(name, FOUND)
    except InputError as error:
        pytest.skip(str(error))
    documents = documents_of(name, CELLS)
    apart = differing(documents)
    # On a busy machine a queue may hand a message over in parts, and each part is a transaction: then again, alone.
    in_parts = [one for one in CELLS if one.name in apart and set(apart[one.name]) <= SIZES]
    for cell in in_parts:
        if not all(differing(documents_of(name, [cell])) for _ in range(TRIES)):
            del apart[cell.name]
    if name in PIPELINED_BEYOND_ITS_PRESET:
        apart = {cell: found for cell, found in apart.items() if set(found) != {"rcpt_commands"}}
    assert apart == {}
    assert all(one["lost"] == one["duplicate"] == one["contradictory_ndr"] == 0 for one in documents)
    bounced = documents[1]
    assert bounced["false_ndr"] == (25 if name in ALL_OR_NOTHING else 15), (
        "552 is taken as permanent by all of them, or told to the caller"
    )
    assert bounced["ndr_messages"] >= 1 or not sender_named(name, FOUND).keeps_queue, "and its notification came back"


@pytest.mark.slow
@pytest.mark.mta
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_the_audit_ends_the_mail_server(how: signal.Signals) -> None:
    try:
        sender_named("postfix", FOUND)
    except InputError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-c", HEEDING_CTRL_C, "audit", "postfix", "--quiet", "--parallel", "2"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers give up their rights
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": name}) as audit:
            masters = _masters(folder, audit)
            audit.send_signal(how)
            assert audit.wait(60) == 130
        assert list(folder.iterdir()) == []
    assert not [pid for pid in masters if _runs(pid)]


def _runs(pid: int) -> bool:
    """Tell whether a process runs: one that has ended may wait for the system to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _masters(folder: Path, audit: subprocess.Popen[str]) -> list[int]:
    """Wait until a Postfix runs; return the processes."""
    until = time.monotonic() + 60
    while not (found := [path.read_text() for path in folder.glob("simsmtp-audit-*/queue/pid/master.pid")]):
        assert time.monotonic() < until
        assert audit.poll() is None
        time.sleep(0.05)
    return [int(text) for text in found if text.strip()]


def test_every_sender_has_a_preset_that_says_where_it_was_seen() -> None:
    known = presets.clients()
    for name in SENDERS:
        assert known[name].verified
