"""The response columns of a replication: each defined here and nowhere else."""

from __future__ import annotations

from typing import NamedTuple


class Response(NamedTuple):
    """One response column.

    Attributes
    ----------
    name, unit, meaning : str
        Column name, unit (``""`` for counts and shares) and definition.
    better : str
        ``"higher"``, ``"lower"`` or ``""`` where neither is better by itself.
    whole : bool
        The value is a count.
    """

    name: str
    unit: str
    meaning: str
    better: str
    whole: bool


RESPONSES = (
    Response("recipients", "", "recipients of all messages, resends included", "", True),
    Response("delivered", "", "valid, accepted exactly once, no NDR", "higher", True),
    Response("false_ndr", "", "valid, NDR sent, never accepted", "lower", True),
    Response("contradictory_ndr", "", "valid, accepted, and NDR sent", "lower", True),
    Response("duplicate", "", "valid, accepted twice or more, no NDR", "lower", True),
    Response("lost", "", "valid, never accepted, no NDR, no longer queued", "lower", True),
    Response("true_ndr", "", "unknown mailbox, NDR sent", "", True),
    Response("missed_ndr", "", "unknown mailbox, no NDR sent", "lower", True),
    Response("queued", "", "not finished at the horizon", "lower", True),
    Response(
        "false_ndr_rate",
        "",
        "(false_ndr + contradictory_ndr) / valid recipients that are finished",
        "lower",
        False,
    ),
    Response("rcpt_commands", "", "RCPT commands sent", "lower", True),
    Response("transactions", "", "MAIL commands sent", "lower", True),
    Response("connections", "", "connections opened, refused ones included", "lower", True),
    Response(
        "round_trips",
        "",
        "times a client waited for the server: connect, banner, EHLO and each flight",
        "lower",
        True,
    ),
    Response("makespan_s", "s", "first connect to last final reply", "lower", False),
    Response("delivered_per_s", "1/s", "recipients accepted at least once / makespan_s", "higher", False),
    Response("rcpt_per_delivered", "", "rcpt_commands / recipients accepted at least once", "lower", False),
    Response("delay_p50_s", "s", "median delay from arrival to first acceptance", "lower", False),
    Response("delay_p95_s", "s", "95th percentile of that delay", "lower", False),
    Response("delay_p99_s", "s", "99th percentile of that delay", "lower", False),
    Response("refused_over", "", "refusals heard: a recipient limit", "lower", True),
    Response("refused_rate", "", "refusals heard: a rate limit", "lower", True),
    Response("refused_unknown", "", "refusals heard: no such mailbox", "lower", True),
    Response("refused_greylist", "", "refusals heard: greylisting", "lower", True),
    Response(
        "refused_session",
        "",
        "refusals heard: of sessions, and in sessions that had too much of something",
        "lower",
        True,
    ),
    Response("refused_other", "", "refusals heard: all else", "lower", True),
    Response(
        "person_duplicates",
        "",
        "people who got the same letter (a message, its resends included) twice or more, counted for each letter",
        "lower",
        True,
    ),
    Response("copies_max", "", "most copies that anybody got of one letter, its resends included", "lower", True),
    Response(
        "wait_round_trips_s",
        "s",
        "mean wait of a recipient: the way and time-outs, in its transactions",
        "lower",
        False,
    ),
    Response("wait_service_s", "s", "mean wait of a recipient: the server, in its transactions", "lower", False),
    Response("wait_rate_s", "s", "mean wait of a recipient: rate limits, or the sender's own rate", "lower", False),
    Response("wait_retry_s", "s", "mean wait of a recipient: the retry schedule, after other refusals", "lower", False),
    Response("wait_greylist_s", "s", "mean wait of a recipient: the retry schedule, after greylisting", "lower", False),
    Response("empty_text", "", "recipients that got an empty text and never a real one", "lower", True),
)
COLUMNS = tuple(response.name for response in RESPONSES)
BY_NAME = {response.name: response for response in RESPONSES}
