"""``simsmtp run`` with a baseline or a history: what stands before and after the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.cli.ci.documents import Target, write_comparison
from simsmtp.cli.printing.lines import say

if TYPE_CHECKING:
    from simsmtp.gate.comparison import Comparison
    from simsmtp.gate.recorded_results import RecordedResults
    from simsmtp.running.runner import PreparedRun
    from simsmtp.study.study import Study


class GateOptions(NamedTuple):
    """What ``simsmtp run`` was given.

    Attributes
    ----------
    baseline, write_baseline : Path or None
        What to compare with, and where the rows go as the next baseline.
    history : Path or None
        A history file, which grows.
    commit : str or None
        What is measured, for the history.
    documents : sequence of Target
        To make of the comparison.
    """

    baseline: Path | None = None
    write_baseline: Path | None = None
    history: Path | None = None
    commit: str | None = None
    documents: Sequence[Target] = ()


class Gate(NamedTuple):
    """What a run is compared with, and what is written afterwards; by default nothing.

    Attributes
    ----------
    known : RecordedResults or None
        The baseline, read before the run.
    given : GateOptions
        With the commit filled in.
    """

    known: RecordedResults | None = None
    given: GateOptions = GateOptions()

    def compared(self, prepared: PreparedRun, study: Study) -> Comparison | None:
        """Compare what was run; where that is inconclusive, run more."""
        if self.known is None or study.failures:
            return None
        from simsmtp.gate.gate import Rule, gated

        return gated(self.known, prepared, Rule(), study=study)

    def close(self, study: Study, found: Comparison | None) -> int:
        """Write documents, history, and the new baseline unless the old one was not met; return the exit code."""
        code, target = 0 if found is None else found.exit_code, self.given.write_baseline
        if found is not None:
            write_comparison(found, self.given.documents)
        if self.given.history is not None:
            from simsmtp.gate.recorded_results import recorded_study
            from simsmtp.history.history_file import append, lines_of

            append(self.given.history, lines_of(recorded_study(study), self.given.commit or ""), "--history")
        if target is not None:
            from simsmtp.gate.baseline import write_baseline

            if code:
                say(f"simsmtp: {target} is not written: {found and found.verdict}", to_stderr=True)
            else:
                write_baseline(study, target)
        return code


def prepare_gate(prepared: PreparedRun, given: GateOptions) -> Gate:
    """Read the baseline, and check that it fits and that all can be written; nothing is run or written."""
    from simsmtp.gate.baseline import load_baseline, require_writable
    from simsmtp.gate.recorded_results import recorded_experiment, require_same

    if given.write_baseline is not None:
        require_writable(given.write_baseline)
    if given.history is not None:
        from simsmtp.cli.ci.history import commit_named
        from simsmtp.history.history_file import read
        from simsmtp.output import writable

        writable.require_writable(given.history, "--history", may_be_made=True)
        if given.history.exists():
            read(given.history)
        given = given._replace(commit=commit_named(given.commit, given.history))
    known = None if given.baseline is None else load_baseline(given.baseline)
    if known is not None:
        require_same(known, recorded_experiment(prepared.experiment))
    return Gate(known, given)
