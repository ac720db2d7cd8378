"""How factors, their levels and responses are called in figures and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from simsmtp.model.numbers import number_text
from simsmtp.rows.responses import BY_NAME
from simsmtp.shown import shown
from simsmtp.statistics.objectives import Unit


class FactorName(NamedTuple):
    """How a factor is called.

    Attributes
    ----------
    name : str
        As axes and legends call it.
    unit : str
        Unit on an axis.
    short : str
        As a panel title calls it, in front of a level; the name if empty.
    suffix : str
        Unit behind a level in a panel title.
    """

    name: str
    unit: str = ""
    short: str = ""
    suffix: str = ""


_SUFFIXES = {"_ms": "ms", "_s": "s", "_mbit": "Mbit/s", "_bytes": "octets"}
_FACTORS = {
    "client.batch_size": FactorName("batch size", "recipients per transaction"),
    "client.budget": FactorName("refusals tolerated", "per transaction"),
    "client.connections": FactorName("connections", "at once"),
    "client.overflow": FactorName("overflow policy"),
    "client.strategy": FactorName("counting strategy"),
    "client.stop_on_overflow": FactorName("stop on overflow"),
    "client.window_bytes": FactorName("window", "octets", "", "octets"),
    "client.window_recipients": FactorName("window", "recipients per flight", "", "recipients"),
    "network.bandwidth_mbit": FactorName("bandwidth", "Mbit/s", "", "Mbit/s"),
    "network.replies_per_read": FactorName("RCPT replies per network read"),
    "network.rtt_ms": FactorName("round-trip time", "ms", "RTT", "ms"),
    "server.limit_kind": FactorName("kind of limit"),
    "server.overflow_reply": FactorName("over-limit reply"),
    "server.recipient_limit": FactorName("recipient limit", "recipients per transaction"),
    "workload.message_bytes": FactorName("message size", "octets", "", "octets"),
    "workload.messages": FactorName("messages"),
    "workload.recipients_per_message": FactorName("recipients per message"),
    "workload.unknown_share": FactorName("share of unknown mailboxes"),
}
_MOST_LEVELS = 4
_PER = {"/s": "per second", "/min": "per minute", "/h": "per hour"}
_RESPONSES = {
    "recipients": "recipients",
    "delivered": "delivered recipients",
    "false_ndr": "recipients with a false NDR",
    "contradictory_ndr": "recipients delivered and with an NDR",
    "duplicate": "recipients delivered twice or more",
    "lost": "lost recipients",
    "true_ndr": "unknown recipients with an NDR",
    "missed_ndr": "unknown recipients without an NDR",
    "queued": "recipients still queued",
    "false_ndr_rate": "false-NDR rate",
    "rcpt_commands": "RCPT commands",
    "delivered_per_s": "delivered recipients per second",
    "rcpt_per_delivered": "RCPT commands per delivered recipient",
    "delay_p50_s": "median delay",
    "delay_p95_s": "95th percentile of delay",
    "delay_p99_s": "99th percentile of delay",
}


def factor_name(factor: str) -> FactorName:
    """Return how a factor (a dotted scenario key, or any column) is called."""
    if factor in _FACTORS:
        return _FACTORS[factor]
    last = shown(factor.rpartition(".")[2])
    for ending, unit in _SUFFIXES.items():
        if last.endswith(ending):
            return FactorName(last.removesuffix(ending).replace("_", " "), unit, "", unit)
    return FactorName(last.replace("_", " "))


def of_destination(factor: str, names: Sequence[str]) -> tuple[str, str]:
    """Return the key of a factor within its destination, and the name of that; the factor and "" of all others.

    Examples
    --------
    >>> of_destination("destinations.1.network.rtt_ms", ["near", "far"]), of_destination("client.budget", [])
    (('network.rtt_ms', 'far'), ('client.budget', ''))
    """
    table, _, rest = factor.partition(".")
    number, _, key = rest.partition(".")
    if table != "destinations":
        return factor, ""
    is_known = number.isdigit() and int(number) < len(names)
    return key, names[int(number)] if is_known else f"destination {number}"


def factor_label(factor: str) -> str:
    """Return an axis label with unit.

    Examples
    --------
    >>> factor_label("client.batch_size")
    'batch size (recipients per transaction)'
    """
    named = factor_name(factor)
    return f"{named.name} ({named.unit})" if named.unit else named.name


def level_label(factor: str, level: object) -> str:
    """Return a level with the name of its factor, for a panel title.

    Examples
    --------
    >>> level_label("network.rtt_ms", 50)
    'RTT 50 ms'
    """
    named = factor_name(factor)
    if level is None and named.name.endswith("limit"):
        return f"no {named.name}"
    unit = "" if level is None else named.suffix
    name = named.short or named.name
    spoken = isinstance(level, str) and not level[:1].isdigit()  # "452 4.5.3" reads as the number 552 does
    return f"{name}: {shown(level)}" if spoken else f"{name} {level_text(level)} {unit}".rstrip()


def levels_label(factor: str, levels: Sequence[object]) -> str:
    """Return several levels with the name of their factor.

    Examples
    --------
    >>> levels_label("network.rtt_ms", [10, 50, 200]), levels_label("sender", list("abcdef"))
    ('RTT 10, 50, 200 ms', 'all 6 levels of sender')
    """
    if len(levels) > _MOST_LEVELS:
        named = factor_name(factor)
        return f"all {len(levels)} levels of {named.short or named.name}"
    last = level_label(factor, levels[-1])
    name = last.partition(level_text(levels[-1]))[0]
    return f"{name}{', '.join([*map(level_text, levels[:-1]), last.removeprefix(name)])}"


def level_text(level: object) -> str:
    """Return a level alone: ``unlimited`` for None, ``on`` and ``off`` for switches."""
    if level is None:
        return "unlimited"
    if isinstance(level, bool):
        return "on" if level else "off"
    if isinstance(level, int | float):
        return _number(level)
    return shown(level)


def label_in_unit(response: str, unit: Unit) -> str:
    """Return the label of a response that is shown in the unit of an objective.

    Examples
    --------
    >>> label_in_unit("delay_p50_s", Unit("min", 60.0)), label_in_unit("false_ndr_rate", Unit("%", 0.01))
    ('median delay (min)', 'false-NDR rate (%)')
    """
    label = response_label(response)
    if unit.name in _PER:
        return label.replace("per second", _PER[unit.name])
    return f"{label} (%)" if unit.name == "%" else label.replace("(s)", f"({unit.name})")


def _number(value: float) -> str:
    return number_text(value, apart=10_000)  # years and batch sizes of four digits are read without a comma


def level_with_unit(factor: str, level: object) -> str:
    """Return a level as a legend shows it, a number with its unit.

    Examples
    --------
    >>> level_with_unit("network.rtt_ms", 50), level_with_unit("client.strategy", "one-stop")
    ('50 ms', 'one-stop')
    """
    is_number = isinstance(level, int | float) and not isinstance(level, bool)
    return f"{level_text(level)} {factor_name(factor).suffix if is_number else ''}".rstrip()


def plain_level(level: object) -> object:
    """Return a level as a hashable plain value: None for a missing or unlimited one, text for a table."""
    if isinstance(level, np.generic):
        level = level.item()
    if isinstance(level, Mapping):
        named = [f"{key} {level_text(value)}" for key, value in level.items() if key != "dist"]
        return ", ".join([str(level["dist"]), *named] if "dist" in level else named)
    if isinstance(level, list | tuple):
        return ", ".join(level_text(plain_level(one)) for one in level)
    return None if _is_missing(level) or level == "unlimited" else level


def _is_missing(level: object) -> bool:
    return (isinstance(level, float) and math.isnan(level)) or str(level) in {"<NA>", "NaT"}


def axis_label(response: str) -> str:
    """Return the label of a response on an axis: a count says what it counts in.

    Examples
    --------
    >>> axis_label("lost"), axis_label("false_ndr_rate"), axis_label("makespan_s")
    ('lost recipients (per replication)', 'false-NDR rate (share)', 'makespan (s)')
    """
    label = response_label(response)
    if response == "false_ndr_rate":
        return f"{label} (share)"
    return f"{label} (per replication)" if response in BY_NAME and BY_NAME[response].whole else label


def response_label(response: str) -> str:
    """Return an axis label with unit.

    Examples
    --------
    >>> response_label("delivered_per_s"), response_label("makespan_s")
    ('delivered recipients per second', 'makespan (s)')
    """
    unit = BY_NAME[response].unit if response in BY_NAME else ""
    name = _RESPONSES.get(response) or response.removesuffix(f"_{unit}").replace("_", " ")
    return f"{name} ({unit})" if unit and "per second" not in name else name
