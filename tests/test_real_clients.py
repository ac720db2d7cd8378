"""Real programs as callers of `simsmtp serve`, held against what the simulator says with their presets.

    pytest tests/test_real_clients.py                    48 settings
    pytest -m slow tests/test_real_clients.py            360 settings
    python experiments/audit/settings.py 0 480           results/clients

Each setting is drawn by its number: which program, over how many connections, with which recipients, at which limits.
What is asked for is the ledger of every single recipient: whom the server accepted, and who the caller was told had
failed. Where the order in which connections arrive decides, a line with a delay stands between both.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from client_table import table
from real_clients import CLIENTS, Manner, nodemailer_home, require
from real_servers import LONG_S
from real_settings import Compared, Setting, compared, drawn, letters_of, real, simulated

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of

QUICK, ALL = 8, 60
"""Settings for each program."""
RESULTS = Path(__file__).parents[1] / "results" / "clients"


def settings(name: str, count: int, *, are_timed: bool) -> list[Setting]:
    """Return the first settings of a program in which time decides, or does not."""
    place = list(CLIENTS).index(name)
    every = (drawn(number) for number in range(place, ALL * len(CLIENTS), len(CLIENTS)))
    return [one for one in every if one.is_timed == are_timed][:count]


def differing(some: list[Setting]) -> dict[int, Any]:
    """Return the numbers of the settings in which both differ, and in what."""
    found = [compared(one) for one in some]
    return {one.setting.number: (one.setting, one.differ) for one in found if one.differ}


def setting(name: str, manner: Manner, workload: dict[str, Any], server: dict[str, Any], **how: bool) -> Setting:
    """Return a setting that is not drawn; skip the test if its program is not there."""
    require(name)
    return Setting(-1, name, manner, {"domains": 1} | workload, server, **how)


def both(one: Setting) -> tuple[Any, Any]:
    """Return what the simulator says and what really becomes of everybody."""
    expected, output = simulated(one)
    return expected, real(one, letters_of(one, output))


@pytest.mark.parametrize("name", CLIENTS)
def test_a_real_program_comes_to_the_ledger_that_its_preset_gives(name: str) -> None:
    require(name)
    assert differing(settings(name, QUICK, are_timed=False)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIENTS)
def test_a_real_program_comes_to_the_ledger_that_its_preset_gives_in_many_settings(name: str) -> None:
    require(name)
    assert differing(settings(name, ALL, are_timed=False)[QUICK:]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIENTS)
def test_where_time_decides_a_real_program_comes_to_a_ledger_that_is_possible(name: str) -> None:
    require(name)
    assert differing(settings(name, ALL, are_timed=True)) == {}


def test_smtplib_reuses_a_connection_of_ten_messages_and_every_eleventh_is_refused() -> None:
    one = setting("smtplib", Manner(), {"messages": 100, "recipients_per_message": 1}, {"messages_per_connection": 10})
    expected, found = both(one)
    assert found.counts == expected.counts == {"delivered": 91, "false_ndr": 9}


def test_twenty_threads_of_smtplib_at_a_server_that_takes_four_sessions() -> None:
    one = setting("smtplib", Manner(20), {"messages": 240, "recipients_per_message": 1}, {"sessions": 4}, is_timed=True)
    seen: Compared = compared(one)
    assert not seen.differ
    assert seen.found.counts["false_ndr"] > 200


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_program_that_is_started_for_each_message_takes_that_time_after_a_refused_connection_too(engine: str) -> None:
    if engine == "compiled":
        pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    tables = {"workload": {"messages": 30, "recipients_per_message": 1}, "server": {"sessions": 1}}
    delivered = []
    for pause_ms in (0.0, 350.0):
        client = {"preset": "curl", "connections": 2, "pause_ms": pause_ms}
        found = run_replication(plan_of(Scenario.from_dict(tables | {"client": client})), engine=engine)
        delivered.append(found.responses["delivered"])
        assert found.responses["connections"] == 30
    # At a round trip of 50 ms a session takes 350 ms and a refusal 100: while one is served, the other is told 421
    # three times. Where each takes 350 ms more, that is 700 to 450. Without that time after a refusal it would be 4.
    assert delivered == [8, 12]


def test_curl_sends_the_next_message_over_a_new_connection_after_a_refusal() -> None:
    one = setting("curl", Manner(1, 4), {"messages": 4, "recipients_per_message": 2, "unknown": [1]}, {})
    expected, found = both(one)
    assert found.ledger == expected.ledger
    assert found.counts == {"false_ndr": 4, "true_ndr": 4}
    assert found.connections == 4


def test_a_quota_of_messages_is_told_by_every_program_to_its_caller() -> None:
    quota = {"counts": "messages", "most": 3, "window_s": LONG_S, "at": "mail", "reply": "450 4.7.1"}
    for name in ("smtplib", "curl", "msmtp", "nodemailer"):
        one = setting(name, Manner(1, 1), {"messages": 5, "recipients_per_message": 2}, {"rate_limits": [quota]})
        expected, found = both(one)
        assert found.counts == expected.counts == {"delivered": 6, "false_ndr": 4}, name


def test_what_421_cuts_off_on_a_used_connection_the_pool_of_nodemailer_tries_again_and_the_model_does_not() -> None:
    one = setting("nodemailer-pool", Manner(), {"messages": 4, "recipients_per_message": 2, "unknown": [0]},
                  {"hard_error_limit": 2})  # fmt: skip
    expected, found = both(one)
    assert expected.counts == {"true_ndr": 4, "delivered": 2, "false_ndr": 2}
    assert found.counts == {"true_ndr": 4, "delivered": 4}


def test_a_limit_that_speaks_at_data_or_at_the_dot_is_told_by_every_program_for_everybody() -> None:
    for name, at in (("smtplib", "dot"), ("curl", "dot"), ("msmtp", "data"), ("nodemailer", "dot")):
        server = {"recipient_limit": 50, "limit_at": at, "overflow_reply": 554}
        expected, found = both(setting(name, Manner(1, 1), {"messages": 1, "recipients_per_message": 58}, server))
        assert found.counts == expected.counts == {"false_ndr": 58}, name


def test_a_server_that_hangs_up_after_the_dot_has_the_message_and_every_program_says_that_it_failed() -> None:
    """RFC 1047: the caller who sends it again sends it twice."""
    for name in ("smtplib", "curl", "msmtp", "nodemailer"):
        one = setting(name, Manner(1, 1), {"messages": 2, "recipients_per_message": 3}, {})
        expected, found = both(one._replace(losses=[{"at": "dot", "share": 1.0, "committed": True}]))
        assert found.counts == expected.counts == {"contradictory_ndr": 6}, name


SIZES = {"messages": 8, "recipients_per_message": {"dist": "empirical", "values": [1, 5]}}


@pytest.mark.parametrize("reply", ["452 4.5.3", "421 4.5.3"])
def test_what_comes_behind_a_refused_data_on_its_connection_smtplib_cannot_send_and_the_model_can(reply: str) -> None:
    server = {"recipient_limit": 3, "limit_at": "data", "overflow_reply": reply}
    one = setting("smtplib", Manner(), SIZES, server)
    expected, found = both(one)
    sizes = [sum(message == number for message, _ in found.ledger) for number in range(8)]
    refused = [number for number in range(8) if expected.ledger[number, 0] == "false_ndr"]
    assert refused == [number for number in range(8) if sizes[number] == 5]
    assert 0 < len(refused) < 7
    # It sends no RSET (CPython 3.11 Lib/smtplib.py, data) and does not leave at 421: MAIL is answered 503, or by
    # nobody.
    failed, is_open = [], False
    for number in range(8):
        if is_open or number in refused:
            failed.append(number)
        is_open = number in refused and not is_open
    assert [number for number in range(8) if found.ledger[number, 0] == "false_ndr"] == failed
    assert len(failed) > len(refused)
    afresh = setting("smtplib", Manner(1, 1), SIZES, server)
    expected, found = both(afresh)
    assert found.ledger == expected.ledger


def test_a_program_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    for name, program in (("curl", "curl"), ("msmtp", "msmtp"), ("nodemailer", "node")):
        with pytest.raises(pytest.skip.Exception, match=f"{program} is not installed"):
            require(name)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/node")
    monkeypatch.delenv("SIMSMTP_PROGRAMS", raising=False)
    assert nodemailer_home() is None
    with pytest.raises(pytest.skip.Exception, match="nodemailer is not below SIMSMTP_PROGRAMS"):
        require("nodemailer")


def test_the_published_table_is_that_of_at_least_300_settings_that_are_still_drawn_so() -> None:
    rows = [json.loads(line) for line in (RESULTS / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert table(rows) in (RESULTS / "README.md").read_text(encoding="utf-8")
    assert len(rows) >= 300
    assert {row["program"] for row in rows} == set(CLIENTS)
    for row in rows:
        one = drawn(row["number"])
        asked = {key: row[key] for key in ("program", "workload", "server", "is_timed", "losses")}
        assert asked == {"program": one.name, "workload": one.workload, "server": one.server,
                         "is_timed": one.is_timed, "losses": list(one.losses)}  # fmt: skip
