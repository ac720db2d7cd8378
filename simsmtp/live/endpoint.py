"""HOST:PORT, and which hosts may be talked to: this one, unless another is named in full."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from simsmtp.errors import InputError

_MOST_DIGITS = 5


class Endpoint(NamedTuple):
    """Where to listen or to connect."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoint_in(text: str, *, key: str, allow_remote: str | None = None) -> Endpoint:
    """Read HOST:PORT and see to it that the host may be used.

    Parameters
    ----------
    text : str
        A name or address and a port; IPv6 addresses in brackets.
    key : str
        Named in the complaint.
    allow_remote : str, optional
        The one other host that is allowed.

    Raises
    ------
    InputError
        If it has another form, or names another machine that was not allowed.
    """
    host, _, port = text.rpartition(":")
    host = host[1:-1] if (is_bracketed := host.startswith("[") and host.endswith("]")) else host
    is_port = port.isascii() and port.isdigit() and len(port) <= _MOST_DIGITS and int(port) <= 65535
    if not is_port or not _may_be_host(host) or is_bracketed != (":" in host):
        raise InputError("not a place", key=key, given=text, allowed="HOST:PORT, such as 127.0.0.1:2525 or [::1]:2525")
    if not is_loopback(host) and host != allow_remote:
        raise InputError(
            "this machine only, because mail that reaches a stranger cannot be taken back",
            key=key,
            given=text,
            allowed=f"127.0.0.1, [::1] or localhost; another host that is yours with --allow-remote {host}",
        )
    return Endpoint(host, int(port))


def _may_be_host(host: str) -> bool:
    """Tell whether a resolver can be asked for this: not empty, no blanks, labels of a length."""
    try:
        return bool(host.encode("idna")) and host.isprintable() and " " not in host
    except UnicodeError:
        return False


def is_loopback(host: str) -> bool:
    """Tell whether a name or address means this machine and nothing but it, without asking anybody."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reason_of(error: OSError) -> str:
    """Return why a connection or a listening socket could not be had, in words."""
    if isinstance(error, socket.gaierror):
        return "the host is not known"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, TimeoutError):
        return "no answer"
    return (error.strerror or str(error)).partition("]: ")[2] or error.strerror or str(error)
