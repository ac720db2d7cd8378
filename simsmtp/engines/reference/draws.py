"""Random draws of a run in the engine's own terms: service times, delays, refused texts."""

from __future__ import annotations

from simsmtp.model.plan import DestinationPlan
from simsmtp.network.losses import Lost, place_of_loss
from simsmtp.peers.accounting import Message
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.distributions import Sampler, count, is_constant, sample
from simsmtp.randomness.streams import Purpose, Stream, Streams

_PURPOSE = {
    Verb.CONNECT: Purpose.CONNECT_SERVICE,
    Verb.EHLO: Purpose.EHLO_SERVICE,
    Verb.STARTTLS: Purpose.EHLO_SERVICE,
    Verb.MAIL: Purpose.MAIL_SERVICE,
    Verb.RSET: Purpose.MAIL_SERVICE,
    Verb.RCPT: Purpose.RCPT_SERVICE,
    Verb.DATA: Purpose.DATA_SERVICE,
    Verb.TEXT: Purpose.TEXT_SERVICE,
    Verb.BDAT: Purpose.TEXT_SERVICE,
}


class Delays:
    """One-way delays of one direction of a connection, one draw per write or flush; without a stream all the same."""

    def __init__(self, sampler: Sampler, stream: Stream | None) -> None:
        self._sampler, self._stream, self._drawn = sampler, stream, 0
        self._constant = 0 if stream else int(sample(sampler, 0.5))

    def next(self) -> int:
        """Return the next delay in nanoseconds."""
        if self._stream is None:
            return self._constant
        self._drawn += 1
        return int(sample(self._sampler, self._stream.at(self._drawn - 1)))


class Losses:
    """How many segments with data one direction of a connection sends until one is lost."""

    def __init__(self, sampler: Sampler, stream: Stream, *, is_lossy: bool) -> None:
        self.is_lossy = is_lossy
        self._sampler, self._stream, self._drawn = sampler, stream, 0

    def next(self) -> int:
        """Return how many segments pass before the next lost one."""
        self._drawn += 1
        return count(self._sampler, self._stream.at(self._drawn - 1)) - 1


class Draws:
    """Draws that belong to one destination; streams are opened when first needed.

    Parameters
    ----------
    streams : Streams
        Keyed random numbers of the run.
    plan : DestinationPlan
        The destination.

    Attributes
    ----------
    constant_service : tuple of int
        See `ServerPlan`.
    loses : bool
        Transactions may lose their connection.
    refuses_texts : bool
        Texts may be refused.
    """

    def __init__(self, streams: Streams, plan: DestinationPlan) -> None:
        self._streams = streams
        self._plan = plan
        self._open: dict[tuple[int, int, int], Stream] = {}
        self.constant_service = plan.server.constant_service
        self.loses = plan.path.losses.in_transactions
        self.refuses_texts = plan.server.data_failure_share > 0

    def delays(self, purpose: Purpose, connection: int) -> Delays:
        """Return the delays of one direction of a connection."""
        return self._delays(self._plan.path.one_way, purpose, connection)

    def losses(self, purpose: Purpose, connection: int) -> Losses:
        """Return the losses of one direction of a connection under the profile tcp."""
        tcp = self._plan.path.tcp
        assert tcp is not None
        return Losses(tcp.losses, self._of_connection(purpose, connection), is_lossy=tcp.is_lossy)

    def wakes(self, connection: int) -> Delays:
        """Return how long it takes until the server, having waited for input of a connection, reads it."""
        tcp = self._plan.path.tcp
        assert tcp is not None
        return self._delays(tcp.wake, Purpose.WAKE, connection)

    def session_service(self, verb: Verb, connection: int, nth: int) -> int:
        """Return the service time of a command that belongs to no message, in nanoseconds."""
        purpose = Purpose.EHLO_SERVICE if verb == Verb.RSET else _PURPOSE[verb]
        draw = self._of_connection(purpose, connection).at(nth)
        return int(sample(self._plan.server.service[verb], draw))

    def message_service(self, verb: Verb, message: Message, transaction: int, recipient: int) -> int:
        """Return the service time of a command that belongs to a message, in nanoseconds."""
        if verb == Verb.RCPT:
            draw = self._stream(Purpose.RCPT_SERVICE, message.number, message.attempts[recipient]).at(recipient)
        else:
            draw = self._stream(_PURPOSE[verb], message.number, 0).at(transaction)
        return int(sample(self._plan.server.service[verb], draw))

    def text_refusal(self, message: Message, transaction: int) -> float:
        """Return the draw that decides whether the text of a transaction is refused."""
        return self._stream(Purpose.DATA_FAILURE, message.number, 0).at(transaction)

    def is_connect_lost(self, connection: int) -> bool:
        """Tell whether nobody answers a connect."""
        share = self._plan.path.losses.connect
        return share > 0 and self._of_connection(Purpose.LOST_CONNECT, connection).at(0) < share

    def lost(self, message: Message, transaction: int) -> Lost:
        """Return where a transaction loses its connection."""
        shares = self._plan.path.losses
        command, text, behind = (
            self._stream(Purpose.LOST_TRANSACTION, message.number, place).at(transaction) for place in range(3)
        )
        return place_of_loss(command < shares.command, text < shares.text, behind, shares.dot, shares.reply)

    def forget(self, message: Message) -> None:
        """Let go of a finished message's streams."""
        for key in [key for key in self._open if key[1] == message.number]:
            del self._open[key]

    def _delays(self, sampler: Sampler, purpose: Purpose, connection: int) -> Delays:
        return Delays(sampler, None if is_constant(sampler) else self._of_connection(purpose, connection))

    def _of_connection(self, purpose: Purpose, connection: int) -> Stream:
        return self._streams.stream(purpose, connection, self._plan.number)

    def _stream(self, purpose: Purpose, entity: int, sub: int) -> Stream:
        key = (purpose, entity, sub)
        if key not in self._open:
            self._open[key] = self._streams.stream(purpose, entity, sub)
        return self._open[key]
