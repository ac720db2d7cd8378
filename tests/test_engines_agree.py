"""The compiled engine gives the very bits of the reference engine, whatever the scenario."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from helpers import STRATEGIES, many
from hypothesis import assume, given
from hypothesis import strategies as st

from simsmtp.engines import choose_engine, run_replication
from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.model.plan import LIMIT_KINDS, plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.strategies.counting import Verdict, by_own_reply
from simsmtp.strategies.registry import register_strategy
from simsmtp.strategies.reply_class import ReplyClass

pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
from first_event import first_event

EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.toml"))
MOST_SEGMENTS = 200_000
OVERFLOWS = ["new-connection", "same-session", "defer", "bounce"]
KINDS = list(LIMIT_KINDS)
DELAYS = [0.0, 1.0, 50.0, {"dist": "exponential", "mean": 20.0}, {"dist": "lognormal", "mean": 5.0, "cv": 1.5}]
COUNTS = [1, 7, 40, 120, 250, {"dist": "geometric", "mean": 12.0}]

WORKLOAD = {
    "messages": [1, 3, 17],
    "message_bytes": [1, 4096, 200_000, {"dist": "lognormal", "mean": 9000.0, "cv": 2.0}],
    "unknown_share": [0.0, 0.2],
    "unknown": [[], [0], [3, 17, 400]],
    "domains": [1, 3],
    "groups": [1, 4],
    "population": [260, 2000],
    "arrivals": ["at-once", {"dist": "poisson", "rate_per_s": 2.0}, {"dist": "poisson", "rate_per_s": 0.01}],
    "resend": ["none", "all", "failed"],
    "resends": [1, 2],
    "resend_after_s": [0.0, 60.0],
}
CLIENT = {
    "strategy": list(STRATEGIES),
    "budget": [1, 4],
    "overflow": [*OVERFLOWS, {"452": "defer", "552": "bounce"}, {"452": "same-session", "552": "new-connection"}],
    "sorts_by_domain": [False, True],
    "over_limit_seen": ["any", "452-in-company"],
    "give_up_after_refusals": [None, 2, 5],
    "on_refusal": ["go-on", "give-up"],
    "batch_size": [1, 10, 1000],
    "sizing": ["fixed", "rcptmax", "adaptive"],
    "sizing_forget_s": [None, 5.0],
    "pipelining": [True, False],
    "chunking": [False, True],
    "window_recipients": [None, 1, 9],
    "window_bytes": [None, 300, 4096],
    "drain": [False, True],
    "command_ms": [0.0, 0.3],
    "stop_on_overflow": [True, False],
    "connections": [1, 2, 5],
    "connections_total": [None, 3],
    "transactions_per_connection": [None, 1, 3],
    "retry_initial_s": [1.0, 300.0],
    "expiry_s": [0.0, 5.0, 3600.0, 432_000.0],
    "starttls": [False, True],
    "orcpt": [False, True],
    "reset_before_reuse": [False, True],
    "pause_ms": DELAYS,
    "rate": [
        None,
        {"counts": "messages", "most": 2, "window_s": 3.0},
        {"counts": "recipients", "most": 30, "window_s": 7.0},
        {"counts": "connections", "most": 1, "window_s": 0.3},
    ],
    "timeout_s": [
        {"connect": 0.07},
        {"command": 0.02, "dot": 0.05},
        {"command": 0.3, "data": 0.1, "dot": 0.2},
        {"connect": 2.0, "command": 1.0, "data": 0.5, "dot": 5.0},
    ],
}
RATE_LIMITS = [
    {"counts": "connections", "most": 2, "window_s": 1.0},
    {"counts": "connections", "most": 3, "window_s": 2.0, "kind": "sliding", "reply": "554 5.7.1"},
    {"counts": "messages", "most": 2, "window_s": 5.0, "kind": "sliding"},
    {"counts": "messages", "most": 3, "window_s": 0.7, "kind": "bucket", "at": "data", "reply": "454 4.7.0"},
    {"counts": "messages", "most": 4, "window_s": 60.0, "at": "dot", "reply": 421},
    {"counts": "recipients", "most": 20, "window_s": 0.5, "kind": "sliding", "reply": "452 4.5.3"},
    {"counts": "recipients", "most": 50, "window_s": 9.0, "kind": "bucket", "reply": 550},
    {"counts": "recipients", "most": 45, "window_s": 30.0, "kind": "sliding", "at": "data"},
    {"counts": "recipients", "most": 130, "window_s": 30.0, "at": "dot"},
    {"counts": "commands", "most": 33, "window_s": 0.5, "kind": "sliding", "at": "rcpt"},
    {"counts": "commands", "most": 3, "window_s": 0.5, "kind": "bucket", "at": "mail", "reply": "421 4.7.0"},
]
NETWORK = {
    "rtt_ms": DELAYS,
    "bandwidth_mbit": [None, 100.0, 0.05],
    "replies_per_read": [None, 1, 4],
    "tls_round_trips": [1, 2],
    "losses": [
        [{"at": "connect", "share": 0.4}],
        [{"at": "dot", "share": 0.3}, {"at": "dot", "share": 0.2, "committed": False}],
        [{"at": "command", "share": 0.2}, {"at": "text", "share": 0.3}, {"at": "dot", "share": 0.5}],
    ],
}
NETWORK_OF_TCP = {
    "mss": [64, 536, 1448],
    "initial_window": [1, 2, 10],
    "restart_after_idle": [True, False],
    "nagle": ["both", "client", "server", "none"],
    "delayed_ack_ms": [0.0, 40.0, 200.0],
    "quick_acks": [0, 2, 16],
    "loss": [0.0, 0.02, 0.3],
}
SERVER_OF_TCP = {"read_buffer_bytes": [1, 100, 4096], "wake_ms": DELAYS}
SERVER = {
    "recipient_limit": [1, 5, 30, None],
    "limit_kind": KINDS,
    "overflow_reply": [552, 452, "452 4.5.3", 451, 550, 421, "552 5.2.2", "451-4.5.3 Too many\n451 Try later"],
    "limit_at": ["rcpt", "data", "dot", "delivery"],
    "overshoot_limit": [None, 0, 6],
    "soft_error_limit": [None, 3],
    "hard_error_limit": [None, 8],
    "reject_data_after_overflow": [False, True],
    "data_without_recipients": ["354", "554 5.5.1", 503, 421],
    "data_reply": [354, "354-Go\n354 on"],
    "data_after_overflow_reply": [554, "452 4.5.3", 421],
    "unknown_reply": ["550 5.1.1", "452 4.2.2", "452 4.5.3", 552, 421],
    "greylist_reply": ["451 4.7.1", "552 5.5.3", 421],
    "messages_at": ["mail", "data"],
    "messages_reply": ["421 4.5.3", "452 4.4.5", 550],
    "commands_per_connection": [None, 3, 8, 50],
    "commands_reply": ["421 4.7.0", "452 4.5.3", "450-4.7.0 Slow\n450 down", 554],
    "sessions_reply": ["421 4.3.2", 554, "450 4.3.2"],
    "data_failure_share": [0.0, 0.3],
    "data_failure_reply": ["451 4.3.0", "554 5.6.0"],
    "greylist_s": [None, 30.0],
    "pipelining": [True, False],
    "chunking": [False, True],
    "advertise_limits": [False, True],
    "messages_per_connection": [None, 2],
    "sessions": [None, 1, 3],
    "workers": [None, 1, 2],
    "reply_buffer_bytes": [1, 100, 4096],
    "refusal_ms": [0.0, 0.4],
    "rcpt_service_ms": DELAYS,
    "data_service_ms": DELAYS,
    "text_service_ms": DELAYS,
    "rate_limits": [
        *([one] for one in RATE_LIMITS),
        RATE_LIMITS[2:5],
        [RATE_LIMITS[5], RATE_LIMITS[7], RATE_LIMITS[9]],
        [RATE_LIMITS[8], RATE_LIMITS[3]],
    ],
}


def _some_of(table: dict[str, list[object]]) -> st.SearchStrategy[dict[str, object]]:
    """Return a table with some of its keys; the simplest is empty."""
    return st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in table.items()})


@st.composite
def paths(draw: st.DrawFn) -> dict[str, dict[str, object]]:
    """Draw a path and the server behind it."""
    network, server = draw(_some_of(NETWORK)), draw(_some_of(SERVER))
    if draw(st.booleans()):
        network |= {"profile": "tcp"} | draw(_some_of(NETWORK_OF_TCP))
        network.pop("losses", None)
        server |= draw(_some_of(SERVER_OF_TCP))
    return {"network": network, "server": server}


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Draw settings; what no engine could run is left out."""
    tables: dict[str, object] = {
        # Always given, so that a scenario shrinks to one of a single recipient.
        "workload": {"recipients_per_message": draw(st.sampled_from(COUNTS)), **draw(_some_of(WORKLOAD))},
        "client": draw(_some_of(CLIENT)),
        "horizon_s": draw(st.sampled_from([None, 0.5, 20.0, 900.0])),
        **draw(paths()),
    }
    if draw(st.booleans()):
        tables["destinations"] = [
            {"name": "a", "weight": 2.0},
            {"name": "b", "connections": 2, **draw(paths())},
        ]
    if '"tcp"' in json.dumps(tables):  # time-outs are not modelled there
        tables["client"].pop("timeout_s", None)  # type: ignore[attr-defined]
    try:
        scenario = Scenario.from_dict(tables)
    except InputError:
        assume(False)
        raise
    assume(_segments(scenario) <= MOST_SEGMENTS)
    return scenario


