"""The store of finished replications, and the addresses in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from study_files import own_registry, written

from simsmtp.errors import InputError
from simsmtp.model.scenario import Scenario
from simsmtp.rows.responses import RESPONSES
from simsmtp.store import address as address_module
from simsmtp.store.address import address
from simsmtp.store.store import Row, Store, digest
from simsmtp.strategies.counting import by_own_reply
from simsmtp.strategies.registry import register_strategy

__all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")

SCENARIO = Scenario()
VALUES = tuple(number if one.whole else number / 7 for number, one in enumerate(RESPONSES))


def good(replication: int, values: tuple[int | float | None, ...] = VALUES) -> Row:
    return Row(replication, values, "reference", 0.5, None)


def failed(replication: int) -> Row:
    return Row(replication, (None,) * len(RESPONSES), "reference", 0.5, "ZeroDivisionError: no")


def test_rows_come_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "store.sqlite"
    with Store(path) as store:
        number = store.scenario_id(SCENARIO, 1)
        store.add([(number, good(1)), (number, good(0))])
    with Store(path) as store:
        assert store.scenario_id(SCENARIO, 1) == number
        assert list(store.rows(number, 9)) == [good(0), good(1)]
        assert list(store.rows(number, 1)) == [good(0)]


def test_nan_is_kept_and_is_no_failure(tmp_path: Path) -> None:
    values = (*VALUES[:-1], float("nan"))
    with Store(tmp_path / "store.sqlite") as store:
        number = store.scenario_id(SCENARIO, 1)
        store.add([(number, good(0, values))])
        (row,) = store.rows(number, 9)
        assert row.responses[-1] != row.responses[-1]
        assert store.finished(number, 9).tolist() == [0]


def test_a_failed_replication_is_not_finished_and_is_replaced(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        number = store.scenario_id(SCENARIO, 1)
        store.add([(number, failed(0)), (number, good(1))])
        assert store.finished(number, 9).tolist() == [1]
        assert list(store.rows(number, 9)) == [failed(0), good(1)]
        store.add([(number, good(0))])
        assert store.finished(number, 9).tolist() == [0, 1]


def test_rows_of_a_chunk_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        number = store.scenario_id(SCENARIO, 1)
        with pytest.raises(sqlite3.Error):
            store.add([(number, good(0)), (number, Row(1, VALUES, None, 0.5, None))])  # type: ignore[arg-type]
    with Store(tmp_path / "store.sqlite") as store:
        assert list(store.rows(number, 9)) == []


def test_looking_into_a_store_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        number = store.scenario_id(SCENARIO, 1)
        store.add([(number, good(0))])
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with Store(path, read_only=True) as store:
        assert store.known_id(SCENARIO, 1) == number
        assert store.known_id(SCENARIO, 2) is None
        assert store.finished(number, 9).tolist() == [0]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_rows_are_visible_to_a_reader_while_the_store_is_written(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as writer:
        number = writer.scenario_id(SCENARIO, 1)
        writer.add([(number, good(0))])
        with Store(path, read_only=True) as reader:
            assert reader.finished(number, 9).tolist() == [0]


def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = written(tmp_path, "no database at all, " * 100, "store.sqlite")
    with pytest.raises(InputError, match=r"store\.sqlite: cannot be used as a store"):
        Store(text)
    assert text.read_text(encoding="utf-8").startswith("no database")
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as base:
        base.execute("CREATE TABLE something (x)")
    base.close()
    with pytest.raises(InputError, match="another version"):
        Store(other)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path):
        pass
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(InputError, match=r"another version of simsmtp; given: 99; allowed: schema 2"):
        Store(path)


def test_an_address_depends_on_scenario_seed_code_and_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
        return by_own_reply(rcpt.seen)

    register_strategy("mine", mine, source="one")
    own = SCENARIO.replace({"client.strategy": "mine"})
    found = {address(SCENARIO, 1), address(SCENARIO, 2), address(own, 1)}
    found.add(address(SCENARIO.replace({"client.batch_size": 7}), 1))
    register_strategy("mine", mine, source="two")
    found.add(address(own, 1))
    assert address(SCENARIO.replace({"client.batch_size": 1000}), 1) in found
    monkeypatch.setattr(address_module, "code_hash", lambda: "changed")
    found.add(address(SCENARIO, 1))
    assert len(found) == 6


def test_an_address_depends_on_the_content_of_a_trace_and_not_on_its_path(tmp_path: Path) -> None:
    paths = [written(tmp_path, text, f"{n}.txt") for n, text in enumerate(["a b 1\n", "a b 1\n", "a b 2\n"])]
    one, same, other = (address(Scenario(workload={"trace": str(path)}), 1) for path in paths)
    assert one == same != other
    paths[0].write_text("a c 30\n", encoding="utf-8")
    assert address(Scenario(workload={"trace": str(paths[0])}), 1) not in {one, other}


def test_a_digest_depends_on_every_bit_and_not_on_who_computed_it_when() -> None:
    rows = [(1, good(0)), (1, good(1)), (2, good(0))]
    changed = (*VALUES[:-1], float(VALUES[-1]) * (1 + 1e-15))
    assert digest(rows) == digest(iter(rows))
    assert digest(rows) != digest(rows[:2])
    assert digest([(1, good(0))]) != digest([(1, good(0, changed))])
    assert digest([(1, good(0))]) != digest([(1, failed(0))])
    slower = good(0)._replace(duration_s=9.0, engine="other")
    assert digest([(1, slower)]) == digest([(1, good(0))])
