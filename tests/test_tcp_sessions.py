"""SMTP sessions under the profile tcp: as the pipe where TCP has no say, and the stall where it has."""

from __future__ import annotations

import pytest
from helpers import few, replay
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.protocol.commands import Verb

PLAIN_TCP = {"profile": "tcp", "mss": 65_535, "initial_window": 256, "nagle": "none", "delayed_ack_ms": 0.0}


@pytest.mark.slow
@few
@given(
    recipients=st.integers(1, 120),
    client=st.fixed_dictionaries(
        {
            "batch_size": st.integers(1, 60),
            "pipelining": st.booleans(),
            "window_recipients": st.sampled_from((None, 1, 7)),
            "chunking": st.booleans(),
            "strategy": st.sampled_from(("corrected", "one-stop", "send-cursor")),
            "stop_on_overflow": st.booleans(),
            "reset_before_reuse": st.booleans(),
            "connections": st.integers(1, 3),
        }
    ),
    server=st.fixed_dictionaries(
        {
            "recipient_limit": st.sampled_from((None, 3, 25)),
            "overflow_reply": st.sampled_from((552, 452, 421)),
            "rcpt_service_ms": st.sampled_from((0.0, 0.2, 3.0)),
            "text_service_ms": st.sampled_from((0.0, 7.0)),
            "workers": st.sampled_from((None, 1)),
        }
    ),
)
def test_where_tcp_has_no_say_it_is_the_pipe(
    recipients: int, client: dict[str, object], server: dict[str, object]
) -> None:
    """One segment per write, no window to fill, no acknowledgement awaited: all responses are those of the pipe."""
    both = [
        replay(
            workload={"recipients_per_message": recipients, "message_bytes": 4000},
            client=client,
            server={**server, **({"read_buffer_bytes": 65_535} if "profile" in network else {})},
            network={"bandwidth_mbit": None, **network},
        ).responses
        for network in ({}, PLAIN_TCP)
    ]
    assert repr(both[0]) == repr(both[1])


def _gaps_between_pieces(**network: object) -> list[float]:
    """Seconds between the two pieces in which the replies to each group of fifty come."""
    rows = replay(
        workload={"recipients_per_message": 200, "message_bytes": 1000, "address_chars": 13},
        client={"batch_size": 50, "orcpt": True, "reset_before_reuse": True},
        network={"rtt_ms": 100, "bandwidth_mbit": None, "profile": "tcp", **network},
        server={"recipient_limit": 1000, "read_buffer_bytes": 1448},
    ).dialogue
    gaps = []
    for group in sorted({row.group for row in rows if row.verb == Verb.RCPT and row.kind == "reply"}):
        times = sorted({row.client_ns for row in rows if row.group == group and row.kind == "reply"})
        gaps += [(times[-1] - times[0]) / 1e9] if len(times) > 1 else []
    return gaps


def test_replies_in_two_pieces_lose_a_round_trip_and_the_delayed_acknowledgement() -> None:
    """A receiver that reads MAIL and 50 RCPTs in two answers in two, 392 and 359 octets; Postfix was seen to."""
    assert _gaps_between_pieces() == pytest.approx([0.14] * 4)


def test_without_nagle_at_the_receiver_the_second_piece_follows_at_once() -> None:
    assert max(_gaps_between_pieces(nagle="client")) < 0.01


def test_octets_of_a_group_are_those_of_postfix() -> None:
    """MAIL, 50 RCPTs with ORCPT and DATA fill a segment of 1448 octets and one of about 1190."""
    rows = replay(
        workload={"recipients_per_message": 50, "address_chars": 13},
        client={"orcpt": True},
        network={"profile": "tcp"},
    ).dialogue
    group = [row for row in rows if row.kind == "command" and row.verb in (Verb.MAIL, Verb.RCPT, Verb.DATA)]
    assert {row.octets for row in group if row.verb == Verb.RCPT} == {52}
    assert len({row.server_ns for row in group}) == 2, "two segments"


def test_keys_of_tcp_mean_nothing_to_the_pipe() -> None:
    from simsmtp.errors import InputError
    from simsmtp.model.scenario import Scenario

    with pytest.raises(InputError, match=r"network\.mss.*profile pipe.*profile = \"tcp\""):
        Scenario.from_dict({"network": {"mss": 1000}})
    with pytest.raises(InputError, match=r"server\.wake_ms"):
        Scenario.from_dict({"server": {"wake_ms": 1.0}})
