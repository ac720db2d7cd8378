"""A user's strategy means the same to every engine, whatever it computes or raises; and an edited one is another."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from study_files import own_registry, written

from simsmtp import ReplyClass, Scenario, Verdict, by_own_reply, register_strategy
from simsmtp.engines import choose_engine, run_replication
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of
from simsmtp.running.runner import run
from simsmtp.store.address import address
from simsmtp.strategies.registry import find_strategy
from simsmtp.strategies.version import uses_of, version_of

__all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
needs_numba = pytest.mark.usefixtures("numba")
STEP, THREE = 2, (1, 2, 3)
ENGINES = ("reference", "compiled")


@pytest.fixture
def numba() -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")


def helper(rank):  # type: ignore[no-untyped-def]
    return rank % STEP == 1


def helped(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if helper(rcpt.over_rank) else by_own_reply(rcpt.seen)


def raises(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    if rcpt.over_rank == 3:
        raise ValueError("three are too many")
    return by_own_reply(rcpt.seen)


def divides(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if 10 // (rcpt.over_rank - 3) > 2 else by_own_reply(rcpt.seen)


def takes_the_rest(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if 10 % (rcpt.over_rank - 3) > 2 else by_own_reply(rcpt.seen)


def reaches_beyond(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if THREE[rcpt.over_rank] > 2 else by_own_reply(rcpt.seen)


def says_nothing(tally, rcpt, knobs):  # type: ignore[no-untyped-def]  # noqa: RET503
    if rcpt.over_rank < 3:
        return by_own_reply(rcpt.seen)


def scrambles(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    mixed = (rcpt.position * 6364136223846793005 + 1442695040888963407) >> 33
    return Verdict.FAIL if mixed % 3 == 1 else by_own_reply(rcpt.seen)


def raises_to_a_power(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if rcpt.position**30 % 7 == 1 else by_own_reply(rcpt.seen)


def shifts_far(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if (1 << rcpt.position) % 5 == 1 or rcpt.position >> rcpt.position else by_own_reply(rcpt.seen)


def computes(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    mixed = rcpt.position * 31 + 7
    mixed += rcpt.over_rank << 3
    mixed = (mixed >> 2) ** 2 - int(rcpt.previous)
    return Verdict.FAIL if mixed % 3 == 1 else by_own_reply(rcpt.seen)


def draws(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if random.random() < 0.5 else by_own_reply(rcpt.seen)  # noqa: S311


class Remembers:
    def __call__(self, tally: object, rcpt: Any, knobs: object) -> Verdict:
        return by_own_reply(rcpt.seen)


def scenario() -> Scenario:
    return Scenario(workload={"messages": 3}, client={"strategy": "own"}, server={"recipient_limit": 40})


def outcome(engine: str) -> str:
    """Return what a run gives or raises."""
    try:
        output = run_replication(plan_of(scenario()), engine=engine, recipients=True)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return repr(error)
    return repr((output.responses, list(output.recipients)))


@needs_numba
@pytest.mark.parametrize(
    ("settle", "is_compiled"),
    [
        (helped, True), (computes, True), (scrambles, False), (raises_to_a_power, False), (shifts_far, False),
        (raises, None), (divides, None), (takes_the_rest, None), (reaches_beyond, None),
        (says_nothing, None),
    ],
)  # fmt: skip
def test_engines_agree_on_what_a_strategy_computes_and_raises(settle: Callable[..., Any], is_compiled: bool) -> None:
    register_strategy("own", settle)
    expected = outcome("reference")
    assert outcome("compiled") == expected
    assert ("Error(" in expected) == (is_compiled is None)
    if is_compiled is not None:
        ran = run_replication(plan_of(scenario()), engine="compiled").engine
        assert ran == ("compiled" if is_compiled else "reference"), "what leaves 64 bits is computed without end"


@needs_numba
@pytest.mark.parametrize("settle", [draws, Remembers()])
def test_what_is_no_decision_is_no_work_for_the_compiled_engine(settle: Callable[..., Any]) -> None:
    register_strategy("own", settle)
    with pytest.raises(InputError, match=r"outside the decision language: .*(draws random numbers|no plain function)"):
        choose_engine(plan_of(scenario()), "compiled", at_stake=10**9)
    run_replication(plan_of(scenario()), engine="auto")


@needs_numba
def test_a_constant_that_changes_changes_the_answer_of_both_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    register_strategy("own", helped)
    seen = []
    for step in (2, 4, 2):
        monkeypatch.setitem(globals(), "STEP", step)
        seen.append(outcome("compiled"))
        assert seen[-1] == outcome("reference")
    assert seen[0] == seen[2] != seen[1]


@needs_numba
def test_whether_a_strategy_can_be_compiled_is_asked_anew_when_something_it_uses_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register_strategy("own", helped)
    for step, can_be in ((2, True), (Fraction(2), False), (2, True)):
        monkeypatch.setitem(globals(), "STEP", step)
        if can_be:
            assert choose_engine(plan_of(scenario()), "compiled", at_stake=10**9).engine == "compiled"
        else:
            with pytest.raises(InputError, match="outside the decision language"):
                choose_engine(plan_of(scenario()), "compiled", at_stake=10**9)


def test_results_are_stored_under_what_a_strategy_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    register_strategy("own", helped)
    before = address(scenario(), 1)
    assert set(uses_of(helped)) == {"helper", "helper.STEP"}
    monkeypatch.setitem(globals(), "STEP", 4)
    changed = address(scenario(), 1)
    with monkeypatch.context() as now:
        now.setitem(globals(), "helper", FunctionType(raises.__code__, globals(), "helper"))
        assert len({before, changed, address(scenario(), 1)}) == 3
    monkeypatch.setitem(globals(), "STEP", 2)
    assert address(scenario(), 1) == before


@pytest.mark.parametrize("other", ["any(one > 2 for one in (r,))", "any(one > 1 for one in (r,)) and r.real"])
def test_without_a_source_the_code_tells_versions_apart_to_the_innermost(other: str) -> None:
    texts = []
    for body in ("any(one > 1 for one in (r,))", other, "any(one > 1 for one in (r,))"):
        names: dict[str, Any] = {}
        exec(f"def own(tally, r, knobs): return {body}", names)  # noqa: S102 - as a console does
        texts.append(version_of(names["own"]))
    assert texts[0] == texts[2] != texts[1]


def test_a_helper_in_another_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    answers = []
    for step in (2, 4):
        name = f"counting_helpers_{step}"  # as in another process, where it would be imported anew under one name
        written(tmp_path, f"STEP = {step}\n\n\ndef odd(rank):\n    return rank % STEP == 1\n", f"{name}.py")
        module = __import__(name)

        def own(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
            return Verdict.FAIL if odd(rcpt.over_rank) else by_own_reply(rcpt.seen)

        monkeypatch.setitem(globals(), "odd", module.odd)
        register_strategy("own", own)
        answers.append((find_strategy("own").version, outcome("reference")))
    (first, one), (second, other) = answers
    assert first != second
    assert one != other


@needs_numba
def test_a_strategy_that_raises_is_a_failed_replication_on_every_engine(tmp_path: Path) -> None:
    register_strategy("own", raises)
    tables = {"study": {"name": "own", "title": "Own", "replications": 2}, "scenario": scenario()._given}
    from simsmtp import Experiment

    for engine in ("reference", "compiled"):
        study = run(Experiment.from_dict(tables), engine=engine, workers=1, output=tmp_path / engine, progress=False)
        line = raises.__code__.co_firstlineno + 2
        place = f"in the strategy own: {__file__}:{line} in raises"
        assert [one.error for one in study.failures] == [f"ValueError: three are too many ({place})"] * 2


def odd(rank: int) -> bool:
    """Stand for a helper that another file brings."""
    return rank % 2 == ReplyClass.ACCEPTED


def looks_around(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    if rcpt.decisive == ReplyClass.OVER:
        return Verdict.DEFER if knobs.marked else Verdict.REQUEUE
    return (
        Verdict.FAIL
        if rcpt.decisive == ReplyClass.FAILED and rcpt.seen == ReplyClass.OVER
        else by_own_reply(rcpt.decisive)
    )


@needs_numba
@pytest.mark.parametrize("window", [{}, {"window_recipients": 7}, {"pipelining": False}])
@pytest.mark.parametrize("seen", ["any", "452-in-company"])
def test_replies_behind_a_refusal_and_the_connection_before_it_are_the_same_to_both_engines(
    window: dict[str, Any], seen: str
) -> None:
    register_strategy("own", looks_around)
    table = {
        "workload": {"recipients_per_message": 60, "messages": 4, "domains": 3, "unknown_share": 0.2},
        "client": {"strategy": "own", "overflow": "same-session", "over_limit_seen": seen, "batch_size": 40, **window},
        "server": {"limit_kind": "first-domain-only", "overflow_reply": "452 4.5.3", "hard_error_limit": 30},
    }
    outputs = [run_replication(plan_of(Scenario.from_dict(table)), engine=one, recipients=True) for one in ENGINES]
    assert repr(outputs[0].responses) == repr(outputs[1].responses)
    assert repr(list(outputs[0].recipients)) == repr(list(outputs[1].recipients))
    assert outputs[1].engine == "compiled"


def test_the_reply_that_decides_is_the_one_in_line_among_those_that_are_no_refusal() -> None:
    heard: list[tuple[ReplyClass, ReplyClass]] = []

    def listens(tally: Any, rcpt: Any, knobs: Any) -> Verdict:
        heard.append((rcpt.seen, rcpt.decisive))
        return Verdict.DONE

    register_strategy("own", listens)
    table = {
        "workload": {"recipients_per_message": 6, "domains": 2},
        "client": {"strategy": "own"},
        "server": {"limit_kind": "first-domain-only"},
    }
    run_replication(plan_of(Scenario.from_dict(table)), engine="reference")
    yes, over = ReplyClass.ACCEPTED, ReplyClass.OVER
    assert heard == [(yes, yes), (over, yes), (yes, yes), (over, over), (yes, over), (over, over)]
