"""The notebooks: paired, small, each with its decision in front; executed in the slow tests."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import simsmtp

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = (
    "01_the_bug",
    "02_batch_size_and_latency",
    "03_which_mechanism",
    "04_choosing_replications_and_warmup",
    "05_capacity_plan",
    "06_your_own_strategy",
    "07_simulation_against_real_servers",
    "08_one_mistake_five_times",
)
MOST_PNG = 120_000
MOST_TEXT = 12_000
MOST_FILE = 250_000

Cell = tuple[str, str]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def sources(path: Path) -> list[Cell]:
    return [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in cells_of(path)]


def percent_cells(path: Path) -> list[Cell]:
    """Return the cells of a py:percent script."""
    _, *parts = re.split(r"^# %%(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        is_text = "[markdown]" in mark
        body = re.sub(r"^# ?", "", text.strip(), flags=re.MULTILINE) if is_text else text.strip()
        found.append(("markdown" if is_text else "code", body))
    return found


def test_all_notebooks_are_there_with_their_scripts() -> None:
    assert tuple(path.stem for path in NOTEBOOKS) == NAMES
    assert tuple(path.stem for path in sorted(FOLDER.glob("*.py"))) == NAMES


@each
def test_notebook_and_script_are_in_step(path: Path) -> None:
    assert sources(path) == percent_cells(path.with_suffix(".py"))


@pytest.mark.parametrize("name", NAMES)
def test_only_public_names_are_imported(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [one for one in imported if one.startswith("simsmtp.")]
    assert {node.module for node in named if (node.module or "").startswith("simsmtp")} <= {"simsmtp"}
    public = {alias.name for node in named if node.module == "simsmtp" for alias in node.names}
    assert public <= set(simsmtp.__all__)
    for module, name_used in re.findall(r"\b(simsmtp|analysis)\.(\w+)", ast.unparse(tree)):
        assert name_used in {"simsmtp": simsmtp, "analysis": simsmtp.analysis}[module].__all__


@each
def test_the_decision_stands_first(path: Path) -> None:
    kind, text = sources(path)[0]
    assert kind == "markdown"
    title, _, rest = text.partition("\n")
    assert title.startswith("# ")
    assert rest.lstrip().startswith("**Decision:**")


@each
def test_mechanisms_are_called_hypotheses(path: Path) -> None:
    text = "\n".join(one for _, one in sources(path))
    if "KB 822105" in text or "one-stop" in text:
        assert re.search(r"hypothes[ie]s", text)


@each
def test_it_was_executed_in_order_without_errors(path: Path) -> None:
    code = [cell for cell in cells_of(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds <= {"execute_result", "display_data", "stream"}
    streams = {output["name"] for cell in code for output in cell["outputs"] if output["output_type"] == "stream"}
    assert streams <= {"stdout"}


@each
def test_outputs_are_small_and_name_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < MOST_FILE
    assert not re.search(r"/(home|root|work|tmp|usr|opt|Users)/|0x[0-9a-f]{8}", text.replace("data:image", ""))
    for cell in cells_of(path):
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            for kind, content in data.items():
                joined = "".join(content)
                if kind == "image/png":
                    assert len(base64.b64decode(joined)) < MOST_PNG
                else:
                    assert len(joined) < MOST_TEXT, kind


@pytest.mark.slow
@pytest.mark.parametrize("folder", [ROOT, FOLDER], ids=["from the root", "from the folder"])
@pytest.mark.parametrize("name", NAMES)
def test_the_script_runs(name: str, folder: Path) -> None:
    pytest.importorskip("IPython")
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py")],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "SIMSMTP_QUICK": "1", "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
