"""STARTTLS both ways, and IPv6: the package's own pair, and its server with the standard library's client.

The certificates are made for these tests and for 127.0.0.1, ::1 and localhost; the key is no secret.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from pathlib import Path

import pytest
from live_pair import LOOPBACK, ledger, pair

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.live.asyncio_client import Delivery
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.certificates import client_context, server_context
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.sender_task import How
from simsmtp.model.plan import plan_of

FOLDER = Path(__file__).parent / "certificates"
LOCALHOST, STRANGER = FOLDER / "localhost.pem", FOLDER / "stranger.pem"
ENCRYPTED = Scenario(
    workload={"recipients_per_message": 25},
    client={"starttls": True, "strategy": "one-stop"},
    server={"recipient_limit": 10},
)


def terms() -> Terms:
    return Terms(timeout_s=10.0, tls=server_context(LOCALHOST, None))


@pytest.mark.parametrize("authority", [None, LOCALHOST], ids=["unchecked", "checked"])
def test_an_encrypted_session_comes_to_the_same(authority: Path | None) -> None:
    both = pair(ENCRYPTED, terms(), tls=client_context(authority))
    assert both.delivered.faults == []
    assert both.served.faults == {}
    expected = run_replication(plan_of(ENCRYPTED), engine="reference", recipients=True, dialogue=True)
    assert ledger(both.delivered.output) == ledger(expected)
    kinds = [row.kind for row in both.delivered.output.dialogue if row.kind in ("connect", "handshake")]
    assert kinds == ["connect", "handshake"] * int(expected.responses["connections"])
    assert both.delivered.output.responses["round_trips"] == expected.responses["round_trips"]


def test_a_certificate_that_nobody_vouches_for_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"client\.starttls: no TLS: .*certificate"):
        pair(ENCRYPTED, terms(), tls=client_context(STRANGER))


def test_a_server_without_starttls_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"client\.starttls: the server does not offer STARTTLS"):
        pair(ENCRYPTED)


def test_no_certificate_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing\n", encoding="ascii")
    with pytest.raises(InputError, match="--tls-cert"):
        server_context(tmp_path / "no.pem", None)
    with pytest.raises(InputError, match="--tls-ca"):
        client_context(tmp_path / "none.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_standard_library_speaks_to_the_server_encrypted(host: str) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("no IPv6 on this machine")

    def speak(place: Endpoint) -> dict[str, tuple[int, bytes]]:
        context = ssl.create_default_context(cafile=LOCALHOST)
        with smtplib.SMTP(place.host, place.port, timeout=10) as client:
            client.starttls(context=context)
            client.ehlo()
            assert "starttls" not in client.esmtp_features
            return client.sendmail("a@a.test", ["r@b.test", "x1@b.test"], "one\r\n.\r\ntwo")

    async def both() -> tuple[dict[str, tuple[int, bytes]], Listener]:
        async with Listener(ENCRYPTED, Endpoint(host, 0), terms()) as listener:
            refused = await asyncio.to_thread(speak, listener.place)
            return refused, listener

    refused, listener = asyncio.run(both())
    assert list(refused) == ["x1@b.test"]
    assert listener.served.accepted == {("a@a.test", "r@b.test"): 1}


def test_mail_goes_over_ipv6() -> None:
    if not _has_ipv6():
        pytest.skip("no IPv6 on this machine")

    async def both() -> int:
        async with Listener(Scenario(), Endpoint("::1", 0), Terms()) as listener:
            await Delivery(Scenario(), listener.place, How(timeout_s=10)).run()
            return listener.served.accepted.total()

    assert asyncio.run(both()) == 250


@pytest.mark.slow
@pytest.mark.parametrize("octets", [b"NOOP\r\n", b"\x16\x03\x01 no handshake at all\r\n"], ids=["SMTP", "rubbish"])
def test_a_client_that_makes_no_handshake_loses_its_session(octets: bytes) -> None:
    async def run() -> tuple[Listener, bytes]:
        async with Listener(ENCRYPTED, LOOPBACK, terms()._replace(timeout_s=1.0)) as listener:
            reader, writer = await asyncio.open_connection(*listener.place)
            writer.write(b"EHLO x\r\n")
            while not (await reader.readline()).startswith((b"250 ", b"500")):
                pass
            writer.write(b"STARTTLS\r\n")
            assert (await reader.readline()).startswith(b"220 ")
            writer.write(octets)
            said = await reader.read()
            writer.close()
            async with asyncio.timeout(5):
                while not listener.ended:
                    await asyncio.sleep(0.005)
            return listener, said

    listener, said = asyncio.run(run())
    assert listener.sessions == 0
    assert b"250" not in said
    assert listener.served.accepted.total() == 0


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True
