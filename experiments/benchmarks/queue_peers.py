"""One M/M/c queue in SimPy, salabim, Ciw, cimba and simsmtp: what a customer costs in each.

The peers are given the same intervals and service times, so all must report the same mean wait. In simsmtp a
customer is a message of one recipient over a connection of its own, and all but RCPT takes no time: it draws its
own numbers, and goes through a whole SMTP session for each customer.
"""

from __future__ import annotations

import heapq
import importlib.metadata
import math
import random
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import simpy
from side_by_side import Contestant, Row, clocked, demand_equal, take_turns

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of

CASE, COMPILED = "M/M/4 at 0.8", "simsmtp, compiled"
SERVERS, LOAD, SERVICE_MS = 4, 0.8, 1.0
PEERS = ("simpy", "salabim", "ciw", "cimba")
REPLICATIONS = 20


class Draws(NamedTuple):
    """Intervals between customers and their service times, in mean service times."""

    gaps: Sequence[float]
    services: Sequence[float]


def draws(customers: int) -> Draws:
    """Return what the peers are given."""
    rng = random.Random(1)  # noqa: S311 - no secret
    gaps = [rng.expovariate(SERVERS * LOAD) for _ in range(customers)]
    return Draws(gaps, [rng.expovariate(1.0) for _ in range(customers)])


def erlang_c_wait() -> float:
    """Return the mean wait in mean service times, from the Erlang C formula."""
    offered = SERVERS * LOAD
    last = offered**SERVERS / math.factorial(SERVERS) / (1 - LOAD)
    waits = last / (sum(offered**k / math.factorial(k) for k in range(SERVERS)) + last)
    return waits / (SERVERS - offered)


def by_recursion(given: Draws) -> float:
    """Return the mean wait by Kiefer and Wolfowitz: each customer takes the server that is free first."""
    free, now, waited = [0.0] * SERVERS, 0.0, 0.0
    for gap, service in zip(*given, strict=True):
        now += gap
        begin = max(now, free[0])
        waited += begin - now
        heapq.heapreplace(free, begin + service)
    return waited / len(given.gaps)


def in_simpy(given: Draws) -> float:
    """Return the mean wait in SimPy: a process per customer, a `Resource` of servers."""
    env = simpy.Environment()
    servers, waits = simpy.Resource(env, SERVERS), []

    def customer(service):
        came = env.now
        with servers.request() as turn:
            yield turn
            waits.append(env.now - came)
            yield env.timeout(service)

    def source():
        for gap, service in zip(*given, strict=True):
            yield env.timeout(gap)
            env.process(customer(service))

    env.process(source())
    env.run()
    return sum(waits) / len(waits)


def in_salabim(given: Draws) -> float:
    """Return the mean wait in salabim: a component per customer, a `Resource` of servers."""
    import salabim

    salabim.yieldless(False)
    env = salabim.Environment(trace=False, yieldless=False)
    servers, waits = salabim.Resource("servers", capacity=SERVERS, env=env, monitor=False), []

    class Customer(salabim.Component):
        def setup(self, service):
            self.service = service

        def process(self):
            came = env.now()
            yield self.request(servers)
            waits.append(env.now() - came)
            yield self.hold(self.service)

    class Source(salabim.Component):
        def process(self):
            for gap, service in zip(*given, strict=True):
                yield self.hold(gap)
                Customer(service=service, env=env)

    Source(env=env)
    env.run()
    return sum(waits) / len(waits)


def in_ciw(given: Draws) -> float:
    """Return the mean wait in Ciw: a network of one node, fed by two sequences."""
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*given.gaps, 1e15])],
        service_distributions=[ciw.dists.Sequential(list(given.services))],
        number_of_servers=[SERVERS],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(sum(given.gaps) + 1e6)
    records = simulation.get_all_records()
    return sum(record.waiting_time for record in records) / len(records)


