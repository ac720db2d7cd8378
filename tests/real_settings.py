"""Settings for real programs, drawn by number, and what the simulator and the program make of each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from real_clients import CLIENTS, Client, Letter, Manner, Told
from real_line import Line

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.encoding import Encoder
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.served import ServedRow
from simsmtp.model.plan import plan_of
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.ledger import LEDGER_NAMES, ledger_class
from simsmtp.rows.records import Output

LOOPBACK = Endpoint("127.0.0.1", 0)
RTT_S = 0.02
"""Round trip of settings in which time decides: long beside what this machine takes for a command."""
LONG_S = 3600.0
"""Window of rate limits: longer than any run, so that what is full stays full."""
OVER_LIMIT = (552, 452, "452 4.5.3", "552 5.5.3", "451 4.5.3", "550 5.5.3", "450 4.2.1", "421 4.3.2", "554 5.7.1")
REFUSALS = ("451 4.7.1", "450 4.7.1", "452 4.5.3", "550 5.7.1", "554 5.7.1", "421 4.7.0")
RATED = (
    *(("connections", "connect"), ("messages", "mail"), ("messages", "data"), ("messages", "dot")),
    *(("recipients", "rcpt"), ("recipients", "data"), ("recipients", "dot")),
    *(("commands", "mail"), ("commands", "rcpt"), ("commands", "data"), ("commands", "dot")),
)
NOT_OF_RECIPIENTS = (Answer.TOO_MANY_ERRORS, Answer.BAD_SEQUENCE)
"""Replies to RCPT that the server's account leaves out: they end the session, or MAIL was refused before."""
SEEDS_OF_TIME = range(12)
TRIES = 3
"""How often a setting in which time decides is tried: this machine may be late."""


class Setting(NamedTuple):
    """One setting.

    Attributes
    ----------
    number : int
        What it was drawn by.
    name : str
        The program.
    manner : Manner
        How it is used.
    workload, server : dict
        Tables of the scenario.
    is_timed : bool
        Which connection comes first decides who is served.
    """

    number: int
    name: str
    manner: Manner
    workload: dict[str, Any]
    server: dict[str, Any]
    is_timed: bool = False

    @property
    def client(self) -> Client:
        """The program."""
        return CLIENTS[self.name]

    def scenario(self, times: Mapping[str, object] | None = None) -> Scenario:
        """Return it as the simulator takes it, with these times in place of fixed ones."""
        use = {
            "preset": self.client.preset,
            "connections": self.manner.connections,
            "transactions_per_connection": self.manner.per_connection or None,
        }
        network = {"rtt_ms": 1.0}
        if times:
            use["pause_ms"], network["rtt_ms"] = times["pause_ms"], times["rtt_ms"]
        tables = {"workload": self.workload, "client": use, "server": self.server, "network": network}
        return Scenario.from_dict(tables)


def drawn(number: int) -> Setting:
    """Draw a setting: the same for the same number."""
    draw = Random(number)  # noqa: S311 - no secret
    name = list(CLIENTS)[number % len(CLIENTS)]
    client = CLIENTS[name]
    is_timed = draw.random() < 0.2
    workload = _workload(draw, is_timed=is_timed)
    per_connection = draw.choice(client.per_connection)
    server: dict[str, Any] = {}
    is_shared = False
    for feature in draw.sample(FEATURES, draw.choice([1, 1, 2, 2, 3])):
        server |= feature(draw)
        is_shared |= feature in SHARED
    if (client.closes_after_failure and (is_shared or is_timed)) or (client.tries_again and _may_cut_off(server)):
        per_connection = 1
    if is_timed:
        server |= draw.choice([_sessions, _messages, _sessions])(draw)
        per_connection = 1 if client.tries_again else per_connection
        return Setting(number, name, Manner(draw.choice([2, 3, 5, 8]), per_connection), workload, server, True)
    connections = 1 if is_shared else draw.choice([1, 1, 2, 4])
    return Setting(number, name, Manner(connections, per_connection), workload, server)


def _may_cut_off(server: Mapping[str, Any]) -> bool:
    """Tell whether a used connection may be answered 421 where that decides who is served."""
    return (
        "hard_error_limit" in server
        or "rate_limits" in server
        or str(server.get("overflow_reply", "")).startswith("421")
    )


def _workload(draw: Random, *, is_timed: bool) -> dict[str, Any]:
    count = draw.choice([1, 2, 3]) if is_timed else draw.choice([1, 2, 3, 5, 8, 12])
    unknown = draw.choice([[], [], [0], [draw.randrange(count)], [0, count - 1]])
    return {
        "messages": draw.choice([12, 24, 40]) if is_timed else draw.choice([1, 2, 3, 5, 8]),
        "recipients_per_message": count,
        "domains": draw.choice([1, 1, 2, 3]),
        "unknown": sorted(set(unknown)),
    }


