"""Labels, titles and what peers say are data: no formula, no command to a terminal, no markup."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simsmtp
from simsmtp.errors import InputError
from simsmtp.output.csv_tables import csv_of, csv_texts, read_csv_texts, without_formulas
from simsmtp.shown import cell, from_cell, html_text, markdown_text, shown

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "  =1+1",
    "'=1+1",
    "=cmd|' /C calc'!A0",
    "\uff1d1",
    "-",
    "-5 %",
]
NUMBERS = ["-5", "+5", "-5.25", "-.5", "-1e-9", "5", "0"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)

TITLE = "a\x1b[31mred\x07 \u202egnp $x [red]y[/red] :warning: <script>alert(1)</script> | `z`\x85\nsimsmtp: OK"
LABELS = [
    "=1+1",
    "-5 %",
    "'=q",
    "@S",
    "x,=2+2",
    "\x1b[31mred",
    "[bold]a[/bold] $\\frac$",
    "c\rr",
    "l\nf",
    '<b>&"|`',
    " p ",
]
FACTOR = "=cmd|'x'!A0"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_a_text_to_a_spreadsheet_and_read_again_unchanged(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert from_cell(cell(text)) == text


@pytest.mark.parametrize("text", [*NUMBERS, "one-stop", "452 4.5.3", "", "a=b", "'quoted'", "it's"])
def test_numbers_and_usual_labels_stay_as_they_are(text: str) -> None:
    assert cell(text) == text
    assert from_cell(text) == text


@given(st.text(st.sampled_from("'=+-@\t\r\n 15.eE\uff1da"), max_size=6) | st.text())
def test_every_text_comes_back_from_its_cell(text: str) -> None:
    assert from_cell(cell(text)) == text
    assert not re.match(r"[=@\t\r]", cell(text))


@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS)
def test_a_table_of_any_labels_is_read_again_unchanged(labels: list[str], head: str) -> None:
    head = f"{head}."  # not empty, and no number of another column
    table = pd.DataFrame({head: labels, "mean": [0.1] * len(labels)})
    content = csv_of(table)
    for row in csv.reader(io.StringIO(content.decode(), newline="")):
        assert not row[0].lstrip().startswith(("=", "@"))
    found = csv_texts(content.decode())
    assert list(found.columns) == [head, "mean"]
    assert list(found[head]) == labels


def test_a_byte_order_mark_in_front_of_a_table_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_bytes(b"\xef\xbb\xbf" + csv_of(pd.DataFrame({"point": ["=1"], "n": [2]})))
    assert read_csv_texts(tmp_path / "summary.csv").to_dict("list") == {"point": ["=1"], "n": ["2"]}


def test_a_table_without_formulas_keeps_its_bytes() -> None:
    table = pd.DataFrame(
        {"point": [1, 2], "label": ["one-stop", "-5"], "mean": [-0.5, float("nan")], "flag": [True, None]}
    )
    assert csv_of(table) == table.to_csv(index=False, lineterminator="\n").encode()
    assert without_formulas(table).equals(table)


CONTROLS = ["\x1b[2J", "\x07", "\r", "\x9b31m", "\u202e", "\u200b", "\u2066", "\ufeff", "\u2028", "\x7f"]


@pytest.mark.parametrize("text", [*CONTROLS, "\ud800", "\U000e0041", "\x00", "\u00ad"])
def test_what_a_terminal_would_obey_or_nobody_would_see_is_written_out(text: str) -> None:
    assert OBEYED.search(shown(f"a{text}b")) is None
    assert shown(f"a{text}b").isascii()
    assert shown(shown(text)) == shown(text)


@pytest.mark.parametrize("text", ["Grüße", "日本語", "🙂", "\u00a0", "a [b] c", "\ue000", "\u22125 %", "שלום"])
def test_words_of_any_language_stay_as_they_are(text: str) -> None:
    assert shown(text) == text


@given(st.text())
def test_what_is_shown_is_xml_and_utf_8_and_html_without_tags(text: str) -> None:
    ET.fromstring(f"<a>{html_text(text)}</a>")  # noqa: S314 - our own document
    assert "<" not in html_text(text)
    assert shown(text).encode().decode() == shown(text)
    assert "\n" not in markdown_text(text)
    assert "<" not in markdown_text(text)
    assert re.search(r"(?<!\\)\|", markdown_text(text).replace("\\\\", "")) is None


def test_an_error_is_one_line_whatever_it_names() -> None:
    error = InputError("no\x1b]0;owned\x07 such", file="a\nsimsmtp: OK", key="\u202ekey", given="\x1b", allowed=["x\r"])
    assert OBEYED.search(str(error)) is None
    assert "\n" not in str(error)
    assert str(error).startswith(r"a\nsimsmtp: OK: \u202ekey: no\x1b]0;owned\x07 such")
    assert error.file == "a\nsimsmtp: OK"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an experiment of hostile names, and its results, baseline, report and comparisons."""
    folder = tmp_path_factory.mktemp("hostile")
    levels = "".join(f"{json.dumps(one)} = {{ 'client.batch_size' = {size} }}\n" for size, one in enumerate(LABELS, 1))
    (folder / "hostile.toml").write_text(
        f"[study]\nname = 'hostile'\ntitle = {json.dumps(TITLE)}\ndescription = {json.dumps(TITLE)}\nreplications = 2\n"
        f"[scenario.workload]\nrecipients_per_message = 3\n[factors.{json.dumps(FACTOR)}]\n{levels}"
        f"[figure]\nx = {json.dumps(FACTOR)}\ny = 'delivered_per_s'\n",
        encoding="utf-8",
    )
    said = [
        _simsmtp(folder, "run", "hostile.toml", "--output", "out", "--workers", "1", "--write-baseline", "base.csv")
    ]
    said += [_simsmtp(folder, "run", "hostile.toml", "--output", "out", "--dry-run")]
    said += [_simsmtp(folder, "report", "out"), _simsmtp(folder, "compare", "base.csv", "out")]
    for kind in ("junit", "markdown", "gobench"):
        said += [_simsmtp(folder, "compare", "base.csv", "out", "--to", kind, "--output", f"compared.{kind}")]
    (folder / "said").write_text("".join(said), encoding="utf-8")
    return folder


