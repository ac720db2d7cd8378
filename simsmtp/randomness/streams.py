"""Random numbers that belong to names: seed, replication, purpose, entity and index, never order of use.

A draw is found by computing, not by counting: a recipient meets the same fate under every strategy, in
every engine and with any number of processes (common random numbers). The generator is Philox4x64-10
(Salmon, Moraes, Dror and Shaw, SC 2011).

**The one definition.** Word ``i`` of the stream (`purpose`, `entity`, `sub`) is lane ``i % 4`` of

    Philox4x64-10(counter = (i // 4 + 1, entity, purpose, sub), key = (seed mod 2**64, replication))

with the least significant word first. The ``+ 1`` is NumPy's: its bit generator steps the counter before
it computes the first block, so NumPy's state ``(b, …)`` yields the block that is numbered b here.
The uniform number of a word is :func:`uniform_of_word`.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_UNIFORM = 1.0 - 2.0**-53
"""The float next below 1."""

_WORD = 2**64
_FIRST_FILL = 16


class Purpose(IntEnum):
    """The one table of draws: what is drawn, and which entity, sub and index a draw is named by.

    Messages, recipients within a message, destinations and a message's transactions and attempts count
    from 0; `sub` is 0 where none is named. The values are part of the results: never renumber them.
    """

    RECIPIENT_COUNT = 1
    """Recipients of a message. Entity 0, index = message."""
    MESSAGE_BYTES = 2
    """Size of a message text. Entity 0, index = message."""
    MAILBOX = 3
    """Whether a mailbox is unknown. Entity = message, index = recipient."""
    DESTINATION = 4
    """Destination of a recipient. Entity = message, index = recipient."""
    ARRIVAL = 5
    """Time from the last arrival to this one. Entity 0, index = message."""
    CONNECT_SERVICE = 6
    """Service of a connect. Entity = connection, sub = destination, index = n-th connect."""
    EHLO_SERVICE = 7
    """Service of EHLO or STARTTLS. Entity = connection, sub = destination, index = n-th of them."""
    MAIL_SERVICE = 8
    """Service of MAIL or RSET. Entity = message, index = transaction of the message."""
    RCPT_SERVICE = 9
    """Service of RCPT. Entity = message, sub = attempt of this recipient, index = recipient."""
    DATA_SERVICE = 10
    """Service of DATA. Entity = message, index = transaction of the message."""
    TEXT_SERVICE = 11
    """Service of the message text or BDAT. Entity = message, index = transaction of the message."""
    DATA_FAILURE = 12
    """Whether a text is refused. Entity = message, index = transaction of the message."""
    DELAY_UP = 13
    """Delay of a client's write. Entity = connection, sub = destination, index = write of the connection."""
    DELAY_DOWN = 14
    """Delay of a server's flush. Entity = connection, sub = destination, index = flush of the connection."""
    PAUSE = 15
    """The sender's pause. Entity = connection, sub = destination, index = transaction of the connection."""
    WAKE = 16
    """Time until a waiting server reads. Entity = connection, sub = destination, index = n-th such read."""
    LOSS_UP = 17
    """Segments of the client until one is lost. Entity = connection, sub = destination, index = n-th loss."""
    LOSS_DOWN = 18
    """Segments of the server until one is lost. Entity = connection, sub = destination, index = n-th loss."""
    PEOPLE = 19
    """Which people of a population a message goes to. Entity = message, index 0 and 1."""
    PERSON_MAILBOX = 20
    """Whether a person's mailbox is unknown. Entity 0, index = person."""
    PERSON_DESTINATION = 21
    """Destination of a person. Entity 0, index = person."""
    LOST_CONNECT = 22
    """Whether nobody answers a connect. Entity = connection, sub = destination, index 0."""
    LOST_TRANSACTION = 23
    """Whether a transaction loses its connection. Entity = message, sub = 0 for its first flight, 1 for its text, 2 for
    behind its text, index = transaction of the message."""