def _segments(scenario: Scenario) -> float:
    """Return about how many segments carry the texts under the profile tcp, of which the reference engine does each."""
    work, client = scenario.workload, scenario.client
    recipients, octets = (
        one if isinstance(one, int) else one.mean for one in (work.recipients_per_message, work.message_bytes)
    )
    texts = work.messages * max(1.0, recipients / client.batch_size) * (1 + (work.resend != "none") * work.resends)
    networks = [one.network for one in scenario.destinations] or [scenario.network]
    return sum(texts * octets / one.mss for one in networks if one.profile == "tcp")


def _agree(scenario: Scenario, *, seed: int = 0, replication: int = 0) -> None:
    """Hold the engines against each other; where they differ, the first event that does is told."""
    ours, theirs = (
        run_replication(plan_of(scenario), seed=seed, replication=replication, engine=engine, recipients=True)
        for engine in ("reference", "compiled")
    )
    if ours.recipients != theirs.recipients or repr(ours.responses) != repr(theirs.responses):
        told = first_event(scenario, seed=seed, replication=replication)
        raise AssertionError(told or "an engine differs from run to run")
    bare = run_replication(plan_of(scenario), seed=seed, replication=replication, engine="compiled")
    assert repr(bare.responses) == repr(theirs.responses), "keeping rows changes nothing"


