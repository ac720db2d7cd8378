"""Captures and NDRs of simulated sessions, read by programs that other people wrote."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from simsmtp import Scenario
from simsmtp.dialogue.ndr import write_ndrs
from simsmtp.dialogue.pcap import write_pcap
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.model.plan import plan_of
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.wire import AddressBook
from simsmtp.rows.records import Output

EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.toml"))
BAD = "tcp.analysis.flags || _ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"
RTM = {"preset": "windows-2003-rtm"}
CASES: dict[str, dict[str, Any]] = {
    "KB 822105": {"client": RTM},
    "without pipelining": {"client": RTM | {"pipelining": False}, "workload": {"recipients_per_message": 12}},
    "a long text": {"workload": {"message_bytes": 3_000_000, "recipients_per_message": 3}},
    "chunks": {"client": {"chunking": True}, "server": {"chunking": True}},
    "421": {"client": {"expiry_s": 600}, "server": {"overflow_reply": "421 4.3.2"}},
    "several connections": {"workload": {"messages": 6, "recipients_per_message": 40}, "client": {"connections": 3}},
    "tarpit": {"server": {"soft_error_limit": 3, "recipient_limit": 5, "overshoot_limit": 0},
               "client": {"expiry_s": 10}, "workload": {"recipients_per_message": 20}},
    "uneven delays": {"network": {"rtt_ms": {"dist": "lognormal", "mean": 40, "cv": 0.8}},
                      "client": {"window_recipients": 20}, "workload": {"messages": 3}},
    "two destinations": {"destinations": [{"name": "a"}, {"name": "b", "network": {"rtt_ms": 5}}]},
}  # fmt: skip


def ran(tables: dict[str, Any]) -> tuple[Scenario, Output, AddressBook]:
    scenario = Scenario.from_dict(tables)
    workload = scenario.workload
    output = run_replication(plan_of(scenario), recipients=True, dialogue=True)
    return scenario, output, AddressBook(workload.address_chars, workload.domains)


def tshark(path: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()


@pytest.mark.slow
@pytest.mark.mta
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed (Debian package tshark)")
@pytest.mark.parametrize("tables", CASES.values(), ids=CASES)
def test_tshark_dissects_a_capture_without_a_mark(tmp_path: Path, tables: dict[str, Any]) -> None:
    scenario, output, addresses = ran(tables)
    path = tmp_path / "session.pcap"
    write_pcap(path, output, plan_of(scenario), addresses)
    assert tshark(path, "-Y", BAD) == []
    fields = ("-T", "fields", "-E", "aggregator=|", "-e")
    told = "|".join(tshark(path, "-Y", "smtp.req.command", *fields, "smtp.req.command")).split("|")
    texts = (Verb.TEXT, Verb.BDAT)  # which tshark shows as the data they are
    verbs = [Verb(row.verb).name for row in output.dialogue if row.kind == "command" and row.verb not in texts]
    quits = sum(word == "QUIT" for word in told)
    assert sorted(word for word in told if word != "QUIT") == sorted(verbs)
    assert quits <= output.responses["connections"]
    codes = "|".join(tshark(path, "-Y", "smtp.response.code", *fields, "smtp.response.code")).split("|")
    assert set(codes) >= {str(row.code) for row in output.dialogue if row.kind == "reply"}
    assert len(set(tshark(path, *fields, "tcp.stream"))) == output.responses["connections"]
    last = float(tshark(path, *fields, "frame.time_relative")[-1])
    assert last >= output.responses["makespan_s"]


@pytest.mark.mta
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed (Debian package tshark)")
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_experiments_are_dissected_without_a_mark(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsmtp.dialogue.pcap._FIRST_PORT", 65_533)  # so that further clients are needed for more
    scenario = load_experiment(path).points[-1].scenario
    few = {"workload.messages": 3} | ({"workload.trace_messages": 20} if scenario.workload.trace else {})
    few |= {"workload.recipients_per_message": 300} if path.stem == "newsletter" else {}
    scenario = scenario.replace(few)
    output = run_replication(plan_of(scenario), dialogue=True)
    workload = scenario.workload
    write_pcap(tmp_path / "x.pcap", output, plan_of(scenario), AddressBook(workload.address_chars, workload.domains))
    assert tshark(tmp_path / "x.pcap", "-Y", BAD) == []
    streams = tshark(tmp_path / "x.pcap", "-T", "fields", "-e", "tcp.stream")
    assert len(set(streams)) == output.responses["connections"]


def test_an_encrypted_session_is_refused(tmp_path: Path) -> None:
    scenario, output, addresses = ran({"client": {"starttls": True}})
    with pytest.raises(InputError, match=r"client\.starttls"):
        write_pcap(tmp_path / "session.pcap", output, plan_of(scenario), addresses)
    assert not (tmp_path / "session.pcap").exists()


STRATEGIES = ("corrected", "one-stop", "send-cursor", "aggregate", "budget")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_bounce_parser_finds_just_the_recipients_with_an_ndr(tmp_path: Path, strategy: str) -> None:
    detectors = pytest.importorskip("flufl.bounce", reason="flufl.bounce is not installed")
    tables = {"workload": {"unknown_share": 0.1, "messages": 3}, "client": {"strategy": strategy}}
    scenario, output, addresses = ran(tables)
    found = {}
    for path in write_ndrs(tmp_path, output, plan_of(scenario), addresses):
        temporary, permanent = detectors.all_failures(message_from_bytes(path.read_bytes()))
        assert not temporary
        found[int(path.stem.removeprefix("ndr-"))] = {address.decode() for address in permanent}
    expected: dict[int, set[str]] = {}
    for row in output.recipients:
        if row.ndr:
            expected.setdefault(row.message, set()).add(addresses.recipient(row.origin))
    assert found == expected


def test_an_ndr_names_the_reply_that_caused_it(tmp_path: Path) -> None:
    scenario, output, addresses = ran({"client": RTM})
    (path,) = write_ndrs(tmp_path, output, plan_of(scenario), addresses)
    report = message_from_bytes(path.read_bytes())
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    status = report.get_payload(1)
    assert not isinstance(status, str)
    per_message, *blocks = status.get_payload()
    assert per_message["Reporting-MTA"].startswith("dns;")
    assert len(blocks) == 149
    for block in blocks:
        assert block["Action"] == "failed"
        assert block["Status"].startswith("5.")
        assert block["Diagnostic-Code"].startswith("smtp; 552 ")


def test_expiry_is_told_from_refusal(tmp_path: Path) -> None:
    tables = {"client": {"overflow": "defer", "expiry_s": 60}, "server": {"overflow_reply": "452 4.5.3"}}
    scenario, output, addresses = ran(tables)
    (path,) = write_ndrs(tmp_path, output, plan_of(scenario), addresses)
    text = path.read_text(encoding="ascii")
    expired = output.responses["false_ndr"]
    assert text.count("Status: 4.4.7") == text.count("Diagnostic-Code: smtp; 452 4.5.3") == expired == 50


def test_trace_writes_both(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('[scenario.client]\npreset = "windows-2003-rtm"\n', encoding="utf-8")
    command = [sys.executable, "-m", "simsmtp", "trace", "one.toml", "--pcap", "one.pcap", "--ndr", "bounces", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["responses"]["false_ndr"] == 149
    assert (tmp_path / "one.pcap").stat().st_size > 10_000
    assert [path.name for path in (tmp_path / "bounces").iterdir()] == ["ndr-0.eml"]


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["--pcap", "nowhere/one.pcap", "--ndr", "bounces"], "--pcap"),
        (["--pcap", "one.pcap", "--ndr", "one.toml"], "--ndr"),
        (["--pcap", "one.pcap", "--set", "client.starttls=true"], "client.starttls"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, arguments: list[str], key: str) -> None:
    (tmp_path / "one.toml").write_text('[scenario.client]\npreset = "windows-2003-rtm"\n', encoding="utf-8")
    command = [sys.executable, "-m", "simsmtp", "trace", "one.toml", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert key in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["one.toml"]


def blocks_of(path: Path) -> dict[str, tuple[str, str | None]]:
    """Return status and diagnostic code of each recipient of a report."""
    status = message_from_bytes(path.read_bytes()).get_payload(1)
    assert not isinstance(status, str)
    return {
        block["Final-Recipient"].removeprefix("rfc822; "): (block["Status"], block["Diagnostic-Code"])
        for block in status.get_payload()[1:]
    }


def causes(folder: Path, tables: dict[str, Any]) -> set[tuple[str, str | None]]:
    """Return the causes that a run's NDRs give."""
    scenario, output, addresses = ran(tables)
    paths = write_ndrs(folder, output, plan_of(scenario), addresses)
    return {cause for path in paths for cause in blocks_of(path).values()}