def uniform_of_word(word: int) -> float:
    """Return the uniform number in the open interval (0, 1) of a 64-bit word: its upper 53 bits plus a half.

    Parameters
    ----------
    word : int
        From 0 to 2**64 - 1.
    """
    uniform = ((word >> 11) + 0.5) * 2.0**-53
    # Above one half there is no room for the added half; the very last word would round up to 1.
    return min(uniform, LARGEST_UNIFORM)


class Streams:
    """All random numbers of one replication.

    Parameters
    ----------
    seed : int
        At least 0; taken modulo 2**64.
    replication : int
        At least 0; taken modulo 2**64.

    Raises
    ------
    InputError
        `seed` or `replication` is negative.

    Notes
    -----
    Equal arguments give equal numbers in every process. One object must not be used by two threads at
    once: it moves a single bit generator about.

    Examples
    --------
    >>> streams = Streams(seed=0, replication=0)
    >>> streams.stream(Purpose.MAILBOX, entity=7).at(3) == streams.uniforms(Purpose.MAILBOX, 7, 4)[3]
    True
    """

    def __init__(self, seed: int, replication: int) -> None:
        self._key = [key_word("seed", seed), key_word("replication", replication)]

    def uniforms(self, purpose: Purpose, entity: int, count: int, sub: int = 0, start: int = 0) -> list[float]:
        """Return the uniform numbers with indices `start` to `start` + `count` - 1 of one stream.

        Parameters
        ----------
        purpose : Purpose
            What is drawn.
        entity, sub : int
            Whose draw it is, see :class:`Purpose`; from 0 to 2**64 - 1.
        count, start : int
            How many, and the index of the first; at least 0.

        Returns
        -------
        list of float
            `count` numbers in the open interval (0, 1).
        """
        words = self._words((start // 4, entity, purpose, sub), start % 4 + count)[start % 4 :]
        numbers: list[float] = np.minimum(((words >> 11) + 0.5) * 2.0**-53, LARGEST_UNIFORM).tolist()
        return numbers

    def stream(self, purpose: Purpose, entity: int, sub: int = 0) -> Stream:
        """Return one stream for access by index; arguments as for :meth:`uniforms`."""
        return Stream(self, purpose, entity, sub)

    def _words(self, counter: tuple[int, int, int, int], count: int) -> NDArray[np.uint64]:
        philox, state = self._generator
        state["state"]["counter"][:] = counter
        # The state was saved with its buffer used up, so the next word is lane 0 of a new block.
        philox.state = state
        words: NDArray[np.uint64] = philox.random_raw(count)
        return words

    @cached_property
    def _generator(self) -> tuple[np.random.Philox, Any]:
        """The bit generator and its state, made when first needed: many runs draw nothing.

        A new one costs 7 µs, moving one by its state 1 µs.
        """
        philox = np.random.Philox(key=np.array(self._key, dtype=np.uint64))
        return philox, philox.state


class Stream:
    """The uniform numbers of one purpose and entity, by index; made by :meth:`Streams.stream`."""

    __slots__ = ("_entity", "_numbers", "_purpose", "_streams", "_sub")

    def __init__(self, streams: Streams, purpose: Purpose, entity: int, sub: int) -> None:
        self._streams = streams
        self._purpose = purpose
        self._entity = entity
        self._sub = sub
        self._numbers: list[float] = []

    def at(self, index: int) -> float:
        """Return the number with this index (at least 0), whatever was asked before.

        Everything up to the index is kept (32 bytes each): for one number far out, use
        :meth:`Streams.uniforms`.
        """
        try:
            return self._numbers[index]
        except IndexError:
            self._fill(index)
            return self._numbers[index]

    def _fill(self, index: int) -> None:
        have = len(self._numbers)
        want = max(_FIRST_FILL, 2 * have, index + 1)
        more = self._streams.uniforms(self._purpose, self._entity, want - have, self._sub, start=have)
        self._numbers.extend(more)


def key_word(name: str, value: int) -> int:
    """Return a seed or replication as one word of the generator's key; a negative one is an `InputError`."""
    if value < 0:
        raise InputError("must not be negative", key=name, given=value, allowed="an integer of at least 0")
    return value % _WORD
