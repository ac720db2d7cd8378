"""Where the time goes: the reference engine by `cProfile`, the compiled one by the clock around its steps."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from c_program import Contended
from contests import contended, lone
from cost_curves import headline

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.engines.compiled import replication as compiled
from simsmtp.model.plan import plan_of

STEPS = ("plan", "packing", "kernel", "growing", "unpacking", "rest")


class Step(NamedTuple):
    """A function of the reference engine: its share of the time, calls, and microseconds spent in itself."""

    name: str
    share: float
    calls: int
    own_us: float


class Split(NamedTuple):
    """The medians of a compiled replication's steps in microseconds, and what its loop did."""

    case: str
    rcpts: int
    microseconds: dict[str, float]
    handled: int
    jumped: int


def cases(*, quick: bool) -> dict[str, tuple[Scenario, int]]:
    """Return what the compiled engine is split on, and how often."""
    return {
        "1 recipient": (Scenario.from_dict({"workload": {"recipients_per_message": 1}}), 200),
        "default (250 recipients)": (Scenario(), 200),
        "10⁶ recipients" if quick else "10⁷ recipients": (Scenario.from_dict(headline(10**6 if quick else 10**7)), 3),
        "contended, 10⁶ recipients": (contended(Contended(20_000)), 3),
        "lone session, 10⁶ recipients": (lone(10**6), 3),
    }


@contextmanager
def _watched(spent: dict[str, float], worlds: list[Any]) -> Iterator[None]:
    """Measure the steps of `simsmtp.engines.compiled.replication.run` for a while."""
    kept = {name: getattr(compiled, name) for name in ("world_of", "kernel", "grow", "responses_in")}

    def timed(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            found = call(*given, **named)
            spent[step] += time.perf_counter() - begin
            if step == "packing":
                worlds.append(found)
            return found

        return wrapped

    advance = timed("kernel", kept["kernel"]())
    try:
        for name, step in (("world_of", "packing"), ("grow", "growing"), ("responses_in", "unpacking")):
            setattr(compiled, name, timed(step, kept[name]))
        compiled.kernel = lambda **_: advance
        yield
    finally:
        for name, function in kept.items():
            setattr(compiled, name, function)


def split(case: str, scenario: Scenario, times: int) -> Split:
    """Return how a compiled replication divides into its steps."""
    found: list[dict[str, float]] = []
    for _ in range(times):
        spent, worlds = dict.fromkeys(STEPS, 0.0), []
        with _watched(spent, worlds):
            begin = time.perf_counter()
            plan = plan_of(scenario)
            spent["plan"] = time.perf_counter() - begin
            compiled.run(plan, seed=0, replication=0)
            spent["rest"] = time.perf_counter() - begin - sum(spent.values())
        found.append(spent)
        run = worlds[0]["run"][0]
    medians = {step: float(np.median([one[step] for one in found])) * 1e6 for step in STEPS}
    return Split(case, int(run["rcpt_commands"]), medians, int(run["handled"]), int(run["bypassed"]))


def splits(*, quick: bool) -> list[Split]:
    """Return the steps of tiny, default and large replications on the compiled engine."""
    run_replication(plan_of(Scenario()), engine="compiled")
    return [split(case, *how) for case, how in cases(quick=quick).items()]


def profile(scenario: Scenario, top: int = 10) -> list[Step]:
    """Return the functions of the reference engine that take most of its time themselves."""
    watch = cProfile.Profile()
    watch.runcall(run_replication, plan_of(scenario), engine="reference")
    stats: dict[Any, Any] = pstats.Stats(watch).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in stats.values())
    dearest = sorted(stats.items(), key=lambda item: -item[1][2])[:top]
    return [Step(_name(key), own / total, calls, own / calls * 1e6) for key, (_, calls, own, _, _) in dearest]


def _name(key: tuple[str, int, str]) -> str:
    path, _, function = key
    if path == "~":
        return function.strip("<>").removeprefix("built-in ").partition(" at 0x")[0]
    parts = Path(path).with_suffix("").parts
    home = next((name for name in ("simsmtp", "simpy") if name in parts), None)
    begin = len(parts) - 1 - parts[::-1].index(home) if home else len(parts) - 1
    return f"{'.'.join(parts[begin:])}.{function}"


def profiles(*, quick: bool) -> dict[str, list[Step]]:
    """Return where the reference engine spends its time, contended and not."""
    messages = 1000 if quick else 2000
    return {
        "contended (1,000 connections, 4 workers)": profile(contended(Contended(messages))),
        "headline (messages of 250 recipients)": profile(Scenario.from_dict(headline(50_000))),
    }
