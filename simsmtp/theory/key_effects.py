"""What bounds and closed forms make of every key of a scenario, in one table.

A test holds that every key of ``simsmtp keys`` is in `EFFECTS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.theory.closed_form_domain import setting_text

if TYPE_CHECKING:
    from simsmtp.theory.closed_form_domain import View

_KEYS = {
    # What the work of a message, or its limit, depends on; the forms take it or hold only for some values of it.
    ("asked", "taken"): """
        client.batch_size client.budget client.pipelining client.stop_on_overflow client.window_recipients
        server.pipelining server.recipient_limit""",
    ("asked", "rule"): """
        client.chunking client.connections client.drain client.give_up_after_refusals client.on_refusal
        client.over_limit_seen client.overflow client.rate client.reset_before_reuse client.sizing client.starttls
        client.strategy client.timeout_s client.transactions_per_connection client.window_bytes destinations.N.name
        network.losses network.replies_per_read server.commands_per_connection server.data_failure_share
        server.greylist_s server.hard_error_limit server.limit_at server.limit_kind server.messages_at
        server.messages_per_connection server.messages_reply server.overflow_reply server.rate_limits
        server.reject_data_after_overflow server.sessions workload.messages workload.recipients_per_message
        workload.trace workload.unknown
        workload.unknown_share""",
    # Times, octets, and what belongs to traces and destinations, of which the forms have none: they move no count.
    ("asked", "no effect"): """
        client.command_ms client.connections_total client.expiry_s client.orcpt destinations.N.connections
        destinations.N.weight network.bandwidth_mbit network.rtt_ms network.tls_round_trips server.advertise_limits
        server.chunking server.commands_reply server.connect_service_ms server.data_after_overflow_reply
        server.data_failure_reply server.data_without_recipients server.greylist_reply server.unknown_reply
        server.data_service_ms server.ehlo_service_ms server.mail_service_ms server.overshoot_limit
        server.rcpt_service_ms server.text_service_ms server.workers workload.address_chars workload.domains
        workload.groups workload.message_bytes workload.population workload.trace_format workload.trace_messages
        workload.trace_recipient_factor""",
    # It can only add work, which the bounds leave out: see `ONLY_SLOWS`.
    ("slows", "rule"): "server.soft_error_limit",
    ("slows", "no effect"): "client.pause_ms network.profile server.refusal_ms",
    # When messages come, and when those come again that failed or were deferred: more work, never less.
    ("no work", "rule"): "horizon_s workload.resend",
    # Presets, which stand for other keys; arrivals and retries; order; replies; the parts of the profile tcp.
    ("no work", "no effect"): """
        client.preset client.retry_factor client.retry_initial_s client.retry_max_s client.sizing_forget_s
        client.sorts_by_domain network.delayed_ack_ms network.initial_window network.loss network.mss network.nagle
        network.quick_acks network.restart_after_idle server.data_reply server.error_sleep_ms
        server.preset server.read_buffer_bytes server.reply_buffer_bytes server.sessions_reply server.wake_ms
        workload.arrivals workload.resend_after_s workload.resends workload.trace_speedup""",
}
EFFECTS = {key: effect for effect, keys in _KEYS.items() for key in keys.split()}
"""Key → what the bounds make of it, what the closed forms make of it.

The bounds ask it, leave it out because it only slows, or find no work in it. The forms have a rule for it, take its
value as it is, or do not depend on it where the rules hold.
"""

ONLY_SLOWS: dict[str, object] = {
    "client.pause_ms": 0.0,
    "network.profile": "pipe",
    "server.soft_error_limit": None,
    "server.refusal_ms": 0.0,
}
"""Keys that may add work which the bounds leave out, with the value at which they add none."""


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
