"""Windows, and what the client reads at once: the server's flush rule, and the override of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from helpers import (
    NO_SERVICE,
    STRATEGIES,
    by_connection,
    few,
    flights,
    ledger,
    rcpts,
    replay,
    run,
    some,
    transactions,
)
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import Output

INSTANT = {"rtt_ms": 50, "bandwidth_mbit": None}
RCPT_OK, RCPT_552 = len("250 2.1.5 Ok\r\n"), len("552 Too many recipients\r\n")


def reads_of_the_transaction(output: Output) -> list[int]:
    """Return how many replies came with each read, from the reply to MAIL on."""
    rows = by_connection(output, "reply")["", 1]
    start = next(place for place, row in enumerate(rows) if row.verb == Verb.MAIL)
    return list(Counter(row.read for row in rows[start:]).values())


def buffered(sizes: Sequence[int], buffer: int) -> list[int]:
    """Return the number of the read that each reply comes with, if only a full buffer is flushed."""
    number, used, numbers = 0, 0, []
    for size in sizes:
        if used and used + size > buffer:
            number, used = number + 1, 0
        used += size
        numbers.append(number)
    return numbers


# -- the server's flush rule --------------------------------------------------------------------------------


@pytest.mark.parametrize("service_ms", [0.0, 0.2])
def test_what_arrives_together_is_answered_together(service_ms: float) -> None:
    output = replay(
        workload={"recipients_per_message": 50},
        network=INSTANT,
        server=NO_SERVICE | {"rcpt_service_ms": service_ms},
    )
    assert reads_of_the_transaction(output) == [52, 1]


@pytest.mark.parametrize(("service_ms", "reads"), [(0.0, [1] * 12), (0.2, [1] * 9 + [2, 1]), (0.5, [11, 1])])
def test_the_server_flushes_when_its_input_is_empty(service_ms: float, reads: list[int]) -> None:
    """At 0.8 Mbit/s an RCPT of 37 octets takes 0.37 ms: a faster server flushes after each, a slower one never.

    DATA follows the last RCPT by its 6 octets, 0.06 ms: it is there before that RCPT has been served.
    """
    output = replay(
        workload={"recipients_per_message": 9},
        network={"rtt_ms": 50, "bandwidth_mbit": 0.8},
        server=NO_SERVICE | {"mail_service_ms": service_ms, "rcpt_service_ms": service_ms},
    )
    assert reads_of_the_transaction(output) == reads


def test_each_flush_leaves_when_the_server_has_nothing_left_to_do() -> None:
    output = replay(
        workload={"recipients_per_message": 3},
        network={"rtt_ms": 50, "bandwidth_mbit": 0.8},
        server=NO_SERVICE | {"rcpt_service_ms": 0.2},
    )
    commands = [row for row in by_connection(output, "command")["", 1] if row.verb == Verb.RCPT]
    answers = [row for row in by_connection(output, "reply")["", 1] if row.verb == Verb.RCPT]
    for command, answer in zip(commands[:-1], answers[:-1], strict=True):  # the last is flushed with 354
        assert answer.server_ns == command.server_ns + 200_000
        assert answer.client_ns == answer.server_ns + RCPT_OK * 10_000 + 25_000_000


def test_a_full_buffer_is_flushed() -> None:
    """4,096 octets hold 292 replies of 14; the last read also carries 354."""
    output = replay(workload={"recipients_per_message": 1000}, server={"recipient_limit": None}, network=INSTANT)
    assert reads_of_the_transaction(output) == [292, 292, 292, 1002 - 3 * 292, 1]


@some
@given(n=st.integers(2, 120), limit=st.integers(1, 60), buffer=st.integers(1, 500))
def test_per_read_counts_the_servers_flushes(n: int, limit: int, buffer: int) -> None:
    """Without an override, coalescing follows from the reply buffer alone when commands arrive together."""
    responses = run(
        workload={"recipients_per_message": n},
        client={"strategy": "per-read", "stop_on_overflow": True},
        network=INSTANT,
        server={"recipient_limit": limit, "reply_buffer_bytes": buffer},
    )
    left, false_ndr = n, 0
    while left:
        refused = max(0, left - limit)
        # MAIL's reply is as long as an accepted RCPT's.
        numbers = buffered([RCPT_OK] * (1 + min(left, limit)) + [RCPT_552] * refused, buffer)
        reads = len(set(numbers[len(numbers) - refused :]))
        false_ndr += refused - reads
        left = reads
    assert ledger(responses) == {
        name: count for name, count in (("delivered", n - false_ndr), ("false_ndr", false_ndr)) if count
    }


def test_a_server_that_is_about_to_sleep_sends_what_it_has() -> None:
    output = replay(
        workload={"recipients_per_message": 10, "unknown_share": 1.0},
        network=INSTANT,
        server=NO_SERVICE | {"soft_error_limit": 4, "error_sleep_ms": 100.0},
    )
    sizes = reads_of_the_transaction(output)
    assert sum(sizes) == 12
    assert sizes[0] in (4, 5)  # MAIL and three or four RCPTs, whether or not the fourth error's reply is slowed
    assert set(sizes[1:]) == {1}


def test_a_tarpit_uncovers_every_refusal_to_a_sender_that_counts_reads() -> None:
    tables = {"workload": {"recipients_per_message": 20}, "client": {"strategy": "per-read"}, "network": INSTANT}
    server = {"recipient_limit": 10}
    tarpit = {"overshoot_limit": 1, "soft_error_limit": 1, "error_sleep_ms": 1.0}
    assert run(server=server, **tables)["false_ndr"] == 9
    assert run(server=server | tarpit, **tables)["false_ndr"] <= 1


# -- replies per read, by hand ------------------------------------------------------------------------------


def test_reads_are_counted_from_the_flights_first_rcpt() -> None:
    """Flights of 5 at limit 5: the second flight is refused whole, and read as 3 and 2: two reads, three fail."""
    responses = run(
        workload={"recipients_per_message": 10},
        client={"strategy": "per-read", "window_recipients": 5},
        network={"replies_per_read": 3},
        server={"recipient_limit": 5},
    )
    assert ledger(responses) == {"delivered": 7, "false_ndr": 3}


@some
@given(
    n=st.integers(2, 80),
    limit=st.integers(1, 40),
    window=st.integers(2, 30),
    group=st.integers(1, 40),
    stop=st.booleans(),
)
def test_per_read_by_flights(n: int, limit: int, window: int, group: int, stop: bool) -> None:
    """Reads never span flights, and the reads of a transaction that hold a refusal are what is re-queued."""
    responses = run(
        workload={"recipients_per_message": n},
        client={"strategy": "per-read", "window_recipients": window, "stop_on_overflow": stop},
        network={"replies_per_read": group},
        server={"recipient_limit": limit},
    )
    left, false_ndr = n, 0
    while left:
        sent = min((limit // window + 1) * window, left) if stop else left
        refused = range(limit, sent)
        reads = len({(place // window, place % window // group) for place in refused})
        false_ndr += len(refused) - reads
        left = reads + left - sent
    assert responses["false_ndr"] == false_ndr
    assert responses["lost"] == 0


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "per-read"])
def test_only_per_read_looks_at_reads(strategy: str) -> None:
    tables = {
        "workload": {"recipients_per_message": 90},
        "client": {"strategy": strategy},
        "server": {"recipient_limit": 30},
    }
    by_flush = run(**tables)
    by_hand = run(network={"replies_per_read": 1}, **tables)
    assert repr(by_flush) == repr(by_hand)


@few
@given(n=st.integers(2, 40), group=st.integers(1, 12), window=st.one_of(st.none(), st.integers(2, 20)))
def test_the_dialogue_shows_the_reads_as_they_were_set(n: int, group: int, window: int | None) -> None:
    """A row's `read` is the read its reply came with, so replies per read show in it."""
    output = replay(
        workload={"recipients_per_message": n},
        client={"window_recipients": window},
        network=INSTANT | {"replies_per_read": group},
        server={"recipient_limit": None},
    )
    replies = [row for row in by_connection(output, "reply")["", 1] if row.verb == Verb.RCPT]
    per_read = list(Counter(row.read for row in replies).values())
    expected: list[int] = []
    for start in range(0, n, window or n):
        flight = min(window or n, n - start)
        expected += [group] * (flight // group) + [flight % group] * (flight % group > 0)
    assert per_read == expected


# -- windows ------------------------------------------------------------------------------------------------


def test_a_window_of_4096_octets_takes_109_recipients_first() -> None:
    """As measured of Postfix with 25-character addresses."""
    output = replay(
        workload={"recipients_per_message": 400, "address_chars": 25},
        client={"window_bytes": 4096},
        server={"recipient_limit": None},
    )
    sizes = [len(rcpts(group)) for group in flights(output)["", 1]]
    assert [size for size in sizes if size] == [109, 110, 110, 71]


@pytest.mark.parametrize("client", [{"pipelining": False}, {"window_recipients": 1}])
def test_stop_and_wait_sends_one_command_at_a_time(client: dict[str, object]) -> None:
    output = replay(workload={"recipients_per_message": 30}, client=client, server={"recipient_limit": 10})
    assert all(len(group) == 1 for groups in flights(output).values() for group in groups)
    assert [len(rcpts(rows, 552)) for rows in transactions(output)] == [1, 1, 0]


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        ({"window_recipients": 4}, 2),  # limit 10: the third flight of four holds two refusals
        ({"window_recipients": 4, "stop_on_overflow": False}, 40),
        ({"window_recipients": 4, "overflow": "bounce"}, 40),
        ({"window_recipients": 4, "overflow": "same-session"}, 2),
        ({"window_recipients": 4, "overflow": "defer"}, 2),
        ({"pipelining": False}, 1),
        ({"pipelining": False, "stop_on_overflow": False}, 40),
        ({"pipelining": False, "overflow": "bounce"}, 40),
        ({}, 40),
    ],
)
def test_when_a_sender_stops(keys: dict[str, object], refused: int) -> None:
    output = replay(workload={"recipients_per_message": 50}, client=keys, server={"recipient_limit": 10})
    assert len(rcpts(transactions(output)[0], 552)) == refused


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("reply", "refused"), [("552", 2), ("455 4.5.3", 2), ("550 5.5.3", 2), ("451", 40), ("550", 40)]
)
def test_stopping_goes_by_the_replies_as_sent_and_by_over_limit_ones_only(
    strategy: str, reply: str, refused: int
) -> None:
    output = replay(
        workload={"recipients_per_message": 50},
        client={"window_recipients": 4, "strategy": strategy},
        server={"recipient_limit": 10, "overflow_reply": reply},
    )
    assert len(rcpts(transactions(output)[0], int(reply[:3]))) == refused


