"""The way to one real server: sessions with it, and what it said of itself."""

from __future__ import annotations

from simsmtp.live.client_session import ClientSession
from simsmtp.live.dialogue import Dialogue
from simsmtp.live.encoding import Encoder
from simsmtp.model.plan import ClientPlan, DestinationPlan
from simsmtp.peers.accounting import Message
from simsmtp.protocol.capabilities import Capabilities


class Route:
    """What `simsmtp.peers.driver.Route` asks for.

    Parameters
    ----------
    plan : DestinationPlan
        Of its server only the name counts and `replies_per_read`: what the server offers is asked of the server.
    client : ClientPlan
        The sender's settings.
    encoder : Encoder
        Writes the commands.
    dialogue : Dialogue, optional
        Where it is written down.

    Attributes
    ----------
    rcptmax : int
        RCPTMAX as the server said last, 0 where it says nothing or has not yet.
    """

    def __init__(
        self, plan: DestinationPlan, client: ClientPlan, encoder: Encoder, dialogue: Dialogue | None = None
    ) -> None:
        self.plan, self.rcptmax = plan, 0
        self._client, self._encoder, self._dialogue = client, encoder, dialogue

    def session(self, number: int) -> ClientSession:
        """Return a new session, not yet open."""
        return ClientSession(
            number,
            self.plan.name,
            encoder=self._encoder,
            starttls=self._client.starttls,
            replies_per_read=self.plan.path.replies_per_read,
            on_offer=self._note,
            dialogue=self._dialogue,
        )

    def forget(self, message: Message) -> None:
        """Nothing is kept for a message."""

    def _note(self, offered: Capabilities) -> None:
        self.rcptmax = offered.rcptmax
