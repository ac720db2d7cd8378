"""Waiting times where the scenario reduces to a textbook queue: M/M/c and M/G/1.

A path without delay, no service but the text's, Poisson messages of one recipient, as many connections as there
are messages: what is left is a queue for the server's workers.
"""

from __future__ import annotations

import heapq
import math
from statistics import fmean, stdev
from typing import Any

import pytest
from helpers import NO_SERVICE
from scipy.stats import t as student

from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario

MEAN_MS = 10.0
WARM_UP = 100
CONFIDENCE = 0.99


def queue(load: float, workers: int, service: float | dict[str, Any], messages: int) -> Scenario:
    """Return the scenario of a queue with so many servers."""
    arrivals = {"dist": "poisson", "rate_per_s": load * workers / (MEAN_MS / 1e3)}
    return Scenario.from_dict(
        {
            "workload": {"messages": messages, "recipients_per_message": 1, "arrivals": arrivals},
            "client": {"connections": None},
            "network": {"rtt_ms": 0, "bandwidth_mbit": None},
            "server": NO_SERVICE | {"text_service_ms": service, "workers": workers},
        }
    )


def mean_waits_ms(scenario: Scenario, runs: int) -> list[float]:
    """Return the mean delay of each replication less the mean service, the warm-up cut off."""
    means = []
    for replication in range(runs):
        rows = run_replication(plan_of(scenario), seed=5, replication=replication, recipients=True).recipients
        means.append(1e3 * fmean(row.delay_s for row in rows[WARM_UP:]) - MEAN_MS)
    return means


def assert_mean(values: list[float], expected: float, *, within: float = 0.25) -> None:
    """Fail unless the t-interval of the mean covers what is expected, and is narrow enough to mean something."""
    half = float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    assert abs(fmean(values) - expected) <= half
    assert half < within * expected


def erlang_c_wait_ms(load: float, workers: int) -> float:
    """Return the mean wait in M/M/c: the probability to wait, over c·mu - lambda."""
    offered = load * workers
    idle_terms = sum(offered**k / math.factorial(k) for k in range(workers))
    busy = offered**workers / math.factorial(workers) / (1 - load)
    return busy / (idle_terms + busy) * MEAN_MS / (workers * (1 - load))


def pollaczek_khinchine_wait_ms(load: float, cv: float) -> float:
    return load * MEAN_MS * (1 + cv * cv) / (2 * (1 - load))


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (2, 0.6), (4, 0.7)])
def test_m_m_c(workers: int, load: float) -> None:
    scenario = queue(load, workers, {"dist": "exponential", "mean": MEAN_MS}, messages=800)
    assert_mean(mean_waits_ms(scenario, runs=12), erlang_c_wait_ms(load, workers), within=0.45)


@pytest.mark.parametrize(("dist", "cv"), [("gamma", 0.5), ("lognormal", 1.5)])
def test_m_g_1(dist: str, cv: float) -> None:
    scenario = queue(0.5, 1, {"dist": dist, "mean": MEAN_MS, "cv": cv}, messages=800)
    assert_mean(mean_waits_ms(scenario, runs=12), pollaczek_khinchine_wait_ms(0.5, cv), within=0.45)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.9), (2, 1.5), (3, 0.95), (20, 0.9)])
def test_first_come_first_served_to_the_nanosecond(workers: int, load: float) -> None:
    """With a constant service every delay follows from the arrivals (Kiefer and Wolfowitz)."""
    rows = run_replication(plan_of(queue(load, workers, MEAN_MS, messages=1000)), seed=1, recipients=True).recipients
    service_ns = round(MEAN_MS * 1e6)
    free = [0] * workers
    for row in rows:
        arrival_ns = round(row.arrival_s * 1e9)
        done_ns = max(heapq.heappop(free), arrival_ns) + service_ns
        heapq.heappush(free, done_ns)
        assert round(row.delay_s * 1e9) == done_ns - arrival_ns


def test_without_a_worker_limit_nobody_waits() -> None:
    scenario = queue(0.9, 1, MEAN_MS, messages=200).replace({"server.workers": None})
    rows = run_replication(plan_of(scenario), recipients=True).recipients
    assert {round(row.delay_s * 1e9) for row in rows} == {10_000_000}


def test_every_command_with_a_service_time_takes_a_worker() -> None:
    """Two messages at once, one worker: the two sessions share it, and no instant of it is wasted or used twice."""
    alone_ms = 1 + 2 + 3 + 4 + 5 + 6
    scenario = Scenario.from_dict(
        {
            "workload": {"messages": 2, "recipients_per_message": 1},
            "client": {"connections": 2},
            "network": {"rtt_ms": 0, "bandwidth_mbit": None},
            "server": {
                "workers": 1,
                "connect_service_ms": 1.0,
                "ehlo_service_ms": 2.0,
                "mail_service_ms": 3.0,
                "rcpt_service_ms": 4.0,
                "data_service_ms": 5.0,
                "text_service_ms": 6.0,
            },
        }
    )
    one = run_replication(plan_of(scenario.replace({"server.workers": 2})), recipients=True)
    assert [round(row.delay_s * 1e3) for row in one.recipients] == [alone_ms, alone_ms]
    both = run_replication(plan_of(scenario), recipients=True)
    assert max(round(row.delay_s * 1e3) for row in both.recipients) == 2 * alone_ms
    assert min(round(row.delay_s * 1e3) for row in both.recipients) == 2 * alone_ms - 6


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "load"), [(1, 0.8), (3, 0.9), (10, 0.9)])
def test_m_m_c_in_heavy_traffic(workers: int, load: float) -> None:
    scenario = queue(load, workers, {"dist": "exponential", "mean": MEAN_MS}, messages=8000)
    assert_mean(mean_waits_ms(scenario, runs=12), erlang_c_wait_ms(load, workers))


@pytest.mark.slow
@pytest.mark.parametrize("dist", ["gamma", "lognormal"])
@pytest.mark.parametrize("cv", [0.3, 1.0, 1.5])
def test_m_g_1_at_length(dist: str, cv: float) -> None:
    scenario = queue(0.7, 1, {"dist": dist, "mean": MEAN_MS, "cv": cv}, messages=2500)
    assert_mean(mean_waits_ms(scenario, runs=12), pollaczek_khinchine_wait_ms(0.7, cv))
