"""What a server records of its sessions, and the diagrams that are made of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from live_pair import pair
from test_cli_audit import audit
from test_cli_live import send, serving
from test_dialogue_page import document
from test_live_tls import ENCRYPTED, LOCALHOST

from simsmtp import Scenario
from simsmtp.dialogue import recording
from simsmtp.dialogue.capture import recorded_ladder
from simsmtp.dialogue.ladder import Ladder
from simsmtp.dialogue.recording import Recorder
from simsmtp.live.asyncio_server import Terms
from simsmtp.live.certificates import client_context, server_context

AFFECTED = Scenario(client={"preset": "windows-2003-rtm"})


def said(ladder: Ladder, kind: str) -> list[tuple[str, int, str]]:
    """Return the commands or the replies, and to whom they are."""
    found = []
    for step in ladder.steps:
        for line in step.lines if step.kind == kind else ():
            who = ladder.recipients[line.recipient].address if line.recipient >= 0 else ""
            found.append((line.verb, line.code, who))
    return found


@pytest.mark.parametrize("scenario", [AFFECTED, ENCRYPTED], ids=["in the clear", "encrypted"])
def test_both_ends_tell_the_same_dialogue(scenario: Scenario) -> None:
    recorder = Recorder()
    tls = server_context(LOCALHOST, None) if scenario is ENCRYPTED else None
    both = pair(scenario, Terms(timeout_s=10.0, tls=tls, recorder=recorder), tls=client_context(None))
    ladder = recorded_ladder(recorder.segments, "server")
    sent = both.delivered.output
    assert len(ladder.connections) == sent.responses["connections"]
    commands = Counter(verb for verb, _, _ in said(ladder, "group"))
    assert commands["RCPT"] == sent.responses["rcpt_commands"] == both.served.rcpt_commands
    refused = [who for _, code, who in said(ladder, "read") if code == 552]
    assert len(refused) == both.served.over_limit
    assert Counter(one.truth for one in ladder.recipients)["taken"] == both.served.accepted.total()
    assert not [step for step in ladder.steps if step.kind == "handshake"]


def test_what_is_known_of_recipients_is_told(tmp_path: Path) -> None:
    del tmp_path
    recorder = Recorder()
    pair(AFFECTED, Terms(timeout_s=10.0, recorder=recorder))
    first = recorded_ladder(recorder.segments, "x").recipients[0].address
    ladder = recorded_ladder(recorder.segments, "x", ["a note"], {first: ("duplicate", "a report")})
    assert (ladder.recipients[0].truth, ladder.recipients[0].ndr) == ("duplicate", "a report")
    assert ladder.notes[0] == "a note"


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_OCTETS", 5000)
    recorder = Recorder()
    both = pair(AFFECTED, Terms(timeout_s=10.0, recorder=recorder))
    assert both.served.rcpt_commands == 251
    assert recorder.is_full
    assert sum(len(one.octets) for one in recorder.segments) < 5000
    assert recorded_ladder(recorder.segments, "x").connections


def test_serve_and_send_draw_both_ends(tmp_path: Path) -> None:
    pages = tmp_path / "served.html", tmp_path / "sent.html"
    with serving("--sessions", "2", "--json", "--html", str(pages[0])) as (server, place):
        done = send(place, "--preset", "windows-2003-rtm", "--quiet", "--html", str(pages[1]))
        assert done.returncode == 0, done.stderr
        assert json.loads(server.communicate(timeout=30)[0])["accepted"] == 101
    (served,), (sent,) = (document(page.read_text("utf-8"))["ladders"] for page in pages)
    assert rcpts(served) == rcpts(sent) == 251
    assert [part[0] for part in served["truths"]] == ["101 accepted", "149 not known"]
    assert [part[0] for part in sent["truths"]] == ["101 delivered", "149 false NDR"]
    assert any(step["kind"] == "conclusion" for step in sent["steps"])
    assert any(note.startswith("Recorded by the server") for note in served["notes"])


def rcpts(ladder: dict[str, Any]) -> int:
    """Return how many RCPT commands a page shows."""
    groups = [step for step in ladder["steps"] if step["kind"] == "group"]
    return sum(run[5] for step in groups for run in step["runs"] if run[1] == "RCPT")


def test_an_audit_draws_its_cells(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    done = audit("smtplib", "--quick", "--reply", "552", "--html", folder)
    assert done.returncode == 0, done.stderr
    pages = sorted(folder.iterdir())
    assert [page.name for page in pages] == [
        f"smtplib-552-250-100-{kind}-pipelining.html" for kind in ("first-domain-only", "transaction")
    ]
    (ladder,) = document(pages[1].read_text("utf-8"))["ladders"]
    assert [part[0] for part in ladder["truths"]] == ["100 delivered", "150 false NDR"]
