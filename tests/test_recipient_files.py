"""Result.write_recipients: the table of recipients as a file, without the table."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import simsmtp.simulation as simulation_module
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.output.recipient_files import write_recipients
from simsmtp.simulation import Result, simulate

UNTIDY = {
    "workload": {"messages": 5, "recipients_per_message": 9, "unknown_share": 0.3},
    "client": {"strategy": "one-stop"},
    "server": {"recipient_limit": 4},
    "destinations": [{"name": "ä, b"}, {"name": "c"}],
}


@pytest.fixture
def result() -> Result:
    return simulate(UNTIDY, seed=3, replications=3)


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.rows.recipient_rows._CHUNK", 7)


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values={"delay_s": [""]})


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_reads_back(tmp_path: Path, result: Result, suffix: str, chunks: None) -> None:
    path = tmp_path / f"rows{suffix}"
    assert result.write_recipients(path) == path
    pd.testing.assert_frame_equal(read_csv(path), result.recipients())
    assert list(tmp_path.iterdir()) == [path]
    again = result.write_recipients(str(tmp_path / f"again{suffix}"))
    assert again.read_bytes() == path.read_bytes(), "kept or run again, the same bytes"


def test_csv_is_what_pandas_writes_in_one_piece(tmp_path: Path, result: Result, chunks: None) -> None:
    whole = result.recipients().to_csv(index=False, lineterminator="\n").encode()
    assert result.write_recipients(tmp_path / "rows.csv").read_bytes() == whole
    assert gzip.decompress(result.write_recipients(tmp_path / "rows.csv.gz").read_bytes()) == whole


def test_parquet_reads_back_in_row_groups(tmp_path: Path, result: Result, chunks: None) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (pip install 'simsmtp[parquet]')")
    path = result.write_recipients(tmp_path / "rows.parquet")
    table = result.recipients()
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    sizes = table.groupby("replication").size()
    assert parquet.ParquetFile(path).num_row_groups == sum(-(-size // 7) for size in sizes)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_a_run_without_recipients_leaves_the_names_of_the_columns(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install 'simsmtp[parquet]')")
    arrivals = {"dist": "poisson", "rate_per_s": 1.0}
    result = simulate({"workload": {"arrivals": arrivals}, "horizon_s": 1e-9}, replications=2)
    path = result.write_recipients(tmp_path / f"rows{suffix}")
    table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    assert list(table) == list(result.recipients())
    assert len(table) == len(result.recipients()) == 0


def test_what_is_not_kept_is_run_again_one_replication_at_a_time(
    tmp_path: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(*args: object, **keys: object) -> object:
        calls.append(keys["replication"])
        return run_replication(*args, **keys)

    monkeypatch.setattr(simulation_module, "run_replication", counted)
    result.write_recipients(tmp_path / "rows.csv")
    assert calls == [0, 1, 2]
    result.recipients()
    result.write_recipients(tmp_path / "rows.csv")
    assert calls == [0, 1, 2, 0, 1, 2], "recipients() keeps them"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rows.txt", r"path: no format has a name that ends so; .*allowed: \.csv, \.csv\.gz, \.parquet"),
        ("rows.csv.bz2", "path: no format"),
        ("folder.csv", "path: cannot be written: it is a folder"),
        ("nowhere/rows.csv", "path: cannot be written: there is no folder"),
        ("folder.csv/closed/rows.csv", "path: cannot be written: no permission"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_runs(
    tmp_path: Path, result: Result, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.csv/closed").mkdir(parents=True)
    if "closed" in name:  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(simulation_module, "run_replication", None)
    with pytest.raises(InputError, match=message):
        result.write_recipients(tmp_path / name)


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsmtp.output.recipient_files.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pyarrow is not installed; .*pip install 'simsmtp\[parquet\]'"):
        result.write_recipients(tmp_path / "rows.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_is_not_finished_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old", encoding="utf-8")

    def tables() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"a": [1]})
        raise error

    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="No space left" if expected is InputError else None):
        write_recipients(path, tables())
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
