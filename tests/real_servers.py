"""What servers do in the settings for real programs: each feature draws some keys of a scenario's server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

LONG_S = 3600.0
"""Window of rate limits: longer than any run, so that what is full stays full."""
REFUSALS = (
    *("451 4.7.1", "450 4.7.1", "452 4.5.3", "550 5.7.1", "554 5.7.1", "421 4.7.0", "452 4.2.2", "501 5.1.3", "502"),
    *("553 5.1.3", "454 4.7.0", "452-4.5.3 Too many\n452 try later", "550-5.7.1 No\n550 5.7.1 that is our policy"),
)
OVER_LIMIT = (552, 452, "552 5.5.3", "451 4.5.3", "550 5.5.3", "421 4.3.2", "552 5.2.2", *REFUSALS)
RATED = (
    *(("connections", "connect"), ("messages", "mail"), ("messages", "data"), ("messages", "dot")),
    *(("recipients", "rcpt"), ("recipients", "data"), ("recipients", "dot")),
    *(("commands", "mail"), ("commands", "rcpt"), ("commands", "data"), ("commands", "dot")),
)
Server = dict[str, Any]


def _limit(draw: Random) -> Server:
    kind = draw.choice(["transaction", "transaction", "domain", "first-domain-only"])
    limit, reply = draw.choice([1, 2, 3, 4, 6]), draw.choice(OVER_LIMIT)
    return {"recipient_limit": limit, "limit_kind": kind, "overflow_reply": reply}


def _late_limit(draw: Random) -> Server:
    return _limit(draw) | {"limit_kind": "transaction", "limit_at": draw.choice(["data", "dot"])}


def _limit_of_connection(draw: Random) -> Server:
    return _limit(draw) | {"limit_kind": "connection"}


def messages(draw: Random) -> Server:
    """Draw a limit on the messages of a connection."""
    return {"messages_per_connection": draw.choice([1, 2, 3])}


def sessions(draw: Random) -> Server:
    """Draw a limit on sessions."""
    return {"sessions": draw.choice([1, 2, 3, 4]), "sessions_reply": draw.choice(["421 4.3.2", "554 5.3.2", "450"])}


def _messages_refused_otherwise(draw: Random) -> Server:
    return messages(draw) | {"messages_at": draw.choice(["mail", "data"]), "messages_reply": draw.choice(REFUSALS)}


def _commands(draw: Random) -> Server:
    return {"commands_per_connection": draw.choice([1, 2, 4, 6, 9, 14]), "commands_reply": draw.choice(REFUSALS)}


def _errors(draw: Random) -> Server:
    return {"hard_error_limit": draw.choice([1, 2, 3, 5])}


def _text_fails(draw: Random) -> Server:
    return {"data_failure_share": draw.choice([0.3, 0.7, 1.0]), "data_failure_reply": draw.choice(REFUSALS)}


def _data(draw: Random) -> Server:
    return {
        "reject_data_after_overflow": draw.choice([True, False]),
        "data_after_overflow_reply": draw.choice(REFUSALS),
        "data_without_recipients": draw.choice([354, "554 5.5.1", "503 5.5.1", *REFUSALS]),
        "data_reply": draw.choice([354, "354-Go ahead\n354 end with a dot"]),
    }


def _rates(draw: Random) -> Server:
    return {"rate_limits": [_rate(draw) for _ in range(draw.choice([1, 1, 2]))]}


def _rate(draw: Random) -> dict[str, Any]:
    counts, at = draw.choice(RATED)
    most, kind = draw.choice([1, 2, 3, 5, 9, 20]), draw.choice(["fixed", "sliding", "bucket"])
    reply = draw.choice(REFUSALS)
    return {"counts": counts, "at": at, "most": most, "window_s": LONG_S, "kind": kind, "reply": reply}


def _no_pipelining(_: Random) -> Server:
    return {"pipelining": False}


def _greylisting(draw: Random) -> Server:
    return {"greylist_s": LONG_S, "greylist_reply": draw.choice(REFUSALS)}


def _unknown(draw: Random) -> Server:
    return {"unknown_reply": draw.choice(REFUSALS)}


FEATURES: list[Callable[[Random], Server]] = [
    *(_limit, _limit, _late_limit, _limit_of_connection, messages, _messages_refused_otherwise, _errors, _text_fails),
    *(_data, _rates, _rates, _no_pipelining, _greylisting, _unknown, _unknown, _commands),
]
SHARED = [_limit_of_connection, messages, _messages_refused_otherwise, _errors, _rates, _commands]
"""Features in which messages meet on a connection, or all of them do: who comes first matters."""


def drawn_server(draw: Random) -> tuple[Server, bool]:
    """Draw what a server does, and whether it matters who comes first."""
    server: Server = {}
    chosen = draw.sample(FEATURES, draw.choice([1, 1, 2, 2, 3]))
    for feature in chosen:
        server |= feature(draw)
    if server.get("limit_at", "rcpt") != "rcpt":
        server |= {"limit_kind": "transaction", "reject_data_after_overflow": False}
    return server, any(feature in SHARED for feature in chosen)


def drawn_losses(draw: Random) -> list[dict[str, Any]]:
    """Draw where the server hangs up, which it seldom does."""
    if draw.random() < 0.85:
        return []
    at, share = draw.choice(["connect", "command", "text", "dot", "dot"]), draw.choice([0.2, 0.5, 1.0])
    return [{"at": at, "share": share} | ({"committed": draw.choice([True, False])} if at == "dot" else {})]


def may_cut_off(server: Mapping[str, Any]) -> bool:
    """Tell whether a used connection may be answered 421 where that decides who is served."""
    says_so = any(str(value).startswith("421") for value in server.values())
    return says_so or not {"hard_error_limit", "rate_limits", "messages_at", "commands_per_connection"}.isdisjoint(
        server
    )


def may_refuse_data(server: Mapping[str, Any]) -> bool:
    """Tell whether DATA may be refused although somebody was accepted."""
    at = [one["at"] for one in server.get("rate_limits", [])]
    late = "data" in (server.get("limit_at"), server.get("messages_at"), *at)
    return late or server.get("reject_data_after_overflow", False) or "commands_per_connection" in server


def feature_names(server: Mapping[str, Any], losses: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name what a server does in a setting, and where it hangs up."""
    told = ("limit_kind", "limit_at", "messages_at")
    named = [f"{key} = {server[key]}" if key in told else key for key in server if key != "recipient_limit"]
    limits = server.get("rate_limits", [])
    rates = sorted({f"rate_limits: {one['counts']} at {one['at']}" for one in limits})
    lost = [f"losses: {one['at']}{', committed' if one.get('committed') else ''}" for one in losses]
    return [name for name in named if name != "rate_limits"] + rates + lost
