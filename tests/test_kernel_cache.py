"""A compiled loop on disk is never used for sources other than those it was made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import simsmtp

pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")

ASKED = """
import simsmtp
from simsmtp.engines import run_replication
from simsmtp.engines.compiled.kernels import is_compiled
scenario = simsmtp.Scenario(client={"batch_size": 250})
print(is_compiled())
for engine in ("compiled", "reference"):
    print(run_replication(scenario, engine=engine).responses)
"""


def _answers(home: Path, cache: Path) -> list[str]:
    environment = os.environ | {"PYTHONPATH": str(home), "SIMSMTP_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=home, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_an_edited_decision_is_not_answered_by_the_loop_compiled_before(tmp_path: Path) -> None:
    package = Path(simsmtp.__file__).parent
    shutil.copytree(package, tmp_path / "simsmtp", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    assert _answers(tmp_path, cache)[0] == "False"
    was_compiled, before, reference = _answers(tmp_path, cache)
    assert was_compiled == "True"
    assert before == reference
    decision = tmp_path / "simsmtp/policies/recipients.py"
    text = decision.read_text(encoding="utf-8")
    edited = text.replace("policy.limit - ", "policy.limit - 1 - ", 1)
    assert edited != text
    decision.write_text(edited, encoding="utf-8")
    was_compiled, after, reference = _answers(tmp_path, cache)
    assert was_compiled == "False"
    assert after == reference
    assert after != before
