"""What the sender keeps for one destination."""

from __future__ import annotations

from simsmtp.model.rate_limits import RatePlan
from simsmtp.peers.destination_account import DestinationAccount
from simsmtp.peers.driver import Route
from simsmtp.peers.pace import Pace
from simsmtp.peers.queue import Queue


class Lane:
    """All that the sender keeps for one destination."""

    def __init__(self, route: Route, account: DestinationAccount, rate: RatePlan) -> None:
        self.route, self.plan, self.account, self.pace = route, route.plan, account, Pace(rate)
        self.queue = Queue()
        self.connections = 0  # open now
        self.starting = 0  # of these, not yet at their first transaction
        self.connected = 0  # ever
        self.learned = 0
        self.learned_at_ns = 0
