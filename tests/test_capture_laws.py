"""Captures of anything: streams from segments in any order, and who was accepted from octets alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from capture_writer import Talk, heard, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fuzz_corpus import COMMANDS, REPLIES
from wire_account import account, codes_in

from simsmtp.dialogue.tcp_streams import Stream


@given(
    data=st.binary(min_size=1, max_size=60),
    cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12),
    first=st.sampled_from([0, 2**32 - 30, 2**31 - 5]),
)
def test_a_stream_has_each_octet_once_up_to_the_first_that_is_missing(
    data: bytes, cuts: list[tuple[int, int]], first: int
) -> None:
    stream = Stream[int](first)
    known: set[int] = set()
    for mark, (begin, end) in enumerate(cuts):
        octets = data[begin:end]
        if not octets:
            continue
        stream.add((first + begin) % 2**32, octets, mark)
        known |= set(range(begin, begin + len(octets)))
    ready = next(place for place in range(len(data) + 1) if place not in known)
    assert b"".join(octets for _, octets in stream.pieces) == data[:ready]
    assert [mark for mark, _ in stream.pieces] == sorted(mark for mark, _ in stream.pieces)
    assert stream.has_hole == (max(known, default=-1) >= ready)


SAID = st.lists(
    st.sampled_from([one for one in COMMANDS if one.endswith(b"\r\n") and one != b"STARTTLS\r\n"]), max_size=30
)
ANSWERED = st.lists(
    st.sampled_from([one for one in REPLIES if one.endswith(b"\r\n") and one != b"334 x\r\n"]), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(SAID, ANSWERED, st.lists(st.integers(1, 9)))
def test_who_was_accepted_is_what_the_octets_say(said: list[bytes], answered: list[bytes], cuts: list[int]) -> None:
    """It is worked out a second time in `wire_account`; how octets are cut into segments changes nothing."""
    written, answer = b"EHLO x\r\n" + b"".join(said) + b"abcd\r\n.\r\n", b"220 x\r\n" + b"".join(answered)
    whole = written
    with TemporaryDirectory() as folder:
        ladder = heard(Path(folder), Talk().connect().client(written).server(answer))
        talk = Talk().connect()
        for size in cuts:
            talk.client(written[:size])
            written = written[size:]
        other = heard(Path(folder), talk.client(written).server(answer))
    assert texts(other, "group") == texts(ladder, "group")
    assert texts(other, "read") == texts(ladder, "read")
    assert other.recipients == ladder.recipients
    found = Counter[str]()
    for one in ladder.recipients:
        found[one.address] += {"": 0, "emptied": 0, "taken": 1, "taken_again": 2}[one.truth]
    accepted = Counter(
        who for (_, who), number in account(whole, codes_in(answer)).accepted.items() for _ in range(number)
    )
    assert +found == accepted
