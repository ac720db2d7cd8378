"""Sliders over a scenario: what a move changes, and what is said where it cannot be made."""

from __future__ import annotations

import subprocess
import sys

import pytest
from study_files import environment

import simsmtp
from simsmtp.errors import InputError

NEEDED = "ipywidgets is not installed: pip install 'simsmtp[notebooks]'"


def explorer(**tables: object) -> simsmtp.exploring.Explorer:
    pytest.importorskip("ipywidgets", reason=NEEDED)
    return simsmtp.explore({"client": {"strategy": "one-stop"}, **tables})


def test_ledger_and_diagram_follow_a_move() -> None:
    moved = explorer()
    assert moved.dialogue.responses["false_ndr"] == 149
    moved.set(batch_size=120)
    assert moved.scenario.client.batch_size == 120
    assert moved.dialogue.responses["false_ndr"] == 38
    page = moved.widget.children[1].value
    assert page.startswith("<iframe")
    assert "19 failed: NDR" in page
    ledger = moved.widget.children[0].children[1].value
    assert ">212<" in ledger  # delivered
    assert ">250<" in ledger  # by the corrected sender beside it


def test_every_control_moves_its_key() -> None:
    moved = explorer()
    moved.set(recipients=40, limit=7, window=10, strategy="corrected", rtt_ms=10.0)
    scenario = moved.scenario
    assert scenario.workload.recipients_per_message == 40
    assert scenario.server.recipient_limit == 7
    assert scenario.client.window_recipients == 10
    assert scenario.client.strategy == "corrected"
    assert scenario.network.rtt_ms == pytest.approx(10.0, rel=0.1)
    moved.set(window=0)
    assert moved.scenario.client.window_recipients is None


def test_it_begins_where_the_scenario_is() -> None:
    moved = explorer(server={"recipient_limit": 30}, network={"rtt_ms": 200})
    assert moved.scenario.server.recipient_limit == 30
    assert moved.scenario.network.rtt_ms == pytest.approx(200, rel=0.1)


@pytest.mark.parametrize(
    ("move", "message"),
    [
        ({"batchsize": 3}, "no such control.*did you mean 'batch_size'"),
        ({"strategy": "corect"}, "cannot be moved there"),
    ],
)
def test_a_wrong_move_is_told_in_one_line(move: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        explorer().set(**move)
    assert "\n" not in str(raised.value)


def test_without_widgets_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['ipywidgets'] = None\nimport simsmtp\nsimsmtp.explore()"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert "pip install 'simsmtp[notebooks]'" in done.stderr.splitlines()[-1]
