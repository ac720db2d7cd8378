"""Recipient rows: the same in memory and in a file, in order, as rows and as tables, in memory that does not grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest
from helpers import many, some
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows import recipient_records
from simsmtp.rows.external_sort import RowWriter
from simsmtp.rows.recipient_records import RECORD
from simsmtp.rows.recipient_rows import RecipientRows
from simsmtp.rows.records import RecipientRow
from simsmtp.rows.row_spool import RowSpool

NAMES = ["strict", "lax", "none"]
NAN = float("nan")
TINY_MESSAGES = st.lists(st.tuples(st.integers(0, 2**40), st.integers(1, 9)), max_size=40, unique_by=lambda one: one[0])

UNTIDY = Scenario.from_dict(
    {
        "workload": {"messages": 40, "recipients_per_message": 7, "unknown_share": 0.2, "resend": "failed"},
        "client": {"strategy": "one-stop", "connections": 3, "expiry_s": 4000.0},
        "destinations": [
            {"name": "a", "server": {"recipient_limit": 2, "greylist_s": 60.0}},
            {"name": "b", "connections": 2, "server": {"text_service_ms": {"dist": "exponential", "mean": 90}}},
        ],
    }
)  # fmt: skip


@pytest.fixture
def room() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def record(message: int, recipient: int, draws: np.random.Generator) -> RecipientRow:
    delay = float(draws.choice([0.0, 1 / 3, 1e9, NAN]))
    return RecipientRow(
        message, recipient, int(draws.integers(-1, 2**40)), str(draws.choice(NAMES)), bool(draws.integers(2)),
        str(draws.choice(LEDGER_NAMES)), int(draws.integers(2**16)), bool(draws.integers(2)),
        int(draws.integers(2**31)), float(draws.uniform(0, 1e12)), delay, recipient,
    )  # fmt: skip


def packed(rows: list[RecipientRow]) -> np.ndarray:
    return np.array(
        [(*row[:3], NAMES.index(row.destination), row.valid, LEDGER_NAMES.index(row.ledger), *row[6:]) for row in rows],
        RECORD,
    )


def from_tuples(rows: list[RecipientRow]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(RecipientRow._fields))


@many
@given(
    messages=TINY_MESSAGES,
    in_memory=st.integers(1, 60),
    cuts=st.lists(st.integers(0, 360), max_size=12),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_order_of_messages_and_the_size_of_chunks_the_rows_are_the_sorted_list(
    messages: list[tuple[int, int]], in_memory: int, cuts: list[int], seed: int
) -> None:
    draws = np.random.default_rng(seed)
    rows = [record(message, number, draws) for message, recipients in messages for number in range(recipients)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipient_records, "IN_MEMORY", in_memory)
        patch.setattr("simsmtp.rows.recipient_rows._CHUNK", 7)
        writer = RowWriter(NAMES)
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(rows)], strict=True):
            writer.extend(packed(rows[begin:end]))
        found = writer.finish()
        expected = sorted(rows, key=lambda row: (row.message, row.recipient))
        assert found == expected
        assert list(map(repr, found)) == list(map(repr, expected))
        assert all(len(chunk) <= 7 for chunk in found.chunks())
        assert sum(map(len, found.chunks())) == len(rows)
    if rows:
        pd.testing.assert_frame_equal(found.frame(), from_tuples(expected))
        pd.testing.assert_frame_equal(pd.concat(found.frames(), ignore_index=True), from_tuples(expected))


@some
@given(count=st.integers(0, 30), in_memory=st.sampled_from((5, 100)), data=st.data())
def test_places_and_slices_are_those_of_a_list(count: int, in_memory: int, data: st.DataObject) -> None:
    draws = np.random.default_rng(count)
    rows = [record(3, number, draws) for number in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipient_records, "IN_MEMORY", in_memory)
        found = RecipientRows.of(rows)
    part, further = data.draw(st.slices(count)), data.draw(st.slices(count))
    assert found[part] == rows[part]
    assert found[part][further] == rows[part][further]
    assert repr(list(found[part])) == repr(rows[part])
    assert list(reversed(found)) == list(found)[::-1]
    for at in range(-count, count):
        assert repr(found[at]) == repr(rows[at])
    with pytest.raises(IndexError):
        found[count]


def test_rows_equal_what_has_the_same_rows() -> None:
    draws = np.random.default_rng(1)
    rows = [record(0, number, draws)._replace(delay_s=NAN if number == 1 else 0.5) for number in range(3)]
    found = RecipientRows.of(rows)
    assert found == rows
    assert rows == found
    assert found == RecipientRows.of(rows)
    for field, other in (("delay_s", NAN), ("delay_s", 0.25), ("ledger", "no such class"), ("attempts", -1)):
        assert found != [rows[0]._replace(**{field: other}), *rows[1:]]
    assert found != [rows[0], rows[1]._replace(delay_s=0.5), rows[2]]
    assert found != rows[:2]
    assert found != 3
    assert not RecipientRows.of([])
    assert RecipientRows.of([]) == []
    assert RecipientRows.of([]).frame().dtypes.astype(str).tolist() == found.frame().dtypes.astype(str).tolist()
    assert repr(found) == "<RecipientRows: 3 rows>"


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("in_memory", [1, 3, 50])
def test_a_run_gives_the_same_rows_through_a_file(room: pytest.MonkeyPatch, engine: str, in_memory: int) -> None:
    if engine == "compiled":
        pytest.importorskip("numba", reason="numba is not installed (pip install 'simsmtp[fast]')")
        room.setattr("simsmtp.engines.compiled.packing._ROWS", 16)
    expected = run_replication(plan_of(UNTIDY), seed=2, engine="reference", recipients=True)
    assert {row.destination for row in expected.recipients} == {"a", "b"}
    assert any(row.resend_of >= 0 for row in expected.recipients)
    made: list[IO[bytes]] = []
    room.setattr("simsmtp.peers.accounting._AT_ONCE", 16)
    room.setattr(recipient_records, "IN_MEMORY", in_memory)
    room.setattr(recipient_records, "tempfile", SimpleNamespace(TemporaryFile=lambda **keys: _made(made, **keys)))
    found = run_replication(plan_of(UNTIDY), seed=2, engine=engine, recipients=True)
    assert found.recipients == expected.recipients
    assert len(made) == 2, "messages end out of order, so the first file was merged into another one"
    del found
    assert all(file.closed for file in made)


def _made(made: list[IO[bytes]], **keys: Any) -> IO[bytes]:
    made.append(tempfile.TemporaryFile(**keys))  # noqa: SIM115 - whether it is closed is looked at
    return made[-1]


def test_replications_kept_together_come_back_one_by_one(room: pytest.MonkeyPatch) -> None:
    runs = [run_replication(plan_of(UNTIDY), replication=number, recipients=True).recipients for number in range(3)]
    for in_memory in (10, 10_000):
        room.setattr(recipient_records, "IN_MEMORY", in_memory)
        kept = RowSpool()
        for rows in [*runs, RecipientRows.of([])]:
            kept.add(rows)
        kept.close()
        assert list(kept) == [*runs, []]
        assert list(kept) == [*runs, []], "as often as one likes"


PEAKS = """
import json, sys
from pathlib import Path
from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of

def peak_mib():
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))

peaks = []
for messages in (1000, 3000, 30_000):
    tables = {"workload": {"messages": messages, "recipients_per_message": 100}, "client": {"connections": 5}}
    rows = run_replication(plan_of(Scenario.from_dict(tables)), engine="compiled", recipients=True).recipients
    assert sum(map(len, rows.chunks())) == 100 * messages
    del rows
    peaks.append(peak_mib())
print(json.dumps(peaks))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at memory through /proc")
def test_ten_times_the_recipients_take_no_more_memory(tmp_path: Path) -> None:
    """As records they would take 165 MiB more, as tuples a gigabyte."""
    pytest.importorskip("numba", reason="numba is not installed (pip install 'simsmtp[fast]')")
    done = subprocess.run([sys.executable, "-c", PEAKS], env=os.environ | {"TMPDIR": str(tmp_path)},
                          capture_output=True, text=True, check=True)  # fmt: skip
    _, before, after = json.loads(done.stdout)
    assert after - before < 60
    assert not list(tmp_path.iterdir()), "the files are gone"