def _limit(draw: Random) -> dict[str, Any]:
    kind = draw.choice(["transaction", "transaction", "domain", "first-domain-only"])
    return {
        "recipient_limit": draw.choice([1, 2, 3, 4, 6]),
        "limit_kind": kind,
        "overflow_reply": draw.choice(OVER_LIMIT),
    }


def _limit_of_connection(draw: Random) -> dict[str, Any]:
    return _limit(draw) | {"limit_kind": "connection"}


def _messages(draw: Random) -> dict[str, Any]:
    return {"messages_per_connection": draw.choice([1, 2, 3])}


def _sessions(draw: Random) -> dict[str, Any]:
    return {"sessions": draw.choice([1, 2, 3, 4])}


def _errors(draw: Random) -> dict[str, Any]:
    return {"hard_error_limit": draw.choice([1, 2, 3, 5])}


def _text_fails(draw: Random) -> dict[str, Any]:
    return {"data_failure_share": draw.choice([0.3, 0.7, 1.0]), "data_failure_reply": draw.choice(REFUSALS)}


def _data(draw: Random) -> dict[str, Any]:
    return {"reject_data_after_overflow": draw.choice([True, False]),
            "data_without_recipients": draw.choice(["354", "554 5.5.1"])}  # fmt: skip


def _rates(draw: Random) -> dict[str, Any]:
    return {"rate_limits": [_rate(draw) for _ in range(draw.choice([1, 1, 2]))]}


def _rate(draw: Random) -> dict[str, Any]:
    counts, at = draw.choice(RATED)
    most, kind = draw.choice([1, 2, 3, 5, 9]), draw.choice(["fixed", "sliding", "bucket"])
    reply = draw.choice(REFUSALS)
    return {"counts": counts, "at": at, "most": most, "window_s": LONG_S, "kind": kind, "reply": reply}


def _no_pipelining(_: Random) -> dict[str, Any]:
    return {"pipelining": False}


def _greylisting(_: Random) -> dict[str, Any]:
    return {"greylist_s": LONG_S}


FEATURES = [
    *(_limit, _limit, _limit_of_connection, _messages, _errors, _text_fails, _data, _no_pipelining, _greylisting),
    *(_rates, _rates),
]
SHARED = [_limit_of_connection, _messages, _errors, _rates]
"""Features in which messages meet on a connection, or all of them do: who comes first matters."""


def feature_names(server: Mapping[str, Any]) -> list[str]:
    """Name what a server does in a setting."""
    named = [f"{key} = {server[key]}" if key in ("limit_kind", "limit_at") else key for key in server]
    limits = server.get("rate_limits", [])
    rates = sorted({f"rate_limits: {one['counts']} at {one['at']}" for one in limits})
    left_out = ("recipient_limit", "overflow_reply", "data_failure_reply", "rate_limits")
    return [name for name in named if name not in left_out] + rates


_UNTOLD = {"false_ndr": "lost", "true_ndr": "missed_ndr"}


class Outcome(NamedTuple):
    """What became of everybody.

    Attributes
    ----------
    ledger : dict
        Message and recipient → class.
    connections, rcpt_commands : int
        What the server saw, without RCPTs that were answered for another reason than a recipient.
    """

    ledger: Mapping[tuple[int, int], str]
    connections: int
    rcpt_commands: int

    @property
    def counts(self) -> Counter[str]:
        """Recipients of each class."""
        return Counter(self.ledger.values())


def simulated(setting: Setting, seed: int = 0, times: Mapping[str, object] | None = None) -> tuple[Outcome, Output]:
    """Return what the simulator says."""
    plan = plan_of(setting.scenario(times))
    output = run_replication(plan, seed=seed, engine="reference", recipients=True, dialogue=True)
    ledger = {(row.message, row.recipient): row.ledger for row in output.recipients}
    if setting.client.is_silent:
        sent = {row.message for row in output.recipients if row.accepted}
        ledger |= {key: _UNTOLD.get(name, name) for key, name in ledger.items() if key[0] in sent}
    answered = sum(
        row.kind == "reply" and row.verb == Verb.RCPT and row.code > 0 and row.note not in NOT_OF_RECIPIENTS
        for row in output.dialogue
    )
    return Outcome(ledger, int(output.responses["connections"]), answered), output


