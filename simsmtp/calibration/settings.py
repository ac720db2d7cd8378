"""A measured setting as a scenario: what was set, with the times of a calibration."""

from __future__ import annotations

import json
from typing import Any

from simsmtp.calibration.measured import Group, Setting
from simsmtp.calibration.parameters import Parameters
from simsmtp.model.scenario import Scenario

_SAID = {
    "workload": ("address_chars",),
    "client": ("window_bytes", "orcpt", "reset_before_reuse", "pause_ms"),
    "network": ("profile", "bandwidth_mbit"),
    "server": (
        "connect_service_ms", "ehlo_service_ms", "mail_service_ms", "rcpt_service_ms", "refusal_ms", "data_service_ms",
        "text_service_ms", "wake_ms",
    ),
}  # fmt: skip
_HORIZON_S = 290.0
"""A session is the first attempt; the retries of the refused, from 300 s on, are not measured."""
WAKE_MS = {"dist": "lognormal", "mean": 0.08, "cv": 0.5}
"""Time until a waiting receiver reads. How often it reads a group in two follows from it and how far apart segments
come; only the latter is fitted. Postfix was seen to read two segments 0.03 ms apart together nearly always, and
0.12 ms apart nearly never."""
_BUFFER_OCTETS = 4096
"""What Postfix and Exim write before they wait (RFC 2920 names no size)."""


def scenario_of(group: Group, parameters: Parameters, *, profile: str = "tcp") -> Scenario:
    """Return the scenario of a setting.

    Parameters
    ----------
    group : Group
        The setting, and the over-limit code seen.
    parameters : Parameters
        From a calibration.
    profile : str
        ``"tcp"``, or ``"pipe"`` for what delay and bandwidth alone would predict.
    """
    setting, it = group.setting, parameters
    text_ms = it.transaction_ms + it.idle_share * setting.rtt_ms
    text_ms += it.quit_ms if setting.pipelining and not setting.reuse else 0.0
    server: dict[str, Any] = {
        "recipient_limit": setting.limit,
        "overflow_reply": _over_limit(group.over_code, it.refusal_octets),
        "pipelining": setting.pipelining,
        "connect_service_ms": _varying(it.connect_ms, it.spread),
        "ehlo_service_ms": it.rcpt_ms,
        "mail_service_ms": it.rcpt_ms,
        "rcpt_service_ms": it.rcpt_ms,
        "data_service_ms": it.rcpt_ms,
        "refusal_ms": it.refusal_ms,
        "text_service_ms": _varying(text_ms, it.spread),
    }
    network: dict[str, Any] = {
        "rtt_ms": setting.rtt_ms + it.rtt_extra_ms,
        "bandwidth_mbit": setting.rate_mbit or it.bandwidth_mbit,
    }
    if profile == "tcp":
        network |= {"profile": "tcp", "loss": setting.loss}
        server["wake_ms"] = WAKE_MS
    client: dict[str, Any] = {
        "batch_size": setting.batch,
        "overflow": "defer",
        "stop_on_overflow": False,
        "window_bytes": _BUFFER_OCTETS,
        "orcpt": bool(it.orcpt),
        "pause_ms": _varying(it.pause_ms, it.spread),
    }
    client |= {"reset_before_reuse": True} if setting.reuse else {"transactions_per_connection": 1}
    workload = {
        "recipients_per_message": setting.recipients,
        "message_bytes": setting.size + it.text_extra_octets,
        "address_chars": it.address_chars,
    }
    return Scenario.from_dict(
        {"workload": workload, "client": client, "network": network, "server": server, "horizon_s": _HORIZON_S}
    )


def keys_text(parameters: Parameters) -> str:
    """Return, as TOML for an experiment, the scenario's keys that a calibration says something about."""
    setting = Setting(100, 50, 100, 1000, True, True, 0.0, "", 0.0, 0.0)
    tables = scenario_of(Group(setting, [], [], [], [], 452), parameters).to_dict()
    lines = [
        "# The same as keys of a scenario, for an experiment of your own. network.rtt_ms is the nominal round trip and",
        f"# {parameters.rtt_extra_ms:.3g} ms; to text_service_ms add {parameters.idle_share:.3g} of it.",
    ]
    for table, names in _SAID.items():
        lines += [f"[scenario.{table}]", *(f"{name} = {_toml(tables[table][name])}" for name in names)]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items() if one is not None) + " }"
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value)


def _over_limit(code: int, octets: int) -> str:
    """Return a reply line of that length with its CRLF."""
    begin = f"{code} {4 if code == 452 else 5}.5.3 "
    return begin + "too many recipients".ljust(octets - len(begin) - 2, ".")[: octets - len(begin) - 2]


def _varying(mean_ms: float, spread: float) -> dict[str, Any]:
    return {"dist": "lognormal", "mean": mean_ms, "cv": spread}
