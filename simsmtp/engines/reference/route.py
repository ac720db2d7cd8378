"""The way to one simulated destination: its server, the draws that belong to it, and sessions with it."""

from __future__ import annotations

from simsmtp.engines.reference.clock import Clock
from simsmtp.engines.reference.draws import Draws
from simsmtp.engines.reference.receiver import Receiver
from simsmtp.engines.reference.session import Session
from simsmtp.engines.reference.tcp_session import TcpSession
from simsmtp.model.plan import DestinationPlan, Plan
from simsmtp.peers.accounting import Accounts, Message
from simsmtp.peers.transcript import Transcript
from simsmtp.randomness.streams import Streams


class Route:
    """What `simsmtp.peers.driver.Route` asks for.

    Parameters
    ----------
    clock, streams, accounts : Clock, Streams, Accounts
        Time, random numbers and counts of the run.
    plan, to : Plan, DestinationPlan
        The whole, and the destination.
    transcript : Transcript, optional
        Where the dialogue is written.
    """

    def __init__(
        self,
        clock: Clock,
        streams: Streams,
        accounts: Accounts,
        plan: Plan,
        to: DestinationPlan,
        transcript: Transcript | None,
    ) -> None:
        self.plan = to
        self.rcptmax = to.server.offered.rcptmax
        self._clock, self._accounts, self._client, self._transcript = clock, accounts, plan.client, transcript
        self._receiver = Receiver(clock, to, plan.workload.domains, plan.workload.groups)
        self._draws = Draws(streams, to)
        self._kind = TcpSession if to.path.tcp else Session

    def session(self, number: int) -> Session:
        """Return a new session, not yet open."""
        return self._kind(
            self._clock, self._accounts, self._client, self._draws, self._receiver, number, self._transcript
        )

    def forget(self, message: Message) -> None:
        """Let go of a finished message's random streams."""
        self._draws.forget(message)