@many
@given(scenario=scenarios(), seed=st.integers(0, 2**40), replication=st.integers(0, 5))
def test_engines_agree_to_the_bit(scenario: Scenario, seed: int, replication: int) -> None:
    _agree(scenario, seed=seed, replication=replication)


@pytest.mark.parametrize(("strategy", "overflow", "kind"), list(itertools.product(STRATEGIES, OVERFLOWS, KINDS)))
def test_engines_agree_on_every_strategy_overflow_and_limit(strategy: str, overflow: str, kind: str) -> None:
    _agree(
        Scenario(
            workload={
                "messages": 6,
                "recipients_per_message": 23,
                "domains": 2,
                "groups": 1 + ("group" in kind),
                "unknown_share": 0.1,
            },
            client={"strategy": strategy, "overflow": overflow, "connections": 2, "window_recipients": 8},
            server={"recipient_limit": 7, "limit_kind": kind, "workers": 1},
        )
    )


@pytest.mark.parametrize("expiry_s", [0.0, 0.3])
def test_engines_agree_on_messages_that_wait_or_fail_behind_refused_connections(expiry_s: float) -> None:
    """What had expired was dropped, and what waited unread behind it was forgotten until the next arrival."""
    for seed, probes in itertools.product(range(12), [False, True]):
        _agree(
            Scenario(
                workload={
                    "messages": 12,
                    "recipients_per_message": 3,
                    "arrivals": {"dist": "poisson", "rate_per_s": 5.0},
                },
                client={"expiry_s": expiry_s, "retry_initial_s": 0.1, "connections": 3, "reset_before_reuse": probes,
                        "batch_size": 2},
                server={"sessions": 1, "messages_per_connection": 2},
            ),
            seed=seed,
        )  # fmt: skip


