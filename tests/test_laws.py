"""Closed laws of the model's sections 2 and 4, over generated scenarios."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from helpers import NO_SERVICE, STRATEGIES, by_connection, few, flights, ledger, rcpts, replay, run, some, transactions
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.network.pipe import sending_ns
from simsmtp.protocol.answers import Answer, spoken_answers
from simsmtp.protocol.capabilities import NOTHING_OFFERED, ehlo_lines
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import Output
from simsmtp.strategies.alike import Alike, steady_verdicts
from simsmtp.strategies.counting import Knobs, Rcpt
from simsmtp.strategies.registry import BUILT_IN, find_strategy
from simsmtp.strategies.reply_class import ReplyClass
from simsmtp.strategies.tally import Tally

FREE_PATH = {"rtt_ms": 50, "bandwidth_mbit": None}
CONNECTION_WAITS = 3  # connect, banner, EHLO

counts = st.integers(1, 90)
limits = st.integers(1, 40)
windows = st.one_of(st.none(), st.integers(1, 50))


def greedy_groups(sizes: Sequence[int], window: int) -> int:
    """Return how many groups of whole commands fit a window of so many octets; an oversized one goes alone."""
    groups, used = 0, window + 1
    for size in sizes:
        if used + size > window:
            groups, used = groups + 1, 0
        used += size
    return groups


def lone(recipients: int, *, server: dict[str, object] | None = None, **client: object) -> Output:
    """One transaction of so many recipients that nothing refuses, on a path and server that cost no time."""
    return replay(
        workload={"recipients_per_message": recipients},
        client=client,
        network=FREE_PATH,
        server=NO_SERVICE | {"recipient_limit": None} | (server or {}),
    )


def waits(output: Output) -> int:
    """Return the waits of the only transaction, after checking that it was the only one."""
    assert output.responses["transactions"] == output.responses["connections"] == 1
    return int(output.responses["round_trips"]) - CONNECTION_WAITS


# -- how many are refused -----------------------------------------------------------------------------------


@some
@given(recipients=st.integers(1, 120), limit=limits, window=st.integers(1, 60))
def test_refusals_of_the_first_transaction(recipients: int, limit: int, window: int) -> None:
    output = replay(
        workload={"recipients_per_message": recipients},
        client={"window_recipients": window},
        server={"recipient_limit": limit},
    )
    k = limit // window + 1
    first = transactions(output)[0]
    assert len(rcpts(first, 552)) == max(0, min(k * window, recipients) - limit)
    assert rcpts(first, 250) == list(range(min(recipients, limit)))


@some
@given(recipients=counts, limit=limits, batch=st.integers(1, 100), window=windows, stop=st.booleans())
def test_refusals_without_a_window_or_without_stopping(
    recipients: int, limit: int, batch: int, window: int | None, stop: bool
) -> None:
    """Unlimited windows and senders that do not stop meet every refusal of a batch."""
    client = {"batch_size": batch, "window_recipients": None if stop else window, "stop_on_overflow": stop}
    output = replay(workload={"recipients_per_message": recipients}, client=client, server={"recipient_limit": limit})
    first = transactions(output)[0]
    assert len(rcpts(first, 552)) == max(0, min(recipients, batch) - limit)


@some
@given(recipients=counts, limit=limits, batch=st.integers(1, 60), window=windows)
def test_requeued_come_first_and_in_order_and_a_batch_is_never_exceeded(
    recipients: int, limit: int, batch: int, window: int | None
) -> None:
    """The next transaction takes the first `batch_size` of (re-queued in order, then not yet sent)."""
    output = replay(
        workload={"recipients_per_message": recipients},
        client={"window_recipients": window, "batch_size": batch},
        server={"recipient_limit": limit},
    )
    remaining = list(range(recipients))
    for rows in transactions(output):
        tried = rcpts(rows)
        assert tried == remaining[: len(tried)]
        assert len(tried) <= batch
        assert len(tried) == min(batch, len(remaining)) or rcpts(rows, 552)
        remaining = rcpts(rows, 552) + remaining[len(tried) :]
    assert remaining == []


# -- how often the client waits -----------------------------------------------------------------------------


@few
@given(n=counts, chunking=st.booleans(), by=st.sampled_from(["client", "server", "window"]))
def test_waits_without_pipelining(n: int, chunking: bool, by: str) -> None:
    client = {"client": {"pipelining": False}, "server": {}, "window": {"window_recipients": 1}}[by]
    server: dict[str, object] = {"pipelining": by != "server", "chunking": chunking}
    assert waits(lone(n, server=server, chunking=chunking, **client)) == n + 3 - chunking


@some
@given(n=counts, window=st.integers(2, 60), chunking=st.booleans())
def test_waits_with_a_window_of_recipients(n: int, window: int, chunking: bool) -> None:
    output = lone(n, server={"chunking": chunking}, chunking=chunking, window_recipients=window)
    assert waits(output) == -(-n // window) + 1 - chunking
    sizes = [len(rcpts(group)) for group in flights(output)["", 1]]
    assert [size for size in sizes if size] == [window] * (n // window) + [n % window] * (n % window > 0)


@some
@given(n=counts, window=st.integers(1, 3000), address=st.integers(12, 254))
def test_waits_with_a_window_of_octets(n: int, window: int, address: int) -> None:
    output = replay(
        workload={"recipients_per_message": n, "address_chars": address},
        client={"window_bytes": window},
        network=FREE_PATH,
        server=NO_SERVICE | {"recipient_limit": None},
    )
    mail, rcpt, data = len("MAIL FROM:<>\r\n"), len("RCPT TO:<>\r\n"), len("DATA\r\n")
    sizes = [mail + address, *[rcpt + address] * n, data]
    assert waits(output) == greedy_groups(sizes, window) + 1


@few
@given(n=counts, chunking=st.booleans())
def test_waits_without_a_window(n: int, chunking: bool) -> None:
    """MAIL, all RCPT and DATA in one group, then the text; BDAT saves the wait for 354."""
    assert waits(lone(n, server={"chunking": chunking}, chunking=chunking)) == 2 - chunking


@few
@given(n=counts)
def test_waits_of_a_sender_that_drains(n: int) -> None:
    output = lone(n, drain=True)
    assert waits(output) == 3
    ehlo, mail, rest, text = ([row.verb for row in group] for group in flights(output)["", 1])
    assert (ehlo, mail, text) == ([Verb.EHLO], [Verb.MAIL], [Verb.TEXT])
    assert rest == [*[Verb.RCPT] * n, Verb.DATA]


@few
@given(n=counts, limit=limits, window=st.integers(2, 50))
def test_after_a_stop_data_goes_alone(n: int, limit: int, window: int) -> None:
    output = replay(
        workload={"recipients_per_message": n},
        client={"window_recipients": window},
        server={"recipient_limit": limit},
    )
    groups = [[row.verb for row in group] for group in flights(output)["", 1]]
    assert groups[1][0] == Verb.MAIL
    sent = len(rcpts(transactions(output)[0]))
    if n > sent:
        assert [Verb.DATA] in groups
    else:
        assert groups[-2][-2:] == [Verb.RCPT, Verb.DATA]


@few
@given(n=counts, tls=st.integers(1, 2))
def test_starttls_adds_its_command_the_handshake_and_a_second_ehlo(n: int, tls: int) -> None:
    output = replay(
        workload={"recipients_per_message": n},
        client={"starttls": True},
        network=FREE_PATH | {"tls_round_trips": tls},
        server=NO_SERVICE | {"recipient_limit": None},
    )
    assert output.responses["round_trips"] == CONNECTION_WAITS + (1 + tls + 1) + 2
    assert output.responses["makespan_s"] == pytest.approx(output.responses["round_trips"] * 0.050, abs=1e-12)


# -- how long it takes --------------------------------------------------------------------------------------


@some
@given(
    n=counts,
    limit=limits,
    rtt=st.integers(1, 400),
    client=st.one_of(
        st.fixed_dictionaries({"window_recipients": windows}),
        st.fixed_dictionaries({"window_bytes": st.integers(100, 4096)}),
        st.fixed_dictionaries({"drain": st.just(True)}),
        st.fixed_dictionaries({"pipelining": st.just(False)}),
    ),
    overflow=st.sampled_from(["new-connection", "same-session"]),
    batch=st.integers(1, 60),
    workers=st.sampled_from([None, 1]),
)
def test_makespan_is_round_trips_times_rtt_where_nothing_else_takes_time(
    n: int, limit: int, rtt: int, client: dict[str, object], overflow: str, batch: int, workers: int | None
) -> None:
    responses = run(
        workload={"recipients_per_message": n},
        client={"overflow": overflow, "batch_size": batch} | client,
        network={"rtt_ms": rtt, "bandwidth_mbit": None},
        server=NO_SERVICE | {"recipient_limit": limit, "workers": workers},
    )
    assert ledger(responses) == {"delivered": n}
    assert round(responses["makespan_s"] * 1e9) == responses["round_trips"] * rtt * 10**6


SERVICE_MS = {"connect": 1, "ehlo": 2, "mail": 3, "rcpt": 4, "data": 5, "text": 6}
SERVICE = {f"{verb}_service_ms": float(ms) for verb, ms in SERVICE_MS.items()}


@pytest.mark.parametrize("workers", [None, 1, 3])
@pytest.mark.parametrize(
    ("client", "round_trips"),
    [({}, 5), ({"pipelining": False}, 9), ({"window_recipients": 2}, 6), ({"drain": True}, 6)],
)
def test_service_times_add_up(workers: int | None, client: dict[str, object], round_trips: int) -> None:
    """Three recipients, one connection: 1 + 2 + 3 + 3·4 + 5 + 6 = 29 ms of service, however it is grouped."""
    responses = run(
        workload={"recipients_per_message": 3},
        client=client,
        network={"rtt_ms": 10, "bandwidth_mbit": None},
        server=SERVICE | {"workers": workers},
    )
    assert responses["round_trips"] == round_trips
    assert round(responses["makespan_s"] * 1e9) == (round_trips * 10 + 29) * 10**6


@pytest.mark.parametrize("workers", [None, 1])
def test_reset_costs_a_mail_command_and_one_more_group_member(workers: int | None) -> None:
    """A transaction that nobody was accepted in is reset; with pipelining RSET rides with the next MAIL."""
    output = replay(
        workload={"messages": 2, "recipients_per_message": 1, "unknown_share": 1.0},
        network={"rtt_ms": 10, "bandwidth_mbit": None},
        client={"window_recipients": 2},
        server=SERVICE | {"workers": workers},
    )
    assert ledger(output.responses) == {"true_ndr": 2}
    verbs = [[row.verb for row in group] for group in flights(output)["", 1]]
    assert verbs == [
        [Verb.EHLO],
        [Verb.MAIL, Verb.RCPT, Verb.DATA],
        [Verb.RSET, Verb.MAIL, Verb.RCPT, Verb.DATA],
    ]
    # Connect, EHLO, then 3 + 4 + 5 and 3 + 3 + 4 + 5 of service; each DATA is refused and that is final.
    assert round(output.responses["makespan_s"] * 1e3) == 5 * 10 + 1 + 2 + 12 + 15


def octets_of(answer: Answer) -> int:
    """Return the octets of a reply with every CRLF, from its wording."""
    if answer == Answer.EHLO_OK:
        lines = ehlo_lines(NOTHING_OFFERED._replace(pipelining=True), "mx.example.test")
        return sum(len(line) + 2 for line in lines)
    return len(spoken_answers()[answer].wording) + 2


EHLO_OCTETS = len("EHLO mail.example.test\r\n")


def test_transfer_times_add_up_with_one_command_outstanding() -> None:
    """At 0.8 Mbit/s an octet takes 10 µs in each direction; nothing overlaps."""
    size, address = 5000, 30
    responses = run(
        workload={"recipients_per_message": 2, "message_bytes": size, "address_chars": address},
        client={"pipelining": False},
        network={"rtt_ms": 10, "bandwidth_mbit": 0.8},
        server=NO_SERVICE,
    )
    commands = EHLO_OCTETS + (14 + address) + 2 * (12 + address) + len("DATA\r\n") + size
    said = [
        Answer.BANNER,
        Answer.EHLO_OK,
        Answer.MAIL_OK,
        Answer.RCPT_OK,
        Answer.RCPT_OK,
        Answer.DATA_OK,
        Answer.TEXT_OK,
    ]
    replies = sum(map(octets_of, said))
    assert responses["round_trips"] == 8
    assert round(responses["makespan_s"] * 1e9) == 8 * 10 * 10**6 + (commands + replies) * 10_000


@few
@given(size=st.integers(1, 10**6), more=st.integers(1, 10**6))
def test_a_longer_text_takes_its_octets_longer(size: int, more: int) -> None:
    def makespan_ns(octets: int) -> int:
        responses = run(
            workload={"recipients_per_message": 3, "message_bytes": octets},
            network={"bandwidth_mbit": 8.0},
        )
        return round(responses["makespan_s"] * 1e9)

    assert makespan_ns(size + more) - makespan_ns(size) == more * 1000


def test_pipelined_transfer_overlaps_replies_with_commands() -> None:
    """A group of MAIL, two RCPT and DATA at 10 µs an octet: 354 waits for the reply before it to leave."""
    responses = run(
        workload={"recipients_per_message": 2, "message_bytes": 1000},
        network={"rtt_ms": 10, "bandwidth_mbit": 0.8},
        server=NO_SERVICE,
    )
    banner, ehlo, rcpt, data, text = map(
        octets_of, (Answer.BANNER, Answer.EHLO_OK, Answer.RCPT_OK, Answer.DATA_OK, Answer.TEXT_OK)
    )
    # The last RCPT's reply starts when that RCPT has arrived; DATA arrives 6 octets later.
    group = (14 + 25) + 2 * (12 + 25) + max(len("DATA\r\n"), rcpt) + data
    octets = banner + EHLO_OCTETS + ehlo + group + 1000 + text
    assert round(responses["makespan_s"] * 1e9) == 5 * 10 * 10**6 + octets * 10_000


# -- one reply per command ----------------------------------------------------------------------------------


@some
@given(
    n=counts,
    limit=limits,
    window=windows,
    reply=st.sampled_from(["552", "452 4.5.3", "451 4.5.3", "550"]),
    strategy=st.sampled_from(STRATEGIES),
    unknown=st.sampled_from([0.0, 0.3]),
    buffer=st.sampled_from([1, 40, 4096]),
    chunking=st.booleans(),
)
def test_one_reply_per_command_in_order(
    n: int, limit: int, window: int | None, reply: str, strategy: str, unknown: float, buffer: int, chunking: bool
) -> None:
    output = replay(
        workload={"recipients_per_message": n, "unknown_share": unknown},
        client={"window_recipients": window, "strategy": strategy, "chunking": chunking},
        server={
            "recipient_limit": limit,
            "overflow_reply": reply,
            "reply_buffer_bytes": buffer,
            "chunking": chunking,
        },
    )
    replies = by_connection(output, "reply")
    for connection, commands in by_connection(output, "command").items():
        banner, *heard = replies[connection]
        assert banner.verb == Verb.CONNECT
        assert [(row.verb, row.recipient) for row in heard] == [(row.verb, row.recipient) for row in commands]
        assert all(200 <= row.code <= 599 for row in heard)
        for command, answer in zip(commands, heard, strict=True):
            assert command.client_ns <= command.server_ns <= answer.server_ns <= answer.client_ns
        reads = [row.read for row in replies[connection]]
        assert reads == sorted(reads)
        assert set(reads) == set(range(1, max(reads) + 1))


@few
@given(n=st.integers(4, 30), accepted=st.integers(1, 3), window=st.one_of(st.none(), st.integers(2, 40)))
def test_after_421_the_commands_on_their_way_stay_unanswered(n: int, accepted: int, window: int | None) -> None:
    output = replay(
        workload={"recipients_per_message": n},
        client={"window_recipients": window, "expiry_s": 1.0},
        server={"recipient_limit": accepted, "overflow_reply": "421 4.5.3"},
    )
    replies = by_connection(output, "reply")
    for connection, commands in by_connection(output, "command").items():
        _, *heard = replies[connection]
        assert [row.code for row in heard] == [250] * (1 + 1 + accepted) + [421]
        assert [(row.verb, row.recipient) for row in heard] == [
            (row.verb, row.recipient) for row in commands[: len(heard)]
        ]


# -- what each mechanism does in a lone overflowing transaction ----------------------------------------------


@st.composite
def one_overflow(draw: st.DrawFn) -> tuple[int, int]:
    """A limit, and a number of recipients that overflows once: what is re-queued fits the limit."""
    limit = draw(st.integers(1, 40))
    return limit, draw(st.integers(limit, 2 * limit))


NO_FAULT = ("corrected", "aggregate", "first-pending")  # where all mailboxes are valid and the limit is a prefix


@some
@given(pair=one_overflow(), group=st.integers(1, 50), cap=st.integers(1, 12), strategy=st.sampled_from(STRATEGIES))
def test_what_each_mechanism_does(pair: tuple[int, int], group: int, cap: int, strategy: str) -> None:
    limit, n = pair
    m = n - limit
    reads = len({position // group for position in range(limit, n)})
    responses = run(
        workload={"recipients_per_message": n},
        client={"strategy": strategy, "budget": cap},
        network={"replies_per_read": group},
        server={"recipient_limit": limit},
    )
    false_ndr = {"one-stop": max(0, m - 1), "per-read": m - reads, "send-cursor": m, "budget": max(0, m - cap)}
    lost = {"send-cursor-silent": m, "shifted": min(m, 1)}
    assert strategy in {*false_ndr, *lost, *NO_FAULT}, f"say here what {strategy} does to m refused recipients"
    expected = {"false_ndr": false_ndr.get(strategy, 0), "lost": lost.get(strategy, 0)}
    expected["delivered"] = n - expected["false_ndr"] - expected["lost"]
    assert ledger(responses) == {name: count for name, count in expected.items() if count}
    again = m - expected["false_ndr"] - expected["lost"]
    assert responses["rcpt_commands"] == n + again
    assert responses["transactions"] == 1 + (again > 0)


@some
@given(pair=one_overflow(), group=st.integers(1, 50))
def test_per_read_requeues_the_last_of_the_refused(pair: tuple[int, int], group: int) -> None:
    limit, n = pair
    output = replay(
        workload={"recipients_per_message": n},
        client={"strategy": "per-read"},
        network={"replies_per_read": group},
        server={"recipient_limit": limit},
    )
    reads = len({position // group for position in range(limit, n)})
    bounced = [row.recipient for row in output.recipients if row.ndr]
    assert bounced == list(range(limit, n - reads))


@some
@given(pair=one_overflow(), cap=st.integers(1, 12), strategy=st.sampled_from(["one-stop", "budget", "shifted"]))
def test_who_is_failed_or_lost(pair: tuple[int, int], cap: int, strategy: str) -> None:
    limit, n = pair
    output = replay(
        workload={"recipients_per_message": n},
        client={"strategy": strategy, "budget": cap},
        server={"recipient_limit": limit},
    )
    unhappy = [row.recipient for row in output.recipients if row.ledger != "delivered"]
    first = {"one-stop": limit + 1, "budget": limit + cap, "shifted": limit}[strategy]
    last = min(n, limit + 1) if strategy == "shifted" else n
    assert unhappy == list(range(first, last))


@some
@given(
    n=st.integers(2, 80),
    limit=limits,
    window=st.one_of(st.none(), st.integers(2, 50)),
    budget=st.integers(1, 6),
    strategy=st.sampled_from(STRATEGIES),
)
def test_a_whole_message_follows_from_the_rules(
    n: int, limit: int, window: int | None, budget: int, strategy: str
) -> None:
    """The chain of transactions, written down from the table of section 4, against the engine's ledger."""
    responses = run(
        workload={"recipients_per_message": n},
        client={"strategy": strategy, "window_recipients": window, "budget": budget},
        network={"replies_per_read": 1000},
        server={"recipient_limit": limit},
    )
    left, false_ndr, lost, commands, rounds = n, 0, 0, 0, 0
    width = window or n
    while left:
        sent = min((limit // width + 1) * width, left)
        m = max(0, sent - limit)
        # With a thousand replies to a read, the reads that hold a refusal are the flights that do: one.
        kept = {"one-stop": 1, "per-read": 1, "budget": budget, "send-cursor": 0, "send-cursor-silent": 0}
        assert strategy in {*kept, "shifted", *NO_FAULT}, f"say here how many of m refused recipients {strategy} keeps"
        again = min(m, kept.get(strategy, m))
        if strategy == "shifted" and m:
            again, lost = m - 1, lost + 1
        elif strategy == "send-cursor-silent":
            lost += m
        else:
            false_ndr += m - again
        left, commands, rounds = again + left - sent, commands + sent, rounds + 1
    assert (responses["false_ndr"], responses["lost"]) == (false_ndr, lost)
    assert (responses["rcpt_commands"], responses["transactions"]) == (commands, rounds)
    assert responses["delivered"] == n - false_ndr - lost


@some
@given(octets=st.integers(0, 10**13), bits_per_s=st.integers(1, 10**12))
def test_a_line_is_kept_for_the_octets_by_the_bandwidth_rounded_down(octets: int, bits_per_s: int) -> None:
    assert sending_ns(octets, bits_per_s) == octets * 8 * 10**9 // bits_per_s


# -- few are asked about ------------------------------------------------------------------------------------

_counts = st.integers(0, 60)
_classes = st.sampled_from(ReplyClass)


@some
@given(
    strategy=st.sampled_from(STRATEGIES),
    tally=st.builds(Tally, *[_counts] * 8),
    first=st.builds(Rcpt, _counts, _classes, _classes, _counts, _classes),
    recipients=st.integers(1, 90),
    knobs=st.builds(Knobs, st.booleans(), st.integers(1, 40), st.booleans()),
)
def test_to_ask_about_few_is_to_ask_about_each(
    strategy: str, tally: Tally, first: Rcpt, recipients: int, knobs: Knobs
) -> None:
    settle, alike = BUILT_IN[strategy].settle, Alike(first, recipients)
    found = [verdict for verdict, many in steady_verdicts(settle, tally, alike, knobs) for _ in range(many)]
    assert find_strategy(strategy).is_steady
    assert found == [settle(tally, rcpt, knobs) for rcpt in alike.each()]
