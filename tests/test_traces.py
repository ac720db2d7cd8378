from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.model.traces import LONGEST_LINE, TraceMessage, read_trace

DATA = Path(__file__).parents[1] / "experiments" / "traces"
S = 1_000_000_000
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_it(content: str | bytes) -> Path:
        path = tmp_path / "trace"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_it


def qmgr(stamp: str, event: str, queue_id: str = "4C0FFEE12A") -> str:
    return f"{stamp} relay postfix/qmgr[8]: {queue_id}: {event}\n"


def active(sender: str = "a@a.example.test", size: int = 100, recipients: int = 1) -> str:
    return f"from=<{sender}>, size={size}, nrcpt={recipients} (queue active)"


def complaint(path: Path, trace_format: str = "auto") -> InputError:
    with pytest.raises(InputError) as caught:
        read_trace(path, trace_format)
    return caught.value


def test_a_small_trace_of_rows() -> None:
    messages = read_trace(DATA / "rows-small.txt")
    assert len(messages) == 40
    assert sum(message.recipients for message in messages) == 284
    assert max(message.recipients for message in messages) == 120
    assert messages[0] == TraceMessage(0, 2, 0, "eli@a.example.test", 0, (0, 1))  # its second row is the file's last
    assert messages[1] == TraceMessage(60 * S, 1, 0, "gus@a.example.test", 1, (0,))


