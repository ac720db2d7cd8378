"""What can go wrong, as one small tree of exceptions.

A peer's refusal is data and never an exception. What is raised here is either the user's input
(:class:`InputError`, exit code 2), work that something outside cut short (:class:`UnfinishedError`, exit code 1) or a
broken promise of the program itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from simsmtp.shown import shown


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
        place = [self.file or "", str(self.line or "")]
        head = ": ".join(part for part in (":".join(p for p in place if p), self.key or "") if part)
        parts = [f"{head}: {self.message}" if head else self.message]
        if self.given is not ...:
            parts.append(f"given: {self.given!r}")
        if isinstance(self.allowed, tuple):
            parts.append("allowed: " + ", ".join(self.allowed))
        elif self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if guess := self._closest():
            parts.append(f"did you mean {guess!r}?")
        return shown("; ".join(parts))

    def _closest(self) -> str | None:
        if not isinstance(self.allowed, tuple):
            return None
        tried = self.given if isinstance(self.given, str) else (self.key or "").rpartition(".")[2]
        close = difflib.get_close_matches(tried, self.allowed, n=1)
        return close[0] if close and close[0] != tried else None

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


class UnfinishedError(SimsmtpError):
    """Work could not be brought to its end; what was finished is kept, and the same call goes on from there."""


class ConservationError(SimsmtpError):
    """The ledger of a run does not add up: a defect of simsmtp, never of the scenario."""


class StrategyError(SimsmtpError):
    """A counting strategy returned something that is no verdict."""
