"""Fresh processes: what one takes from start to end, and the most memory it ever had.

Run as a script it is the child: it simulates what its argument says and prints what it measured as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def peak_mib() -> float:
    """Return the most memory this process ever had resident.

    Linux keeps it per program (VmHWM); `resource.getrusage` would begin with what the parent had at the fork.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 1024


def child(task: dict[str, Any]) -> dict[str, Any]:
    """Do what the task says: a replication, after one that loads the engine if `warm`, a file of rows, or a study."""
    sys.path.insert(0, str(ROOT))
    begin = time.perf_counter()
    import simsmtp
    from simsmtp.engines import run_replication
    from simsmtp.model.plan import plan_of

    if "study" in task:
        simsmtp.run(progress=False, engine="compiled", **task["study"])
        return {"run_s": time.perf_counter() - begin, "peak_mib": peak_mib()}
    scenario = simsmtp.Scenario.from_dict(task["scenario"])
    if task["warm"]:
        run_replication(plan_of(simsmtp.Scenario()), engine=task["engine"])
    ready = time.perf_counter()
    output = run_replication(
        plan_of(scenario), engine=task["engine"], replication=task["replication"], recipients=task["rows"] == "kept"
    )
    taken = time.perf_counter() - ready
    if task["rows"] == "written":
        with tempfile.TemporaryDirectory() as folder:
            ready = time.perf_counter()
            simsmtp.simulate(scenario, engine=task["engine"]).write_recipients(Path(folder, "recipients.csv"))
            taken = time.perf_counter() - ready
    return {"responses": dict(output.responses), "ready_s": ready - begin, "run_s": taken, "peak_mib": peak_mib()}


class Fresh:
    """A process of its own, which begins at once; `wait` ends it.

    Parameters
    ----------
    task : dict
        What `child` is to do.
    cache : Path, optional
        Folder of compiled loops in place of the usual one.
    """

    def __init__(self, task: dict[str, Any], cache: Path | None = None) -> None:
        environment = os.environ | ({"SIMSMTP_CACHE_DIR": str(cache)} if cache else {})
        call = [sys.executable, __file__, json.dumps(task)]
        self._begin = time.perf_counter()
        self._process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)

    def wait(self) -> dict[str, Any]:
        """Return what the process measured, and its wall time from start to end as ``wall_s``."""
        printed, _ = self._process.communicate()
        wall = time.perf_counter() - self._begin
        if self._process.returncode:
            raise SystemExit(f"a measuring process ended with code {self._process.returncode}")
        return {**json.loads(printed), "wall_s": wall}


def replication(
    scenario: dict[str, Any], engine: str = "compiled", *, number: int = 0, warm: bool = True, rows: str = "off"
) -> dict[str, Any]:
    """Return the task of one replication; its recipient rows are ``off``, ``kept``, or ``written`` as CSV."""
    return {"scenario": scenario, "engine": engine, "replication": number, "warm": warm, "rows": rows}


if __name__ == "__main__":
    print(json.dumps(child(json.loads(sys.argv[1]))))
