"""Scenarios over as many keys as possible, for laws that must hold whatever is set."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.model.scenario import Scenario
from simsmtp.strategies.registry import BUILT_IN


def some_of(keys: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw values for some of the keys; the others keep their defaults."""
    return st.fixed_dictionaries({}, optional=keys)


# Drawn over few values each, so that what matters only together comes together.
_SERVICE = st.sampled_from([0.0, 0.2, 3.0, {"dist": "exponential", "mean": 1.5}, {"dist": "gamma", "mean": 2, "cv": 2}])
_RTT = st.sampled_from([0.0, 1.0, 50.0, 300.0, {"dist": "lognormal", "mean": 60, "cv": 1.0},
                        {"dist": "uniform", "low": 0, "high": 100}])  # fmt: skip
_OVERFLOW = st.sampled_from(["new-connection", "same-session", "defer", "bounce"])
_REPLY = st.sampled_from([552, 452, 451, 550, 421, "451 4.5.3", "550 5.5.3", "421 4.5.3", "554 5.5.3", 450])
_PLACES = [("connections", None), ("messages", "mail"), ("messages", "data"), ("messages", "dot"),
           ("recipients", "rcpt"), ("recipients", "data"), ("recipients", "dot"), ("commands", "rcpt")]  # fmt: skip
_RATE_LIMIT = st.builds(
    lambda place, **limit: {"counts": place[0], "at": place[1], **limit},
    st.sampled_from(_PLACES),
    most=st.sampled_from([1, 5, 40]),
    window_s=st.sampled_from([0.05, 1.0, 100.0]),
    kind=st.sampled_from(["fixed", "sliding", "bucket"]),
    reply=st.sampled_from([None, 451, "452 4.5.3", 550, 421]),
)
# Where a reply is asked for that is no limit's, and what it makes of the sender is the test's to see.
_ANY = st.sampled_from([450, 553, "454 4.7.0", "552 5.2.2", "452 4.5.3", 421, "452-4.5.3 Too many\n452 try later"])
_STRATEGY = st.sampled_from(list(BUILT_IN))

WORKLOAD = {
    "recipients_per_message": st.integers(1, 40)
    | st.sampled_from([{"dist": "geometric", "mean": 9}, {"dist": "zipf", "exponent": 1.3, "maximum": 40},
                       {"dist": "empirical", "values": [1, 2, 30]}, {"dist": "lognormal", "mean": 8, "cv": 1.5},
                       ]),
    "message_bytes": st.sampled_from([1, 4096, 300_000, {"dist": "lognormal", "mean": 9000, "cv": 2}]),
    "unknown_share": st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.5, 1.0]),
    "unknown": st.sampled_from([[], [], [0], [2, 5]]),
    "domains": st.sampled_from([1, 1, 2, 3]),
    "groups": st.sampled_from([1, 1, 2]),
    "population": st.sampled_from([None, None, 40, 90]),
    "resend": st.sampled_from(["none", "none", "none", "all", "failed"]),
    "resend_after_s": st.sampled_from([0.0, 10.0]),
}  # fmt: skip
CLIENT = {
    "strategy": _STRATEGY | st.just("corrected"),
    "budget": st.integers(1, 5),
    "overflow": _OVERFLOW | st.fixed_dictionaries({"452": _OVERFLOW, "552": _OVERFLOW}),
    "sorts_by_domain": st.booleans(),
    "over_limit_seen": st.sampled_from(["any", "any", "any", "452-in-company"]),
    "give_up_after_refusals": st.sampled_from([None, None, None, 1, 3]),
    "on_refusal": st.sampled_from(["go-on", "go-on", "go-on", "give-up"]),
    "batch_size": st.sampled_from([1, 3, 7, 12, 50]),
    "sizing": st.sampled_from(["fixed", "fixed", "rcptmax", "adaptive"]),
    "sizing_forget_s": st.sampled_from([None, 1.0]),
    "pipelining": st.sampled_from([True, True, False]),
    "chunking": st.booleans(),
    "window_recipients": st.sampled_from([None, None, 1, 2, 5]),
    "window_bytes": st.sampled_from([None, None, None, 30, 80, 400]),
    "drain": st.sampled_from([False, False, False, True]),
    "command_ms": st.sampled_from([0.0, 0.0, 1.0, 20.0]),
    "stop_on_overflow": st.booleans(),
    "connections": st.sampled_from([1, 1, 2, 5]),
    "connections_total": st.sampled_from([None, None, None, 1, 3]),
    "transactions_per_connection": st.sampled_from([None, None, 1, 2]),
    "retry_initial_s": st.sampled_from([0.5, 300.0]),
    "expiry_s": st.sampled_from([432_000.0, 432_000.0, 0.0, 20.0]),
    "starttls": st.booleans(),
    "orcpt": st.booleans(),
    "reset_before_reuse": st.booleans(),
    "pause_ms": st.sampled_from([0.0, 0.0, 30.0]),
    "rate": st.sampled_from([None, None])
    | st.fixed_dictionaries(
        {
            "counts": st.sampled_from(["recipients", "messages", "connections"]),
            "most": st.sampled_from([1, 4, 30]),
            "window_s": st.sampled_from([0.01, 1.0, 20.0]),
        }
    ),
    "timeout_s": some_of(dict.fromkeys(("connect", "command", "data", "dot"), st.sampled_from([0.03, 0.2, 1.0, 30.0]))),
}
NETWORK = {
    "profile": st.sampled_from(["pipe", "pipe", "tcp"]),
    "rtt_ms": _RTT,
    "bandwidth_mbit": st.sampled_from([None, 100.0, 2.0]),
    "replies_per_read": st.sampled_from([None, 3]),
    "tls_round_trips": st.sampled_from([1, 2]),
    "losses": st.lists(
        st.sampled_from([("connect", None), ("command", None), ("text", None), ("dot", True), ("dot", False)]),
        max_size=4,
        unique=True,
    ).map(lambda places: [{"at": at, "share": 0.3, "committed": committed} for at, committed in places]),
}
SERVER = {
    "recipient_limit": st.sampled_from([None, 1, 4, 5, 10, 100]),
    "limit_kind": st.sampled_from(["transaction", "transaction", "transaction", "domain", "connection",
                                   "first-domain-only", "group", "first-group-only"]),
    "overflow_reply": _REPLY | st.sampled_from([552, 452, "452 4.2.2", "451-4.5.3 Too many\n451 Try later"]),
    "limit_at": st.sampled_from(["rcpt", "rcpt", "data", "dot", "delivery"]),
    "overshoot_limit": st.sampled_from([None, None, 0, 3]),
    "soft_error_limit": st.sampled_from([None, None, 2]),
    "error_sleep_ms": st.just(100.0),
    "hard_error_limit": st.sampled_from([None, None, None, 2, 5]),
    "reject_data_after_overflow": st.sampled_from([False, False, True]),
    "data_without_recipients": st.sampled_from(["354", 354, "554 5.5.1", 503]),
    "data_after_overflow_reply": _ANY,
    "unknown_reply": _ANY,
    "greylist_reply": _ANY,
    "messages_at": st.sampled_from(["mail", "data"]),
    "messages_reply": _ANY,
    "commands_per_connection": st.sampled_from([None, None, 3, 9, 40]),
    "commands_reply": _ANY,
    "sessions_reply": _ANY,
    "data_failure_share": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    "data_failure_reply": st.sampled_from(["451 4.3.0", 554]),
    "greylist_s": st.sampled_from([None, None, None, 1.0, 400.0]),
    "pipelining": st.sampled_from([True, True, True, False]),
    "chunking": st.booleans(),
    "advertise_limits": st.booleans(),
    "messages_per_connection": st.sampled_from([None, None, 1, 3]),
    "sessions": st.sampled_from([None, None, None, 1, 2]),
    "workers": st.sampled_from([None, None, 1, 2]),
    "refusal_ms": st.sampled_from([0.0, 5.0]),
    "connect_service_ms": _SERVICE,
    "ehlo_service_ms": _SERVICE,
    "mail_service_ms": _SERVICE,
    "rcpt_service_ms": _SERVICE,
    "data_service_ms": _SERVICE,
    "text_service_ms": _SERVICE,
    "rate_limits": st.just([]) | st.just([]) | st.lists(_RATE_LIMIT, max_size=3),
}  # fmt: skip


