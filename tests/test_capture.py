"""Captures of somebody's own: what is read of them, in any format, whatever is missing, and of what is no capture."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest
from capture_writer import (
    ACK,
    FIN,
    GROUP,
    LINKS,
    MS,
    REPLIES,
    RST,
    SERVER,
    TEXT,
    Talk,
    greeted,
    heard,
    packets,
    pcap,
    pcapng,
    read,
    steps,
    texts,
    whole,
)

from simsmtp.dialogue import capture, captured_session
from simsmtp.dialogue.capture import read_capture
from simsmtp.dialogue.tcp_streams import Connections
from simsmtp.errors import InputError

# -- formats ------------------------------------------------------------------------------------------------------

FILES = {
    "little-endian, us": lambda found, link: pcap(found, is_ns=False, link=link),
    "big-endian, us": lambda found, link: pcap(found, order=">", is_ns=False, link=link),
    "little-endian, ns": lambda found, link: pcap(found, link=link),
    "big-endian, ns": lambda found, link: pcap(found, order=">", link=link),
    "pcapng": lambda found, link: pcapng(found, links=[link]),
    "pcapng, big-endian, us": lambda found, link: pcapng(found, order=">", units=6, links=[link]),
    "pcapng, powers of two": lambda found, link: pcapng(found, units=128 | 40, links=[link]),
    "pcapng, later, two interfaces": lambda found, link: pcapng(found, offset_s=-86_400, links=[link, "ethernet"]),
}


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("link", LINKS)
def test_every_format_and_link_type_shows_the_same(tmp_path: Path, form: str, link: str) -> None:
    found = packets(whole().sent)
    there, expected = read(tmp_path, FILES[form](found, link)), read(tmp_path, pcap(found))
    assert there._replace(steps=()) == expected._replace(steps=())
    for one, other in zip(there.steps, expected.steps, strict=True):
        assert one.client_s == pytest.approx(other.client_s, abs=2e-6)
        assert one.server_s == pytest.approx(other.server_s, abs=2e-6)
        assert one._replace(client_s=0, server_s=0) == other._replace(client_s=0, server_s=0)


@pytest.mark.parametrize(
    "extensions",
    [
        b"",
        b"\x00\x3c\x00" + bytes(6) + b"\x06\x01" + bytes(14),  # hop by hop, then destination options
        b"\x2b\x06\x00" + bytes(6),
        b"\x2c\x06\x00\x00\x00" + bytes(4),  # a fragment that is the whole
        b"\x33\x06\x01\x00\x00" + bytes(8),
    ],
    ids=["none", "options", "routing", "fragment", "authentication"],
)
def test_ip_version_6_is_read_with_what_comes_before_tcp(tmp_path: Path, extensions: bytes) -> None:
    client, server = (bytes(15) + b"\1", 40_000), (bytes(15) + b"\2", 25)
    found = packets(whole().sent, client=client, server=server, extensions=extensions)
    ladder = read(tmp_path, pcap(found, link="ethernet"))
    assert ladder.connections == ("[::1]:40000 to [::2]:25",)
    assert len(ladder.recipients) == 3


def test_sections_of_other_byte_orders_follow_each_other(tmp_path: Path) -> None:
    found = [packets(whole().sent, server=(SERVER[0], port)) for port in (25, 26)]
    ladder = read(tmp_path, pcapng(found[0], order=">", links=["cooked"]) + pcapng(found[1]))
    assert [one[-3:] for one in ladder.connections] == [":25", ":26"]


# -- a session ----------------------------------------------------------------------------------------------------


def test_a_session_reads_like_this(tmp_path: Path) -> None:
    ladder = read(tmp_path, pcap(packets(whole().sent)))
    assert ladder.title == "some.pcap"
    assert ladder.connections == ("192.0.2.1:40000 to 198.51.100.1:25",)
    assert [(one.kind, one.number, round(one.client_s * 1e3, 1)) for one in ladder.steps] == [
        ("connect", 0, 0.0), ("read", 1, 20.0), ("group", 1, 20.1), ("read", 2, 30.1), ("group", 2, 30.2),
        ("read", 3, 40.2), ("group", 3, 40.3), ("read", 4, 50.3), ("group", 4, 50.4), ("read", 5, 60.4),
        ("close", 0, 60.5),
    ]  # fmt: skip
    assert [one.octets for one in steps(ladder, "group")] == [13, len(GROUP), len(TEXT), 6]
    assert texts(ladder, "group")[2:] == [[f"[{len(TEXT)} octets of text] ."], ["QUIT"]]
    assert texts(ladder, "read")[1] == ["250-b.test\n250 PIPELINING"]
    asked, answered = steps(ladder, "group")[1].lines, steps(ladder, "read")[2].lines
    assert [(line.verb, line.recipient) for line in asked] == [(line.verb, line.recipient) for line in answered]
    assert [line.recipient for line in asked] == [-1, 0, 1, 2, -1]
    assert [(line.code, line.kind) for line in answered] == [
        (250, "accepted"), (250, "accepted"), (552, "over-limit"), (452, "over-limit"), (354, "go-on"),
    ]  # fmt: skip
    assert [line.verb for one in steps(ladder, "read") for line in one.lines[-1:]] == [
        "CONNECT", "EHLO", "DATA", "TEXT", "QUIT",
    ]  # fmt: skip
    assert [(one.address, one.truth) for one in ladder.recipients] == [
        ("u1@b.test", "taken"), ("u2@b.test", ""), ("u3@b.test", ""),
    ]  # fmt: skip
    assert steps(ladder, "close")[0].note == "the client closed"
    assert "Taken near the client" in ladder.notes[0]
    assert "Times at the server are estimates: 5 ms" in ladder.notes[0]
    there = [round((one.server_s - one.client_s) * 1e3, 2) for one in ladder.steps]
    assert there[:3] == [15.0, -5.0, 5.0]  # SYN, SYN/ACK and ACK; a read; a group
    assert "Refused over a limit: 2 of 3 recipients. Accepted later: 0." in ladder.notes[1]


@pytest.mark.parametrize(
    ("handshake_ms", "note", "there_ms"),
    [
        ((0, 0, 10), "Taken near the server", [15.0, -5.0]),
        ((0, 4, 8), "It is not clear at which end", [0.0, 0.0]),
    ],
)
def test_the_handshake_tells_where_a_capture_was_taken(
    tmp_path: Path, handshake_ms: tuple[int, ...], note: str, there_ms: list[float]
) -> None:
    sent = whole().sent
    begin_ns = sent[0].at_ns
    sent[:3] = [one._replace(at_ns=begin_ns + ms * 10**6) for one, ms in zip(sent, handshake_ms, strict=False)]
    ladder = read(tmp_path, pcap(packets(sent)))
    assert ladder.notes[0].startswith(note)
    assert [round((one.server_s - one.client_s) * 1e3, 1) for one in ladder.steps[:2]] == there_ms


def test_a_first_rcpt_is_never_over_a_limit(tmp_path: Path) -> None:
    talk = greeted(Talk()).client(GROUP).server(b"250 ok\r\n" + b"452 4.5.3 full\r\n" * 3 + b"554 none\r\n")
    talk.client(b"RSET\r\n" + GROUP).server(b"250 ok\r\n" * 2 + b"552 too many\r\n550 5.1.1 no\r\n421 bye\r\n")
    kinds = [[line.kind for line in one.lines] for one in steps(heard(tmp_path, talk), "read")]
    assert kinds[2] == ["accepted", "deferred", "over-limit", "over-limit", "refused"]
    assert kinds[3] == ["accepted", "accepted", "refused", "refused", "deferred"]


def test_a_group_goes_on_while_replies_are_under_way(tmp_path: Path) -> None:
    """Near a server replies leave between commands that come: what the client acknowledges tells."""
    one, two = GROUP[:43], GROUP[43:]
    talk = greeted(Talk()).client(one).server(REPLIES[:28], 0.1).client(two, 1, acked=45)
    talk.server(REPLIES[28:])
    ladder = heard(tmp_path, talk)
    assert [len(one.lines) for one in steps(ladder, "group")] == [1, 5]
    waits = greeted(Talk()).client(one).server(REPLIES[:28], 0.1).client(two, 1).server(REPLIES[28:])
    assert [len(one.lines) for one in steps(heard(tmp_path, waits), "group")] == [1, 2, 3]


def test_groups_and_reads_are_the_same_wherever_it_was_taken(tmp_path: Path) -> None:
    talk = greeted(Talk(1000))
    for begin in range(0, len(GROUP), 10):
        talk.client(GROUP[begin : begin + 10], 0.02)
    talk.server(REPLIES).client(TEXT).server(b"250 ok\r\n").client(b"QUIT\r\n").close()
    at_client = heard(tmp_path, talk)
    talk.sent = [one._replace(at_ns=one.at_ns + (5 if one.up else -5) * MS) for one in talk.sent]
    talk.sent.sort(key=lambda one: one.at_ns)
    at_server = heard(tmp_path, talk)
    for kind in ("group", "read"):
        assert texts(at_server, kind) == texts(at_client, kind)
    assert "Taken near the server" in at_server.notes[0]
    assert at_server.recipients == at_client.recipients


@pytest.mark.parametrize(("after_ms", "reads"), [(0, 1), (0.09, 1), (0.11, 2), (200, 2)])
def test_replies_are_one_read_if_they_come_close_together(tmp_path: Path, after_ms: float, reads: int) -> None:
    talk = greeted(Talk()).client(GROUP).server(REPLIES[:30]).server(REPLIES[30:], after_ms)
    assert len(steps(heard(tmp_path, talk), "read")) == 2 + reads


def test_a_reply_to_an_answer_is_another_read(tmp_path: Path) -> None:
    talk = greeted(Talk()).client(b"NOOP\r\n").server(b"250 1\r\n", 0.01)
    talk.client(b"NOOP\r\n", 0.01).server(b"250 2\r\n", 0.01)
    assert texts(heard(tmp_path, talk), "read")[2:] == [["250 1"], ["250 2"]]


def test_chunks_and_a_lone_dot_are_taken_by_their_length(tmp_path: Path) -> None:
    talk = greeted(Talk()).client(b"MAIL FROM:<>\r\nRCPT TO:<u@b.test>\r\nBDAT 6\r\nQUIT\r\nBDAT 2 LAST\r\n.\n")
    talk.server(b"250 ok\r\n" * 4).client(b"DATA\r\n").server(b"354 go\r\n").client(b".\r\n").server(b"554 none\r\n")
    ladder = heard(tmp_path, talk)
    assert texts(ladder, "group")[1:] == [
        ["MAIL FROM:<>", "RCPT TO:<u@b.test>", "BDAT 6", "BDAT 2 LAST"], ["DATA"], ["."],
    ]  # fmt: skip
    assert [one.truth for one in ladder.recipients] == ["taken"]


def test_a_text_without_its_end_is_no_command(tmp_path: Path) -> None:
    talk = greeted(Talk()).client(GROUP).server(REPLIES).client(b"RCPT TO:<no@command>\r\n").close(flags=RST | ACK)
    ladder = heard(tmp_path, talk)
    assert texts(ladder, "group")[-1] == ["[22 octets of a text without its end]"]
    assert steps(ladder, "close")[0].note == "the client reset the connection"
    assert {one.truth for one in ladder.recipients} == {""}


def test_a_421_that_nobody_asked_for_answers_nothing(tmp_path: Path) -> None:
    talk = greeted(Talk()).server(b"421 4.4.2 timeout\r\n", 300_000).client(b"QUIT\r\n").close(up=False)
    ladder = heard(tmp_path, talk)
    line = steps(ladder, "read")[-1].lines[0]
    assert (line.verb, line.recipient, line.kind) == ("", -1, "deferred")
    assert steps(ladder, "close")[0].note == "the server closed"


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    talk = greeted(Talk()).client(b"AUTH LOGIN\r\n").server(b"334 VXNlcg==\r\n").client(b"c2VjcmV0\r\n")
    talk.server(b"535 no\r\n").client(b"AUTH PLAIN AGEAc2VjcmV0\r\n").server(b"235 ok\r\n")
    ladder = heard(tmp_path, talk)
    assert texts(ladder, "group")[1:] == [
        ["AUTH LOGIN"], ["[10 octets not shown]"], ["AUTH PLAIN [12 octets not shown]"],
    ]  # fmt: skip
    assert "c2VjcmV0" not in repr(ladder)


def test_what_is_encrypted_is_told_by_its_length(tmp_path: Path) -> None:
    talk = greeted(Talk()).client(b"STARTTLS\r\n").server(b"220 go\r\n").client(b"\x16\x03" + bytes(98))
    talk.server(b"250 not a reply\r\n" + bytes(83))
    ladder = heard(tmp_path, talk)
    assert texts(ladder, "group")[-1] == ["STARTTLS"]
    assert len(steps(ladder, "read")) == 3
    assert steps(ladder, "handshake")[0].note == "encrypted from here on: 200 octets not shown"
    assert "Encrypted after STARTTLS, 200 octets not shown: connection 1." in ladder.notes


# -- recipients ---------------------------------------------------------------------------------------------------


def sent_to(
    *names: str, sender: str = "s", codes: tuple[int, ...] = (), message_id: str = "", final: int = 250
) -> Talk:
    """Return a session with one message; without a 2yz among the codes no text is sent."""
    codes = codes or (250,) * len(names)
    has_text = 250 in codes
    group = f"MAIL FROM:<{sender}@a.test>\r\n" + "".join(f"RCPT TO:<{one}@b.test>\r\n" for one in names) + "DATA\r\n"
    replies = "250 ok\r\n" + "".join(f"{code} x\r\n" for code in codes) + f"{354 if has_text else 554} x\r\n"
    talk = greeted(Talk()).client(group.encode()).server(replies.encode())
    if has_text:
        head = f"message-id: <{message_id}>\r\n" if message_id else ""
        talk.client(f"{head}\r\nhello\r\n.\r\n".encode()).server(f"{final} x\r\n".encode())
    return talk


MESSAGES = {
    "tried again": ([sent_to("a", "b", codes=(250, 452), message_id="1"), sent_to("b", message_id="1")],
                    {("a", 0): "taken", ("b", 0): "taken"}),
    "tried again without Message-ID": ([sent_to("a", "b", codes=(250, 452)), sent_to("b", "c")],
                                       {("a", 0): "taken", ("b", 0): "taken", ("c", 0): "taken"}),
    "never tried again": ([sent_to("a", "b", codes=(250, 552), message_id="1"), sent_to("b", message_id="2")],
                          {("a", 0): "taken", ("b", 0): "", ("b", 1): "taken"}),
    "in parts": ([sent_to("a", message_id="1"), sent_to("b", message_id="1")],
                 {("a", 0): "taken", ("b", 0): "taken"}),
    "twice": ([sent_to("a", message_id="1"), sent_to("a", message_id="1")], {("a", 0): "taken_again"}),
    "two messages": ([sent_to("a"), sent_to("a")], {("a", 0): "taken", ("a", 1): "taken"}),
    "two senders": ([sent_to("a", codes=(450,)), sent_to("a", sender="t")], {("a", 0): "", ("a", 1): "taken"}),
    "text refused": ([sent_to("a", "b", final=451)], {("a", 0): "", ("b", 0): ""}),
    "text refused, then taken": ([sent_to("a", final=451, message_id="1"), sent_to("a", message_id="1")],
                                 {("a", 0): "taken"}),
    "nobody at first": ([sent_to("a", "b", codes=(450, 450)), sent_to("a", "b", message_id="1")],
                        {("a", 0): "taken", ("b", 0): "taken"}),
}  # fmt: skip


@pytest.mark.parametrize("case", MESSAGES)
def test_recipients_are_told_apart_by_message(tmp_path: Path, case: str) -> None:
    talks, expected = MESSAGES[case]
    ladder = heard(tmp_path, *talks)
    found = {(one.address.partition("@")[0], one.message): one.truth for one in ladder.recipients}
    assert found == expected
    assert list(found) == sorted(found, key=lambda one: one[1])


# -- what is missing ----------------------------------------------------------------------------------------------


def test_octets_are_put_in_order_and_taken_once(tmp_path: Path) -> None:
    sent = whole().sent
    expected = read(tmp_path, pcap(packets(sent)))
    place = next(number for number, one in enumerate(sent) if one.octets == GROUP)
    one = sent[place]
    parts = [
        one._replace(number=one.number + begin, octets=GROUP[begin:end])
        for begin, end in ((50, len(GROUP)), (0, 20), (0, 30), (10, 60), (20, 25))
    ]
    jumbled = [*sent[:place], *parts, *sent[place:]]
    assert read(tmp_path, pcap(packets(jumbled))) == expected


def test_a_lost_segment_ends_what_a_side_said(tmp_path: Path) -> None:
    sent = [one for one in whole().sent if one.octets != TEXT]
    ladder = read(tmp_path, pcap(packets(sent)))
    assert len(steps(ladder, "group")) == 2
    assert [line.verb for one in steps(ladder, "read")[3:] for line in one.lines] == ["", ""]
    note = "Octets of the client were not captured; what it said after them is not shown: connection 1."
    assert note in ladder.notes
    assert not [one for one in read(tmp_path, pcap(packets(whole().sent))).notes if "not captured" in one]


def test_the_last_segment_is_missed_because_it_was_acknowledged(tmp_path: Path) -> None:
    sent = [one for one in greeted(Talk()).client(GROUP).server(REPLIES).sent if one.octets != GROUP]
    assert "Octets of the client were not captured" in " ".join(read(tmp_path, pcap(packets(sent))).notes)


def test_a_snap_length_leaves_holes(tmp_path: Path) -> None:
    ladder = read(tmp_path, pcap(packets(whole().sent), snap=96))
    assert texts(ladder, "group")[1] == ["MAIL FROM:<s@a.test>", "RCPT TO:<u1@b.test>"]
    assert "Octets of the client were not captured" in " ".join(ladder.notes)
    assert "Octets of the server were not captured" in " ".join(ladder.notes)
    assert "Long packets were cut when they were captured; tcpdump -s 0 keeps them whole." in ladder.notes


def test_a_capture_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    for octets in (pcap(packets(whole().sent)), pcapng(packets(whole().sent))):
        for end in (-1, -30):
            ladder = read(tmp_path, octets[:end])
            assert ladder.notes[0] == "The capture ends within a packet: it was cut off."
            assert len(ladder.recipients) == 3


@pytest.mark.parametrize("rest", [b"\xff" * 40, struct.pack("<IIII", 0, 0, 2**31, 2**31)])
def test_a_damaged_capture_is_read_up_to_there(tmp_path: Path, rest: bytes) -> None:
    for octets in (pcap(packets(whole().sent)), pcapng(packets(whole().sent))):
        assert read(tmp_path, octets + rest).notes[0].startswith("The capture is damaged: ")


def test_one_direction_alone_is_read(tmp_path: Path) -> None:
    sent = greeted(Talk()).client(b"NOOP\r\n").server(b"250 ok\r\n").client(GROUP).server(REPLIES).sent
    up = read(tmp_path, pcap(packets([one for one in sent if one.up])))
    assert [len(one.lines) for one in steps(up, "group")] == [1, 1, 5]
    assert "Octets of the server were not captured" in " ".join(up.notes)
    down = read(tmp_path, pcap(packets([one for one in sent if not one.up])))
    assert [len(one.lines) for one in steps(down, "read")] == [1, 1, 1, 5]
    assert "Octets of the client were not captured" in " ".join(down.notes)


def test_a_session_that_began_before_is_read_from_its_first_command(tmp_path: Path) -> None:
    sent = whole().sent
    place = next(number for number, one in enumerate(sent) if one.octets == GROUP)
    before = sent[place - 1]
    torn = before._replace(octets=before.octets[4:], number=before.number + 4)
    for later in (sent[place:], sent[place - 1 :], [torn, *sent[place:]]):
        ladder = read(tmp_path, pcap(packets(later)))
        assert ladder.connections == ("192.0.2.1:40000 to 198.51.100.1:25",)
        assert [len(one.lines) for one in steps(ladder, "group")] == [5, 1, 1]
        assert [len(one.lines) for one in steps(ladder, "read")] == [5, 1, 1]
        assert texts(ladder, "group")[0][0] == "MAIL FROM:<s@a.test>"
        assert [one.truth for one in ladder.recipients] == ["taken", "", ""]
        assert "Begun before the capture" in " ".join(ladder.notes)
        assert not steps(ladder, "connect")


def test_a_port_that_is_used_again_is_another_connection(tmp_path: Path) -> None:
    for first_end in (None, FIN | ACK, RST | ACK):
        first = greeted(Talk()).client(b"QUIT\r\n")
        first = first.close(flags=first_end) if first_end else first
        sent = [one._replace(at_ns=one.at_ns + 3 * 10**9) for one in sent_to("a").sent]
        later = packets(sent, first=(5_000_000, 77))
        ladder = read(tmp_path, pcap([*packets(first.sent), *later]))
        assert len(ladder.connections) == 2
        assert len(steps(ladder, "connect", 1)) == 1
        assert [one.truth for one in ladder.recipients] == ["taken"]


def test_packets_that_are_a_little_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    found = packets(whole().sent)
    mixed = [found[place ^ 1] for place in range(len(found) // 2 * 2)] + found[len(found) // 2 * 2 :]
    assert read(tmp_path, pcap(mixed)) == read(tmp_path, pcap(found))


def test_a_syn_that_is_sent_again_begins_nothing(tmp_path: Path) -> None:
    sent = whole().sent
    again = [sent[0], sent[0]._replace(at_ns=sent[0].at_ns + 3), *sent[1:], sent[1]]
    ladder = read(tmp_path, pcap(packets(again)))
    assert ladder.connections == ("192.0.2.1:40000 to 198.51.100.1:25",)
    once = read(tmp_path, pcap(packets(sent)))
    assert [one._replace(server_s=round(one.server_s, 6)) for one in ladder.steps] == [
        one._replace(server_s=round(one.server_s, 6)) for one in once.steps
    ]


def test_other_protocols_are_passed_over(tmp_path: Path) -> None:
    pop = Talk().client(b"NOOP\r\n").server(b"+OK\r\n").client(b"QUIT\r\n").server(b"+OK\r\n")
    web = Talk().connect().client(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\nMAIL FROM:<x>\r\n").server(b"220 x\r\n" * 99)
    ftp = Talk().connect().server(b"220 ftp\r\n").client(b"USER anonymous\r\n").server(b"331 password\r\n")
    ladder = heard(tmp_path, web, whole(), ftp, pop)
    assert ladder.connections == ("127.0.0.1:1 to 198.51.100.1:25",)


def test_only_connections_to_a_port(tmp_path: Path) -> None:
    found = [*packets(whole().sent), *packets(whole().sent, server=(SERVER[0], 2525))]
    assert len(read(tmp_path, pcap(found)).connections) == 2
    assert read(tmp_path, pcap(found), 2525).connections == ("192.0.2.1:40000 to 198.51.100.1:2525",)
    with pytest.raises(InputError, match="no SMTP in this capture: no TCP connection with port 26"):
        read(tmp_path, pcap(found), 26)


def test_a_capture_that_is_too_large_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connections, "ROOM", 5000)
    talks = [whole() for _ in range(3)]
    for number, talk in enumerate(talks):
        talk.sent = [one._replace(at_ns=one.at_ns + number * 10**9) for one in talk.sent]
    ladder = heard(tmp_path, *talks)
    assert len(ladder.connections) < 3
    assert "its end was not read" in " ".join(ladder.notes)


def test_lines_without_end_are_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured_session, "MOST_LINES", 50)
    monkeypatch.setattr(capture, "MOST_LINES", 50)
    ladder = heard(tmp_path, greeted(Talk()).client(b"\n" * 20_000).server(b"250\n" * 9000), whole())
    assert len(ladder.connections) == 1
    assert sum(len(one.lines) for one in ladder.steps) == 100
    assert "Of more than 50 commands and replies the rest was not read." in ladder.notes


# -- what is no capture -------------------------------------------------------------------------------------------

TLS = Talk().connect().client(b"\x16\x03\x01" + bytes(40))
NOT_READ = {
    "empty": (b"", "is empty"),
    "text": (b"no capture at all", "is not a capture; allowed: pcap or pcapng"),
    "gzip": (gzip.compress(b""), "is compressed with gzip; decompress it first"),
    "head only": (pcap([]), "no SMTP in this capture: no TCP connection$"),
    "half a head": (pcap([])[:9], "no SMTP in this capture: no TCP connection$"),
    "another link type": (pcap([])[:20] + struct.pack("<I", 105), r"link type 105 is not read; allowed: .*113 \("),
    "TLS": (pcap(packets(TLS.sent, server=(SERVER[0], 465))),
            "no SMTP in this capture: 1 TCP connection, to port 465; 1 encrypted from the beginning$"),
    "many ports": (pcap([one for port in range(30) for one in packets(TLS.sent, server=(SERVER[0], port))]),
                   "30 TCP connections, to ports 0, 1, 2, 3, 4, 5, 6, 7, …; 30 encrypted"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_READ)
def test_what_is_not_read_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    octets, words = NOT_READ[case]
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, octets)
    assert "some.pcap: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_told_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (("", "is a directory"), ("none", "no such file"), ("pipe", "is not a regular file")):
        with pytest.raises(InputError, match=words):
            read_capture(tmp_path / path)


def test_packets_of_other_interfaces_are_passed_over(tmp_path: Path) -> None:
    found = pcapng(packets(whole().sent))
    wireless, serial = (struct.pack("<IIHHII", 1, 20, link, 0, 0, 20) for link in (105, 50))
    ladder = read(tmp_path, found + wireless + serial)
    assert "Packets of link types 50, 105 were passed over." in ladder.notes
