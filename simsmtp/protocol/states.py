"""Session and transaction states of a server: one table, the only home of that knowledge (RFC 5321 section 4.1.4).

Run ``python -m simsmtp.protocol.states`` to print the table as Markdown.
"""

from __future__ import annotations

from enum import IntEnum

from simsmtp.protocol.commands import Verb


class State(IntEnum):
    """Where a session stands on the server's side."""

    CLOSED = 0
    CONNECTED = 1  # banner sent, no EHLO yet
    READY = 2  # greeted, no transaction
    MAIL = 3  # transaction open, no recipient accepted
    RCPT = 4  # at least one recipient accepted
    TEXT = 5  # 354 sent, the next octets are message text


# (state, verb) -> state after a positive reply (2yz, 3yz). A pair that is absent is out of sequence: 503.
# A refusal (4yz, 5yz) leaves the state as it is, except where AFTER_REFUSAL says otherwise; 421 closes.
TRANSITIONS: dict[tuple[State, Verb], State] = {
    (State.CLOSED, Verb.CONNECT): State.CONNECTED,
    (State.CONNECTED, Verb.EHLO): State.READY,
    (State.READY, Verb.EHLO): State.READY,
    (State.READY, Verb.STARTTLS): State.CONNECTED,
    (State.READY, Verb.MAIL): State.MAIL,
    (State.MAIL, Verb.EHLO): State.READY,
    (State.MAIL, Verb.RCPT): State.RCPT,
    (State.MAIL, Verb.DATA): State.TEXT,
    (State.MAIL, Verb.BDAT): State.READY,
    (State.MAIL, Verb.RSET): State.READY,
    (State.RCPT, Verb.EHLO): State.READY,
    (State.RCPT, Verb.RCPT): State.RCPT,
    (State.RCPT, Verb.DATA): State.TEXT,
    (State.RCPT, Verb.BDAT): State.READY,
    (State.RCPT, Verb.RSET): State.READY,
    (State.TEXT, Verb.TEXT): State.READY,
    **{(state, Verb.NOOP): state for state in (State.CONNECTED, State.READY, State.MAIL, State.RCPT)},
    **{(state, Verb.RSET): state for state in (State.CONNECTED, State.READY)},
    **{(state, Verb.QUIT): State.CLOSED for state in (State.CONNECTED, State.READY, State.MAIL, State.RCPT)},
}
# The text (or chunk) is consumed even when it is refused, and the transaction is over (RFC 3030 section 2).
AFTER_REFUSAL: dict[tuple[State, Verb], State] = {
    (State.TEXT, Verb.TEXT): State.READY,
    (State.MAIL, Verb.BDAT): State.READY,
    (State.RCPT, Verb.BDAT): State.READY,
}

_ABSENT = -1
# The same table, dense, so that decisions may index it: state, then verb.
_POSITIVE = tuple(tuple(int(TRANSITIONS.get((s, v), _ABSENT)) for v in Verb) for s in State)
_NEGATIVE = tuple(tuple(int(AFTER_REFUSAL.get((s, v), s)) for v in Verb) for s in State)


def in_sequence(state: int, verb: int) -> bool:
    """Tell whether a command is allowed in a state; where it is not, the reply is 503."""
    return _POSITIVE[state][verb] != _ABSENT


def ends_session(verb: int, code: int) -> bool:
    """Tell whether a server says a reply and hangs up: 421 to whatever, and a banner that refuses the connection."""
    return code == 421 or (verb == Verb.CONNECT and code >= 400)


def next_state(state: int, verb: int, code: int) -> int:
    """Return the state after a command in sequence was answered with the given code."""
    if code == 421:
        return State.CLOSED
    return _POSITIVE[state][verb] if code < 400 else _NEGATIVE[state][verb]


def table_markdown() -> str:
    """Return the transition table as Markdown, one row per state."""
    head = "| state | " + " | ".join(verb.name for verb in Verb) + " |"
    rule = "|---" * (len(Verb) + 1) + "|"
    rows = [
        f"| {state.name} | "
        + " | ".join(TRANSITIONS[state, verb].name if (state, verb) in TRANSITIONS else "503" for verb in Verb)
        + " |"
        for state in State
    ]
    return "\n".join([head, rule, *rows])


if __name__ == "__main__":
    print(table_markdown())  # noqa: T201 - this is what running the module is for
