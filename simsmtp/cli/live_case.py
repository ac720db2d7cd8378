"""What ``serve`` and ``send`` have in common: the scenario they go by, rows as CSV, a counter on standard error."""

from __future__ import annotations

import contextlib
import csv
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from simsmtp.cli.printing.lines import say
from simsmtp.errors import InputError, UnfinishedError
from simsmtp.files import open_appending, replace_file, write_errors
from simsmtp.output.writable import require_writable
from simsmtp.shown import cell, shown

if TYPE_CHECKING:
    from simsmtp.dialogue.recording import Recorder
    from simsmtp.live.asyncio_client import Delivered, Delivery
    from simsmtp.model.scenario import Scenario
    from simsmtp.tracing import Dialogue

_TERMINAL_S, _FILE_S = 0.1, 10.0


def case_of(file: Path | None, settings: Sequence[str], point: int) -> tuple[Scenario, int]:
    """Return the scenario of a file, or the default one, with the settings applied, and its seed."""
    from simsmtp.experiment.experiment_file import load_case
    from simsmtp.experiment.settings import parse_setting
    from simsmtp.model.scenario import Scenario

    if file is not None:
        return load_case(file, settings, point=point)
    given = dict(parse_setting(setting) for setting in settings)
    return Scenario().replace({key.removeprefix("scenario."): value for key, value in given.items()}), 0


def only_destination(scenario: Scenario, name: str | None) -> Scenario:
    """Return the scenario of one of its destinations; without a name, of the only one.

    Raises
    ------
    InputError
        There are several and none is named, or none of that name.
    """
    names = [one.name for one in scenario.destinations]
    if name is None and names:
        raise InputError("one server listens, for one of the destinations", key="--destination", allowed=names)
    if name is not None and name not in names:
        allowed = names or "nothing, for the scenario lists no destinations"
        raise InputError("no such destination", key="--destination", given=name, allowed=allowed)
    found = [one for one in scenario.destinations if one.name == name]
    if not found:
        return scenario
    return scenario.model_copy(update={"server": found[0].server, "network": found[0].network, "destinations": ()})


def live_dialogue(scenario: Scenario, delivery: Delivery, delivered: Delivered) -> Dialogue:
    """Return what a real sender and its servers said; only the server knows the times at its end."""
    from simsmtp.dialogue.from_rows import ladder_of
    from simsmtp.live.encoding import Encoder
    from simsmtp.model.people.who import book_of
    from simsmtp.model.plan import plan_of
    from simsmtp.tracing import Dialogue, dialogue_title

    assert delivery.dialogue is not None
    output = delivered.output
    encoder = Encoder(book=book_of(plan_of(scenario).workload, scenario.workload.address_chars))
    ladder = ladder_of(
        output.dialogue,
        output.recipients,
        title=dialogue_title(scenario),
        strategy=scenario.client.strategy,
        text=delivery.dialogue.text,
        address=lambda row: encoder.mailbox(row.number, is_valid=row.valid),
        notes=("Times are those of the sender: arrows are level because the server's times are not known.",),
        all_or_nothing=scenario.client.on_refusal == "give-up",
    )
    return Dialogue(ladder, output.responses)


def write_recorded(path: Path, recorder: Recorder, title: str) -> None:
    """Write the diagram of what a server has heard and said."""
    from simsmtp.dialogue.capture import recorded_ladder
    from simsmtp.dialogue.recording import NOTE, TOO_MUCH
    from simsmtp.tracing import Dialogue

    notes = [NOTE, *([TOO_MUCH] if recorder.is_full else [])]
    Dialogue(recorded_ladder(recorder.segments, title, notes)).write_html(path)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file as a whole, or leave what is there.

    Raises
    ------
    UnfinishedError
        It cannot be written: what the rows tell has happened, and is not kept.
    """
    from simsmtp.files import replacing

    try:
        with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(map(_plain, rows))
    except OSError as error:
        raise _unwritten(path, error) from None


def _plain(row: Sequence[object]) -> list[object]:
    """Return a row in which a peer's words are neither formulas nor control characters."""
    return [cell(shown(one)) if isinstance(one, str) else one for one in row]


def _unwritten(path: Path, error: OSError) -> UnfinishedError:
    return UnfinishedError(f"--rows: cannot be written: {error.strerror or error}; given: {str(path)!r}")


class RowFile:
    """A CSV file of rows, each written at once, whose first line names the columns; made by `open`, not before.

    Parameters
    ----------
    path : Path
        Where it is to be.
    columns : sequence of str
        Names of the columns.

    Raises
    ------
    InputError
        It could not be made there; said at once, so that nobody sends mail and then cannot keep what came of it.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._columns = path, columns
        self._file: TextIO | None = None
        self._failure: OSError | None = None
        require_writable(path, "--rows")

    def open(self) -> None:
        """Make the file, in the place of one that may be there."""
        with write_errors(self._path, "--rows"):
            replace_file(self._path, b"")
            self._file = open_appending(self._path)
        self._writer = csv.writer(self._file, lineterminator="\n")
        self.write(self._columns)

    def write(self, row: Sequence[object]) -> None:
        """Write one row; once that fails no more, for the mail that is under way has to be finished all the same."""
        if self._failure is None:
            try:
                self._writer.writerow(_plain(row))
            except OSError as error:
                error.filename = str(self._path)
                self._failure = error
                say(f"simsmtp: {self._path}: {error.strerror}; no further rows are kept", to_stderr=True)

    def close(self) -> None:
        """Close the file, if it was made; raise the `OSError` that kept rows out of it."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is left of a row that could not be written
                self._file.close()
        if self._failure is not None:
            raise self._failure


class LiveCounter:
    """One line on standard error that is written over; on what is no terminal a line now and then."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (0.0 if self._is_terminal else _FILE_S)
        self._shown = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time to show something."""
        return not self._is_quiet and time.monotonic() >= self._next

    def show(self, text: str) -> None:
        """Show the state of things."""
        self._next = time.monotonic() + (_TERMINAL_S if self._is_terminal else _FILE_S)
        end = "\r" if self._is_terminal else "\n"
        text = shown(text)
        print(text.ljust(self._shown), end=end, file=sys.stderr, flush=True)
        self._shown = len(text)

    def close(self) -> None:
        """Leave the last line standing."""
        if self._is_terminal and self._shown:
            print(file=sys.stderr)


@contextlib.contextmanager
def on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` at Ctrl-C or SIGTERM while the body runs, if the system can; needs a running loop."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM)
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; not the main thread
        for one in wanted:
            loop.add_signal_handler(one, stop)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for one in wanted:
                loop.remove_signal_handler(one)
