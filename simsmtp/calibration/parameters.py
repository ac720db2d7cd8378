"""What a calibration finds, where it looks for it, and the file that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simsmtp._version import __version__
from simsmtp.errors import InputError
from simsmtp.files import read_text, replace_file, write_errors
from simsmtp.model.toml_text import MOST_OCTETS, parse_toml, toml_value

VERSION = 1
"""Of the calibration file's form; another is refused."""


class Parameters(NamedTuple):
    """Times that belong to two programs and the path between them, in milliseconds unless said otherwise.

    Attributes
    ----------
    rtt_extra_ms : float
        What a round trip takes beyond its nominal time: the path itself, and two processes that have to wake up.
    bandwidth_mbit : float
        Of the path. It sets how far apart segments arrive, and so how often a group is read in two.
    connect_ms : float
        From accepting a connection to its banner, and the sender's own time for a connection. Mean.
    transaction_ms : float
        All that a transaction costs however many recipients it has. Mean.
    rcpt_ms : float
        One RCPT, or another command that does as little.
    refusal_ms : float
        What a refused RCPT takes more: the receiver logs it.
    pause_ms : float
        Between a transaction and the next: the sender's own time. Mean.
    quit_ms : float
        What the reply to the text takes more where QUIT came with it, as a sender that keeps no connection pipelines
        it. Exim keeps that reply back for a fifth of a second.
    idle_share : float
        What a transaction takes more, as a share of the round-trip time: programs that have waited longer take longer
        to go on. A hypothesis; that it grows with the time waited was seen, why was not looked at.
    spread : float
        Coefficient of variation of those that are means.
    address_chars, orcpt, text_extra_octets : int
        Length of an address, 1 if RCPT names it once more (RFC 3461), and octets that the sender adds to the text.
    refusal_octets : int
        Length of an over-limit reply.
    """

    rtt_extra_ms: float
    bandwidth_mbit: float
    connect_ms: float
    transaction_ms: float
    rcpt_ms: float
    refusal_ms: float
    pause_ms: float
    quit_ms: float
    idle_share: float
    spread: float
    address_chars: int
    orcpt: int
    text_extra_octets: int
    refusal_octets: int


TIMES = Parameters._fields[:10]
"""Those that are fitted to durations; the rest follows from octets."""
START = Parameters(0.3, 300.0, 5.0, 4.0, 0.3, 0.1, 3.0, 1.0, 0.02, 0.5, 13, 1, 205, 38)
"""Where a fit begins, and what it stays near where the sessions say nothing."""
LOW = Parameters(0.01, 1.0, 0.05, 0.05, 0.005, 0.001, 0.05, 0.05, 0.0001, 0.01, 12, 0, 0, 12)
HIGH = Parameters(20.0, 20_000.0, 500.0, 500.0, 20.0, 100.0, 500.0, 2000.0, 2.0, 3.0, 254, 1, 1_000_000, 512)


class Calibration(NamedTuple):
    """Parameters, and what they were fitted to."""

    parameters: Parameters
    receiver: str
    rtt_ms: tuple[float, ...]
    sessions: int
    settings: int
    median_abs_error: float
    worst_abs_error: float


def write_calibration(calibration: Calibration, path: Path, *, scenario: str = "") -> None:
    """Write a calibration file, whole or not at all; `scenario` is TOML to be pasted into an experiment."""
    it = calibration
    lines = [
        "# What a simulated sender, receiver and path need to take as long as measured ones; see simsmtp calibrate.",
        f"version = {VERSION}",
        f'simsmtp = "{__version__}"',
        "",
        "[fitted_to]",
        f"receiver = {toml_value(it.receiver)}",
        f"rtt_ms = [{', '.join(f'{rtt:g}' for rtt in it.rtt_ms)}]",
        f"sessions = {it.sessions}",
        f"settings = {it.settings}",
        f"median_abs_error = {it.median_abs_error:.4f}",
        f"worst_abs_error = {it.worst_abs_error:.4f}",
        "",
        "[parameters]",
        *(f"{name} = {value:.6g}" for name, value in it.parameters._asdict().items()),
        *(["", scenario] if scenario else []),
    ]
    with write_errors(path, "--output"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, "\n".join(lines) + "\n")


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises
    ------
    InputError
        No such file, no TOML, another version, a parameter that is missing, unknown or out of bounds.
    """
    table = _table(path)
    version = table.get("version")
    if version is None:
        raise InputError(
            "says no version", file=str(path), key="version", allowed="a file that simsmtp calibrate wrote"
        )
    if version != VERSION:
        raise InputError("of another version", file=str(path), key="version", given=version, allowed=str(VERSION))
    fitted_to, given = table.get("fitted_to", {}), table.get("parameters", {})
    for key, one in (("fitted_to", fitted_to), ("parameters", given)):
        if not isinstance(one, Mapping):
            raise InputError("should be a table", file=str(path), key=key, given=one)
    for name in given:
        if name not in Parameters._fields:
            raise InputError(
                "unknown", file=str(path), key=f"parameters.{name}", given=name, allowed=Parameters._fields
            )
    values = {name: _number(path, given, name) for name in Parameters._fields}
    whole = {name: int(values[name]) for name in Parameters._fields[len(TIMES) :]}
    try:
        return Calibration(
            Parameters(**(values | whole)),  # type: ignore[arg-type]
            str(fitted_to.get("receiver", "")),
            tuple(float(rtt) for rtt in fitted_to.get("rtt_ms", ())),
            int(fitted_to.get("sessions", 0)),
            int(fitted_to.get("settings", 0)),
            float(fitted_to.get("median_abs_error", float("nan"))),
            float(fitted_to.get("worst_abs_error", float("nan"))),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"malformed: {error}", file=str(path), key="fitted_to") from None


def _table(path: str | Path) -> dict[str, Any]:
    try:
        return parse_toml(read_text(path, allowed="a file that simsmtp calibrate wrote", most=MOST_OCTETS), str(path))
    except InputError as error:
        raise InputError(f"no calibration file: {error.message}", file=str(path), line=error.line) from None


def _number(path: str | Path, given: Mapping[str, Any], name: str) -> float:
    value, low, high = given.get(name), getattr(LOW, name), getattr(HIGH, name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        wrong, shown = ("missing", ...) if value is None else ("out of bounds", value)
        allowed = f"{low:g} to {high:g}"
        raise InputError(wrong, file=str(path), key=f"parameters.{name}", given=shown, allowed=allowed)
    return float(value)
