"""The list of keys says what the models accept."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from study_files import cli, document

from simsmtp import InputError, Scenario
from simsmtp.experiment.key_list import Key, found_nowhere, list_keys
from simsmtp.experiment.scenario_keys import SCENARIO_KEYS

KEYS = list_keys()
PLAIN = [one for one in KEYS if not one.key.startswith("destinations")]


def test_every_key_of_a_scenario_is_listed_once_with_a_meaning() -> None:
    assert sorted([one.key for one in PLAIN] + ["destinations"]) == sorted(SCENARIO_KEYS)
    assert {one.key for one in KEYS} - {one.key for one in PLAIN} >= {"destinations.N.name", "destinations.N.weight"}
    assert all(one.meaning and one.allowed for one in KEYS)
    assert not any("``" in one.meaning or ":mod:" in one.meaning for one in KEYS)


@pytest.mark.parametrize("one", PLAIN, ids=lambda one: one.key)
def test_the_default_is_what_is_taken_where_nothing_is_given(one: Key) -> None:
    if one.default:
        value = tomllib.loads(f"value = {one.default}")["value"]
        assert Scenario().replace({one.key: value}).canonical() == Scenario().canonical()


@pytest.mark.parametrize("one", PLAIN, ids=lambda one: one.key)
def test_unlimited_is_allowed_where_it_says_so_and_nowhere_else(one: Key) -> None:
    numeric = "number" in one.allowed and "text" not in one.allowed
    if 'or "unlimited"' in one.allowed:
        assert Scenario().replace({one.key: "unlimited"}) is not None
    elif numeric:
        with pytest.raises(InputError):
            Scenario().replace({one.key: "unlimited"})


def test_units_are_those_of_the_names() -> None:
    units = {one.key: one.unit for one in KEYS}
    assert units["network.rtt_ms"] == "ms"
    assert units["client.expiry_s"] == "s"
    assert units["network.bandwidth_mbit"] == "Mbit/s"
    assert units["client.pipelining"] == ""


WORDS_OF_REPORTS = {
    "throttl": "server.rate_limits",
    "quota": "server.rate_limits",
    "452": "server.overflow_reply",
    "region": "workload.groups",
    "library": "client.expiry_s",
    "late": "server.refusal_ms",
    "tarpit": "server.soft_error_limit",
    "mailbox": "server.unknown_reply",
    "503": "server.data_without_recipients",
    "multi-line": "server.overflow_reply",
    "Stalwart": "server.limit_at",
    "all or nothing": "client.on_refusal",
    "curl": "client.on_refusal",
    "empty": "client.on_refusal",
    "354": "client.strategy",
}
"""What somebody with a report would look for, and the key that is meant."""


def test_words_find_keys_of_all_tables() -> None:
    assert [one.key for one in list_keys(["curve_points", "rtt"])] == ["capacity.curve_points", "network.rtt_ms"]
    assert {one.table for one in list_keys(["seed"])} == {"[study]", "[design]"}
    with pytest.raises(InputError, match="did you mean 'batch_size'"):
        list_keys(["batchsize"])
    with pytest.raises(InputError, match="did you mean") as caught:
        list_keys(["servr"])
    assert str(caught.value).count("did you mean") == 1


def test_a_word_of_a_report_finds_keys_by_what_they_mean() -> None:
    for word, key in WORDS_OF_REPORTS.items():
        assert key in [one.key for one in list_keys([word])], word
    assert [one.key for one in list_keys(["batch_size"])] == ["client.batch_size"]  # names go first
    assert list_keys(["throttl", "failure_of_ours"]) == list_keys(["throttl"])
    assert found_nowhere(["throttl", "failure_of_ours"]) == ["failure_of_ours"]


def test_words_find_the_keys_of_tables_that_are_values() -> None:
    names = [one.key for one in list_keys(["rate_limits"])]
    assert names[0] == "server.rate_limits"
    assert "server.rate_limits.N.window_s" in names
    assert [one.key for one in list_keys(["server.rate_limits.3.most"])] == ["server.rate_limits.N.most"]
    assert {one.key for one in list_keys(inner=True)} > {one.key for one in KEYS}


def test_the_command(tmp_path: Path) -> None:
    shown = cli(tmp_path, "keys", "rtt")
    assert shown.returncode == 0
    assert "network.rtt_ms = 50.0  (ms)" in shown.stdout
    assert "lognormal(mean, cv)" in shown.stdout
    assert len(document(cli(tmp_path, "keys", "--json"))) == len(KEYS)
    wrong = cli(tmp_path, "keys", "warp")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "given: 'warp'" in wrong.stderr
