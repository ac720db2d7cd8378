"""The gate as a test: green with my_counting.py as it is, red with a bug put in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import simsmtp

HERE = Path(__file__).parent
# The bug, one that would explain the article KB 822105: only the first refusal of a transaction is remembered.
RIGHT = "return Verdict.REQUEUE"
WRONG = "return Verdict.REQUEUE if rcpt.over_rank == 0 else Verdict.FAIL"


def test_counting_is_no_worse_than_the_baseline(simsmtp_study: Callable[..., simsmtp.Study]) -> None:
    """Green as it is."""
    study = simsmtp_study(HERE / "gate.toml", strategies=[HERE / "my_counting.py"])
    found = simsmtp.compare(HERE / "baseline.csv", study)
    assert found.exit_code == 0, found.to_markdown()


def test_the_gate_itself_goes_red(simsmtp_study: Callable[..., simsmtp.Study], tmp_path: Path) -> None:
    """Red with the bug put in: a gate that cannot fail says nothing."""
    text = (HERE / "my_counting.py").read_text(encoding="utf-8")
    assert RIGHT in text
    broken = tmp_path / "my_counting.py"
    broken.write_text(text.replace(RIGHT, WRONG), encoding="utf-8")
    study = simsmtp_study(HERE / "gate.toml", strategies=[broken])
    found = simsmtp.compare(HERE / "baseline.csv", study)
    assert found.verdict == "REGRESSION"
    assert "false_ndr" in set(found.rows[found.rows["verdict"] == "REGRESSION"]["response"])
