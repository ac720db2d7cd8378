"""Capacity plans built in Python: what is taken, and how the answer is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from study_files import here

import simsmtp
from simsmtp.errors import InputError
from simsmtp.planning.capacity import Capacity

__all__ = ["here"]
ARRIVALS = {"dist": "poisson", "rate_per_s": 1.0}
SENDER = {"workload": {"messages": 200, "recipients_per_message": 10, "arrivals": ARRIVALS}}
QUICK: dict[str, Any] = {"replications": 2, "workers": 1, "progress": False}


@pytest.fixture(scope="module")
def of_a_scenario(tmp_path_factory: pytest.TempPathFactory) -> Capacity:
    return simsmtp.capacity(
        simsmtp.Scenario(**SENDER), objectives=["delay p(95) < 1 s"], search={"rate": (0.5, 20)}, tolerance=0.5,
        factors={"network.rtt_ms": (10, 100)}, output=tmp_path_factory.mktemp("capacity"), **QUICK,
    )  # fmt: skip


def test_a_scenario_and_objectives_are_a_plan(of_a_scenario: Capacity) -> None:
    found = of_a_scenario.to_dict()
    assert [one["objective"] for one in found["objectives"]] == ["delay p(95) < 1 s"]
    assert [one["search"] for one in found["searches"]] == ["rate"]
    assert {row["factor"] for row in found["tornado"]} == {"network.rtt_ms"}
    assert found["verdict"] == "met"
    json.dumps(found, allow_nan=False)


def test_an_answer_is_shown_in_a_line_a_table_and_a_figure(of_a_scenario: Capacity) -> None:
    value = of_a_scenario.findings["rate"].value
    assert value is not None
    shown = repr(of_a_scenario)
    assert shown.startswith("<Capacity: Capacity of a scenario · objectives met · sustainable rate: ")
    assert len(shown) < 120
    assert "largest arrival rate" in of_a_scenario._repr_html_()
    assert len(of_a_scenario.plot().axes) >= 2
    assert {"answer", "plot", "to_dict", "write", "verdict"} <= set(dir(of_a_scenario))
    assert not [name for name in dir(of_a_scenario) if name.startswith("_")]


def test_options_stand_in_place_of_what_an_experiment_says(tmp_path: Path) -> None:
    tables = {"study": {"name": "x", "title": "X"}, "scenario": SENDER, "capacity": {"objectives": ["lost == 0"]}}
    found = simsmtp.capacity(
        simsmtp.Experiment.from_dict(tables), search={"client.connections": (1, 2)}, output=tmp_path, **QUICK
    )
    assert list(found.findings) == ["client.connections"]
    assert [one.text for one in found.plan.objectives] == ["lost == 0"]
    with pytest.raises(InputError, match="no curve and no tornado to draw"):
        simsmtp.capacity(SENDER, objectives=["lost == 0"], output=tmp_path, **QUICK).plot()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"objectives: are required; allowed: such as"),
        ({"objectives": ["lost == 0"], "search": {"rat": (1, 2)}}, r"capacity.search.rat: cannot be searched"),
        ({"objectives": ["lost == 0"], "search": 3}, r"capacity.search: should be a table"),
        ({"objectives": ["lost == 0"], "prices": {"per_hour": 1}}, r"capacity.prices.per_hour: unknown key"),
        ({"objectives": ["lost == 0"], "factors": {"network.rtt": (1, 2)}}, r"did you mean 'network.rtt_ms'"),
        ({"objectives": ["lost == 0"], "settings": ["study.seed=1"]}, r"settings change a file"),
        ({"objectives": ["losst == 0"]}, r"objectives: unknown response"),
    ],
)
def test_what_a_plan_in_python_cannot_use_is_named(here: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        simsmtp.capacity(SENDER, **options)
    assert not any(here.iterdir())
