"""Verdicts of an audit: what recipients' fates say of a sender, and how others read it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from simsmtp.audit.cells import Cell, matrix
from simsmtp.audit.journal import Journal
from simsmtp.audit.judgement import AFFECTED, MEANINGS, WORST, RecipientOutcome, Verdict, counts, judge
from simsmtp.audit.table import markdown
from simsmtp.audit.trial import AuditRow
from simsmtp.audit.verdicts import exit_code, junit, read_baseline, verdicts_of, worse, write_baseline
from simsmtp.errors import InputError

GOOD = RecipientOutcome(1, False, False, (250,))
LATE = RecipientOutcome(1, False, False, (452, 250))
LOST = RecipientOutcome(0, False, False, (452,))
TWICE = RecipientOutcome(2, False, False, (250, 250))
BOTH = RecipientOutcome(1, True, False, (250,))
BOUNCED_552, BOUNCED_452, BOUNCED_550 = (RecipientOutcome(0, True, False, (code,)) for code in (552, 452, 550))
WRONGLY = RecipientOutcome(0, True, False, (250,))
WAITING, CUT = RecipientOutcome(0, False, True, (452, 452)), RecipientOutcome(0, False, True, (421, 421))
UNASKED = RecipientOutcome(0, False, True, ())


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([GOOD, LATE], Verdict.UNAFFECTED),
        ([GOOD, BOUNCED_550], Verdict.UNAFFECTED),  # a site's policy may refuse for good: RFC 5321 section 4.5.3.1.10
        ([GOOD, BOUNCED_552], Verdict.BOUNCED),
        ([GOOD, BOUNCED_452], Verdict.BOUNCED),
        ([GOOD, LOST, BOUNCED_552], Verdict.MISCOUNTED),
        ([GOOD, TWICE], Verdict.MISCOUNTED),
        ([GOOD, BOTH], Verdict.MISCOUNTED),
        ([GOOD, WRONGLY], Verdict.MISCOUNTED),
        ([GOOD, WAITING], Verdict.NO_PROGRESS),
        ([WAITING, CUT], Verdict.CUT_OFF),
        ([BOUNCED_552, WAITING], Verdict.BOUNCED),
    ],
)
def test_the_worst_fate_gives_the_verdict(seen: list[RecipientOutcome], expected: Verdict) -> None:
    assert judge(seen, asked_again=True) == expected


def test_who_was_not_asked_again_says_nothing_yet() -> None:
    assert judge([GOOD, UNASKED], asked_again=False) == Verdict.INCONCLUSIVE


def test_a_library_may_tell_its_caller_but_not_lose_or_repeat() -> None:
    assert judge([GOOD, BOUNCED_452, WRONGLY], asked_again=False, keeps_queue=False) == Verdict.UNAFFECTED
    assert judge([GOOD, LOST], asked_again=False, keeps_queue=False) == Verdict.MISCOUNTED
    assert judge([GOOD, TWICE], asked_again=False, keeps_queue=False) == Verdict.MISCOUNTED


def test_every_recipient_is_counted_in_one_class() -> None:
    everybody = [GOOD, LATE, LOST, TWICE, BOTH, BOUNCED_552, WAITING]
    found = counts(everybody)
    assert found["delivered"] == 2
    assert all(found[name] == 1 for name in ("lost", "duplicate", "contradictory_ndr", "false_ndr", "queued"))
    assert sum(found.values()) == len(everybody)


def test_what_was_accepted_is_settled_though_it_stands_in_the_queue_still() -> None:
    assert counts([RecipientOutcome(1, False, True, (250,))])["delivered"] == 1


def test_every_verdict_has_a_rank_and_a_meaning() -> None:
    assert set(WORST) == set(Verdict) == set(MEANINGS)
    assert set(AFFECTED) < set(WORST)


def row(sender: str = "postfix", verdict: Verdict = Verdict.UNAFFECTED, cell: Cell | None = None) -> dict[str, Any]:
    """Return a row as it is kept."""
    cell = cell or Cell("452 4.5.3", 250)
    return AuditRow(sender, "1.0", cell, counts([GOOD]), 1, 1, 1, 0, 0.25, verdict).document()


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.UNAFFECTED, Verdict.CUT_OFF], 0),
        ([Verdict.UNAFFECTED, Verdict.INCONCLUSIVE], 4),
        ([Verdict.INCONCLUSIVE, Verdict.BOUNCED], 3),
        ([Verdict.NO_PROGRESS], 3),
        ([Verdict.MISCOUNTED], 3),
        ([], 4),
    ],
)
def test_exit_code(verdicts: list[Verdict], code: int) -> None:
    found = {("postfix", str(number)): verdict for number, verdict in enumerate(verdicts)}
    assert exit_code(found) == code


def test_a_baseline_puts_up_with_what_it_knows_and_no_more(tmp_path: Path) -> None:
    known = {("postfix", "a"): Verdict.BOUNCED, ("exim", "a"): Verdict.UNAFFECTED}
    write_baseline(tmp_path / "base.json", known)
    baseline = read_baseline(tmp_path / "base.json")
    assert baseline == known
    assert exit_code(known, baseline) == 0
    better = {("postfix", "a"): Verdict.UNAFFECTED}
    assert exit_code(better, baseline) == 0
    regressed = {**known, ("exim", "a"): Verdict.BOUNCED}
    assert worse(regressed, baseline) == [("exim", "a")]
    assert exit_code(regressed, baseline) == 3
    assert exit_code({**known, ("postfix", "new"): Verdict.BOUNCED}, baseline) == 3
    assert exit_code({("postfix", "a"): Verdict.MISCOUNTED}, baseline) == 3
    assert exit_code({}, baseline) == 4


def test_against_a_baseline_what_says_nothing_is_inconclusive() -> None:
    assert exit_code({("postfix", "a"): Verdict.INCONCLUSIVE}, {("postfix", "a"): Verdict.UNAFFECTED}) == 4
    assert exit_code({("postfix", "a"): Verdict.INCONCLUSIVE}, {("postfix", "a"): Verdict.INCONCLUSIVE}) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        '{"format": "simsmtp audit baseline", "version": 2, "verdicts": {}}',
        '{"format": "simsmtp audit baseline", "version": 1, "verdicts": []}',
        '{"format": "simsmtp audit baseline", "version": 1, "verdicts": {"postfix": {"a": "splendid"}}}',
        '{"format": "simsmtp audit baseline", "version": 1, "verdicts": {"postfix": {"a": []}}}',
    ],
)
def test_what_is_no_baseline_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "base.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"no baseline of an audit.*base\.json|base\.json.*no baseline of an audit"):
        read_baseline(path)


def test_octets_that_are_no_text_are_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(InputError, match="no baseline of an audit"):
        read_baseline(tmp_path / "base.json")


def test_junit_fails_what_makes_the_exit_code_and_skips_what_says_nothing() -> None:
    rows = [
        row("postfix", Verdict.BOUNCED, Cell("552 5.5.3", 250)),
        row("postfix", Verdict.UNAFFECTED),
        row("exim", Verdict.INCONCLUSIVE),
    ]
    root = ET.fromstring(junit(rows).encode())  # noqa: S314 - our own
    suites = {one.get("name"): one for one in root}
    assert suites["postfix"].attrib | {} == {"name": "postfix", "tests": "2", "failures": "1", "skipped": "0"}
    assert suites["exim"].get("skipped") == "1"
    [failure] = root.iter("failure")
    assert failure.get("message") == "bounced"
    assert [one.get("name") for one in root.iter("testcase")].count("552-250-100-transaction-pipelining") == 1
    assert not list(ET.fromstring(junit(rows, verdicts_of(rows)).encode()).iter("failure"))  # noqa: S314 - our own


def test_rows_are_kept_as_they_come_and_a_torn_one_is_done_again(tmp_path: Path) -> None:
    cell = Cell("552 5.5.3", 101)
    kept = Journal(tmp_path / "out")
    kept.add(AuditRow("exim", "4", cell, counts([GOOD]), 1, 1, 101, 0, 1.0, Verdict.UNAFFECTED))
    path = tmp_path / "out" / "audit.jsonl"
    whole = path.read_text(encoding="utf-8")
    path.write_text(f"{whole}{whole[:40]}", encoding="utf-8")
    again = Journal(tmp_path / "out")
    assert again.has("exim", cell.name)
    assert not again.has("exim", Cell("552 5.5.3", 102).name)
    assert path.read_text(encoding="utf-8") == whole
    assert again.in_order(["postfix", "exim"], [cell.name]) == [json.loads(whole)]


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"sender": "x"}', json.dumps(row() | {"verdict": "splendid"})])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="no row of an audit"):
        Journal(tmp_path)
    assert path.read_text(encoding="utf-8") == f"{line}\n"


def test_names_of_cells_and_their_senders_are_unique_and_fit_an_address() -> None:
    cells = matrix()
    assert len({cell.name for cell in cells}) == len({cell.sender for cell in cells}) == len(cells)
    assert max(len(cell.sender.partition("@")[0]) for cell in cells) <= 64  # RFC 5321 section 4.5.3.1.1
    assert set(matrix(quick=True)) <= set(cells)
    assert all(len(set(cell.addresses())) == cell.recipients for cell in cells)


def test_the_table_shares_a_line_only_where_all_behave_alike() -> None:
    rows = [
        row(sender, verdict, Cell(reply, 250, pipelining=pipelining)) | {"false_ndr": ndr}
        for sender in ("exim", "postfix")
        for reply, verdict, ndr in (
            ("451 4.5.3", Verdict.UNAFFECTED, 0),
            ("455 4.5.3", Verdict.UNAFFECTED, 0),
            ("552 5.5.3", Verdict.BOUNCED, 7),
        )
        for pipelining in (True, False)
    ]
    head, _, *lines = markdown(rows).splitlines()
    assert "exim 1.0" in head
    assert [line.split(" | ")[2] for line in lines] == ["451, 455", "552"]
    assert "**1 / 7 / 0" in lines[1]