# -- draining -----------------------------------------------------------------------------------------------


def draining(reply: str = "552", **client: object) -> Output:
    """RCPTs written every 10 ms at a round-trip time of 54 ms: the fourth is the first to be refused.

    It is written at 30 ms and its refusal can be read from 84 ms on, so the tenth, due at 90 ms, is the first
    before which the sender knows.
    """
    return replay(
        workload={"recipients_per_message": 50},
        client={"drain": True, "command_ms": 10.0} | client,
        network={"rtt_ms": 54, "bandwidth_mbit": None},
        server=NO_SERVICE | {"recipient_limit": 3, "overflow_reply": reply},
    )


@pytest.mark.parametrize("reply", ["552", "452 4.5.3", "451 4.5.3"])
@pytest.mark.parametrize("strategy", ["corrected", "send-cursor"])
def test_a_draining_sender_stops_as_soon_as_a_refusal_can_be_read(reply: str, strategy: str) -> None:
    output = draining(reply, strategy=strategy)
    first = transactions(output)[0]
    assert rcpts(first) == list(range(9))
    assert rcpts(first, 250) == [0, 1, 2]
    again = [3, 4, 5, 6, 7, 8] if strategy == "corrected" else []
    assert rcpts(transactions(output)[1]) == [*again, *range(9, 18 - len(again))]


@pytest.mark.parametrize(
    ("reply", "client"),
    [
        ("552", {"stop_on_overflow": False}),
        ("552", {"overflow": "bounce"}),
        ("451", {}),
        ("550", {}),
    ],
)
def test_a_draining_sender_goes_on_where_it_has_no_reason_to_stop(reply: str, client: dict[str, object]) -> None:
    """Not told to stop, or bouncing, or refused with a code that is not over-limit."""
    output = draining(reply, **client)
    assert rcpts(transactions(output)[0]) == list(range(50))


def test_a_draining_sender_that_is_quick_learns_nothing_in_time() -> None:
    output = draining(command_ms=0.0)
    assert rcpts(transactions(output)[0]) == list(range(50))