def test_the_text_of_another_transaction_is_nobody_elses_cause(tmp_path: Path) -> None:
    """Texts are refused now and then, mailboxes too, and the sender gives the latter to the recipient behind."""
    tables = {
        "workload": {"recipients_per_message": 20, "messages": 8, "unknown_share": 0.1},
        "client": {"batch_size": 10, "strategy": "shifted"},
        "server": {"data_failure_share": 0.5, "data_failure_reply": "554 5.6.0"},
    }
    scenario, output, addresses = ran(tables)
    own: dict[tuple[int, int], int] = {}
    text: dict[tuple[int, int], int] = {}
    for row in output.dialogue:
        if row.kind == "reply" and row.verb == Verb.RCPT:
            own[row.message, row.recipient] = row.code
        if row.kind == "reply" and row.verb == Verb.TEXT:
            text.update((who, row.code) for who in own if who[0] == row.message and who not in text)
    found = {}
    for path in write_ndrs(tmp_path, output, plan_of(scenario), addresses):
        for who, cause in blocks_of(path).items():
            found[int(path.stem.removeprefix("ndr-")), who] = cause
    words = {550: "smtp; 550 5.1.1 User unknown", 554: "smtp; 554 5.6.0 Message refused"}
    expected = {}
    for row in output.recipients:
        if row.ndr:
            who = row.message, row.recipient
            code = own[who] if own[who] >= 400 else text[who]
            expected[row.message, addresses.recipient(row.recipient)] = words.get(code)
    assert {who: diagnostic for who, (_, diagnostic) in found.items()} == expected
    assert set(expected.values()) == {*words.values(), None}


