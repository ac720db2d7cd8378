"""Real mail programs, a few cells each: they reach what their presets reach in the simulator.

Postfix has to be installed; the others are taken where ``.ci/mail-programs`` has put them (``SIMSMTP_PROGRAMS``).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simsmtp import presets
from simsmtp.audit.cells import Cell
from simsmtp.audit.likeness import differences, is_predictable
from simsmtp.audit.matrix import SENDERS, audited, sender_named
from simsmtp.audit.programs import Found
from simsmtp.errors import InputError

CELLS = [
    Cell("452 4.5.3", 25, 10),
    Cell("552 5.5.3", 25, 10),
    Cell("421 4.3.2", 25, 10),
    Cell("451 4.5.3", 24, 10, "first-domain-only"),
    Cell("452 4.5.3", 25, 10, pipelining=False),
]
FOUND = Found(Path(os.environ["SIMSMTP_PROGRAMS"]) if os.environ.get("SIMSMTP_PROGRAMS") else None)


@pytest.mark.mta
@pytest.mark.parametrize("name", SENDERS)
def test_the_real_program_reaches_what_its_preset_reaches(name: str) -> None:
    try:
        sender_named(name, FOUND)
    except InputError as error:
        pytest.skip(str(error))
    rows = audited(lambda: sender_named(name, FOUND), CELLS, timeout_s=60.0, done=lambda row: None, parallel=len(CELLS))
    documents = [row.document() for row in rows]
    assert {
        one["name"]: different for one in documents if is_predictable(one) and (different := differences(one))
    } == {}
    assert all(one["lost"] == one["duplicate"] == one["contradictory_ndr"] == 0 for one in documents)
    bounced = documents[1]
    assert bounced["false_ndr"] == 15, "552 is taken as permanent by all of them, or told to the caller"
    assert bounced["ndr_messages"] >= 1 or not sender_named(name, FOUND).keeps_queue, "and its notification came back"


def test_every_sender_has_a_preset_that_says_where_it_was_seen() -> None:
    known = presets.clients()
    for name in SENDERS:
        assert known[name].verified
