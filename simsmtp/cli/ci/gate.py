"""``simsmtp run --baseline`` and ``--write-baseline``: what stands before and after the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.cli.ci.documents import Target, write_comparison
from simsmtp.cli.printing.lines import say
from simsmtp.gate.baseline import load_baseline, require_writable, write_baseline
from simsmtp.gate.gate import Rule, gated
from simsmtp.gate.recorded_results import RecordedResults, recorded_experiment, require_same

if TYPE_CHECKING:
    from simsmtp.gate.comparison import Comparison
    from simsmtp.running.runner import PreparedRun
    from simsmtp.study.study import Study


class Gate(NamedTuple):
    """What a run is compared with, and where its rows go as the next baseline.

    Attributes
    ----------
    baseline : RecordedResults or None
        Read before the run.
    target : Path or None
        A new baseline.
    asked : sequence of Target
        Documents to make of the comparison.
    """

    baseline: RecordedResults | None
    target: Path | None
    asked: Sequence[Target] = ()

    def compared(self, prepared: PreparedRun, study: Study) -> Comparison | None:
        """Compare what was run; where that is inconclusive, run more."""
        if self.baseline is None or study.failures:
            return None
        return gated(self.baseline, prepared, Rule(), study=study)

    def close(self, study: Study, found: Comparison | None) -> int:
        """Write documents, and the new baseline unless the old one was not met; return the exit code."""
        code = 0 if found is None else found.exit_code
        if found is not None:
            write_comparison(found, self.asked)
        if self.target is not None:
            if code:
                say(f"simsmtp: {self.target} is not written: {found and found.verdict}", to_stderr=True)
            else:
                write_baseline(study, self.target)
        return code


def prepare_gate(
    prepared: PreparedRun, baseline: Path | None, target: Path | None, asked: Sequence[Target] = ()
) -> Gate:
    """Read the baseline and check that it fits and that a new one can be written; nothing is run or written."""
    if target is not None:
        require_writable(target)
    known = None if baseline is None else load_baseline(baseline)
    if known is not None:
        require_same(known, recorded_experiment(prepared.experiment))
    return Gate(known, target, asked)
