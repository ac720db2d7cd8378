"""A transaction as a server keeps it while it is open."""

from __future__ import annotations

from collections.abc import Iterator

from simsmtp.live.served import ServedRow


class Envelope:
    """Sender and recipients of one transaction.

    Parameters
    ----------
    session, transaction : int
        See `simsmtp.live.served.ServedRow`.
    sender : str
        Address in MAIL.
    draw : float
        Uniform draw that decides whether the text is refused.
    at_s : float
        When it began.

    Attributes
    ----------
    data_code : int
        Of the reply to DATA where that was a refusal; 0 elsewhere.
    """

    def __init__(self, session: int, transaction: int, sender: str, draw: float, at_s: float) -> None:
        self.sender = sender
        self.draw = draw
        self.data_code = 0
        self._session, self._transaction, self._at_s = session, transaction, at_s
        self._accepted: list[ServedRow] = []
        self._rcpts = 0

    @property
    def kept(self) -> int:
        """Recipients that are kept."""
        return len(self._accepted)

    def add(self, recipient: str, code: int, status: int) -> ServedRow:
        """Note an answer to RCPT; return its row as long as nothing was accepted."""
        row = ServedRow(
            self._session, self._transaction, self.sender, recipient, self._rcpts, code, status, 0, False, self._at_s
        )
        self._rcpts += 1
        if 200 <= code < 300:
            self._accepted.append(row)
        return row

    def rows(self, final_code: int, *, is_lost: bool = False) -> Iterator[ServedRow]:
        """Yield the rows of the recipients that RCPT accepted, with the final reply to the text, or to DATA."""
        final_code = final_code or self.data_code
        is_taken = 200 <= final_code < 300 and not is_lost
        for row in self._accepted:
            yield row._replace(final_code=final_code, accepted=is_taken)