def _simsmtp(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "simsmtp", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return (done.stdout + re.sub(rb"\rhostile:.*", b"", done.stderr)).decode()


@pytest.mark.slow
def test_titles_and_labels_command_no_terminal(hostile: Path) -> None:
    said = (hostile / "said").read_text(encoding="utf-8")
    assert OBEYED.search(said) is None
    assert "a\\x1b[31mred\\x07 \\u202egnp $x [red]y[/red] :warning:" in said
    assert "[bold]a[/bold]" in said
    assert "\nsimsmtp: OK" not in said


@pytest.mark.slow
def test_documents_made_of_hostile_names_are_well_formed_and_show_them(hostile: Path) -> None:
    figure = (hostile / "out/hostile.svg").read_text(encoding="utf-8")
    report = (hostile / "out/report.html").read_text(encoding="utf-8")
    junit = (hostile / "compared.junit").read_text(encoding="utf-8")
    for text in (figure, report, junit, (hostile / "compared.gobench").read_text(encoding="utf-8")):
        assert OBEYED.search(text) is None
    ET.fromstring(figure)  # noqa: S314 - our own document
    names = {one.get("classname") for one in ET.fromstring(junit).iter("testcase")}  # noqa: S314
    assert {f"{one}/{FACTOR}=\\x1b[31mred" for one in ("out", "hostile")} & names
    assert "<script>alert" not in report
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in report


@pytest.mark.slow
def test_no_cell_of_the_files_of_a_run_is_a_formula_and_labels_are_read_again(hostile: Path) -> None:
    for name in ("out/summary.csv", "base.csv"):
        text = (hostile / name).read_text(encoding="utf-8")
        for row in csv.reader(io.StringIO(text, newline="")):
            assert not [one for one in row if re.match(r"\s*[=@+]|[\t\r]|-[^0-9]", one)], row
    assert list(dict.fromkeys(read_csv_texts(hostile / "out/summary.csv")[FACTOR])) == LABELS
    assert simsmtp.compare(hostile / "base.csv", hostile / "out").verdict == "OK (identical)"
    (hostile / "means").mkdir()
    (hostile / "means/summary.csv").write_bytes((hostile / "out/summary.csv").read_bytes())
    assert simsmtp.compare(hostile / "base.csv", hostile / "means").verdict == "OK (identical)"


def test_words_of_a_peer_are_no_formulas_in_the_rows_of_serve(tmp_path: Path) -> None:
    from simsmtp.cli.live_case import RowFile

    rows = RowFile(tmp_path / "rows.csv", ["sender", "code", "share"])
    rows.open()
    for said in ("=cmd|' /C calc'!A0@x", "-2+3@x", "\x1b]0;x\x07@x", "a\r\n=1@x", "\udce9@x"):
        rows.write([said, -1, -0.5])
    rows.close()
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        head, *found = csv.reader(file)
    assert head == ["sender", "code", "share"]
    assert [one[0] for one in found] == [
        "'=cmd|' /C calc'!A0@x", "'-2+3@x", "\\x1b]0;x\\x07@x", "a\\r\\n=1@x", "\\udce9@x",
    ]  # fmt: skip
    assert {tuple(one[1:]) for one in found} == {("-1", "-0.5")}


def test_destinations_are_no_formulas_in_rows_of_recipients(tmp_path: Path) -> None:
    from simsmtp.output.recipient_files import write_recipients

    table = pd.DataFrame({"recipient": [0, 1], "destination": ["=1+1", "a"], "delay_s": [-1.0, 2.0]})
    path = write_recipients(tmp_path / "rows.csv", [table, table])
    assert path.read_text(encoding="utf-8").splitlines()[1:] == ["0,'=1+1,-1.0", "1,a,2.0"] * 2


def test_what_a_peer_says_commands_no_terminal() -> None:
    from simsmtp.live.client_session import ClientSession
    from simsmtp.live.dialogue import Dialogue
    from simsmtp.live.encoding import Written
    from simsmtp.peers.flight import NOBODY, ReplyRecord
    from simsmtp.protocol.commands import Verb

    lines: list[str] = []
    dialogue, session = Dialogue(lambda: 0, lines.append), ClientSession(1, "\x1b[1m")
    dialogue.command(session, Written(Verb.RCPT, b"RCPT TO:<\x1b[2J\x9b@x>"))
    dialogue.reply(session, ReplyRecord(Verb.RCPT, NOBODY, 250, 0, 0), ["250 \x1b]0;owned\x07 \u202e ok"])
    dialogue.close(session, "sent \x1b[31m")
    assert [OBEYED.search(one) for one in lines] == [None] * 3
    assert r"RCPT TO:<\x1b[2J\x9b@x>" in lines[0]


def test_a_receiver_that_calls_itself_anything_is_a_text_of_its_calibration(tmp_path: Path) -> None:
    from simsmtp.calibration.parameters import START, Calibration, read_calibration, write_calibration

    for name in ('postfix"\nversion = 2\n[parameters', "a\x1b\x00b", "ü🙂", "back\\slash"):
        write_calibration(Calibration(START, name, (2.0,), 1, 1, 0.1, 0.1), tmp_path / "it.toml")
        assert read_calibration(tmp_path / "it.toml").receiver == name


Reader = Callable[[Path], object]


def _readers() -> dict[str, tuple[str, Reader]]:
    from simsmtp.audit.journal import Journal as AuditJournal
    from simsmtp.audit.verdicts import read_baseline
    from simsmtp.calibration.measured import read_measured
    from simsmtp.calibration.parameters import START, read_calibration
    from simsmtp.lab.journal import NAMES
    from simsmtp.lab.journal import Journal as LabJournal
    from simsmtp.report.results_folder import _document

    parameters = "".join(f"{name} = {value}\n" for name, value in START._asdict().items())
    session = {
        "N": 9,
        "batch": 3,
        "limit": 5,
        "size": 1,
        "cache": "on",
        "pipelining": True,
        "rtt_ms": 2,
        "duration_s": 1,
    }
    row = {"sender": "smtplib", "name": "cell", "verdict": "unaffected"}
    return {
        "experiment.json": ('{"study": {"name": "a"}}', _document),
        "calibration": (f"version = 1\n[parameters]\n{parameters}", read_calibration),
        "measured sessions": (json.dumps(session) + "\r\n", read_measured),
        "baseline of an audit": ('{"format": "simsmtp audit baseline", "version": 1, "verdicts": {}}', read_baseline),
        "rows of an audit": (json.dumps(row) + "\n", lambda path: AuditJournal(path.parent).rows),
        "rows of the lab": (json.dumps(dict.fromkeys(NAMES, 1)) + '\n{"torn', lambda path: LabJournal(path).rows),
    }


@pytest.mark.parametrize("name", _readers())
def test_a_byte_order_mark_changes_nothing(name: str, tmp_path: Path) -> None:
    text, read = _readers()[name]
    path = tmp_path / "audit.jsonl"
    path.write_text(text, encoding="utf-8")
    plain = repr(read(path))
    path.write_text(text, encoding="utf-8-sig")
    assert repr(read(path)) == plain


def test_a_torn_last_row_behind_a_byte_order_mark_is_cut_off_and_nothing_else(tmp_path: Path) -> None:
    from simsmtp.lab.journal import NAMES, Journal

    whole = "\ufeff" + json.dumps(dict.fromkeys(NAMES, 1)) + "\n"
    (tmp_path / "rows").write_bytes(whole.encode() + b'{"torn": "\xff')
    Journal(tmp_path / "rows")
    assert (tmp_path / "rows").read_text(encoding="utf-8") == whole


def test_provenance_with_a_byte_order_mark_names_the_run(tmp_path: Path) -> None:
    from simsmtp.store.last_run import read_provenance

    (tmp_path / "provenance.json").write_text('{"code": "c", "seed": 7}', encoding="utf-8-sig")
    assert read_provenance(tmp_path) == {"code": "c", "seed": 7}
