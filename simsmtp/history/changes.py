"""What a history file says of each response: its values over the commits, and where they changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from simsmtp.history.history_file import Entry, HistoryLine
from simsmtp.history.revisions import DIRTY

_BARS = "▁▂▃▄▅▆▇█"


class Series(NamedTuple):
    """One response at one design point over the commits.

    Attributes
    ----------
    study, response : str
        Of which experiment, and which response.
    factors : dict
        Column → level.
    n : int
        Replications at each commit.
    commits : list of str
        In the order in which they were noted first.
    entries : list of Entry
        One for each commit.
    """

    study: str
    response: str
    factors: dict[str, Any]
    n: int
    commits: list[str]
    entries: list[Entry]

    @property
    def changes(self) -> list[int]:
        """Places of the commits whose values are not those of the commit noted before."""
        digests = [one.digest for one in self.entries]
        return [at for at in range(1, len(digests)) if digests[at] != digests[at - 1]]


def in_order(lines: Sequence[HistoryLine], order: Mapping[str, int]) -> list[HistoryLine]:
    """Return lines in the order of their commits, whatever order they were noted in.

    Parameters
    ----------
    lines : sequence of HistoryLine
        As they are in the file.
    order : mapping
        Commit → its place, such as `simsmtp.history.revisions.order_of` returns it. A commit that it does not know
        stays behind the one that it was noted after, and changed files behind their commit.
    """
    places, last = [], -1.0
    for line in lines:
        commit = line.commit.removesuffix(DIRTY)
        last = order[commit] + (0.5 if commit != line.commit else 0.0) if commit in order else last
        places.append(last)
    return [lines[at] for at in sorted(range(len(lines)), key=places.__getitem__)]


def series_of(lines: Iterable[HistoryLine]) -> list[Series]:
    """Return the series of a history, in the order of the lines.

    A commit that was noted again keeps its place, with what was noted last. Runs with another seed or number of
    replications are series of their own: their digests cannot be equal.
    """
    found: dict[tuple[str, str, int, int, str], Series] = {}
    for line in lines:
        for response, entry in line.responses.items():
            key = (line.study, line.identity, line.seed, line.n, response)
            one = found.setdefault(key, Series(line.study, response, line.factors, line.n, [], []))
            if line.commit in one.commits:
                one.entries[one.commits.index(line.commit)] = entry
            else:
                one.commits.append(line.commit)
                one.entries.append(entry)
    return list(found.values())


def sparkline(values: Sequence[float], most: int = 20) -> str:
    """Return values as a line of bars, the last `most` of them; a blank where there is no value.

    Examples
    --------
    >>> sparkline([1.0, 2.0, 3.0, float("nan"), 3.0]), sparkline([5.0, 5.0])
    ('▁▅█ █', '▁▁')
    """
    shown = values[-most:]
    known = [one for one in shown if not math.isnan(one)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(" " if math.isnan(one) else _BARS[round((one - low) / step) if step else 0] for one in shown)
