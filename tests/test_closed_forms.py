"""The closed forms and the engine were written apart: over generated settings they must say the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_files import cli, written

import simsmtp
from simsmtp.engines import run_replication
from simsmtp.errors import UnfinishedError
from simsmtp.experiment.design import DesignPoint
from simsmtp.experiment.study_and_figure import Figure
from simsmtp.figures.canvas import save_figure
from simsmtp.figures.study_figure import plot_study
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.strategies.closed_forms import UNLIMITED, message_totals
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.registry import BUILT_IN, register_strategy
from simsmtp.strategies.tally import Tally
from simsmtp.theory.closed_form_domain import RULES, why_no_closed_form
from simsmtp.theory.closed_form_lines import RESPONSES, closed_form, theory_of
from simsmtp.theory.key_effects import EFFECTS

clients = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(list(BUILT_IN)),
        "overflow": st.sampled_from(["new-connection", "same-session", "bounce"]),
        "batch_size": st.integers(1, 300),
        "window_recipients": st.none() | st.integers(1, 120),
        "stop_on_overflow": st.booleans(),
        "budget": st.integers(1, 6),
    }
)


@given(client=clients, recipients=st.integers(1, 250), limit=st.integers(1, 120), per_read=st.integers(1, 50))
def test_engine_and_closed_forms_agree(client: dict[str, object], recipients: int, limit: int, per_read: int) -> None:
    scenario = Scenario(
        workload={"recipients_per_message": recipients},
        client=client,
        network={"replies_per_read": per_read},
        server={"recipient_limit": limit},
    )
    expected = closed_form(scenario)
    assert (expected is not None) == (client["overflow"] in BUILT_IN[str(client["strategy"])].split_policies)
    if expected is None:
        return
    responses = run_replication(plan_of(scenario)).responses
    assert {name: responses[name] for name in expected._fields} == expected._asdict()


@pytest.mark.parametrize(
    ("strategy", "unlimited", "flights_of_50"),
    [
        ("one-stop", 149, 49),
        ("per-read", 130, 49),
        ("send-cursor", 150, 50),
        ("budget", 147, 47),
        ("corrected", 0, 0),
    ],
)
def test_checked_points(strategy: str, unlimited: int, flights_of_50: int) -> None:
    assert message_totals(strategy, 250, 100, replies_per_read=8).false_ndr == unlimited
    assert message_totals(strategy, 250, 100, window=50).false_ndr == flights_of_50


def test_commands_and_transactions_of_the_corrected_sender() -> None:
    assert message_totals("corrected", 250, 100)[2:4] == (3, 450)
    assert message_totals("corrected", 250, 100, window=50)[2:4] == (3, 350)
    assert message_totals("corrected", 250, UNLIMITED)[2:4] == (1, 250)


OUTSIDE: dict[str, list[dict[str, object]]] = {
    "workload.messages": [{"workload.messages": 2}],
    "workload.recipients_per_message": [
        {"workload.recipients_per_message": {"dist": "geometric", "mean": 9}},
        {
            "workload.recipients_per_message": 10**7,
            "client.batch_size": 50,
        },  # a form that goes through its transactions would never end
    ],
    "workload.unknown_share": [{"workload.unknown_share": 0.1}],
    "workload.unknown": [{"workload.unknown": [3]}],
    "workload.trace": [{"workload.trace": "rows.txt"}],
    "workload.resend": [{"workload.resend": "all"}],
    "client.strategy": [
        {"client.strategy": "hopeful"},
        {"client.strategy": "first-pending", "client.overflow": "same-session"},
    ],
    "client.overflow": [{"client.overflow": "defer"}, {"client.overflow": {"552": "defer"}}],
    "client.over_limit_seen": [{"client.over_limit_seen": "452-in-company"}],
    "client.give_up_after_refusals": [{"client.give_up_after_refusals": 1, "client.pipelining": False}],
    "client.on_refusal": [{"client.on_refusal": "give-up"}],
    "client.sizing": [{"client.sizing": "adaptive"}],
    "client.chunking": [{"client.chunking": True, "server.chunking": True}],
    "client.window_bytes": [{"client.window_bytes": 4096}],
    "client.drain": [{"client.drain": True}],
    "client.connections": [{"client.connections": 2}, {"client.connections": None}],
    "client.transactions_per_connection": [{"client.transactions_per_connection": 1}],
    "client.starttls": [{"client.starttls": True}],
    "client.reset_before_reuse": [{"client.reset_before_reuse": True}],
    "client.rate": [{"client.rate": {"counts": "messages", "most": 1, "window_s": 1.0}}],
    "client.timeout_s": [
        *({"client.timeout_s": {place: 0.01}} for place in ("connect", "command", "data")),
        {"client.timeout_s": {"dot": 0.051}},
    ],
    "network.losses": [{"network.losses": [{"at": at, "share": 0.1}]} for at in ("connect", "command", "text", "dot")],
    "network.replies_per_read": [{"client.strategy": "per-read"}],
    "server.limit_kind": [
        *({"server.limit_kind": kind} for kind in ("domain", "connection", "first-domain-only")),
        *({"server.limit_kind": kind, "workload.groups": 2} for kind in ("group", "first-group-only")),
    ],
    "server.limit_at": [{"server.limit_at": at} for at in ("data", "dot")],
    "server.overflow_reply": [
        {"server.overflow_reply": reply} for reply in (452, 451, 550, 421, "421 4.5.3", 554, "552 5.2.2")
    ],
    "server.soft_error_limit": [{"server.soft_error_limit": 20}],
    "server.hard_error_limit": [{"server.hard_error_limit": 20}],
    "server.reject_data_after_overflow": [{"server.reject_data_after_overflow": True}],
    "server.data_failure_share": [{"server.data_failure_share": 0.5}],
    "server.greylist_s": [{"server.greylist_s": 60.0}],
    "server.messages_per_connection": [{"server.messages_per_connection": 1}],
    "server.rate_limits": [{"server.rate_limits": [{"counts": "messages", "most": 1, "window_s": 1.0}]}],
    "server.messages_at": [{"server.messages_per_connection": 1, "server.messages_at": "data"}],
    "server.messages_reply": [{"server.messages_per_connection": 1, "server.messages_reply": 550}],
    "server.commands_per_connection": [{"server.commands_per_connection": 9}],
    "server.sessions": [{"server.sessions": 1}],
    "destinations.N.name": [{"destinations": [{"name": "a"}]}, {"destinations": [{"name": "a"}, {"name": "b"}]}],
    "horizon_s": [{"horizon_s": 1.0}],
}


def hopeful(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    return Verdict.DONE


register_strategy("hopeful", hopeful)


@pytest.mark.parametrize("key", RULES)
def test_no_closed_form_is_claimed_outside_its_domain_and_the_key_is_named(key: str) -> None:
    for changes in OUTSIDE[key]:
        scenario = Scenario().replace(changes)
        assert closed_form(scenario) is None
        assert [one for one in why_no_closed_form(scenario) if one.startswith(key.partition(".N")[0])]


def test_every_key_is_said_to_matter_to_closed_forms_or_not_to() -> None:
    assert {key for key, (_, forms) in EFFECTS.items() if forms == "rule"} == set(RULES)


# Values of keys that the forms do not ask, in several tables at once.
_WITHOUT_EFFECT = st.fixed_dictionaries({}, optional={
    "workload.message_bytes": st.sampled_from([1, 300_000, {"dist": "lognormal", "mean": 9000, "cv": 2}]),
    "workload.domains": st.integers(1, 5),
    "workload.address_chars": st.sampled_from([12, 254]),
    "workload.arrivals": st.just({"dist": "poisson", "rate_per_s": 3.0}),
    "client.sorts_by_domain": st.booleans(),
    "client.orcpt": st.booleans(),
    "client.retry_initial_s": st.just(0.5),
    "client.expiry_s": st.sampled_from([0.0, 10.0]),
    "client.sizing_forget_s": st.just(1.0),
    "client.connections_total": st.integers(1, 3),
    "client.command_ms": st.sampled_from([0.0, 3.0]),
    "client.pause_ms": st.sampled_from([0.0, 30.0]),
    "network.profile": st.sampled_from(["pipe", "tcp"]),
    "network.rtt_ms": st.sampled_from([0.0, 90.0, {"dist": "lognormal", "mean": 60, "cv": 1.0}]),
    "network.bandwidth_mbit": st.sampled_from([None, 1.0]),
    "server.workers": st.integers(1, 2),
    "server.rcpt_service_ms": st.sampled_from([0.0, {"dist": "exponential", "mean": 1.5}]),
    "server.refusal_ms": st.sampled_from([0.0, 5.0]),
    "server.reply_buffer_bytes": st.sampled_from([1, 100]),
    "server.overshoot_limit": st.sampled_from([0, 3]),
    "server.error_sleep_ms": st.just(5.0),
    "server.data_without_recipients": st.sampled_from(["354", 503, 421]),
    "server.data_reply": st.just("354-Go\n354 on"),
    "server.unknown_reply": st.just(421),
    "server.greylist_reply": st.just("552 5.5.3"),
    "server.messages_reply": st.just(550),
    "server.messages_at": st.just("data"),
    "server.commands_reply": st.just(550),
    "server.sessions_reply": st.just(554),
    "server.data_after_overflow_reply": st.just(421),
    "server.chunking": st.booleans(),
    "server.advertise_limits": st.booleans(),
})  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    client=clients, others=_WITHOUT_EFFECT, recipients=st.integers(1, 60), limit=st.none() | st.integers(1, 40),
    reply=st.sampled_from([552, "552 5.5.3", "550 5.5.3", "554 5.5.3"]), pipelining=st.booleans(),
    by_class=st.booleans(),
)  # fmt: skip
def test_closed_forms_and_engine_agree_on_all_that_is_drawn_whatever_else_is_set(
    client: dict[str, object], others: dict[str, object], recipients: int, limit: int | None, reply: object,
    pipelining: bool, by_class: bool,
) -> None:  # fmt: skip
    overflow = {"552": client["overflow"], "452": "defer"} if by_class else client["overflow"]
    scenario = Scenario(
        workload={"recipients_per_message": recipients},
        client=client | {"overflow": overflow},
        network={"replies_per_read": 7},
        server={"recipient_limit": limit, "overflow_reply": reply, "pipelining": pipelining},
    ).replace(others)
    if limit is not None and client["overflow"] not in BUILT_IN[str(client["strategy"])].split_policies:
        assert why_no_closed_form(scenario)
        return
    assert why_no_closed_form(scenario) == []
    point = DesignPoint(1, {}, scenario)
    drawn = theory_of([point], []).set_index("response")["mean"].to_dict()
    responses = run_replication(plan_of(scenario)).responses
    assert drawn == pytest.approx({name: responses[name] for name in RESPONSES})


PER_CLASS = """
[study]
name = "classes"
title = "A policy per class"
replications = 2
[scenario.workload]
recipients_per_message = 30
[scenario.server]
recipient_limit = 10
[scenario.client]
overflow = { 452 = "defer", 552 = "same-session" }
[factors]
"client.batch_size" = [5, 20, 40]
"client.chunking" = [false, true]
[figure]
x = "client.batch_size"
line = "client.chunking"
y = ["transactions", "false_ndr_rate"]
theory = true
"""


def test_a_figure_with_theory_and_a_policy_per_class_is_drawn(tmp_path: Path) -> None:
    study = simsmtp.run(written(tmp_path, PER_CLASS), output=tmp_path / "out", workers=1, progress=False)
    files = {path.name for path in study.write()}
    assert {"summary.csv", "classes.png", "classes.svg"} <= files
    assert study.without_theory() == {}  # the server does not offer CHUNKING


@pytest.mark.slow
def test_the_run_says_which_points_have_no_theory_line_and_why(tmp_path: Path) -> None:
    text = PER_CLASS.replace("recipient_limit = 10", "recipient_limit = 10\nchunking = true")
    done = cli(tmp_path, "run", written(tmp_path, text), "--output", "out", "--workers", "1")
    assert done.returncode == 0
    assert "simsmtp: no theory line at 3 of 6 design points: client.chunking = true (3)" in done.stderr
    without = cli(tmp_path, "run", tmp_path / "study.toml", "--output", "out", "--workers", "1", "--no-figure")
    assert "no theory line" not in without.stderr


def test_a_line_of_theory_breaks_at_a_point_where_it_does_not_hold() -> None:
    scenarios = [Scenario().replace({"client.sizing": sizing}) for sizing in ("fixed", "adaptive", "fixed")]
    points = [DesignPoint(number, {"n": number}, one) for number, one in enumerate(scenarios, start=1)]
    table = theory_of(points, ["n"]).query("response == 'transactions'")
    assert table["mean"].tolist() == [3.0, pytest.approx(float("nan"), nan_ok=True), 3.0]
    assert theory_of(points[1:2], ["n"]).empty


def test_a_figure_that_cannot_be_drawn_leaves_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **options: object) -> None:
        raise TypeError("unhashable")

    study = simsmtp.run(written(tmp_path, PER_CLASS), output=tmp_path / "out", workers=1, progress=False)
    monkeypatch.setattr("simsmtp.figures.study_figure.plot_study", fails)
    with pytest.raises(
        UnfinishedError, match=r"cannot be drawn \(TypeError: unhashable\); summary.csv, .* are written"
    ):
        study.write()
    assert (tmp_path / "out" / "summary.csv").exists()


def test_a_level_without_a_place_on_the_axis_is_refused_before_anything_runs(tmp_path: Path) -> None:
    text = PER_CLASS.replace('x = "client.batch_size"', 'x = "client.batch_size"\nx_scale = "log"')
    text = text.replace('"client.batch_size" = [5, 20, 40]', '"client.command_ms" = [0.0, 1.0, 40.0]')
    path = written(tmp_path, text.replace("client.batch_size", "client.command_ms"))
    done = cli(tmp_path, "run", path, "--output", "o")
    assert done.returncode == 2
    assert "has no place on a log axis" in done.stderr
    assert not (tmp_path / "o").exists()


def test_dollar_signs_in_a_title_are_text_and_no_formula(tmp_path: Path) -> None:
    rows = [
        {"s": level, "response": "delivered", "mean": 1.0, "low": 1.0, "high": 1.0, "n": 2} for level in ("$x", "b")
    ]
    figure = plot_study(pd.DataFrame(rows), Figure(x="s", y="delivered"), title="At $\\foo{ b$ each", marks={})
    assert all(path.exists() for path in save_figure(figure, tmp_path, "dollars"))
