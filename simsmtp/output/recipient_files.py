"""Recipient rows as a file, written table by table: as CSV, compressed or not, or as Parquet."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from simsmtp.errors import InputError
from simsmtp.files import replacing, write_errors
from simsmtp.output.csv_tables import without_formulas
from simsmtp.output.writable import require_writable

if TYPE_CHECKING:
    from typing import TextIO

    from pandas import DataFrame

    Write = Callable[[DataFrame], object]


def write_recipients(path: str | Path, tables: Iterable[DataFrame]) -> Path:
    """Write tables with the same columns, one below the other, into a file.

    Parameters
    ----------
    path : str or Path
        Ends in ``.csv``, ``.csv.gz`` or ``.parquet``, which says what is written; replaced if it is there.
    tables : iterable of DataFrame
        At least one. The first is asked for once it is known that the file can be written.

    Returns
    -------
    Path
        The file. What cannot be finished leaves none, or the old one.

    Raises
    ------
    InputError
        If the end of the name is another one, the file cannot be written, or Parquet is wanted without pyarrow.
    """
    path = Path(path)
    opened = _format_of(path)
    require_writable(path, "path")
    with write_errors(path, "path"), replacing(path) as part, opened(part) as write:
        for table in tables:
            write(table)
    return path


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _lines_into(file)


@contextmanager
def _compressed_csv(path: Path) -> Iterator[Write]:
    # Neither a name nor a time stands in the file: equal rows give equal bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as file,
    ):
        yield _lines_into(file)


def _lines_into(file: TextIO) -> Write:
    has_header = chain([True], repeat(False))
    return lambda table: without_formulas(table).to_csv(file, index=False, header=next(has_header), lineterminator="\n")


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    """Yield what writes a table as a row group."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    writers: list[ParquetWriter] = []

    def write(table: DataFrame) -> None:
        group = pa.Table.from_pandas(table, schema=writers[0].schema if writers else None, preserve_index=False)
        if not writers:
            writers.append(ParquetWriter(path, group.schema))
        writers[0].write_table(group)

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


_FORMATS: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {
    ".csv": _csv,
    ".csv.gz": _compressed_csv,
    ".parquet": _parquet,
}


def _format_of(path: Path) -> Callable[[Path], AbstractContextManager[Write]]:
    suffix = next((one for one in _FORMATS if path.name.endswith(one)), "")
    if not suffix:
        raise InputError("no format has a name that ends so", key="path", given=str(path), allowed=_FORMATS)
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        allowed = "pip install 'simsmtp[parquet]', or .csv"
        raise InputError("pyarrow is not installed", key="path", given=str(path), allowed=allowed)
    return _FORMATS[suffix]
