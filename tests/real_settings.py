"""Settings for real programs, drawn by number, and what the simulator and the program make of each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from real_clients import CLIENTS, Client, Letter, Manner, Told
from real_line import Line
from real_servers import drawn_losses, drawn_server, may_cut_off, may_refuse_data, messages, sessions

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
TIMEOUTS = ("connect", "command", "data", "dot")
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
    losses : list of dict
        Where the server hangs up.
    """

    number: int
    name: str
    manner: Manner
    workload: dict[str, Any]
    server: dict[str, Any]
    is_timed: bool = False
    losses: Sequence[dict[str, Any]] = ()

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
        network: dict[str, Any] = {"rtt_ms": 1.0}
        if self.losses:
            network["losses"], use["timeout_s"] = list(self.losses), dict.fromkeys(TIMEOUTS, 1.0)
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
    server, is_shared = drawn_server(draw)
    if (client.closes_after_failure and (is_shared or is_timed)) or (client.tries_again and may_cut_off(server)):
        per_connection = 1
    if client.forgets_data and may_refuse_data(server):
        per_connection = 1
    if is_timed:
        server |= draw.choice([sessions, messages, sessions])(draw)
        per_connection = 1 if client.tries_again else per_connection
        return Setting(number, name, Manner(draw.choice([2, 3, 5, 8]), per_connection), workload, server, True)
    losses = drawn_losses(draw)
    if losses and (client.closes_after_failure or client.tries_again):
        per_connection = 1
    if client.tries_again:  # where a server says nothing at all, it connects again
        losses = [one for one in losses if one["at"] != "connect"]
    connections = 1 if is_shared or losses else draw.choice([1, 1, 2, 4])
    return Setting(number, name, Manner(connections, per_connection), workload, server, losses=losses)


def _workload(draw: Random, *, is_timed: bool) -> dict[str, Any]:
    count = draw.choice([1, 2, 3]) if is_timed else draw.choice([1, 2, 3, 5, 8, 12])
    unknown = draw.choice([[], [], [0], [draw.randrange(count)], [0, count - 1]])
    is_mixed = not is_timed and draw.random() < 0.4
    return {
        "messages": draw.choice([12, 24, 40]) if is_timed else draw.choice([1, 2, 3, 5, 8]),
        "recipients_per_message": {"dist": "empirical", "values": [1, 2, count]} if is_mixed else count,
        "domains": draw.choice([1, 1, 2, 3]),
        "unknown": sorted(set(unknown)),
    }


_UNTOLD = {"false_ndr": "lost", "true_ndr": "missed_ndr"}


class Outcome(NamedTuple):
    """What became of everybody.

    Attributes
    ----------
    ledger : dict
        Message and recipient → class.
    connections, rcpt_commands : int
        What the server saw, see `_rcpts`.
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
        sent = {row.message for row in output.recipients if row.accepted and not row.ndr}
        ledger |= {key: _UNTOLD.get(name, name) for key, name in ledger.items() if key[0] in sent}
    return Outcome(ledger, int(output.responses["connections"]), _rcpts(output)), output


def _rcpts(output: Output) -> int:
    """Count RCPTs as the server does: answered, behind a MAIL that it accepted, and not by hanging up for errors."""
    has_mail: dict[int, bool] = {}
    count = 0
    for row in output.dialogue:
        if row.kind != "reply" or row.code == 0:
            continue
        if row.verb == Verb.MAIL:
            has_mail[row.connection] = row.code < 400
        elif row.verb == Verb.RCPT and has_mail[row.connection] and row.note != Answer.TOO_MANY_ERRORS:
            count += 1
    return count


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
        return told, listener.ended

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
            "losses": list(setting.losses),
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
            slack = max(len(one.recipients) for one in letters)
            if not min(numbers) - slack <= found.counts[name] <= max(numbers) + slack:
                differ[name] = {"real": found.counts[name], "simulated": (min(numbers), max(numbers))}
        if not differ:
            break
    return Compared(setting, found, differ)
