"""What the bounds make of every key of a scenario: asked, or left out because it can only add work.

A test holds that every key of ``simsmtp keys`` is in exactly one of `ASKED`, `ONLY_SLOWS` and `NO_WORK`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.theory.closed_form_domain import setting_text

if TYPE_CHECKING:
    from simsmtp.theory.closed_form_domain import View

ASKED = frozenset({
    "workload.messages", "workload.recipients_per_message", "workload.message_bytes", "workload.unknown_share",
    "workload.domains", "workload.address_chars", "workload.trace", "workload.trace_format", "workload.trace_messages",
    "workload.trace_recipient_factor",
    "client.strategy", "client.budget", "client.overflow", "client.over_limit_seen", "client.give_up_after_refusals",
    "client.batch_size", "client.sizing", "client.pipelining", "client.chunking", "client.window_recipients",
    "client.window_bytes", "client.drain", "client.command_ms", "client.stop_on_overflow", "client.connections",
    "client.connections_total", "client.transactions_per_connection", "client.expiry_s", "client.starttls",
    "client.orcpt", "client.reset_before_reuse",
    "network.rtt_ms", "network.bandwidth_mbit", "network.replies_per_read", "network.tls_round_trips",
    "server.recipient_limit", "server.limit_kind", "server.overflow_reply", "server.overshoot_limit",
    "server.hard_error_limit", "server.reject_data_after_overflow", "server.data_failure_share", "server.greylist_s",
    "server.pipelining", "server.chunking", "server.advertise_limits", "server.messages_per_connection",
    "server.sessions", "server.workers", "server.connect_service_ms", "server.ehlo_service_ms",
    "server.mail_service_ms", "server.rcpt_service_ms", "server.data_service_ms", "server.text_service_ms",
    "destinations.N.name", "destinations.N.weight", "destinations.N.connections",
})  # fmt: skip
"""Keys that the work of a message, or what limits it, depends on."""

ONLY_SLOWS: dict[str, object] = {
    "client.pause_ms": 0.0,
    "network.profile": "pipe",
    "server.soft_error_limit": None,
    "server.refusal_ms": 0.0,
}
"""Keys that may add work which the bounds leave out, with the value at which they add none."""

NO_WORK = frozenset({
    # Presets stand for other keys.
    "client.preset", "server.preset",
    # When messages come, and when those come again that failed or were deferred: more work, never less.
    "workload.arrivals", "workload.trace_speedup", "workload.resend", "workload.resends", "workload.resend_after_s",
    "client.retry_initial_s", "client.retry_factor", "client.retry_max_s", "client.sizing_forget_s", "horizon_s",
    # In which order, and what is said where something was refused.
    "client.sorts_by_domain", "server.data_without_recipients", "server.data_failure_reply", "server.error_sleep_ms",
    # How replies are cut, and of the profile tcp, which as a whole only slows.
    "server.reply_buffer_bytes", "server.read_buffer_bytes", "server.wake_ms", "network.mss", "network.initial_window",
    "network.restart_after_idle", "network.nagle", "network.delayed_ack_ms", "network.quick_acks", "network.loss",
})  # fmt: skip
"""Keys that take no work off a message and stand in no formula."""


def slowed_by(view: View, *, refuses: bool, errs: bool) -> list[str]:
    """Return the settings of a destination that add work which the bounds leave out, as ``key = value``.

    Parameters
    ----------
    view : View
        The destination.
    refuses, errs : bool
        RCPTs may be refused there; the server may count errors.
    """
    idle = {"server.refusal_ms": not refuses, "server.soft_error_limit": not errs}
    found = []
    for key, neutral in ONLY_SLOWS.items():
        table, _, name = key.partition(".")
        value = getattr(getattr(view, table), name)
        if value != neutral and not idle.get(key):
            found.append(setting_text(key, value))
    return found
