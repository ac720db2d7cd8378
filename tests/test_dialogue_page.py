"""The diagram as one HTML page: what it holds, that nothing in it can break out, and what a browser makes of it."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, needs_browser
from study_files import cli

from simsmtp import trace
from simsmtp.dialogue.ladder import Ladder, Line, Recipient, Step
from simsmtp.dialogue.page import page_of
from simsmtp.errors import InputError

AFFECTED = {"client": {"preset": "windows-2003-rtm"}}
FIXED = {"client": {"strategy": "corrected"}}


def document(page: str) -> dict[str, Any]:
    """Return what a page draws."""
    found: dict[str, Any] = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])
    return found


class Elements(HTMLParser):
    """The elements and addresses of a page as a browser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.links = 0, []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.links += [value for name, value in attrs if name in {"src", "href"}]


def test_a_page_holds_both_dialogues_and_needs_no_other_file() -> None:
    page = trace(AFFECTED).to_html(trace(FIXED))
    found = document(page)
    first, second = found["ladders"]
    assert [first["title"], second["title"]] == ["windows-2003-rtm (one-stop)", "corrected"]
    assert found["parting"] is not None
    assert [part[0] for part in first["truths"]] == ["101 delivered", "149 false NDR"]
    concluded = next(step for step in first["steps"] if step["kind"] == "conclusion")
    assert [part[0] for part in concluded["parts"]] == [
        "100 taken as accepted",
        "1 re-queued",
        "149 failed: NDR",
        "(149 valid mailboxes)",
    ]
    assert len(first["recipients"]) == 250
    assert not Elements(page).links
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> \x1b[31m \" ' & $title $data"


def hostile_ladder() -> Ladder:
    lines = (Line(HOSTILE, "RCPT", 0, 552, "over-limit"),)
    step = Step("read", 0, 0.1, 0.2, 1, 0, lines, HOSTILE)
    return Ladder(HOSTILE, (HOSTILE,), (step,), (Recipient(HOSTILE, 0, "", HOSTILE),), (HOSTILE,))


def test_words_of_a_peer_stay_words() -> None:
    page = page_of([hostile_ladder()])
    assert Elements(page).scripts == 2  # the data and the script
    assert "\x1b" not in page
    assert document(page)["ladders"][0]["steps"][0]["parts"][0][0] == "RCPT 552"


def test_a_page_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        trace(AFFECTED).write_html(tmp_path / "none" / "x.html")


def test_the_command_line_draws_two_senders_on_the_same_draws(tmp_path: Path) -> None:
    done = cli(tmp_path, "trace", "--set", "client.strategy=one-stop", "--html", "x.html",
               "--beside", "client.strategy=corrected", "--connections", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = document((tmp_path / "x.html").read_text("utf-8"))["ladders"]
    assert [first["title"], second["title"]] == ["one-stop", "corrected"]
    assert done.stdout == "one-stop: 101 delivered · 149 false NDR\ncorrected: 250 delivered\nwritten: x.html\n"


BAD: dict[str, tuple[list[str], str]] = {
    "beside without a page": (["--beside", "client.strategy=corrected"], "--html FILE"),
    "a folder": (["--html", "."], "--html"),
    "beside an unknown strategy": (
        ["--html", "x.html", "--beside", "client.strategy=correct"],
        "did you mean 'corrected'?",
    ),
    "a simulation and a capture": (["--from-pcap", "x.pcap", "--set", "client.batch_size=3"], "--set: belongs to"),
    "no capture": (["--from-pcap", "missing.pcap"], "missing.pcap"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_one_line_and_leaves_no_file(tmp_path: Path, arguments: list[str], part: str) -> None:
    done = cli(tmp_path, "trace", *arguments)
    assert done.returncode == 2
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def browsed(path: Path, address: str = "") -> str:
    """Return the page as Chromium has drawn it, opened at a recipient."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    place = path.as_uri() + (f"#{address}" if address else "")
    done = subprocess.run([*command, place], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


@needs_browser
@pytest.mark.slow
def test_a_browser_draws_it_and_follows_a_recipient(tmp_path: Path) -> None:
    path = trace(AFFECTED).write_html(tmp_path / "x.html", trace(FIXED))
    drawn = browsed(path, "u00000000149")
    diagram = drawn.partition("<svg")[2].partition("</svg>")[0]
    assert diagram.count("RCPT 552 ×107") == 2
    assert "149 failed: NDR" in diagram
    assert "150 re-queued" in diagram
    panel = drawn.partition('id="panel"')[2]
    assert "RCPT TO:&lt;u00000000149@example.test&gt;" in panel
    assert "What became of it: false NDR" in panel  # by the affected sender
    assert "What became of it: delivered" in panel  # by the other
    assert "Diagnostic-Code: smtp; 552 Too many recipients" in panel


@needs_browser
@pytest.mark.slow
def test_a_browser_runs_no_words_of_a_peer(tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    path.write_text(page_of([hostile_ladder()]), encoding="utf-8")
    drawn = browsed(path)
    assert "drawn-after-ms" in drawn
    assert "<img" not in drawn


@needs_browser
@pytest.mark.slow
def test_ten_thousand_recipients_are_drawn_as_far_as_they_are_in_view(tmp_path: Path) -> None:
    many = {"workload": {"recipients_per_message": 10_000}, "client": {"batch_size": 10_000}}
    drawn = browsed(trace(many).write_html(tmp_path / "x.html"))
    assert re.search(r'data-drawn-after-ms="\d+"', drawn)
    assert drawn.partition("<svg")[2].partition("</svg>")[0].count("<g ") < 500
