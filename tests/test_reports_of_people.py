"""What people reported of recipients who are met again, by name and domain, each with the outcome that they saw."""

from __future__ import annotations

from pathlib import Path

import pytest
from drivers import engine, sent
from live_pair import pair

from simsmtp import Scenario
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of

__all__ = ["engine"]

DAY_S = 86_400


def trace(path: Path, *rows: str) -> str:
    """Write a trace of rows and return where it is."""
    (path / "trace.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path / "trace.txt")


# -- greylisting by sender and person: report 6 ----------------------------------------------------------------


def _known_and_new(path: Path, later_s: float) -> str:
    before = [f"list@a.example u{number}@b.example 0" for number in (1, 2, 3)]
    return trace(path, *before, *(f"list@a.example u{number}@b.example {later_s}" for number in (1, 2, 3, 4)))


def test_only_who_is_new_waits_for_the_greylist(engine: str, tmp_path: Path) -> None:
    """postgrey #93: u1 to u3 known for two days, u4 new: only u4 waits."""
    tables = {"workload": {"trace": _known_and_new(tmp_path, 2 * DAY_S)}, "server": {"greylist_s": 300.0}}
    rows = [row for row in sent(engine, **tables).recipients if row.message == 1]
    assert [row.person for row in rows] == [0, 1, 2, 3]
    assert [row.attempts for row in rows] == [1, 1, 1, 2]
    assert [row.delay_s >= 300 for row in rows] == [False, False, False, True]


def test_only_who_is_new_waits_for_the_greylist_on_the_wire(tmp_path: Path) -> None:
    tables = {
        "workload": {"trace": _known_and_new(tmp_path, 1.2)},
        "client": {"retry_initial_s": 0.5},
        "server": {"greylist_s": 0.3},
    }
    rows = pair(Scenario.from_dict(tables)).delivered.output.recipients
    assert [row.attempts for row in rows if row.message == 1] == [1, 1, 1, 2]
    assert {row.ledger for row in rows} == {"delivered"}


def test_a_greylist_knows_the_recipient_but_not_a_new_sender(engine: str, tmp_path: Path) -> None:
    """What is looked at is the pair, capital letters aside."""
    rows = ["ada@a.example u@b.example 0", "ADA@a.example U@b.example 900", "bob@a.example u@b.example 900"]
    tables = {"workload": {"trace": trace(tmp_path, *rows)}, "server": {"greylist_s": 300.0}}
    assert [(row.person, row.attempts) for row in sent(engine, **tables).recipients] == [(0, 2), (0, 1), (0, 2)]


def test_two_messages_at_once_are_told_by_the_clock_which_one_was_first_seen(engine: str, tmp_path: Path) -> None:
    """Both come while the greylist still refuses; after their pause both pass."""
    rows = ["ada@a.example u@b.example 0", "ada@a.example u@b.example 250", "ada@a.example u@b.example 320"]
    client = {"connections": 3, "retry_initial_s": 60.0}
    tables = {"workload": {"trace": trace(tmp_path, *rows)}, "client": client, "server": {"greylist_s": 300.0}}
    found = sent(engine, **tables).recipients
    assert [row.attempts for row in found] == [4, 2, 1]  # at 0, 60, 180, 420; at 250, 310; at 320


def test_people_of_a_population_are_new_once(engine: str) -> None:
    """Ten people, hourly letters to all of them: the first one is put off, no other."""
    workload = {"messages": 3, "recipients_per_message": 10, "population": 10, "resend": "none"}
    arrivals = {"arrivals": {"dist": "poisson", "rate_per_s": 1e-4}}
    tables = {"workload": workload | arrivals, "server": {"greylist_s": 300.0}}
    found = sent(engine, **tables)
    assert found.responses["refused_greylist"] == 10
    assert {row.attempts for row in found.recipients if row.message} == {1}
    strangers = {
        **tables,
        "workload": {key: value for key, value in (workload | arrivals).items() if key != "population"},
    }
    assert sent(engine, **strangers).responses["refused_greylist"] == 30


# -- who lives where: report 15 --------------------------------------------------------------------------------

TWO_A_DOMAIN = {
    "client": {"overflow": "bounce", "stop_on_overflow": False},
    "server": {"recipient_limit": 2, "limit_kind": "domain"},
}


def _four_and_two(path: Path) -> str:
    domains = ("one", "one", "two", "one", "two", "one")
    return trace(path, *(f"s@a.example u{number}@{domain}.example 5" for number, domain in enumerate(domains)))


def test_rows_name_the_domains_by_which_a_server_limits(engine: str, tmp_path: Path) -> None:
    """Four recipients at one domain and two at another, two allowed for each: four are delivered."""
    found = sent(engine, workload={"trace": _four_and_two(tmp_path)}, **TWO_A_DOMAIN)
    assert [row.accepted for row in found.recipients] == [1, 1, 1, 0, 1, 0]


def test_domains_beside_those_that_a_trace_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"workload.domains: the trace names the domains of its recipients; given: 3"):
        plan_of(Scenario.from_dict({"workload": {"trace": _four_and_two(tmp_path), "domains": 3}}))
    nameless = trace(tmp_path, *(f"s u{number} 5" for number in range(6)))
    assert plan_of(Scenario.from_dict({"workload": {"trace": nameless, "domains": 3}})).workload.domains == 3


