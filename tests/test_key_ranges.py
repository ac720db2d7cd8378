"""At the ends of every key's range both engines answer the same; beyond them the key is named, and nothing crashes."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from key_ends import NUMERIC, answer, drawn, ends, outside
from study_files import TINY, cli, document, written

from simsmtp import Scenario, simulate
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.experiment.key_list import Key
from simsmtp.model.plan import plan_of
from simsmtp.model.ranges import MOST_RECIPIENTS
from simsmtp.rows import memory
from simsmtp.strategies.retry import RetrySchedule, backoff

ENGINES = ("reference", "compiled")


@pytest.fixture(autouse=True)
def numba() -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")


def said(changes: dict[str, Any]) -> str:
    """Return what both engines say, which has to be the same."""
    ours, theirs = (answer(changes, engine) for engine in ENGINES)
    assert ours == theirs
    return ours


@pytest.mark.parametrize("key", NUMERIC, ids=lambda one: one.key)
def test_what_is_outside_a_range_is_refused_by_name(key: Key) -> None:
    for value in outside(key):
        with pytest.raises(InputError) as caught:
            Scenario().replace({key.key: value})
        assert str(caught.value).startswith(f"{key.key}: "), value


def test_every_number_of_a_scenario_has_a_range_with_two_ends() -> None:
    assert len(NUMERIC) > 50
    assert all(key.most is not None and f"{key.most:,.15g}" in key.allowed for key in NUMERIC)


def test_both_ends_are_allowed_one_at_a_time() -> None:
    needs_more = {"client.retry_initial_s", "client.retry_max_s", "client.expiry_s", "client.give_up_after_refusals"}
    needs_more |= {"workload.groups", "workload.population"}
    for key in NUMERIC:
        if key.key in needs_more or key.key.endswith("_ms") or "text" in key.allowed:
            continue
        for value in ends(key):
            changes = {key.key: value, "network.profile": "tcp"}
            assert Scenario().replace(changes) is not None, key


def test_engines_agree_where_keys_are_at_their_ends() -> None:
    counts = {True: 0, False: 0}
    for changes in itertools.islice(drawn(random.Random(20)), 50):  # noqa: S311
        counts[said(changes).startswith("refused")] += 1
    assert min(counts.values()) > 10


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"workload.recipients_per_message": 10**12}, ["workload.recipients_per_message: ", "10000000", "given: 1000"]),
        ({"client.retry_factor": 1e8}, ["client.retry_factor: ", "1000"]),
        ({"client.retry_factor": 1e300}, ["client.retry_factor: "]),
        ({"network.bandwidth_mbit": 1e-9}, ["network.bandwidth_mbit: ", "0.0001"]),
        ({"network.rtt_ms": 1e12}, ["network.rtt_ms: "]),
        ({"network.rtt_ms": 3e10}, ["network.rtt_ms: a single transaction", "fewer recipients"]),
        ({"horizon_s": 1e-12}, ["horizon_s: "]),
        ({"client.sizing_forget_s": 1e-12}, ["client.sizing_forget_s: "]),
        ({"client.retry_initial_s": 0.001, "client.retry_max_s": 0.001}, ["tried about 432,000,000 times"]),
        ({"workload.arrivals": {"dist": "poisson", "rate_per_s": 1e-300}}, ["workload.arrivals.rate_per_s: "]),
        ({"workload.messages": 10**9, "workload.resend": "all", "workload.resends": 9}, ["workload.resends: "]),
        ({"workload.messages": 10**9, "workload.recipients_per_message": 10**7}, ["10,000,000,000,000,000"]),
        (
            {"server.rcpt_service_ms": {"dist": "normal", "mean": 3e9, "cv": 9.0}},
            ["server.rcpt_service_ms: the largest"],
        ),
        ({"workload.message_bytes": 10**10, "network.bandwidth_mbit": 1e-4, "network.mss": 64}, ["mss"]),
        ({"network.profile": "tcp", "network.loss": 5e-324}, ["network.loss: too seldom"]),
        ({"server.ehlo_service_ms": {"dist": "geometric", "mean": 1e30, "maximum": 50}}, ["ehlo_service_ms.mean: "]),
        ({"client.batch_size": 10**9, "workload.messages": 10**8}, []),
    ],
    ids=repr,
)
def test_values_that_crashed_or_never_ended_are_one_clear_line(changes: dict[str, Any], parts: list[str]) -> None:
    if not parts:
        assert Scenario().replace(changes) is not None
        return
    refusal = said(changes)
    assert refusal.startswith("refused")
    assert "\n" not in refusal
    assert all(part in refusal for part in parts), refusal


def test_a_run_past_73_years_ends_the_same_way_in_both_engines() -> None:
    rare = {"workload.arrivals": {"dist": "poisson", "rate_per_s": 1e-8}, "workload.messages": 90}
    assert "past 73 years" in said(rare)
    assert said(rare | {"horizon_s": 2e9}).startswith("{")


def test_a_message_drawn_too_large_is_refused_when_it_is_drawn() -> None:
    mixed = {"dist": "empirical", "values": [1.0, 2.0, 2e7]}
    refusal = said({"workload.recipients_per_message": mixed, "workload.messages": 30})
    assert "was drawn with too many recipients" in refusal
    assert "given: 20000000" in refusal
    assert f"allowed: up to {MOST_RECIPIENTS:,}" in refusal


def test_a_trace_with_too_many_recipients_or_too_late_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("a b 0\na c 0\na d 8e9\n")
    base = {"workload.trace": str(trace)}
    assert "past 73 years" in said(base)
    assert "past 73 years" in said(base | {"workload.trace_speedup": 1e-6})
    assert said(base | {"workload.trace_speedup": 1e9}).startswith("{")
    trace.write_text("a b 0\n" * 11)
    assert "11 recipients, each standing for 1,000,000" in said(base | {"workload.trace_recipient_factor": 10**6})


@pytest.mark.parametrize("factor", [1.0, 1 + 2**-52, 1 + 1e-13, 2.0, 1000.0])
def test_a_wait_never_falls_and_never_passes_the_longest(factor: float) -> None:
    schedule = RetrySchedule(10**6, 10**18, factor, 10**18)
    waits = [backoff(schedule, attempt) for attempt in range(1, 80)]
    assert waits == sorted(waits)
    assert waits[-1] <= 10**18
    assert backoff(schedule, 10**6 if factor < 1 + 1e-9 else 80) >= 10**6


@pytest.mark.parametrize("engine", ENGINES)
def test_too_little_memory_is_an_error_that_says_how_much(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_octets", lambda: 2**20)
    scenario = Scenario(workload={"recipients_per_message": 9_000_000})
    with pytest.raises(InputError, match=r"too little memory .* would need \d.* GiB, and 0.0 GiB are free"):
        run_replication(plan_of(scenario), engine=engine)


LIMITED = """
import resource, sys
import simsmtp, simsmtp.engines as engines
from simsmtp.errors import InputError
simsmtp.simulate({}, engine=sys.argv[1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 60 * 2**20,) * 2)
try:
    simsmtp.simulate({"workload": {"recipients_per_message": 9_000_000}}, engine=sys.argv[1])
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits on address space are those of Linux")
@pytest.mark.parametrize("engine", ENGINES)
def test_no_more_address_space_is_an_error_and_no_crash(engine: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, engine], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("workload: there is too little memory for this run"), done.stderr


def test_numbers_of_numpy_are_taken_or_refused_like_others() -> None:
    assert Scenario(network={"rtt_ms": np.float64(3)}).canonical() == Scenario(network={"rtt_ms": 3}).canonical()
    with pytest.raises(InputError, match=r"network\.rtt_ms"):
        Scenario(network={"rtt_ms": np.float64(1e12)})


def test_the_command_line_says_ranges_and_refuses_what_is_outside(tmp_path: Path) -> None:
    written(tmp_path, TINY, "study.toml")
    shown = cli(tmp_path, "keys", "retry_factor")
    assert "Number from 1 to 1,000." in shown.stdout
    (key,) = document(cli(tmp_path, "keys", "retry_factor", "--json"))
    assert (key["least"], key["most"]) == (1, 1000)
    done = cli(tmp_path, "run", "study.toml", "--set", "client.retry_factor=1e8")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "client.retry_factor" in done.stderr


def test_a_result_of_simulate_is_an_error_for_ten_to_the_twelve_recipients() -> None:
    for engine in ("auto", *ENGINES):
        with pytest.raises(InputError, match=r"workload\.recipients_per_message"):
            simulate({"workload": {"recipients_per_message": 10**12}}, engine=engine)
