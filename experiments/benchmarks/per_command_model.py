"""What one would write in SimPy without simsmtp: every command and every reply in flight is a process.

The sender is the `corrected` one with an unlimited window and a new connection after an overflow; the receiver
refuses with 552 what exceeds its limit per transaction. Times are in seconds, bandwidth is unlimited.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

import simpy


class Settings(NamedTuple):
    """What is simulated; the defaults are those of simsmtp."""

    recipients: int = 250
    batch_size: int = 1000
    limit: int = 100
    rtt_s: float = 0.050
    command_s: float = 0.0002
    text_s: float = 0.002


class Link:
    """One direction of a connection: what is put in comes out, in order, after a delay."""

    def __init__(self, env, delay_s):
        self.env, self.delay_s, self.store = env, delay_s, simpy.Store(env)

    def _carry(self, item):
        yield self.env.timeout(self.delay_s)
        self.store.put(item)

    def put(self, item):
        """Send an item."""
        self.env.process(self._carry(item))

    def get(self):
        """Return the event of the next item's arrival."""
        return self.store.get()


def server(env, settings, up, down):
    """Serve one connection, command after command."""
    accepted = 0
    while (verb := (yield up.get())) != "QUIT":
        yield env.timeout(settings.text_s if verb == "TEXT" else settings.command_s)
        code = {"CONNECT": 220, "DATA": 354}.get(verb, 250)
        if verb == "MAIL":
            accepted = 0
        elif verb == "RCPT":
            code = 250 if accepted < settings.limit else 552
            accepted += code == 250
        down.put(code)


def client(env, settings, books):
    """Send one message to all its recipients, over as many connections as that takes."""
    waiting = deque(range(settings.recipients))
    while waiting:
        up, down = Link(env, settings.rtt_s / 2), Link(env, settings.rtt_s / 2)
        env.process(server(env, settings, up, down))
        books["connections"] += 1
        yield env.timeout(settings.rtt_s)  # the TCP handshake
        for verb in ("CONNECT", "EHLO"):
            up.put(verb)
            yield down.get()
        over = []
        while waiting and not over:
            batch = [waiting.popleft() for _ in range(min(settings.batch_size, len(waiting)))]
            over = yield from transaction(batch, up, down, books)
        waiting.extendleft(reversed(over))
        up.put("QUIT")
    books["makespan_s"] = env.now


def transaction(batch, up, down, books):
    """Send MAIL, every RCPT and DATA at once, then the text; return the recipients refused as over the limit."""
    for verb in ("MAIL", *("RCPT" for _ in batch), "DATA"):
        up.put(verb)
    yield down.get()
    over = []
    for recipient in batch:
        if (yield down.get()) == 552:
            over.append(recipient)  # noqa: PERF401 - a comprehension cannot yield
    yield down.get()
    up.put("TEXT")
    yield down.get()
    books.update(transactions=1, rcpt_commands=len(batch), delivered=len(batch) - len(over))
    return over


def run(settings):
    """Return the counts and the makespan of one run."""
    env, books = simpy.Environment(), Counter()
    env.process(client(env, settings, books))
    env.run()
    return books