def test_rows_name_the_domains_on_the_wire_as_well(tmp_path: Path) -> None:
    scenario = Scenario.from_dict({"workload": {"trace": _four_and_two(tmp_path)}, **TWO_A_DOMAIN})
    assert [row.accepted for row in pair(scenario).delivered.output.recipients] == [1, 1, 1, 0, 1, 0]


def test_recipients_of_a_trace_are_sorted_by_the_domains_that_it_names(engine: str, tmp_path: Path) -> None:
    tables = {
        "workload": {"trace": _four_and_two(tmp_path)},
        "client": {"sorts_by_domain": True, "overflow": "same-session", "strategy": "corrected"},
        "server": {"limit_kind": "first-domain-only", "overflow_reply": "452 4.5.3"},
    }
    found = sent(engine, **tables)
    assert [row.origin for row in found.recipients] == [0, 1, 3, 5, 2, 4]
    assert [row.attempts for row in found.recipients] == [1, 1, 1, 1, 2, 2]


def test_an_address_that_stands_for_several_people_stands_for_such_of_its_domain(engine: str, tmp_path: Path) -> None:
    tables = {"workload": {"trace": _four_and_two(tmp_path), "trace_recipient_factor": 3}, **TWO_A_DOMAIN}
    found = sent(engine, **tables)
    assert [row.person for row in found.recipients] == list(range(18))
    assert [row.person for row in found.recipients if row.accepted] == [0, 1, 6, 7]


# -- copies by person ------------------------------------------------------------------------------------------


def test_who_is_named_twice_in_a_letter_gets_two_copies(engine: str, tmp_path: Path) -> None:
    rows = [f"s@a.example {name}@b.example 0" for name in ("u", "v", "u", "w", "U")]
    found = sent(engine, workload={"trace": trace(tmp_path, *rows)})
    assert [row.person for row in found.recipients] == [0, 1, 0, 2, 0]
    assert (found.responses["delivered"], found.responses["duplicate"]) == (5, 0)
    assert (found.responses["person_duplicates"], found.responses["copies_max"]) == (1, 3)


def test_who_is_named_twice_and_failed_once_is_resent_to_on_top_of_the_first_copy(engine: str, tmp_path: Path) -> None:
    rows = [f"s@a.example {name}@b.example 0" for name in ("u", "v", "u", "v", "u")]
    tables = {
        "workload": {"trace": trace(tmp_path, *rows), "resend": "failed", "resends": 2},
        "client": {"strategy": "send-cursor"},
        "server": {"recipient_limit": 2},
    }
    found = sent(engine, **tables)
    copies = [sum(row.accepted for row in found.recipients if row.person == person) for person in (0, 1)]
    assert copies == [3, 2]
    assert (found.responses["person_duplicates"], found.responses["copies_max"]) == (2, 3)


# -- a population ----------------------------------------------------------------------------------------------


def test_people_of_a_message_differ_and_are_met_again_in_others(engine: str) -> None:
    workload = {"messages": 200, "recipients_per_message": 6, "population": 20, "unknown_share": 0.4, "domains": 3}
    rows = sent(engine, workload=workload, destinations=[{"name": "a"}, {"name": "b"}]).recipients
    told: dict[int, tuple[bool, str]] = {}
    for row in rows:
        assert told.setdefault(row.person, (row.valid, row.destination)) == (row.valid, row.destination)
    assert set(told) == set(range(20))
    assert len({(row.message, row.person) for row in rows}) == len(rows)
    counts = [sum(row.person == person for row in rows) for person in told]
    assert min(counts) > 30  # 60 expected, standard deviation 6.5
    assert max(counts) < 90


def test_a_message_to_more_recipients_than_there_are_people_is_refused(engine: str) -> None:
    with pytest.raises(InputError, match=r"^workload.population: a message has more recipients than there are people"):
        Scenario.from_dict({"workload": {"recipients_per_message": 5, "population": 4}})
    drawn = {"dist": "empirical", "values": [2, 8]}
    scenario = {"workload": {"messages": 40, "recipients_per_message": drawn, "population": 5}}
    with pytest.raises(InputError, match=r"^workload.population: message \d+ was drawn with 8 recipients"):
        sent(engine, **scenario)


def test_a_trace_has_people_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^workload.population: a trace has people of its own"):
        Scenario.from_dict({"workload": {"trace": _four_and_two(tmp_path), "population": 9}})
