"""TLS settings of both sides, from the files a user names."""

from __future__ import annotations

import ssl
from pathlib import Path

from simsmtp.errors import InputError


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return settings for a server that shows a certificate; one that cannot be used is an `InputError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # which a wrong key or no PEM is, too
        raise InputError(
            f"cannot be used: {error}", key="--tls-cert", given=str(certificate), allowed="a PEM file, and its key"
        ) from None
    return context


def client_context(authority: Path | None) -> ssl.SSLContext:
    """Return settings for a client: servers are checked against an authority, or not at all where none is given.

    What is measured is time and counting. Without an authority the connection is private from nobody who can change
    what is sent.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(authority)
    except OSError as error:
        raise InputError(
            f"cannot be used: {error}", key="--tls-ca", given=str(authority), allowed="a PEM file"
        ) from None
    return context
