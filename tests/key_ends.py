"""Scenarios whose numbers lie at the ends of their ranges, just inside and just outside, and what both engines say."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.experiment.key_list import Key, list_keys
from simsmtp.model.plan import plan_of

Tables = dict[str, Any]
NUMERIC = [one for one in list_keys() if one.least is not None and not one.key.startswith("destinations")]
STRANGE = [
    True, "7", -1, -0.0, 0, 5e-324, 1e-300, 1e308, math.inf, -math.inf, math.nan, 2**31, 2**53 + 1, 2**63, 10**30,
]  # fmt: skip
# What would only take long: the ends of these are run with few others.
_HEAVY = {
    "workload.recipients_per_message": 3000,
    "workload.messages": 3000,
    "workload.trace_recipient_factor": 500,
    "workload.message_bytes": 10**7,
}
_SITUATIONS: list[Tables] = [
    {},
    {"network.profile": "tcp"},
    {"network.profile": "tcp", "network.loss": 0.02, "server.wake_ms": 1.0, "network.rtt_ms": 20.0},
    {"server.limit_kind": "domain", "workload.domains": 3, "client.sorts_by_domain": True},
    {"server.limit_kind": "first-domain-only", "workload.domains": 3},
    {"server.limit_kind": "group", "workload.groups": 3},
    {"server.greylist_s": 60.0, "horizon_s": 5000.0},
    {"server.greylist_s": 60.0, "workload.population": 20, "workload.unknown_share": 0.2, "client.connections": 2},
    {"client.overflow": "defer", "client.strategy": "one-stop", "horizon_s": 5000.0},
    {"server.data_failure_share": 0.3, "horizon_s": 5000.0},
    {"workload.resend": "failed", "client.strategy": "send-cursor", "workload.resend_after_s": 1.0},
    {"workload.unknown_share": 0.2, "client.strategy": "aggregate", "client.sizing": "adaptive"},
    {"workload.arrivals": {"dist": "poisson", "rate_per_s": 0.5}, "client.connections": 3, "server.workers": 1},
    {"server.soft_error_limit": 2, "server.hard_error_limit": 4, "server.overshoot_limit": 1},
    {"server.sessions": 1, "client.connections": 3, "horizon_s": 5000.0},
    {"client.pipelining": False, "client.give_up_after_refusals": 3, "horizon_s": 5000.0},
    {"client.on_refusal": "give-up", "client.sizing": "adaptive", "horizon_s": 5000.0},
    {"server.rcpt_service_ms": {"dist": "lognormal", "mean": 2.0, "cv": 1.5}, "server.chunking": True},
    {"client.window_recipients": 3, "network.replies_per_read": 2, "client.strategy": "per-read"},
    {"destinations": [{"name": "a", "server": {"recipient_limit": 2}}, {"name": "b", "weight": 3.0}]},
]
_BASE: Tables = {"workload.messages": 3, "workload.recipients_per_message": 7, "server.recipient_limit": 3}


def ends(key: Key) -> list[Any]:
    """Return numbers at the ends of a key's range and just inside."""
    assert key.least is not None
    assert key.most is not None
    most = min(key.most, _HEAVY.get(key.key, key.most))
    if key.allowed.startswith("whole"):
        return sorted({int(key.least), min(int(key.least) + 1, int(most)), int(most) - 1, int(most)})
    low, high = float(key.least), float(most)
    if key.key == "network.loss":  # what is not 0 is at least this much
        return [0.0, 1e-9, math.nextafter(high, low), high]
    return [low, math.nextafter(low, high), math.nextafter(high, low), high]


def outside(key: Key) -> list[Any]:
    """Return what is just outside a key's range, and far from it, or no number that it takes."""
    assert key.least is not None
    assert key.most is not None
    is_whole = key.allowed.startswith("whole")
    near = [int(key.least) - 1, int(key.most) + 1] if is_whole else [key.most * (1 + 1e-15), key.least - 1e-300]
    strange = [one for one in STRANGE if not _is_allowed(one, key, is_whole)]
    return [one for one in near if not key.least <= one <= key.most] + strange


def _is_allowed(value: Any, key: Key, is_whole: bool) -> bool:
    if isinstance(value, bool | str):
        return False
    return (not is_whole or isinstance(value, int)) and key.least <= value <= key.most  # type: ignore[operator]


def drawn(draws: random.Random) -> Iterator[Tables]:
    """Yield scenarios without end: a situation, and a few keys at their ends, one of them sometimes beyond."""
    while True:
        changes = _BASE | draws.choice(_SITUATIONS)
        for key in draws.sample(NUMERIC, draws.choice([1, 1, 2, 3])):
            values = outside(key) if draws.random() < 0.1 else ends(key)
            changes[key.key] = draws.choice(values)
            if "distribution" in key.allowed and draws.random() < 0.4:
                changes[key.key] = _distribution(draws, values)
        if draws.random() < 0.3:
            changes.setdefault("horizon_s", draws.choice([1e-9, 0.1, 30.0, 2e9]))
        yield changes


def _distribution(draws: random.Random, values: list[Any]) -> Any:
    one, other = sorted((draws.choice(values), draws.choice(values)), key=repr)
    return draws.choice(
        [
            {"dist": "constant", "value": one},
            {"dist": "uniform", "low": one, "high": other},
            {"dist": "empirical", "values": [one, other, 1.0]},
            {"dist": "exponential", "mean": one},
            {"dist": "lognormal", "mean": one, "cv": draws.choice([1e-6, 1.0, 100.0, 1e12])},
            {"dist": "normal", "mean": one, "cv": draws.choice([1e-6, 0.5, 1e300])},
            {"dist": "gamma", "mean": one, "cv": draws.choice([1e-4, 0.5, 5.0, 101.0])},
            {"dist": "geometric", "mean": one, "maximum": draws.choice([None, 1, 50, 10**30])},
            {"dist": "zipf", "exponent": draws.choice([1e-9, 1.0, 1e300]), "maximum": draws.choice([1, 50, 10**7])},
        ]
    )


def answer(changes: Tables, engine: str) -> str:
    """Return what an engine says of a scenario: its responses, or the refusal."""
    try:
        scenario = Scenario().replace(changes)
        return json.dumps(run_replication(plan_of(scenario), seed=3, engine=engine).responses)
    except InputError as refusal:
        return f"refused: {refusal}"
