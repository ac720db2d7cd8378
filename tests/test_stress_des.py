"""The STRESS-DES draft: all twenty items, about half of them filled."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from simsmtp.errors import InputError
from simsmtp.report.stress_des import stress_des

AUTHOR = "> **To be written by the author.**"
EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.toml"))
TABLES = {
    "study": {"name": "tiny", "title": "Tiny", "description": "Does it\nmatter?", "responses": ["lost"]},
    "scenario": {"client": {"strategy": "one-stop"}, "network": {"rtt_ms": {"dist": "exponential", "mean": 40}}},
    "factors": {"client": {"batch_size": [50, 200]}, "sender": {"a": {"client.strategy": "corrected"}}},
}
PROVENANCE = {
    "study": "tiny", "digest": "abc", "seed": 7, "design_points": 2, "replications": 20, "computed": 40, "reused": 0,
    "failed": 0, "command": "simsmtp run tiny.toml", "duration_s": 1.5, "simsmtp": "0.1", "commit": "1234",
    "clean": False, "python": "3.11.7", "packages": {"simpy": "4.1.1", "numpy": None},
    "platform": "Linux x86_64", "cpus": 2,
}  # fmt: skip


def item(text: str, number: str) -> str:
    """Return the text of one item."""
    found = re.search(rf"^### {re.escape(number)} .*?\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_all_twenty_items_are_there_and_none_is_empty() -> None:
    text = stress_des(TABLES, PROVENANCE)
    numbers = re.findall(r"^### (\d\.\d) ", text, re.MULTILINE)
    assert len(numbers) == 20
    assert all(item(text, number).strip() for number in numbers)


def test_what_the_record_cannot_fill_is_marked() -> None:
    text = stress_des(TABLES, PROVENANCE)
    numbers = re.findall(r"^### (\d\.\d) ", text, re.MULTILINE)
    wholly_open = [number for number in numbers if item(text, number).strip().startswith(AUTHOR)]
    assert wholly_open == ["1.3", "2.1", "2.4", "3.1", "3.2", "3.4"]
    assert {number for number in numbers if AUTHOR in item(text, number)} == {*wholly_open, "1.1", "6.1"}


def test_the_record_is_told() -> None:
    text = stress_des(TABLES, PROVENANCE)
    assert "# STRESS-DES: Tiny" in text
    assert "Does it matter?" in item(text, "1.1")
    assert "| `lost` | - | valid, never accepted" in item(text, "1.2")
    assert "- `client.batch_size`: 50, 200" in item(text, "2.3")
    assert "- `sender`: a = {client.strategy = corrected}" in item(text, "2.3")
    assert "| `client.strategy` | **one-stop** |" in item(text, "3.3")
    assert "| `server.recipient_limit` | 100 |" in item(text, "3.3")
    assert "**{dist = exponential, mean = 40" in item(text, "3.3")
    assert "20 independent replications" in item(text, "4.3")
    assert "simpy 4.1.1." in item(text, "5.1")
    assert "`simsmtp run tiny.toml`" in item(text, "5.3")
    assert "Commit 1234, with uncommitted changes." in item(text, "6.1")


def test_widths_and_horizon() -> None:
    summary = pd.DataFrame({"response": ["makespan_s", "lost"], "mean": [10.0, 0], "low": [9.0, 0], "high": [11.0, 0]})
    steady = {**TABLES, "study": {"horizon": "steady-state"}}
    text = stress_des(steady, {}, summary)
    assert "`makespan_s` 10" in item(text, "4.3")
    assert "MSER-5" in item(text, "4.2")
    assert "unknown" in item(text, "5.4")


def test_a_listed_point_and_a_sampled_range() -> None:
    tables = {
        "points": [{"client.batch_size": 7}],
        "design": {"kind": "sobol", "points": 8, "ranges": {"network.rtt_ms": {"low": 5, "high": 300, "scale": "log"}}},
    }
    text = item(stress_des(tables, {}), "2.3")
    assert "listed point: client.batch_size = 7" in text
    assert "- `network.rtt_ms`: 5 to 300 (log), sobol, 8 points" in text
    assert "base scenario" in item(stress_des({}, {}), "2.3")


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_shipped_experiment_gives_a_draft(path: Path) -> None:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    tables["scenario"] = {key: one for key, one in tables["scenario"].items() if path.stem != "real_traffic"}
    assert "### 6.1" in stress_des(tables, PROVENANCE)


def test_a_scenario_that_is_none() -> None:
    with pytest.raises(InputError):
        stress_des({"scenario": {"client": {"strateg": 1}}}, {})
