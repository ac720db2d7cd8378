"""The commit that changed a result: found by halving a range of commits, by the exact digests of what they compute."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.gate.recorded_results import RecordedResults, recorded_experiment
from simsmtp.history.history_file import DIGITS, Entry, HistoryLine, append, known_commits, lines_of, read
from simsmtp.history.run_commit import PACKAGE_FILE, CommitError, rows_at
from simsmtp.running.runner import prepare

if TYPE_CHECKING:
    from simsmtp.history.revisions import Repository
    from simsmtp.running.run_options import RunOptions

Lines = list[HistoryLine]
Say = Callable[[str], None]


class Change(NamedTuple):
    """A response at a design point, before and after the commit that changed it.

    Attributes
    ----------
    response : str
        Its name.
    factors : dict
        Levels of the design point.
    before, after : Entry
        What it was and what it became.
    """

    response: str
    factors: Mapping[str, Any]
    before: Entry
    after: Entry


class Bisection(NamedTuple):
    """What was found.

    Attributes
    ----------
    first : str or None
        The commit whose results differ from those before it; None where the two ends are equal, or where commits
        that cannot be run lie before it.
    before : str
        The last commit known to be equal to the good one.
    suspects : list of str
        Where commits could not be run: all of which one is the first.
    changes : list of Change
        What differs between `before` and the first commit known to differ.
    ran, known : int
        Commits that were run, and that the history file knew.
    """

    first: str | None
    before: str
    suspects: list[str]
    changes: list[Change]
    ran: int
    known: int


class Bisector:
    """Runs an experiment at commits, each once.

    Parameters
    ----------
    repository : Repository
        Where the commits are.
    experiment : Path
        The experiment file, the same for all commits.
    options : RunOptions
        Settings, strategies and replications.
    history : Path, optional
        Known results are read from it, and new ones are added at once.
    responses : collection of str
        What to look at; all where it is empty.
    timeout_s : float
        Longest time for one commit.
    say : callable
        Told of each commit, in a line.
    """

    def __init__(
        self, repository: Repository, experiment: Path, options: RunOptions, *, history: Path | None = None,
        responses: Collection[str] = (), timeout_s: float = 3600, say: Say = lambda _: None,
    ) -> None:  # fmt: skip
        self._repository, self._file, self._options = repository, experiment, options
        self._history, self._responses, self._timeout_s, self._say = history, responses, timeout_s, say
        prepared = prepare(experiment, options).experiment
        self._expected: RecordedResults = dataclasses.replace(
            recorded_experiment(prepared), replications=prepared.replications
        )
        self._noted = known_commits(read(history)) if history is not None and history.exists() else {}
        self.ran = self.known = 0
        self._found: dict[str, Lines] = {}

    def at(self, commit: str) -> Lines:
        """Return the results at a commit, from the history file if they are there.

        Raises
        ------
        CommitError
            If the experiment cannot be run there.
        """
        if commit not in self._found:
            lines = self._from_history(commit)
            self.known += lines is not None
            self._found[commit] = self._run(commit) if lines is None else lines
        return self._found[commit]

    def _from_history(self, commit: str) -> Lines | None:
        noted = self._noted.get(commit, {})
        seed, replications = self._expected.seed or 0, self._expected.replications
        lines = [noted.get((one.identity, seed, replications)) for one in self._expected.points]
        found = [one for one in lines if one is not None]
        # Where the package is installed beside the repository, another version of it may have made what is noted.
        own = {self._expected.code[:DIGITS]}
        is_ours = self._repository.has(commit, PACKAGE_FILE) or {one.code for one in found} == own
        return found if len(found) == len(lines) and is_ours else None

    def _run(self, commit: str) -> Lines:
        self.ran += 1
        rows, code = rows_at(self._repository, commit, self._file, self._options, timeout_s=self._timeout_s)
        if sorted(set(rows["point"])) != list(range(1, len(self._expected.points) + 1)):
            raise CommitError("it makes other design points of the experiment")
        try:
            lines = lines_of(dataclasses.replace(self._expected, rows=rows), commit, code=code)
        except InputError as error:
            raise CommitError(error.message) from None
        if self._history is not None:
            append(self._history, lines, "--history")
        return lines

    def changes(self, before: str, after: str) -> list[Change]:
        """Return what differs between two commits that were run."""
        pairs = zip(self.at(before), self.at(after), strict=True)
        return [
            Change(name, one.factors, one.responses[name], other.responses[name])
            for one, other in pairs
            for name in one.responses
            if name in other.responses and (not self._responses or name in self._responses)
            and one.responses[name].digest != other.responses[name].digest
        ]  # fmt: skip

    def is_equal(self, good: str, commit: str) -> bool:
        """Tell whether a commit has the results of `good`, and say so."""
        differ = self.changes(good, commit)
        self._say(f"{commit[:12]}: {'differs from' if differ else 'equal to'} {good[:12]}")
        return not differ

    def search(self, good: str, bad: str) -> Bisection:
        """Find the first commit after `good` whose results differ, up to `bad`.

        Where results changed more than once and back, it is one of the commits that changed them: that it differs
        from `good`, and the commit before it does not, was seen.

        Raises
        ------
        InputError
            If the two are not on one line of first parents.
        UnfinishedError
            If the experiment cannot be run at one of the two.
        """
        commits = [good, *self._repository.between(good, bad)]
        try:
            self.at(good)
            if self.is_equal(good, bad):
                return Bisection(None, bad, [], [], self.ran, self.known)
        except CommitError as error:
            commit = bad if good in self._found else good
            raise UnfinishedError(f"the experiment cannot be run at {commit[:12]}: {error}") from None
        low, high, broken = 0, len(commits) - 1, set[int]()
        while ahead := [at for at in range(low + 1, high) if at not in broken]:
            middle = min(ahead, key=lambda at: abs(2 * at - low - high))
            try:
                if self.is_equal(good, commits[middle]):
                    low = middle
                else:
                    high = middle
            except CommitError as error:
                broken.add(middle)
                self._say(f"{commits[middle][:12]}: left out, it cannot be run: {error}")
        suspects = commits[low + 1 : high + 1]
        first = commits[high] if len(suspects) == 1 else None
        changes = self.changes(commits[low], commits[high])
        return Bisection(first, commits[low], list(suspects), changes, self.ran, self.known)
