"""What `serve` refuses where a limit does not speak at RCPT, and in words of the user's own: told octets, no socket."""

from __future__ import annotations

import pytest
from test_live_commands import HELLO, MAIL, RCPT, Server

from simsmtp.live.served import ServedRow

SECOND, THIRD, FOURTH = (f"RCPT TO:<{name}@b.test>" for name in "cde")
FOUR = [RCPT, SECOND, THIRD, FOURTH]  # of whom the server takes three


def finals(server: Server) -> set[tuple[int, int, bool]]:
    """Return the code of each recipient's RCPT, that of the final reply, and whether it was accepted."""
    rows: list[ServedRow] = server.rows
    return {(row.code, row.final_code, row.accepted) for row in rows}


def test_a_limit_at_data_takes_every_rcpt_and_no_text() -> None:
    server = Server(limit_at="data", overflow_reply="452 4.5.3")
    assert server.codes(HELLO, MAIL, *FOUR, "DATA", "RSET") == [250, 250, 250, 250, 250, 250, 452, 250]
    assert finals(server) == {(250, 452, False)}
    assert (server.served.over_limit, server.served.texts) == (4, 0)
    assert server.codes(MAIL, *FOUR[:3], "DATA", "text\r\n.") == [250, 250, 250, 250, 354, 250]
    assert server.served.texts == 1


def test_a_limit_at_the_dot_takes_every_rcpt_and_refuses_the_text() -> None:
    server = Server(limit_at="dot", overflow_reply=554)
    assert server.codes(HELLO, MAIL, *FOUR, "DATA", "text\r\n.") == [250, 250, 250, 250, 250, 250, 354, 554]
    assert finals(server) == {(250, 554, False)}
    assert (server.served.over_limit, server.served.texts) == (4, 0)


@pytest.mark.parametrize("at", ["data", "dot"])
def test_a_limit_at_data_or_the_dot_speaks_at_the_first_chunk(at: str) -> None:
    server = Server(limit_at=at, overflow_reply="554 5.5.3", chunking=True)
    assert server.codes(HELLO, MAIL, *FOUR) == [250] * 6
    assert server.hear(b"BDAT 4\r\ntext") == ["554 5.5.3 Too many recipients"]
    assert server.codes("BDAT 0 LAST") == [503]
    assert finals(server) == {(250, 554, False)}
    server.say(MAIL, *FOUR[:3])
    assert server.hear(b"BDAT 4\r\ntextBDAT 0 LAST\r\n") == ["250 2.0.0 Ok: chunk", "250 2.0.0 Ok: queued"]


def test_a_message_too_many_is_refused_at_data_and_the_session_goes_on() -> None:
    server = Server(messages_per_connection=1, messages_at="data", messages_reply="452 4.4.5")
    server.say(HELLO, MAIL, RCPT, "DATA", "text\r\n.")
    for _ in range(2):
        assert server.say(MAIL, RCPT, "DATA")[-1] == "452 4.4.5 Too many messages or recipients on this connection"
    assert not server.is_over
    assert server.codes("QUIT") == [221]


def test_a_message_too_many_is_refused_at_mail_and_the_session_goes_on_unless_by_421() -> None:
    for reply, goes_on in (("450 4.7.0", True), ("421 4.5.3", False)):
        server = Server(messages_per_connection=1, messages_reply=reply)
        server.say(HELLO, MAIL, RCPT, "DATA", "text\r\n.")
        assert server.codes(MAIL) == [int(reply[:3])]
        assert server.is_over != goes_on


def test_commands_of_all_kinds_count_also_those_that_are_none() -> None:
    server = Server(commands_per_connection=6)
    assert server.codes(HELLO, "NOOP", "VRFY b@b.test", "HI", "RSET", MAIL, RCPT) == [250, 250, 252, 500, 250, 250, 421]
    assert server.is_over


def test_a_text_is_no_command_and_nobody_is_kept_from_leaving() -> None:
    server = Server(commands_per_connection=4, commands_reply="450 4.7.0")
    assert server.codes(HELLO, MAIL, RCPT, "DATA", "text\r\n.") == [250, 250, 250, 354, 250]
    assert server.codes("NOOP", MAIL, "HI", "QUIT") == [450, 450, 450, 221]
    assert server.served.texts == 1


def test_every_line_of_a_reply_is_sent() -> None:
    several = "452-4.5.3 Too many recipients\n452-\n452 4.5.3 Try later"
    server = Server(overflow_reply=several, data_reply="354-Go\n354 on")
    server.say(HELLO, MAIL, *FOUR[:3])
    server.session.receive(b"RCPT TO:<e@b.test>\r\nDATA\r\n")
    server._run()
    said = "452-4.5.3 Too many recipients\r\n452-\r\n452 4.5.3 Try later\r\n354-Go\r\n354 on\r\n"
    assert server._said.decode("ascii") == said


@pytest.mark.parametrize(
    ("table", "lines", "told"),
    [
        ({"data_without_recipients": "503 5.5.1"}, ["RCPT TO:<>", "DATA"], "503 5.5.1 No valid recipients"),
        ({"data_without_recipients": 354}, ["DATA", "."], "554 5.5.1 No valid recipients"),
        (
            {"reject_data_after_overflow": True, "data_after_overflow_reply": "451 4.5.3 Fewer, please"},
            [*FOUR, "DATA"],
            "451 4.5.3 Fewer, please",
        ),
    ],
    ids=str,
)
def test_data_is_refused_in_words_of_the_users_own(table: dict[str, object], lines: list[str], told: str) -> None:
    server = Server(**table)
    assert server.say(HELLO, MAIL, *lines)[-1] == told