@pytest.mark.parametrize("overshoot", SERVER["overshoot_limit"])
@pytest.mark.parametrize("reply", SERVER["overflow_reply"])
def test_engines_agree_on_recipients_worked_out_together(reply: object, overshoot: object) -> None:
    """Many RCPTs are sure of their answer here, as they hardly ever are in scenarios drawn at random."""
    for octets, replies in itertools.product(SERVER["reply_buffer_bytes"], NETWORK["replies_per_read"]):
        _agree(
            Scenario.from_dict(
                {
                    "workload": {"recipients_per_message": 120},
                    "network": {"replies_per_read": replies},
                    "server": {
                        "recipient_limit": 30, "overflow_reply": reply, "overshoot_limit": overshoot,
                        "refusal_ms": 0.4, "reply_buffer_bytes": octets,
                    },
                }
            )
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_engines_agree_on_every_design_point_of_the_shipped_experiments(path: Path) -> None:
    experiment = load_experiment(path)
    for point in experiment.points:
        _agree(point.scenario, seed=experiment.seed)


def optimist(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    """Take an over-limit refusal for an acceptance."""
    return Verdict.DONE if rcpt.seen == ReplyClass.OVER else by_own_reply(rcpt.seen)


def pessimist(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    """Fail whatever came after a refusal."""
    return Verdict.FAIL if rcpt.over_rank > 0 else by_own_reply(rcpt.seen)


def talkative(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    """Be no decision: a file is looked at."""
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        file.readline()
    return by_own_reply(rcpt.seen)


def _own(name: str) -> Scenario:
    return Scenario(workload={"messages": 3}, client={"strategy": name}, server={"recipient_limit": 40})


def test_a_strategy_of_ones_own_is_compiled_and_an_edited_one_is_compiled_anew() -> None:
    seen = []
    for settle in (optimist, pessimist):
        register_strategy("own", settle)
        _agree(_own("own"))
        assert choose_engine(plan_of(_own("own")), "compiled", at_stake=10**9).engine == "compiled"
        seen.append(repr(run_replication(plan_of(_own("own")), engine="compiled").responses))
    assert seen[0] != seen[1]


def test_a_strategy_outside_the_decision_language_is_refused() -> None:
    register_strategy("own", talkative)
    with pytest.raises(InputError, match="outside the decision language"):
        run_replication(plan_of(_own("own")), engine="compiled")


def test_without_numba_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.engines.choice.find_spec", lambda name: None)
    assert choose_engine(plan_of(Scenario()), "auto", at_stake=10**9).engine == "reference"
    with pytest.raises(InputError, match="numba is not installed"):
        choose_engine(plan_of(Scenario()), "compiled", at_stake=10**9)


def test_small_work_is_not_worth_compiling_and_large_work_is() -> None:
    large = Scenario(workload={"messages": 100_000})
    assert choose_engine(plan_of(large), at_stake=10**9).engine == "compiled"
    assert choose_engine(plan_of(large), dialogue=True, at_stake=10**9).engine == "reference"


@pytest.mark.parametrize("workers", [None, 1])
@pytest.mark.parametrize("profile", ["pipe", "tcp"])
@pytest.mark.parametrize("limit", RATE_LIMITS, ids=str)
def test_engines_agree_on_every_rate_limit(limit: dict[str, object], profile: str, workers: int | None) -> None:
    """What sessions are refused depends here on what others were let pass just before."""
    _agree(
        Scenario.from_dict(
            {
                "workload": {"messages": 25, "recipients_per_message": {"dist": "geometric", "mean": 12.0}},
                "client": {"connections": 5, "retry_initial_s": 1.0, "chunking": True, "expiry_s": 3600.0},
                "network": {"profile": profile, "rtt_ms": {"dist": "exponential", "mean": 20.0}},
                "server": {"rate_limits": [limit], "workers": workers, "chunking": limit["most"] == 130},
            }
        )
    )


@pytest.mark.parametrize("rate", CLIENT["rate"][1:], ids=str)
def test_engines_agree_on_the_senders_own_rate(rate: object) -> None:
    tables = {
        "workload": {"messages": 25, "recipients_per_message": 70, "arrivals": {"dist": "poisson", "rate_per_s": 2.0}},
        "client": {"connections": 5, "rate": rate, "transactions_per_connection": 2},
    }
    for horizon_s in (None, 20.0):
        _agree(Scenario.from_dict({**tables, "horizon_s": horizon_s}))
    _agree(Scenario.from_dict({**tables, "destinations": [{"name": "a"}, {"name": "b", "server": {"workers": 1}}]}))
