"""The progress bar: replications done, and when the rest will be; and notes that leave it whole."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from simsmtp.shown import shown

_SHORT_S = 1.0


@contextmanager
def progress_bar(
    name: str, total: int, progress: bool | str | None, *, unit: str = "rep", expected_s: float = 0.0, done: int = 0
) -> Iterator[Callable[[int], Any]]:
    """Show progress on standard error and yield the function that advances it.

    Parameters
    ----------
    name : str
        Shown in front.
    total : int
        Replications to come; with none no bar is shown.
    progress : bool or str, optional
        True shows the bar (seldom renewed if standard error is no terminal), False none; ``"auto"`` lets a
        notebook draw its own; None shows it on a terminal and in a notebook.
    unit : str
        What is counted.
    expected_s : float
        How long all of it may take, for the time left as long as nothing is done.
    done : int
        How many were done before the bar is shown.
    """
    terminal = sys.stderr.isatty()
    notebook = "ipykernel" in sys.modules
    if not total or progress is False or (progress is None and not (terminal or notebook)):
        yield lambda _: None
        return
    with _bar_type(notebook and progress in {None, "auto"}, expected_s)(
        total=total,
        desc=shown(name),
        unit=unit,
        initial=done,
        smoothing=0.05,
        mininterval=0.1 if terminal or notebook else 10.0,
        file=sys.stderr,
    ) as bar:
        yield bar.update


@contextmanager
def late_progress_bar(name: str, total: int, progress: bool | str | None) -> Iterator[Callable[[int], Any]]:
    """Show progress as `progress_bar` does; by default only from a second on, so that short work costs nothing."""
    began, done = time.monotonic(), 0
    advance: Callable[[int], Any] | None = None
    with ExitStack() as shown_bar:

        def count(more: int) -> None:
            nonlocal done, advance
            if advance is not None:
                advance(more)
                return
            done += more
            if done < total and (progress or time.monotonic() - began > _SHORT_S):
                advance = shown_bar.enter_context(progress_bar(name, total, progress, done=done))

        if progress:
            count(0)
        yield count


def note(text: str) -> None:
    """Write a line on standard error, above the bar if there is one; nothing after `hush`."""
    if _hushed:
        return
    from tqdm import tqdm

    tqdm.write(f"simsmtp: {shown(text)}", file=sys.stderr)


_told: set[str] = set()
_hushed: list[bool] = []


def hush(*, is_quiet: bool = True) -> None:
    """Write no notes from now on in this process, as ``--quiet`` asks; or write them again."""
    _hushed[:] = [True] if is_quiet else []


def note_once(text: str) -> None:
    """Write a line as `note` does, unless what stands before its first semicolon was said."""
    what = text.partition("; ")[0]
    if what not in _told:
        _told.add(what)
        note(text)


def _bar_type(notebook: bool, expected_s: float) -> Any:
    class Bar(_drawn(notebook)):  # type: ignore[misc]
        """Tells the time left from the beginning."""

        @property
        def format_dict(self) -> dict[str, Any]:
            found = dict(super().format_dict)
            if not found["n"] and expected_s:
                found["rate"] = found["total"] / expected_s
            return found

    return Bar


def _drawn(notebook: bool) -> Any:
    if notebook and find_spec("ipywidgets"):  # without which tqdm.auto would warn, and draw no other bar
        from tqdm.auto import tqdm as drawn

        return drawn
    from tqdm import tqdm

    return tqdm
