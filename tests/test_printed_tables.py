"""Tables on a terminal: they fit it, and what does not fit is divided, never cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capacity_files import Queue, planned, queue
from printed import Screen, assert_fits, numbers_in, screen

from simsmtp.cli import lab
from simsmtp.cli.printing.audit_tables import print_audit
from simsmtp.cli.printing.capacity_tables import print_capacity
from simsmtp.cli.printing.console import PlainConsole
from simsmtp.cli.printing.tables import Column, columns_of, print_table, short_names

__all__ = ["queue", "screen"]
ROOT = Path(__file__).parents[1]
WIDE, WIDTHS = 400, (80, 60)


def printed(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **table: object) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    capsys.readouterr()
    print_table(PlainConsole(), **table)  # type: ignore[arg-type]
    return capsys.readouterr().out


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("coalescing", "kb822105", "limits")]


@pytest.mark.parametrize("name", ["window", "real_traffic", *SLOW])
def test_a_shipped_study_fits_the_terminal_and_loses_no_value(screen: Screen, name: str) -> None:
    command = ("run", name, "--replications", 2, "--no-figure", "--workers", 1)
    screen(WIDE, *command)
    wide = screen(WIDE, *command)
    for width in WIDTHS:
        text = screen(width, *command)
        assert_fits(text, width)
        assert "…" not in text
        assert numbers_in(wide) <= numbers_in(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_says_the_verdict_first_and_fits(screen: Screen, width: int) -> None:
    sides = [ROOT / "results" / name for name in ("newsletter", "newsletter-full")]
    with pytest.MonkeyPatch.context() as patch:  # paths of the clone may be longer than a line
        patch.chdir(ROOT)
        command = ("compare", *(one.relative_to(ROOT) for one in sides))
        text, wide = screen(width, *command), screen(WIDE, *command)
    assert text.startswith("newsletter: REGRESSION")
    assert_fits(text, width)
    assert numbers_in(wide) <= numbers_in(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_validation_says_the_error_first_and_fits(screen: Screen, width: int) -> None:
    folder = ROOT / "results" / "validation"
    command = ("validate", folder / "measured" / "exim.jsonl", "--calibration", folder / "exim.toml",
               "--replications", 2)  # fmt: skip
    text, wide = screen(width, *command), screen(WIDE, *command)
    assert text.startswith("all 55 settings: absolute error")
    assert_fits(text, width)
    assert numbers_in(wide) <= numbers_in(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_capacity_answer_fits(
    tmp_path: Path, queue: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    found = planned(tmp_path)
    texts = []
    for columns in (WIDE, width):
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        print_capacity(found, [])
        texts.append(capsys.readouterr().out.replace(str(tmp_path), "folder"))
    assert_fits("\n".join(line for line in texts[1].splitlines() if "/pytest-" not in line), width)
    assert numbers_in(texts[0]) <= numbers_in(texts[1])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_of_an_audit_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    lines = (ROOT / "results" / "audit" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    monkeypatch.setenv("COLUMNS", str(width))
    print_audit(rows)
    text = capsys.readouterr().out
    assert_fits(text, width)
    assert text.startswith(f"postfix {rows[0]['version']}: ")
    assert {row["reply"] for row in rows} <= {reply for row in rows for reply in [row["reply"]] if reply in text}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_of_the_lab_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    setting = {"rtt_ms": 2.0, "N": 200, "batch": 50, "limit": 100, "size": 1000, "cache": "on", "pipelining": True}
    counts = {"repeats": 5, "sent": 200, "deferred": 0, "bounced": 0, "connections": 1, "client_turns": 12}
    times = {"median_s": 0.12345, "low_s": 0.1, "high_s": 0.2, "receiver": "postfix 3.7"}
    rows = [setting | counts | times, setting | counts | times | {"rtt_ms": 20.0}]
    monkeypatch.setenv("COLUMNS", str(width))
    lab._print(Path("measured.jsonl"), rows, 10, as_json=False)
    text = capsys.readouterr().out
    assert_fits(text, width)
    assert text.startswith("10 sessions measured")
    assert "0.1235" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", [("keys",), ("keys", "study", "design"), ("presets",), ("experiments",)])
def test_lists_fit(screen: Screen, command: tuple[str, ...], width: int) -> None:
    assert_fits(screen(width, *command), width)


def test_keys_that_are_alike_are_told_once_and_parts_repeat_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = columns_of(["limit", "sender"], [["100", "one"], ["100", "two"]], is_text=True)
    values = [Column(f"response_{at}", ["1.234 ± 0.5", "20 ± 1"]) for at in range(8)]
    text = printed(60, monkeypatch, capsys, keys=keys, values=values)
    assert_fits(text, 60)
    assert text.count("In all rows: limit 100\n") == 1
    assert text.count("one ") == text.count("two ") == 2
    assert text.count("20 ± 1") == 8


def test_rows_get_numbers_where_keys_leave_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    levels = [["a long label of a level, made by hand " * 2, "b" * 30], ["another one", "c" * 30]]
    keys = columns_of(["first", "second"], levels, is_text=True)
    text = printed(60, monkeypatch, capsys, keys=keys, values=[Column("mean", ["7", "8"])], number="point")
    assert_fits(text, 60)
    assert "b" * 30 in text
    assert "made by hand" in " ".join(text.split())
    last = text[text.rindex("mean") :]
    assert [line.split() for line in last.splitlines()[2:4]] == [["1", "7"], ["2", "8"]]


def test_a_label_wider_than_the_terminal_is_folded_and_words_of_others_are_harmless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = columns_of(["sender"], [["x" * 150 + "\x1b[31m"], ["日本" * 20]], is_text=True)
    text = printed(60, monkeypatch, capsys, keys=keys, values=[Column("mean", ["7", "8"])])
    assert_fits(text, 60)
    assert text.count("x") == 151  # with that of the escape, written out
    assert "\x1b" not in text
    assert text.count("日") == 20


def test_names_are_as_short_as_they_can_be() -> None:
    assert short_names(["client.connections", "server.connections", "rtt"]) == [
        "client.connections",
        "server.connections",
        "rtt",
    ]