def test_a_small_postfix_log() -> None:
    messages = read_trace(str(DATA / "postfix-small.log"))
    assert [(m.arrival_ns // S, m.recipients, m.size, m.sender.partition("@")[0]) for m in messages] == [
        (0, 150, 5120, "list"),  # active again at 300 s: a requeue
        (12, 1, 812, "ada"),
        (13, 1, 2980, ""),  # a bounce
        (39, 2, 1400, "bob"),  # two long queue ids that differ in case
        (39, 3, 1401, "bob"),
        (71, 1, 640, '"odd>, size=1"'),
        (86, 12, 2048, "cyd"),  # the queue id of ada's message, which was removed
        (129, 1, 455, "root"),
        (328, 1, 990, "eli"),  # logged after the two that follow
        (329, 4, 30111, "dee"),
        (329, 4, 30111, "dee"),
        (369, 1, 700, "fay"),  # dee's second queue id, on another host
        (378, 101, 20480, "gus"),
        (470, 1, 1024, "hal"),
    ]


@pytest.mark.parametrize("name", ["rows-small.txt", "postfix-small.log"])
def test_gzip_is_told_by_content(name: str, write: Write) -> None:
    packed = write(gzip.compress((DATA / name).read_bytes()))
    assert read_trace(packed) == read_trace(DATA / name)


def test_rows_are_joined_by_sender_and_time(write: Write) -> None:
    path = write("\ufeff# comment\n\nb x 7.5\r\n a\ty  2\nb z 7.5\nb x 7\na y 2.0\n")
    expected = [
        TraceMessage(0, 2, 0, "a", 1, (1, 1)),
        TraceMessage(5 * S, 1, 0, "b", 0, (0,)),
        TraceMessage(5 * S + S // 2, 2, 0, "b", 0, (0, 2)),
    ]
    assert read_trace(path) == expected


def test_equal_arrivals_stay_in_order_of_appearance(write: Write) -> None:
    path = write("c x 5\nb x 5\na x 5\nb x 4\n")
    assert [message.sender for message in read_trace(path)] == ["b", "c", "b", "a"]


def test_seconds_since_1970_keep_their_whole_seconds(write: Write) -> None:
    path = write("a x 1700000000\na x 1700000001.25\na x 1999999999\n")
    assert [message.arrival_ns for message in read_trace(path)] == [0, 1_250_000_000, 299_999_999 * S]


def test_a_log_over_the_new_year(write: Write) -> None:
    log = qmgr("Feb 28 23:59:59", active(), "A1") + qmgr("Dec 31 23:59:58", active(), "A2")
    log += qmgr("Jan  1 00:00:03", active(), "A3") + qmgr("Dec 31 23:59:59", active(), "A4")
    log += qmgr("Jan  1 00:00:04", active(), "A5") + qmgr("Dec  1 00:00:04", active(), "A6")
    log += qmgr("Jan  1 00:00:04", active(), "A7")
    seconds = [message.arrival_ns // S for message in read_trace(write(log))]
    new_year = seconds[1] + 2
    assert [second - new_year for second in seconds[1:5]] == [-2, -1, 3, 4]
    assert [(second - new_year) // 86_400 for second in seconds] == [-308, -1, -1, 0, 0, 335, 366]


def test_leap_day_stands_between_its_neighbours(write: Write) -> None:
    days = ["Feb 28", "Feb 29", "Mar  1"]
    log = "".join(qmgr(f"{day} 12:00:00", active(), f"A{i}") for i, day in enumerate(days))
    assert [message.arrival_ns // S for message in read_trace(write(log))] == [0, 86_400, 2 * 86_400]


def test_iso_stamps_with_zones_and_fractions(write: Write) -> None:
    stamps = ["2026-03-29T01:59:59.250000+01:00", "2026-03-29T03:00:00.500+0200", "2026-03-29T01:00:02Z"]
    log = "".join(qmgr(stamp, active(), f"A{i}") for i, stamp in enumerate(stamps))
    log += qmgr("2026-13-29T01:00:02Z", active(), "B1")  # no such month: not a log line
    log += qmgr("2026-03-29T01:00:03", active(), "B2")  # no zone: UTC
    arrivals = [message.arrival_ns for message in read_trace(write(log))]
    assert arrivals == [0, 1_250_000_000, 2_750_000_000, 3_750_000_000]


def test_a_requeue_is_no_message_and_a_reused_id_is_one(write: Write) -> None:
    log = qmgr("Mar  1 00:00:00", active()) + qmgr("Mar  1 00:05:00", active()) + qmgr("Mar  1 00:05:01", "removed")
    log += qmgr("Mar  1 00:06:00", active(recipients=7))
    assert [message.recipients for message in read_trace(write(log))] == [1, 7]


def test_a_log_need_not_be_utf8(write: Write) -> None:
    log = b"\xff\xfe noise\n" + qmgr("Mar  1 00:00:00", active("J\u00e4r")).encode("latin-1")
    assert [message.sender for message in read_trace(write(log))] == ["J\ufffdr"]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("a b", 2),
        ("a b 3 4", 2),
        ("a b soon", 2),
        ("a b nan", 2),
        ("a b inf", 2),
        ("a b -1", 2),
        ("a b 1e300", 2),
        ("\n# comment\na", 4),
    ],
)
def test_a_malformed_row_is_shown_with_its_place(row: str, line: int, write: Write) -> None:
    path = write(f"a b 1\n{row}\nc d 5\n")
    found = complaint(path)
    assert (found.message, found.file, found.line) == ("malformed row", str(path), line)
    assert found.given == row.rpartition("\n")[2]
    assert isinstance(found.allowed, str)
    assert found.allowed.startswith('"sender recipient seconds"')


@pytest.mark.parametrize(
    ("content", "trace_format", "message", "line"),
    [
        (b"", "auto", "the trace is empty", 1),
        (b"\n\n", "auto", "the trace is empty", 1),
        (b"# only a comment\n", "auto", "neither rows nor a Postfix log", 1),
        (b"\n<html>\n<body>\n", "auto", "neither rows nor a Postfix log", 2),
        (b"", "rows", "no messages found", None),
        (b"a b 1\n", "postfix-log", "no messages found", None),
        (b"Mar  1 00:00:00 relay postfix/master[1]: daemon started\n", "auto", "no messages found", None),
        (b"a b 1\n\xff b 1\n", "auto", "not UTF-8", 2),
        (b"a b 1\n" + b"x" * (LONGEST_LINE + 1), "rows", "a line is too long", 2),
        (b"\0" * 200_000, "auto", "a line is too long", 1),
    ],
)
def test_what_is_no_trace(content: bytes, trace_format: str, message: str, line: int | None, write: Write) -> None:
    path = write(content)
    found = complaint(path, trace_format)
    assert (found.message, found.file, found.line) == (message, str(path), line)
    assert found.allowed
    assert found.given is not ...


def test_a_line_of_the_longest_length_is_read(write: Write) -> None:
    path = write("a " + "b" * (LONGEST_LINE - 5) + " 1\n")
    assert len(path.read_bytes()) == LONGEST_LINE
    assert len(read_trace(path)) == 1


def test_mixed_time_stamps_are_refused(write: Write) -> None:
    log = qmgr("Mar  1 00:00:00", active(), "A1") + qmgr("2026-03-01T00:00:01Z", active(), "A2")
    found = complaint(write(log))
    assert (found.line, found.given, found.allowed) == (2, "2026-03-01T00:00:01Z", "classic")


PACKED = gzip.compress((DATA / "rows-small.txt").read_bytes(), mtime=0)


@pytest.mark.parametrize(
    "damaged",
    [
        PACKED[:40],
        PACKED[:-8] + bytes(8),  # wrong checksum
        PACKED[:10] + b"\xff" * 40,  # no such block type
        PACKED[:2] + b"x" * 50,  # no such method
    ],
)
def test_a_damaged_gzip_file(damaged: bytes, write: Write) -> None:
    path = write(damaged)
    found = complaint(path)
    assert found.message.startswith("cannot be read: ")
    assert (found.file, found.given) == (str(path), str(path))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, Path("null\0character")):
        found = complaint(path)
        assert found.message.startswith("cannot be read: ")
        assert (found.file, found.given) == (str(path), str(path))
        assert found.allowed == "a readable file, plain or gzip"


def test_an_unknown_format_gets_a_suggestion() -> None:
    assert "did you mean 'rows'?" in str(complaint(DATA / "rows-small.txt", "row"))


def read_or_complain(path: Path, trace_format: str) -> None:
    try:
        messages = read_trace(path, trace_format)
    except InputError:
        return
    assert messages[0].arrival_ns == 0
    assert all(message.recipients >= 1 and 0 <= message.arrival_ns < 2**63 for message in messages)


def pieces(*texts: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(texts) | st.text(max_size=3), max_size=30).map("".join)


ROW_LIKE = pieces("a", " ", "\t", "1", "9e9", "1e400", "-", "nan", ".5", "\n", "#", "\ufeff", "\x85", "٣")
LOG_LIKE = pieces(
    *(
        "Mar  1 00:00:00",
        "Dec 99 99:99:99",
        "2026-03-01T00:00:01Z",
        "2000-01-01T00:00:00+24:00",
        " relay ",
        "\n",
    ),
    *("postfix/qmgr[8]: ", "A1: ", "A2: ", "removed\n", active() + "\n", active("", 10**14, 10**8) + "\n"),
)
formats = st.sampled_from(["auto", "rows", "postfix-log"])
same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@same_file
@given(ROW_LIKE | LOG_LIKE | st.text(), formats)
@example("a b 1_0\n", "auto")
def test_any_text_is_read_or_refused(tmp_path: Path, text: str, trace_format: str) -> None:
    path = tmp_path / "any"
    path.write_text(text, encoding="utf-8", newline="")
    read_or_complain(path, trace_format)


@same_file
@given(st.binary() | st.binary().map(gzip.compress) | st.binary().map(b"\x1f\x8b\x08\0".__add__), formats)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, trace_format: str) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    read_or_complain(path, trace_format)


@same_file
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), min_size=1))
def test_rows_are_conserved_and_sorted(tmp_path: Path, rows: list[tuple[str, int]]) -> None:
    path = tmp_path / "any"
    path.write_text("".join(f"{sender} r{i} {at}\n" for i, (sender, at) in enumerate(rows)))
    messages = read_trace(path)
    assert sum(message.recipients for message in messages) == len(rows)
    assert len(messages) == len(set(rows))
    assert [message.arrival_ns for message in messages] == sorted(message.arrival_ns for message in messages)


def test_a_large_trace_is_read_in_one_piece(write: Write) -> None:
    path = write("".join(f"s{i % 977} r{i % 1009} {i // 3}\n" for i in range(30_000)))
    messages = read_trace(path)
    assert sum(message.recipients for message in messages) == 30_000
    assert messages[-1].arrival_ns == 9_999 * S
