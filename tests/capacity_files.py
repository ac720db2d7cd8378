"""What the tests of capacity plans share: a plan, and an engine with a known answer that costs nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from study_files import stand_in, written

from simsmtp.engines import Choice
from simsmtp.model.plan import Plan
from simsmtp.planning.capacity import Capacity, capacity
from simsmtp.randomness.distributions import Sampler, sample
from simsmtp.rows.records import Output
from simsmtp.rows.responses import RESPONSES

PLAN = """
[study]
name = "plan"
title = "A plan"
replications = 8
seed = 3

[scenario.workload]
messages = 2000
recipients_per_message = 10
arrivals = { dist = "poisson", rate_per_s = 1.0 }

[scenario.client]
connections = 2

[capacity]
objectives = ["delay p(99) < 2 s", "false_ndr == 0"]
tolerance = 0.02

[capacity.search]
rate = [0.1, 100]
"client.batch_size" = [1, 64]
"client.connections" = [1, 64]

[capacity.factors]
"client.batch_size" = [5, 20]

[capacity.prices]
per_connection_hour = 3.6
per_million_rcpt = 50
currency = "EUR"
"""
MU = 10.0  # messages a second that one connection of the make-believe engine serves


class Queue:
    """Stands in for the engines: the sojourn of an M/M/1 queue, with a little noise for each seed and replication."""

    def __init__(self) -> None:
        self.calls = 0
        self.interrupt_after: int | None = None
        self.delivered_per_s: Callable[[float], float] = lambda _: 20_000 / 1800

    def __call__(self, plan: Plan, *, seed: int, replication: int, engine: Choice) -> Output:
        if self.calls == self.interrupt_after:
            raise KeyboardInterrupt
        self.calls += 1
        rate = 1e9 / mean_of_exponential(plan.workload.interarrival)
        room = MU * plan.destinations[0].connections / 2 * min(1.0, plan.client.batch_size / 10) - rate
        noise = 1 + 0.002 * math.sin(12.9898 * (seed + 1) + 78.233 * replication)
        late = math.log(100) / max(room, 0.01) * noise
        given = dict.fromkeys((one.name for one in RESPONSES), 0) | {"recipients": 20_000, "rcpt_commands": 20_000}
        given |= {"delay_p50_s": late / 6.6, "delay_p95_s": late / 1.5, "delay_p99_s": late}
        return Output(given | {"makespan_s": 1800.0, "delivered_per_s": self.delivered_per_s(rate)}, [], [])


def mean_of_exponential(sampler: Sampler) -> float:
    return sample(sampler, 1 - math.exp(-1))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    fake = Queue()
    stand_in(monkeypatch, fake)
    return fake


def planned(folder: Path, text: str = PLAN, **options: object) -> Capacity:
    return capacity(written(folder, text), output=folder / "out", workers=1, progress=False, **options)
