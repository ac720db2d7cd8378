"""The checked points of the model's section 4, exactly: (N, L, w) = (250, 100, unlimited) and (250, 100, 50)."""

from __future__ import annotations

import pytest
from helpers import STRATEGIES, ledger, run

N, L = 250, 100
READS_OF_8 = {"replies_per_read": 8}


def point(strategy: str, window: int | None, reply: int | str = 552, **client: object) -> dict[str, int | float]:
    return run(
        workload={"recipients_per_message": N},
        client={"strategy": strategy, "window_recipients": window, **client},
        network=READS_OF_8,
        server={"recipient_limit": L, "overflow_reply": reply},
    )


@pytest.mark.parametrize(("window", "commands"), [(None, 450), (50, 350)])
@pytest.mark.parametrize("reply", [552, 452, "452 4.5.3"])
def test_corrected_needs_three_transactions(window: int | None, commands: int, reply: int | str) -> None:
    responses = point("corrected", window, reply)
    assert ledger(responses) == {"delivered": N}
    assert responses["transactions"] == 3
    assert responses["rcpt_commands"] == commands


@pytest.mark.parametrize(
    ("window", "strategy", "false_ndrs"),
    [
        (None, "one-stop", 149),
        (None, "per-read", 130),
        (None, "send-cursor", 150),
        (None, "budget", 147),
        (50, "one-stop", 49),
        (50, "per-read", 49),
        (50, "send-cursor", 50),
        (50, "budget", 47),
    ],
)
def test_false_ndrs_at_the_checked_points(window: int | None, strategy: str, false_ndrs: int) -> None:
    assert ledger(point(strategy, window)) == {"delivered": N - false_ndrs, "false_ndr": false_ndrs}


@pytest.mark.parametrize(("window", "lost"), [(None, 150), (50, 50)])
@pytest.mark.parametrize("reply", [552, 452])
def test_silent_cursor_loses_what_the_loud_one_bounces(window: int | None, lost: int, reply: int) -> None:
    assert ledger(point("send-cursor-silent", window, reply)) == {"delivered": N - lost, "lost": lost}


@pytest.mark.parametrize("window", [None, 50])
@pytest.mark.parametrize("reply", [552, 452])
def test_totals_suffice_for_a_prefix_of_valid_mailboxes(window: int | None, reply: int) -> None:
    assert ledger(point("aggregate", window, reply)) == {"delivered": N}


@pytest.mark.parametrize(
    ("window", "lost", "commands"),
    # Unlimited: 250 (150 refused, 1 lost), 149 (49 refused, 1 lost), 48.
    # Flights of 50: 150 (50 refused, 1 lost), then 49 + 100 (49 refused, 1 lost), then 48.
    [(None, 2, 250 + 149 + 48), (50, 2, 150 + 149 + 48)],
)
@pytest.mark.parametrize("reply", [552, 452])
def test_shifted_loses_one_per_overflowed_transaction(window: int | None, lost: int, commands: int, reply: int) -> None:
    responses = point("shifted", window, reply)
    assert ledger(responses) == {"delivered": N - lost, "lost": lost}
    assert responses["transactions"] == 3
    assert responses["rcpt_commands"] == commands


@pytest.mark.parametrize("window", [None, 50])
@pytest.mark.parametrize("strategy", ["one-stop", "per-read", "send-cursor", "budget"])
@pytest.mark.parametrize("reply", [452, "452 4.5.3"])
def test_with_452_a_failure_is_a_deferral_and_everybody_is_reached(
    window: int | None, strategy: str, reply: int | str
) -> None:
    responses = point(strategy, window, reply)
    assert ledger(responses) == {"delivered": N}
    # Some came back from the queue, so the last of them waited for the retry schedule.
    assert responses["delay_p99_s"] >= 300


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("reply", [552, 452])
@pytest.mark.parametrize("pipelining", [True, False])
def test_bounce_is_a_control_that_bounces_with_and_without_pipelining(
    strategy: str, reply: int, pipelining: bool
) -> None:
    responses = point(strategy, None, reply, overflow="bounce", pipelining=pipelining)
    silent = {"send-cursor-silent": N - L, "shifted": 1}.get(strategy, 0) if pipelining else 0
    expected = {"delivered": L, "false_ndr": N - L - silent, "lost": silent}
    assert ledger(responses) == {name: count for name, count in expected.items() if count}
    assert responses["rcpt_commands"] == N
    assert responses["transactions"] == 1


@pytest.mark.parametrize(("reply", "bounces"), [(552, True), (452, False), ("452 5.5.3", False), ("550 5.5.3", True)])
def test_bounce_may_be_asked_for_one_reply_class(reply: int | str, bounces: bool) -> None:
    responses = point("corrected", None, reply, overflow={"552": "bounce", "452": "same-session"})
    assert responses["false_ndr"] == (N - L if bounces else 0)
    assert responses["connections"] == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("reply", [552, 452])
@pytest.mark.parametrize("stop_and_wait", [{"pipelining": False}, {"window_recipients": 1}])
def test_stop_and_wait_hides_every_mechanism(strategy: str, reply: int, stop_and_wait: dict[str, object]) -> None:
    client = {"strategy": strategy} | stop_and_wait
    responses = run(
        workload={"recipients_per_message": N},
        client=client,
        server={"recipient_limit": L, "overflow_reply": reply},
    )
    assert ledger(responses) == {"delivered": N}
    assert responses["rcpt_commands"] == N + 2  # one refusal in each transaction that overflows