def test_421_is_the_cause_of_all_that_the_transaction_had_named(tmp_path: Path) -> None:
    tables = {
        "client": {"expiry_s": 30},
        "server": {"overflow_reply": "421 4.3.2"},
        "workload": {"recipients_per_message": 260},
    }
    assert causes(tmp_path, tables) == {("4.4.7", "smtp; 421 4.3.2 Too many recipients")}


@pytest.mark.parametrize("client", [{"pipelining": False}, {"window_recipients": 1}], ids=["alone", "one by one"])
def test_a_421_to_rset_is_not_the_cause_of_those_refused_before(tmp_path: Path, client: dict[str, Any]) -> None:
    tables = {
        "workload": {"messages": 2, "recipients_per_message": 2, "unknown_share": 1.0},
        "client": {"connections": 1, **client},
        "server": {"hard_error_limit": 2},
    }
    assert causes(tmp_path, tables) == {("5.1.1", "smtp; 550 5.1.1 User unknown")}


def test_who_never_got_a_connection_expired(tmp_path: Path) -> None:
    tables = {
        "client": {"expiry_s": 30, "connections": 2, "timeout_s": {"dot": 1e7}},
        "server": {"sessions": 1, "text_service_ms": 1e9},
        "workload": {"messages": 2, "recipients_per_message": 2},
    }
    assert causes(tmp_path, tables) == {("4.4.7", None)}
