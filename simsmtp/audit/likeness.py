"""Whether the simulator, with the preset of a program, reaches what the real program reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsmtp.audit.cells import RETRY_S, Cell
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.ledger import LEDGER_NAMES

COMPARED = (*LEDGER_NAMES, "transactions", "rcpt_commands")
"""What has to be the same: the ledger, transactions, and RCPT commands that were answered."""

GIVEN = ("transactions",)
"""What the simulator is told where somebody is still queued: the audit asks for retries until it stops by a clock."""

_OWN_ORDER = ("opensmtpd",)  # names the recipients of a message in an order that differs from run to run
_SPARE_ROUNDS = 10


def cell_of(row: Mapping[str, Any]) -> Cell:
    """Return the cell that a row is about."""
    return Cell(**{name: row[name] for name in Cell._fields})


def is_predictable(row: Mapping[str, Any]) -> bool:
    """Tell whether the order of recipients, where it matters, is one that can be known."""
    is_refused = row["rcpt_commands"] > row["recipients"] or row["delivered"] < row["recipients"]
    return row["sender"] not in _OWN_ORDER or row["kind"] == "transaction" or not is_refused


def compared(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the simulator predicts of a row: `COMPARED`, without `GIVEN` where somebody is still queued."""
    return tuple(name for name in COMPARED if not (row["queued"] and name in GIVEN))


def predicted(row: Mapping[str, Any]) -> dict[str, int]:
    """Simulate the cell of a row with the preset named like its sender.

    Returns
    -------
    dict
        The counts named by `compared`.

    Notes
    -----
    Where the audit ended with somebody still queued, the number of transactions is taken from the row: the simulation
    stops between that one and the next. It is an input there and no prediction, and is not returned.
    """
    rounds = row["transactions"] - 0.5 if row["queued"] else row["transactions"] + _SPARE_ROUNDS
    scenario = cell_of(row).scenario(row["sender"]).replace({"horizon_s": RETRY_S * rounds})
    output = run_replication(plan_of(scenario), engine="reference", dialogue=True)
    found = {name: int(output.responses[name]) for name in compared(row)}
    found["rcpt_commands"] = sum(
        one.kind == "reply" and one.verb == Verb.RCPT and one.code > 0 for one in output.dialogue
    )
    return found


def audit_differences(row: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return where the real program and the simulated one differ: real, simulated."""
    simulated = predicted(row)
    return {name: (row[name], simulated[name]) for name in simulated if row[name] != simulated[name]}
