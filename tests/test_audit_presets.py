"""With the preset of a program, the simulator reaches what the audit saw the real program reach, cell by cell."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from simsmtp import presets
from simsmtp.audit.cells import Cell, matrix
from simsmtp.audit.judgement import Verdict
from simsmtp.audit.likeness import COMPARED, audit_differences, cell_of, compared, is_predictable, predicted
from simsmtp.audit.table import markdown

RESULTS = Path(__file__).parents[1] / "results" / "audit"


def _measured() -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for line in (RESULTS / "rows.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found[row["sender"]].append(row)
    return dict(found)


MEASURED = _measured()
BY_HAND = "against simsmtp serve"
VERIFIED = [
    name for name, one in presets.clients().items() if any(not seen.endswith(BY_HAND) for seen in one.verified.values())
]


def test_every_verified_preset_was_measured_and_names_the_version_that_was() -> None:
    assert set(VERIFIED) == set(MEASURED)
    assert len(VERIFIED) >= 5
    for name in VERIFIED:
        versions = {row["version"] for row in MEASURED[name]}
        confirmed = {seen for seen in presets.clients()[name].verified.values() if not seen.endswith(BY_HAND)}
        assert len(versions) == len(confirmed) == 1
        assert versions.pop() in confirmed.pop()


def test_all_cells_of_the_matrix_were_measured() -> None:
    for rows in MEASURED.values():
        assert [cell_of(row) for row in rows] == matrix()


@pytest.mark.parametrize("name", VERIFIED)
def test_the_simulator_reaches_what_the_real_program_reached(name: str) -> None:
    rows = [row for row in MEASURED[name] if is_predictable(row)]
    assert {row["name"]: found for row in rows if (found := audit_differences(row))} == {}
    assert len(rows) > len(matrix()) // 2


def test_where_the_order_is_not_known_nothing_is_lost_either() -> None:
    unknown = [row for rows in MEASURED.values() for row in rows if not is_predictable(row)]
    assert {row["sender"] for row in unknown} == {"opensmtpd"}
    for row in unknown:
        assert row["delivered"] + row["false_ndr"] + row["queued"] == row["recipients"]


def test_a_wrong_preset_is_seen() -> None:
    [row] = [one for one in MEASURED["exim"] if one["name"] == "452-250-100-transaction-pipelining"]
    assert audit_differences(row) == {}
    assert audit_differences({**row, "sender": "postfix"}) == {"rcpt_commands": (252, 450)}
    assert audit_differences({**row, "delivered": 249}) == {"delivered": (249, 250)}


def test_where_somebody_stays_queued_the_number_of_transactions_is_given_and_not_predicted() -> None:
    for name in VERIFIED:
        for row in (row for row in MEASURED[name] if row["queued"]):
            assert "transactions" not in compared(row)
            assert "transactions" not in predicted(row)
            assert {"delivered", "queued", "rcpt_commands"} <= set(compared(row))
    [row] = [one for one in MEASURED["postfix"] if one["name"] == "421-250-100-transaction-pipelining"]
    assert audit_differences({**row, "transactions": row["transactions"] + 3}).keys() == {"rcpt_commands"}


def test_where_nobody_stays_queued_all_of_it_is_predicted() -> None:
    [row] = [one for one in MEASURED["postfix"] if one["name"] == "452-250-100-transaction-pipelining"]
    assert compared(row) == COMPARED
    assert predicted({**row, "transactions": row["transactions"] + 3}) == predicted(row)


def _reached(preset: str, cell: Cell, *, queued: int = 0, rounds: int = 1) -> dict[str, int]:
    row = {"sender": preset, "queued": queued, "transactions": rounds, **cell._asdict()}
    return {name: count for name, count in predicted(row).items() if count}


def test_opensmtpd_gives_up_after_25_refusals_in_a_row() -> None:
    reached = _reached("opensmtpd", Cell("452 4.5.3", 124))
    assert reached == {"delivered": 124, "transactions": 2, "rcpt_commands": 148}
    reached = _reached("opensmtpd", Cell("452 4.5.3", 125), queued=125, rounds=4)
    assert reached == {"queued": 125, "rcpt_commands": 500}
    reached = _reached("opensmtpd", Cell("552 5.5.3", 250), rounds=7)
    assert reached == {"delivered": 100, "false_ndr": 150, "transactions": 7, "rcpt_commands": 850}


@pytest.mark.parametrize(
    ("limit", "transactions", "rcpts"), [(99, 3, 254), (100, 3, 252), (101, 3, 447), (102, 3, 396)]
)
def test_exim_tries_again_in_the_session_but_for_a_flight_of_refusals_alone(
    limit: int, transactions: int, rcpts: int
) -> None:
    reached = _reached("exim", Cell("452 4.5.3", 250, limit))
    assert reached == {"delivered": 250, "transactions": transactions, "rcpt_commands": rcpts}


@pytest.mark.parametrize("preset", ["postfix", "exim", "sendmail", "opensmtpd"])
def test_421_makes_no_progress_with_anyone(preset: str) -> None:
    reached = _reached(preset, Cell("421 4.3.2", 250), queued=250, rounds=4)
    assert reached == {"queued": 250, "rcpt_commands": 404}


def test_the_published_table_is_that_of_the_rows() -> None:
    rows = [row for rows in MEASURED.values() for row in rows]
    assert markdown(rows) in (RESULTS / "README.md").read_text(encoding="utf-8")
    assert not [row for row in rows if row["verdict"] in (Verdict.MISCOUNTED, Verdict.INCONCLUSIVE)]
    assert all(sum(row[name] for name in COMPARED[:8]) == row["recipients"] for row in rows)
