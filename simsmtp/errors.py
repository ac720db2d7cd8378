"""What can go wrong, as one small tree of exceptions.

A peer's refusal is data and never an exception. What is raised here is either the user's input
(:class:`InputError`, exit code 2), work that something outside cut short (:class:`UnfinishedError`, exit code 1) or a
broken promise of the program itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from traceback import extract_tb

from simsmtp.shown import shown

_PACKAGE = Path(__file__).parent
_LONGEST = 200
"""Characters of a value or a key that a message shows; a path or a clause gets more, a list of what is allowed most."""


class SimsmtpError(Exception):
    """Base of every exception that this package raises on purpose."""


class InputError(SimsmtpError):
    """Something the user gave cannot be used; the message says where, what was given and what is allowed.

    Parameters
    ----------
    message : str
        What is wrong, in one clause.
    file : str, optional
        The file the input stands in, as the user named it.
    line : int, optional
        Line in that file, counted from 1.
    key : str, optional
        Dotted name of the setting, for example ``client.strategy``.
    given : object, optional
        The offending value; shown with ``repr``.
    allowed : str or iterable of str, optional
        What would have been accepted. With an iterable, a close match to `given` (or to the
        last part of `key`) becomes a "did you mean".

    Examples
    --------
    >>> print(InputError("unknown strategy", key="client.strategy", given="one-stp", allowed=["one-stop"]))
    client.strategy: unknown strategy; given: 'one-stp'; allowed: one-stop; did you mean 'one-stop'?
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        given: object = ...,
        allowed: str | Iterable[str] | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.key = key
        self.given = given
        self.allowed = allowed if allowed is None or isinstance(allowed, str) else tuple(allowed)
        super().__init__(str(self))

    def __str__(self) -> str:
        place = [_short(self.file or "", 3 * _LONGEST), str(self.line or "")]
        head = ": ".join(part for part in (":".join(p for p in place if p), _short(self.key or "")) if part)
        message = _short(self.message, 3 * _LONGEST)
        parts = [f"{head}: {message}" if head else message]
        if self.given is not ...:
            parts.append(f"given: {_shown(self.given)}")
        if isinstance(self.allowed, tuple):
            parts.append("allowed: " + _short(", ".join(self.allowed), 20 * _LONGEST))
        elif self.allowed:
            parts.append(f"allowed: {_short(self.allowed, 20 * _LONGEST)}")
        if guess := self._closest():
            parts.append(f"did you mean {guess!r}?")
        return shown("; ".join(parts))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback: the user's own line, and what is wrong with it."""
        frames = extract_tb(self.__traceback__)
        ours = next((place for place, frame in enumerate(frames) if Path(frame.filename).is_relative_to(_PACKAGE)), 0)
        caller = frames[ours - 1] if ours else None
        found = [f"{type(self).__name__}: {self}"]
        if caller is not None and caller.line:
            file = f"{Path(caller.filename).name}, " if Path(caller.filename).is_file() else ""
            found.insert(0, f"{file}line {caller.lineno}: {caller.line}")
        return found

    def _closest(self) -> str | None:
        if not isinstance(self.allowed, tuple):
            return None
        tried = self.given if isinstance(self.given, str) else (self.key or "").rpartition(".")[2]
        close = closest(tried, self.allowed)
        return close if close != tried else None

    def at(self, *, file: str | None = None, line: int | None = None, key: str | None = None) -> InputError:
        """Return the same complaint with its place filled in where it was still unknown."""
        return InputError(
            self.message,
            file=self.file or file,
            line=self.line or line,
            key=self.key or key,
            given=self.given,
            allowed=self.allowed,
        )


def texts_in(given: object, key: str, allowed: str) -> list[str]:
    """Return texts and paths that were given in a list or the like, as texts.

    Parameters
    ----------
    given : object
        One text alone is refused: Python takes it for a list of its characters.
    key : str
        The argument.
    allowed : str
        What may be in the list, with an example.

    Raises
    ------
    InputError
        If it is no list, or holds something else.
    """
    texts = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping) else None
    if texts is None or not all(isinstance(one, str | PathLike) for one in texts):
        raise InputError("should be a list of texts", key=key, given=given if texts is None else texts, allowed=allowed)
    return [str(one) for one in texts]


def closest(word: str, known: Sequence[str]) -> str | None:
    """Return the name most like a word, None if none is: the time grows with the square of the word, so not for any."""
    close = difflib.get_close_matches(word, known, n=1) if len(word) <= _LONGEST else []
    return close[0] if close else None


def _shown(given: object) -> str:
    """Return a value as `repr` does, in one line of bounded length: users give whole files and endless numbers."""
    try:
        return _short(repr(given))
    except (ValueError, RecursionError):  # more digits than Python writes out, tables within tables without end
        return f"something too large to show, of type {type(given).__name__}"


def _short(text: str, most: int = _LONGEST) -> str:
    """Return a text shortened in the middle, with nothing in it that moves a cursor."""
    if len(text) > most:
        text = f"{text[: most * 2 // 3]} … {text[-most // 4 :]}"
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class UnfinishedError(SimsmtpError):
    """Work could not be brought to its end; what was finished is kept, and the same call goes on from there."""


class ConservationError(SimsmtpError):
    """The ledger of a run does not add up: a defect of simsmtp, never of the scenario."""


class StrategyError(SimsmtpError):
    """A counting strategy returned something that is no verdict."""