def in_cimba(given: Draws) -> float:
    """Return the mean wait in cimba: a process per server, a `Store` for the line."""
    from cimba_queue import mean_wait

    return mean_wait(given.gaps, given.services)


MODELS: dict[str, Callable[[Draws], float]] = {
    "simpy": in_simpy,
    "salabim": in_salabim,
    "ciw": in_ciw,
    "cimba": in_cimba,
}


def scenario(customers: int) -> Scenario:
    """Return the same queue as messages of one recipient whose RCPT alone takes time."""
    nothing = dict.fromkeys((f"{verb}_service_ms" for verb in ("connect", "ehlo", "mail", "data", "text")), 0.0)
    rate_per_s = SERVERS * LOAD / SERVICE_MS * 1e3
    return Scenario(
        workload={
            "messages": customers,
            "recipients_per_message": 1,
            "arrivals": {"dist": "poisson", "rate_per_s": rate_per_s},
        },
        client={"connections": None, "transactions_per_connection": 1},
        network={"rtt_ms": 0.0, "bandwidth_mbit": None},
        server={
            "recipient_limit": None,
            "workers": SERVERS,
            "rcpt_service_ms": {"dist": "exponential", "mean": SERVICE_MS},
            **nothing,
        },
    )


def in_simsmtp(customers: int) -> tuple[float, float]:
    """Return the mean wait of the compiled engine over replications, and its standard error.

    A recipient's wait is its delay less the mean service time.
    """
    waits = []
    for number in range(REPLICATIONS):
        rows = run_replication(
            plan_of(scenario(customers)), replication=number, engine="compiled", recipients=True
        ).recipients
        waits.append(float(np.mean([row.delay_s for row in rows])) * 1e3 / SERVICE_MS - 1)
    return float(np.mean(waits)), float(np.std(waits, ddof=1)) / math.sqrt(REPLICATIONS)


def label(peer: str) -> str:
    """Return a peer's name with its version."""
    return f"{peer} {importlib.metadata.version(peer)}"


def absent() -> list[str]:
    """Return the peers that are not installed."""
    return [peer for peer in PEERS if find_spec(peer) is None]


def check(customers: int) -> dict[str, float]:
    """Return the mean wait of each model; exit if one is wrong."""
    given = draws(customers)
    expected, exact = erlang_c_wait(), by_recursion(given)
    found = {label(peer): MODELS[peer](given) for peer in PEERS if peer not in absent()}
    for name, wait in found.items():
        if abs(wait - exact) > 1e-9 * exact:
            raise SystemExit(f"{CASE}: {name} has a mean wait of {wait}, exact is {exact}")
    small = scenario(2000)
    both = {name: dict(run_replication(plan_of(small), engine=name).responses) for name in ("reference", "compiled")}
    demand_equal(CASE, both)
    wait, error = in_simsmtp(customers)
    if abs(wait - expected) > 4 * error:
        raise SystemExit(f"{CASE}: simsmtp has a mean wait of {wait} ± {error}, Erlang C says {expected}")
    return {"Erlang C": expected, "recursion": exact, **found, "simsmtp": wait, "error": error}


def measure(*, quick: bool) -> tuple[list[Row], dict[str, float]]:
    """Return the rows, and the mean waits that were checked first."""
    customers = 5000 if quick else 20_000
    waits = check(customers)
    given, large = draws(customers), 20 * customers
    contestants: list[Contestant] = [
        clocked(COMPILED, lambda: run_replication(plan_of(scenario(large)), engine="compiled"), large),
        clocked(
            "simsmtp, reference", lambda: run_replication(plan_of(scenario(customers)), engine="reference"), customers
        ),
    ]
    contestants += [
        clocked(label(peer), lambda model=MODELS[peer]: model(given), customers)
        for peer in PEERS
        if peer not in absent()
    ]
    return take_turns("queue", CASE, contestants, 3 if quick else 7), waits
