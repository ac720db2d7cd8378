"""What an audit tries: the cells of its matrix."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from simsmtp.model.scenario import Scenario
from simsmtp.model.server_table import KINDS_BY_GROUP
from simsmtp.protocol.wire import AddressBook

ADDRESS_CHARS = 25
DOMAINS = 2
REPLIES = ("452 4.5.3", "552 5.5.3", "451 4.5.3", "455 4.5.3", "550 5.5.3", "421 4.3.2")
KINDS = ("transaction", "domain", "first-domain-only")
"""Kinds that a matrix tries; a cell may have those by group as well, which to a sender are as those by domain."""
LIMIT = 100
NO_CAP = 1000
RETRY_S = 2.0
COUNTS = {
    # At the limit, one above it, and two counts between which OpenSMTPD gives up: 25 refusals in a row.
    "transaction": (LIMIT, LIMIT + 1, LIMIT + 24, LIMIT + 25, LIMIT * 5 // 2),
    "domain": (LIMIT * DOMAINS, LIMIT * DOMAINS + 1, LIMIT * DOMAINS + 50),
    "first-domain-only": (LIMIT, LIMIT * 5 // 2),
}
"""Recipients tried with each kind of limit; above, 101 is tried as a limit too, because Exim's flights hold so many."""


class Cell(NamedTuple):
    """One thing tried: so many recipients of one message to a server with a limit.

    Attributes
    ----------
    reply : str
        What the server says to a recipient over the limit.
    recipients, limit : int
        Recipients of the message, and the server's limit.
    kind : str
        Kind of the limit, as ``server.limit_kind``; the recipients alternate between two domains and two groups, so
        that with ``first-domain-only`` every other one is refused.
    pipelining : bool
        The server offers it.
    """

    reply: str
    recipients: int
    limit: int = LIMIT
    kind: str = "transaction"
    pipelining: bool = True

    @property
    def name(self) -> str:
        """Short name, unique in a matrix."""
        how = "pipelining" if self.pipelining else "stop-and-wait"
        return f"{self.reply.split()[0]}-{self.recipients}-{self.limit}-{self.kind}-{how}"

    @property
    def told(self) -> str:
        """What it tries, in words."""
        how = "" if self.pipelining else ", no pipelining"
        return f"{self.recipients} recipients, limit {self.limit} ({self.kind}), {self.reply}{how}"

    @property
    def sender(self) -> str:
        """Envelope sender of the cell's message."""
        return f"audit-{self.name}@orig.example.test"

    def scenario(self, client: str | None = None) -> Scenario:
        """Return the cell as the simulator takes it; with a client preset, or for its server only.

        As in the audit, the client has no cap on its batches, one connection, no delay on the way to its server, and
        tries again every few seconds.
        """
        lifted = {"batch_size": NO_CAP, "connections": 1, "retry_initial_s": RETRY_S, "retry_max_s": RETRY_S}
        return Scenario.from_dict(
            {
                "workload": {
                    "recipients_per_message": self.recipients,
                    "domains": DOMAINS,
                    "groups": DOMAINS if self.kind in KINDS_BY_GROUP else 1,
                    "address_chars": ADDRESS_CHARS,
                },
                "client": {"preset": client, **lifted} if client else {},
                "network": {"rtt_ms": 0.0},
                "server": {
                    "recipient_limit": self.limit,
                    "limit_kind": self.kind,
                    "overflow_reply": self.reply,
                    "pipelining": self.pipelining,
                },
            }
        )

    def addresses(self) -> list[str]:
        """Return the addresses of the recipients."""
        book = AddressBook(ADDRESS_CHARS, DOMAINS)
        return [book.recipient(number) for number in range(self.recipients)]


def matrix(*, quick: bool = False) -> list[Cell]:
    """Return the cells of a full audit, or the few that tell most."""
    if quick:
        return [Cell(reply, LIMIT * 5 // 2, kind=kind) for reply, kind in product(REPLIES[:2], (KINDS[0], KINDS[2]))]
    around = [(kind, count) for kind, counts in COUNTS.items() for count in counts]
    cells = [
        Cell(reply, count, LIMIT, kind, pipelining)
        for reply, (kind, count), pipelining in product(REPLIES, around, (True, False))
    ]
    return [*cells, *(Cell(REPLIES[0], LIMIT * 5 // 2, LIMIT + 1, pipelining=how) for how in (True, False))]