def letters_of(setting: Setting, output: Output) -> list[Letter]:
    """Return the messages that the simulator has sent, for the program."""
    encoder = Encoder(24, setting.workload["domains"])
    valid: dict[int, dict[int, bool]] = {}
    for row in output.recipients:
        valid.setdefault(row.message, {})[row.recipient] = row.valid
    return [
        Letter(
            number,
            f"s{number:010d}@orig.test",
            [encoder.mailbox(one, is_valid=exists) for one, exists in sorted(recipients.items())],
        )
        for number, recipients in sorted(valid.items())
    ]


def real(setting: Setting, letters: list[Letter]) -> Outcome:
    """Let the program send to `simsmtp serve`; return what became of everybody."""
    rows: list[ServedRow] = []

    async def run() -> tuple[Told, int]:
        listener = Listener(setting.scenario(), LOOPBACK, Terms(timeout_s=20.0, enter=rows.append))
        async with listener:
            if setting.is_timed:
                async with Line(listener.place, RTT_S) as place:
                    told = await asyncio.to_thread(setting.client.send, place, letters, setting.manner)
            else:
                told = await asyncio.to_thread(setting.client.send, listener.place, letters, setting.manner)
            async with asyncio.timeout(20):
                while listener.sessions:
                    await asyncio.sleep(0.002)
        assert listener.served.faults == {}, listener.served.faults
        return told, listener.served.sessions

    told, sessions = asyncio.run(run())
    accepted = Counter((row.sender, row.recipient) for row in rows if row.accepted)
    ledger = {}
    for letter in letters:
        for position, who in enumerate(letter.recipients):
            key = letter.number, position
            is_valid = not who.startswith("x")
            found = ledger_class(is_valid, accepted[letter.sender, who], key in told, False)
            ledger[key] = LEDGER_NAMES[found]
    return Outcome(ledger, sessions, len(rows))


def jittered(setting: Setting) -> list[Outcome]:
    """Return what the simulator says under times that vary: where they decide, all of it may happen.

    A program's own time is also taken as three and nine times as long, as it is when this machine is busy.
    """
    rtt = {"dist": "lognormal", "mean": RTT_S * 1e3, "cv": 0.1}
    begins = setting.client.begins_ms
    found = []
    for seed in SEEDS_OF_TIME:
        pause = {"dist": "lognormal", "mean": begins * 3 ** (seed % 3), "cv": 0.3} if begins else 0.0
        found.append(simulated(setting, seed, {"rtt_ms": rtt, "pause_ms": pause})[0])
    return found


class Compared(NamedTuple):
    """A setting, what really became of everybody, and where the simulator says something else."""

    setting: Setting
    found: Outcome
    differ: Mapping[str, object]

    def row(self) -> dict[str, Any]:
        """Return it for a file."""
        setting = self.setting
        return {
            "number": setting.number,
            "program": setting.name,
            "connections": setting.manner.connections,
            "per_connection": setting.manner.per_connection,
            "is_timed": setting.is_timed,
            "workload": setting.workload,
            "server": setting.server,
            "real": dict(sorted(self.found.counts.items())),
            "differ": dict(self.differ),
        }


def compared(setting: Setting) -> Compared:
    """Let both have it."""
    expected, output = simulated(setting)
    letters = letters_of(setting, output)
    if setting.is_timed:
        return _compared_in_time(setting, letters)
    found = real(setting, letters)
    differ: dict[str, object] = {}
    if found.ledger != expected.ledger:
        differ["ledger (real, simulated)"] = dict(found.counts), dict(expected.counts)
    client, connections = setting.client, setting.manner.connections
    names_others = client.tries_again or (client.groups_commands and setting.server.get("pipelining", True))
    if not names_others and found.rcpt_commands != expected.rcpt_commands:
        differ["RCPT commands (real, simulated)"] = found.rcpt_commands, expected.rcpt_commands
    is_steady = connections == 1 and not (client.tries_again or client.closes_after_failure)
    if is_steady and found.connections != expected.connections:
        differ["connections (real, simulated)"] = found.connections, expected.connections
    return Compared(setting, found, differ)


def _compared_in_time(setting: Setting, letters: list[Letter]) -> Compared:
    """Take the classes whose number is more than a message away from all that is simulated under any of the times."""
    possible = jittered(setting)
    for _ in range(TRIES):
        found = real(setting, letters)
        differ = {}
        for name in sorted({name for one in (found, *possible) for name in one.counts}):
            numbers = [one.counts[name] for one in possible]
            slack = len(letters[0].recipients)
            if not min(numbers) - slack <= found.counts[name] <= max(numbers) + slack:
                differ[name] = {"real": found.counts[name], "simulated": (min(numbers), max(numbers))}
        if not differ:
            break
    return Compared(setting, found, differ)
