"""What people reported of who the recipients are: unknown ones, groups, persons, each with what they saw."""

from __future__ import annotations

import pytest
from drivers import engine, sent
from helpers import ledger
from live_pair import ledger as live_ledger
from live_pair import pair

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of

__all__ = ["engine"]

# -- unknown by place: report 17 -------------------------------------------------------------------------------

ONE_BAD_OF_FIVE = {"workload": {"recipients_per_message": 5, "unknown": [3]}, "client": {"strategy": "corrected"}}


def test_exactly_one_bad_recipient_of_five_is_named_by_its_place(engine: str) -> None:
    """Haraka #395, JAMES-2097: one of five does not exist, the other four get the message."""
    output = sent(engine, **ONE_BAD_OF_FIVE)
    assert ledger(output.responses) == {"delivered": 4, "true_ndr": 1}
    assert [row.valid for row in output.recipients] == [True, True, True, False, True]


def test_a_bad_recipient_stays_the_same_person_however_the_message_is_cut_sorted_and_resent(engine: str) -> None:
    tables = {
        "workload": {"messages": 3, "recipients_per_message": 9, "domains": 3, "unknown": [3, 7], "resend": "failed"},
        "client": {"sorts_by_domain": True, "batch_size": 2},
        "destinations": [{"name": "a"}, {"name": "b"}],
    }
    rows = sent(engine, **tables).recipients
    assert len(rows) == 3 * 9 + 3 * 2
    assert all(row.valid == (row.origin not in {3, 7}) for row in rows)


def test_places_add_to_the_share_of_unknown_mailboxes(engine: str) -> None:
    tables = {"workload": {"recipients_per_message": 200, "unknown": [0, 199], "unknown_share": 0.2}}
    drawn = {"workload": {"recipients_per_message": 200, "unknown_share": 0.2}}
    both, before = ([row.valid for row in sent(engine, **one).recipients] for one in (tables, drawn))
    assert both == [valid and place not in {0, 199} for place, valid in enumerate(before)]


def test_a_place_that_no_message_has_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"workload.unknown: no message has a recipient at this place; given: 5"):
        Scenario.from_dict({"workload": {"recipients_per_message": 5, "unknown": [3, 5]}})


def test_a_drawn_number_of_recipients_may_be_too_small_for_a_place(engine: str) -> None:
    drawn = {"dist": "empirical", "values": [2, 8]}
    rows = sent(engine, workload={"messages": 40, "recipients_per_message": drawn, "unknown": [5]}).recipients
    assert {row.recipient for row in rows if not row.valid} == {5}
    assert sum(not row.valid for row in rows) == sum(row.recipient == 5 for row in rows) > 0


def test_one_bad_recipient_of_five_is_refused_on_the_wire_too() -> None:
    found = pair(Scenario.from_dict(ONE_BAD_OF_FIVE))
    assert live_ledger(found.delivered.output) == {"delivered": 4, "true_ndr": 1}


# -- groups that are no domains: report 16 ---------------------------------------------------------------------

REGIONS = {
    "workload": {"recipients_per_message": 6, "groups": 2},
    "client": {"strategy": "corrected", "overflow": "same-session"},
    "server": {"limit_kind": "first-group-only", "overflow_reply": "452 4.5.3"},
}


def test_recipients_of_several_regions_go_out_one_region_at_a_time(engine: str) -> None:
    """Mailu #3013: Outlook's ATTR38, "recipients belong to multiple regions": they need not be called domains."""
    output = sent(engine, **REGIONS)
    assert ledger(output.responses) == {"delivered": 6}
    assert output.responses["transactions"] == 2
    assert [row.attempts for row in output.recipients] == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize(("kind", "twin"), [("group", "domain"), ("first-group-only", "first-domain-only")])
def test_a_limit_by_group_does_what_one_by_domain_does(engine: str, kind: str, twin: str) -> None:
    client = {"strategy": "one-stop", "sorts_by_domain": False, "connections": 2}
    tables = {
        "workload": {"messages": 4, "recipients_per_message": 31},
        "client": client,
        "server": {"recipient_limit": 4},
    }
    groups = Scenario.from_dict(tables).replace({"workload.groups": 3, "server.limit_kind": kind})
    domains = Scenario.from_dict(tables).replace({"workload.domains": 3, "server.limit_kind": twin})
    found, wanted = (run_replication(plan_of(one), engine=engine, recipients=True) for one in (groups, domains))
    assert found.responses == wanted.responses
    assert found.recipients == wanted.recipients


def test_groups_and_domains_are_told_apart(engine: str) -> None:
    """Each of six recipients is alone in its pair of domain and group; two of a group fit."""
    workload = {"recipients_per_message": 6, "domains": 2, "groups": 3}
    server = {"recipient_limit": 1, "limit_kind": "group", "overflow_reply": 552}
    responses = sent(engine, workload=workload, server=server, client={"strategy": "one-stop"}).responses
    assert responses["delivered"] == 3 + 1  # three groups, then the first that was refused


