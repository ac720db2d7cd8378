"""A scenario as text: what differs from the defaults, as Python, TOML and HTML; changed copies; plain complaints."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

import numpy as np
import pytest
from generated_scenarios import scenarios
from hypothesis import given, settings

from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment
from simsmtp.model.scenario import Client, Scenario
from simsmtp.model.server_table import Server
from simsmtp.model.toml_text import parse_toml
from simsmtp.presets import clients, servers

SEVERAL = {
    "server": {"preset": "postfix"},
    "destinations": [
        {"name": "near", "weight": 2.0, "server": {"recipient_limit": 10}},
        {"name": 'far "😀"', "server": {"preset": "exim"}, "network": {"rtt_ms": {"dist": "empirical", "values": [1]}}},
    ],
}  # fmt: skip
GIVEN: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "Scenario()"),
    "a default": ({"server": {"recipient_limit": 100}}, "Scenario()"),
    "two keys": (
        {"client": {"strategy": "one-stop"}, "server": {"recipient_limit": 50}},
        "Scenario(client={'strategy': 'one-stop'}, server={'recipient_limit': 50})",
    ),
    "a preset, and a key beside it": (
        {"client": {"preset": "windows-2003-rtm", "batch_size": 10}},
        "Scenario(client={'preset': 'windows-2003-rtm', 'batch_size': 10})",
    ),
    "no limit": ({"server": {"recipient_limit": "unlimited"}}, "Scenario(server={'recipient_limit': None})"),
    "a distribution": (
        {"network": {"rtt_ms": {"dist": "lognormal", "mean": 50, "cv": 0.4}}, "horizon_s": 60},
        "Scenario(network={'rtt_ms': {'dist': 'lognormal', 'mean': 50.0, 'cv': 0.4}}, horizon_s=60.0)",
    ),
    "destinations": (SEVERAL, "Scenario(\n    server={'preset': 'postfix'},\n    destinations=[{'name': 'near'"),
}


def reads_back(scenario: Scenario) -> None:
    assert eval(repr(scenario), {"Scenario": Scenario}) == scenario  # noqa: S307 - of our own making
    tables = parse_toml(scenario.to_toml())
    assert Experiment.from_dict(tables).scenario == scenario
    assert Scenario.from_dict(tables.get("scenario", {})).canonical() == scenario.canonical()
    scenario._repr_html_()


@pytest.mark.parametrize("name", GIVEN)
def test_a_repr_shows_what_differs_and_evaluates_back(name: str) -> None:
    tables, shown = GIVEN[name]
    scenario = Scenario(**tables)
    assert repr(scenario).startswith(shown)
    assert str(scenario) == repr(scenario)
    reads_back(scenario)


@pytest.mark.parametrize(("client", "server"), [*((name, None) for name in clients()), *((None, n) for n in servers())])
def test_presets_read_back(client: str | None, server: str | None) -> None:
    scenario = Scenario(client={"preset": client}, server={"preset": server})
    assert len(repr(scenario)) < 80
    reads_back(scenario)


@settings(max_examples=25, deadline=None)
@given(scenarios())
def test_any_scenario_reads_back(scenario: Scenario) -> None:
    reads_back(scenario)


def test_a_table_shows_what_differs_from_its_defaults() -> None:
    assert repr(Scenario(client={"strategy": "one-stop"}).client) == "Client(strategy='one-stop')"
    assert repr(Server()) == "Server()"
    drawn = Scenario(network={"rtt_ms": {"dist": "constant", "value": 5}}).network
    assert repr(drawn) == "Network(rtt_ms=Distribution(dist='constant', value=5.0))"


def test_equal_scenarios_are_equal_however_they_were_given() -> None:
    one, other = Scenario(), Scenario(server={"recipient_limit": 100})
    assert one == other
    assert hash(one) == hash(other)
    assert one != Scenario(horizon_s=5)
    assert one != "Scenario()"


def test_html_shows_values_with_units_defaults_and_meanings() -> None:
    scenario = Scenario(client={"preset": "windows-2003-rtm"}, network={"rtt_ms": 10}, **SEVERAL)
    text = scenario._repr_html_()
    row = next(one for one in text.split("<tr>") if "network.rtt_ms" in one)
    assert "<td>10 ms</td>" in row
    assert "50 ms" in row
    assert 'title="Round-trip time.' in row
    assert "<td>one-stop (preset)</td>" in next(one for one in text.split("<tr>") if "client.strategy" in one)
    assert "near.server.recipient_limit" in text
    assert "far &quot;😀&quot;.network.rtt_ms" in text
    assert "all keys at their defaults" in Scenario()._repr_html_()


def test_what_toml_cannot_say_is_named() -> None:
    tables = {"server": {"preset": "postfix"}, "destinations": [{"name": "a", "server": {"preset": None}}]}
    with pytest.raises(InputError, match=r"destinations\.0\.server\.preset: cannot be written in TOML"):
        Scenario(**tables).to_toml()


def test_a_key_or_several_are_replaced() -> None:
    scenario = Scenario(client={"strategy": "one-stop"})
    assert scenario.replace("client.batch_size", 50).client == Client(strategy="one-stop", batch_size=50)
    both = scenario.replace({"client.batch_size": 50, "network.rtt_ms": np.int64(20)})
    assert (both.client.batch_size, both.network.rtt_ms) == (50, 20)
    assert scenario.client.batch_size == 1000


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("batch_size", 5), "batch_size: unknown key; .*did you mean 'client.batch_size'"),
        (("clint.batch_size", 5), "did you mean 'client.batch_size'"),
        (("client.batchsize", 5), "did you mean 'batch_size'"),
        (("client.batch_size", "x"), "client.batch_size: should be a whole number; given: 'x'"),
        (("client.batch_size",), "not a change"),
        (({"client.batch_size": 5}, 6), "not a change"),
        (({3: 4},), "no text; given: 3"),
        (("client.strategy.x", 1), "client.strategy.x: cannot be set"),
    ],
)
def test_what_cannot_be_replaced_is_named(change: tuple[Any, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Scenario(client={"strategy": "one-stop"}).replace(*change)


def test_completion_shows_what_is_meant_to_be_used() -> None:
    assert {"client", "replace", "to_dict", "to_toml"} <= set(dir(Scenario()))
    assert "batch_size" in dir(Scenario().client)
    names = [*dir(Scenario), *dir(Scenario()), *dir(Scenario().client)]
    assert "from_dict" in dir(Scenario)
    assert str(inspect.signature(Scenario)).startswith("(*, workload=Workload(), client=Client(), network=Network(), ")
    assert not [name for name in names if name.startswith(("_", "model_")) or name in {"copy", "json", "parse_obj"}]


def rtt(**table: object) -> dict[str, Any]:
    return {"network": {"rtt_ms": table}}


WRONG: list[tuple[dict[Any, Any], str]] = [
    ({"clint": {}}, "clint: unknown key 'clint'; .*did you mean 'client'"),
    ({"client": None}, "client: should be a table; given: None"),
    ({"client": "one-stop"}, "client: should be a table"),
    ({"client": [("strategy", "one-stop")]}, "client: should be a table"),
    ({"client": {"batch_size": "50"}}, "client.batch_size: should be a whole number; given: '50'"),
    ({"client": {"batch_size": 50.0}}, "should be a whole number; given: 50.0; allowed: a number without a point"),
    ({"client": {"batch_size": True}}, "should be a whole number; given: True"),
    ({"client": {"batch_size": {}}}, "client.batch_size: should be a whole number"),
    ({"client": {"batch_size": [5]}}, "should be a whole number; given: "),
    ({"client": {"batch_size": 0}}, "should be at least 1; given: 0"),
    ({"client": {"batch_size": 10**12}}, "should be at most 1,000,000,000"),
    ({"client": {"strategy": 5}}, "client.strategy: should be a text"),
    ({"client": {"strategy": "one-stp"}}, "did you mean 'one-stop'"),
    ({"client": {"preset": "windows"}}, "unknown client preset.*did you mean"),
    ({"client": {"pipelining": 1}}, "should be True or False"),
    ({"client": {"overflow": 5}}, "allowed: 'new-connection', 'same-session', 'defer', 'bounce', a table"),
    ({"client": {"overflow": {452: "bounce"}}}, "given: 452; allowed: '452', '552'"),
    ({"client": {5: 3}}, "has a key that is no text"),
    ({"network": {"rtt_ms": math.nan}}, "should be a finite number"),
    ({"network": {"rtt_ms": "50"}}, "should be a number or a table"),
    ({"network": {"bandwidth_mbit": 0}}, "should be at least 0.0001; given: 0"),
    (rtt(dist="lognormal", mean=5), "lognormal needs cv"),
    (rtt(dist="lognormal", mean=5, cv=1, sd=3), "unknown key 'sd'"),
    (rtt(dist="lognorm", mean=5, cv=1), "did you mean 'lognormal'"),
    (rtt(mean=5), "network.rtt_ms.dist: is required"),
    (rtt(dist="normal", mean=-5, cv=1), "network.rtt_ms.mean: should be above 0"),
    ({"server": {"overflow_reply": [552]}}, "should be a whole number or a text"),
    ({"workload": {"arrivals": "poisson"}}, "allowed: at-once, trace, a table"),
    ({"destinations": "a"}, "destinations: should be a list"),
    ({"destinations": [{"name": "a", "wieght": 2}]}, "did you mean 'weight'"),
    ({"destinations": [{"name": "a"}] * 1001}, "at most 1,000 items, not 1,001"),
    ({"horizon_s": "x"}, "horizon_s: should be a number"),
]  # fmt: skip
PYDANTICS = re.compile(r"[Ii]nput should|[Ee]xtra|instance of|frozen|[Ff]ield|valid |_type|https?:|pydantic|\n")


@pytest.mark.parametrize(("tables", "told"), WRONG)
def test_complaints_are_one_plain_line(tables: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        Scenario.from_dict(tables)
    assert not PYDANTICS.search(str(caught.value))


def test_what_is_no_scenario_is_named() -> None:
    for wrong in ("x", 3, None, [1], {5: 1}):
        with pytest.raises(InputError, match=r"scenario: not a scenario; given: "):
            Scenario.from_dict(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"scenario: tables are given by name; given: 'x'"):
        Scenario("x")


def test_a_scenario_stays_what_it_is() -> None:
    scenario = Scenario()
    with pytest.raises(InputError, match=r"horizon_s: cannot be changed in place; .*scenario\.replace"):
        scenario.horizon_s = 5  # type: ignore[misc]
    with pytest.raises(InputError, match=r"batch_size: cannot be changed in place"):
        scenario.client.batch_size = 5  # type: ignore[misc]
    with pytest.raises(InputError, match=r"client: cannot be deleted"):
        del scenario.client
    assert scenario == Scenario()


def test_numbers_of_numpy_are_numbers() -> None:
    client = {"batch_size": np.int64(5), "pipelining": np.False_}
    scenario = Scenario(client=client, network={"rtt_ms": np.float32(2.5)})
    assert repr(scenario) == "Scenario(client={'batch_size': 5, 'pipelining': False}, network={'rtt_ms': 2.5})"
    with pytest.raises(InputError, match="should be a whole number"):
        Scenario(client={"batch_size": np.arange(2)})