@st.composite
def scenarios(draw: st.DrawFn, messages: int = 30, *, drawn: bool = True) -> Scenario:
    """Draw a scenario that sends so many messages at once.

    Settings that do not go together are left out. Without `drawn` nothing in the scenario itself is left to chance, so
    that a few messages show what many do.
    """
    tables: dict[str, Any] = {
        name: draw(some_of(keys))
        for name, keys in (("workload", WORKLOAD), ("client", CLIENT), ("network", NETWORK), ("server", SERVER))
    }
    tables["workload"]["messages"] = messages
    if not _is_bounded(tables["workload"].get("recipients_per_message", 1)):
        tables["workload"].pop("population", None)  # more recipients than people may be drawn
    if not drawn:
        return scenario_of(
            {name: {key: _fixed(value) for key, value in table.items()} for name, table in tables.items()}
        )
    if draw(st.sampled_from([False, False, False, True])):
        tables["destinations"] = [
            {"name": name, "weight": weight, "server": draw(some_of(SERVER)), "network": draw(some_of(NETWORK))}
            for name, weight in (("a", 1.0), ("b", draw(st.sampled_from([0.3, 2.0]))))
        ]
    return scenario_of(tables)


def _is_bounded(recipients: Any) -> bool:
    return isinstance(recipients, int) or recipients["dist"] in {"zipf", "empirical"}


def _fixed(value: Any) -> Any:
    """Return a value without chance: the mean of a distribution, no share between none and all."""
    if isinstance(value, dict) and "dist" in value:
        return value.get("value") or int(value.get("mean", 20))
    return 0.0 if value in (0.1, 0.3, 0.5) else value


def scenario_of(tables: dict[str, Any]) -> Scenario:
    """Return a scenario of tables, without the keys that cannot stand beside the rest."""
    while True:
        try:
            return Scenario.from_dict(tables)
        except InputError as error:
            *path, name = (error.key or "").split(".")
            at: Any = tables
            for part in path:
                at = at[int(part)] if isinstance(at, list) else at[part]
            del (at if name in at else tables[path[-1]])[name]  # a destination's server may have it from the others'
