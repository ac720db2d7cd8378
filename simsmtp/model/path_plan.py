"""The path to one receiver as an engine needs it: delays as samplers, switches as numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

from simsmtp.model.loss_tables import LossPlan, loss_plan
from simsmtp.model.scenario import Network
from simsmtp.model.server_table import Server
from simsmtp.randomness.distributions import Sampler, ns_of_ms, sampler_of


class TcpPlan(NamedTuple):
    """Settings of the ``tcp`` profile; `losses` draws which segment with data is the next to be lost, if any is."""

    mss: int
    window: int
    restart: bool
    delayed_ack_ns: int
    quick_acks: int
    nagle_client: bool
    nagle_server: bool
    is_lossy: bool
    losses: Sampler
    read_buffer: int
    wake: Sampler


class PathPlan(NamedTuple):
    """One path: delay of one way, bandwidth (0 is unlimited), replies per read (0 is by flush), tcp or None."""

    one_way: Sampler
    bits_per_s: int
    replies_per_read: int
    tls_round_trips: int
    tcp: TcpPlan | None
    losses: LossPlan


def path_plan(network: Network, server: Server) -> PathPlan:
    """Return the plan of the path to a server."""
    return PathPlan(
        one_way=sampler_of(network.rtt_ms, 0.5e6),
        bits_per_s=round((network.bandwidth_mbit or 0.0) * 1e6),
        replies_per_read=network.replies_per_read or 0,
        tls_round_trips=network.tls_round_trips,
        tcp=_tcp(network, server) if network.profile == "tcp" else None,
        losses=loss_plan(network.losses),
    )


def _tcp(network: Network, server: Server) -> TcpPlan:
    return TcpPlan(
        mss=network.mss,
        window=network.initial_window,
        restart=network.restart_after_idle,
        delayed_ack_ns=ns_of_ms(network.delayed_ack_ms),
        quick_acks=network.quick_acks,
        nagle_client=network.nagle in {"both", "client"},
        nagle_server=network.nagle in {"both", "server"},
        is_lossy=network.loss > 0,
        losses=made_up("geometric", 1 / network.loss if network.loss else 0.0),
        read_buffer=server.read_buffer_bytes,
        wake=sampler_of(server.wake_ms, 1e6),
    )


def made_up(dist: Literal["exponential", "geometric"], mean: float) -> Sampler:
    """Return the sampler of a distribution that is known by its mean; a mean of 0 is always 0."""
    from simsmtp.randomness.distribution_table import Distribution

    return sampler_of(Distribution(dist=dist, mean=mean)) if mean else sampler_of(0)
