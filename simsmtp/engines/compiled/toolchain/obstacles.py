"""What keeps the compiled engine, or a strategy of the user's own in it, from being run."""

from __future__ import annotations


class NotCompiledError(Exception):
    """The compiler could not be imported, or broke down; says which and why."""


class NotInDecisionLanguage(Exception):  # noqa: N818 - what the strategy is
    """A strategy that cannot be compiled; says why, and in which line of which file as far as that is known."""

    def __init__(self, reason: str, file: str | None, line: int | None) -> None:
        super().__init__(reason)
        self.file, self.line = file, line


class StrategyRaised(Exception):  # noqa: N818 - what happened
    """A compiled strategy raised, or left 64 bits: the reference engine knows what it would have said."""