def test_groups_without_a_server_that_knows_them_are_refused() -> None:
    with pytest.raises(InputError, match=r"^workload.groups: no server tells groups apart; given: 3"):
        Scenario.from_dict({"workload": {"groups": 3}})


def test_one_group_is_as_one_domain(engine: str) -> None:
    kinds = [{"recipient_limit": 10, "limit_kind": kind} for kind in ("group", "domain")]
    by_group, by_domain = (sent(engine, workload={"recipients_per_message": 25}, server=one) for one in kinds)
    assert by_group.responses == by_domain.responses


def test_a_region_is_told_on_the_wire_by_the_digits_of_the_address() -> None:
    found, simulated = pair(Scenario.from_dict(REGIONS)), sent("reference", **REGIONS)
    assert live_ledger(found.delivered.output) == {"delivered": 6}
    assert [row.attempts for row in found.delivered.output.recipients] == [row.attempts for row in simulated.recipients]
    assert found.served.over_limit == 3


def test_many_domains_and_few_recipients_need_little_memory(engine: str) -> None:
    """The compiled engine wrote beyond the counts of its domains."""
    workload = {"messages": 40, "recipients_per_message": 5, "domains": 1_000_000}
    server = {"limit_kind": "domain", "recipient_limit": 1}
    responses = sent(engine, workload=workload, server=server, client={"connections": 30}).responses
    assert ledger(responses) == {"delivered": 200}


# -- copies per person: report 5 -------------------------------------------------------------------------------


def test_a_list_sent_whole_fifteen_times_is_told_as_fifteen_copies_each(engine: str) -> None:
    """NServiceBus #1052, PHPMailer #1858: one bad address of twenty, and the caller sends to all again and again."""
    workload = {"recipients_per_message": 20, "unknown": [7], "resend": "all", "resends": 14}
    responses = sent(engine, workload=workload).responses
    assert (responses["copies_max"], responses["person_duplicates"]) == (15, 19)
    assert (responses["recipients"], responses["delivered"]) == (300, 285)


def test_who_fits_the_limit_gets_every_resend_and_the_others_nothing(engine: str) -> None:
    """Five recipients, two accepted at a time, three resends to all: copies 4, 4, 0, 0, 0."""
    tables = {
        "workload": {"recipients_per_message": 5, "resend": "all", "resends": 3},
        "client": {"strategy": "send-cursor"},
        "server": {"recipient_limit": 2},
    }
    output = sent(engine, **tables)
    copies = [0] * 5
    for row in output.recipients:
        copies[row.origin] += row.accepted
    assert copies == [4, 4, 0, 0, 0]
    assert (output.responses["copies_max"], output.responses["person_duplicates"]) == (4, 2)


def test_a_resend_to_the_failed_ones_alone_gives_nobody_a_second_copy(engine: str) -> None:
    workload = {"recipients_per_message": 5, "resend": "failed", "resends": 3}
    tables = {"workload": workload, "client": {"strategy": "send-cursor"}, "server": {"recipient_limit": 2}}
    responses = sent(engine, **tables).responses
    assert (responses["delivered"], responses["copies_max"], responses["person_duplicates"]) == (5, 1, 0)


def test_nobody_gets_a_copy_where_all_are_unknown(engine: str) -> None:
    responses = sent(engine, workload={"recipients_per_message": 5, "unknown_share": 1.0}).responses
    assert (responses["copies_max"], responses["person_duplicates"]) == (0, 0)


def test_copies_of_a_sender_that_repeats_itself_add_up_over_resends(engine: str) -> None:
    """Exim before 4.95 sends some recipients twice in one go; a resend to all adds to that."""
    tables = {
        "workload": {"messages": 3, "recipients_per_message": 100, "domains": 2, "unknown": [9], "resend": "all"},
        "client": {"preset": "exim-4.94"},
        "server": {"limit_kind": "first-domain-only", "overflow_reply": "452 4.5.3"},
    }
    output = sent(engine, **tables)
    first = {row.message: row.resend_of if row.resend_of >= 0 else row.message for row in output.recipients}
    copies: dict[tuple[int, int], int] = {}
    for row in output.recipients:
        letter = (first[row.message], row.origin)
        copies[letter] = copies.get(letter, 0) + row.accepted
    assert output.responses["copies_max"] == max(copies.values()) == 4
    assert output.responses["person_duplicates"] == sum(count > 1 for count in copies.values())


def test_copies_are_counted_on_the_wire_as_well() -> None:
    tables = {
        "workload": {"recipients_per_message": 5, "resend": "all", "resends": 3, "resend_after_s": 0.0},
        "client": {"strategy": "send-cursor"},
        "server": {"recipient_limit": 2},
    }
    responses = pair(Scenario.from_dict(tables)).delivered.output.responses
    assert (responses["copies_max"], responses["person_duplicates"]) == (4, 2)
