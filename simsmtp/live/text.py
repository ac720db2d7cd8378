"""Message texts: where one ends, which is at CRLF.CRLF and nowhere else (RFC 5321 section 4.1.1.4).

A server that takes a bare LF for a line end can be made to see the end of a text where the client that relayed it
saw none, and then to take the rest of the text for commands (SMTP smuggling, 2023). Here such octets end nothing,
and a text that holds a bare CR or LF is refused as a whole.
"""

from __future__ import annotations

_DOT = b".\r\n"
_END = b"\r\n" + _DOT


class TextEnd:
    """Watches a text go by without keeping it.

    Attributes
    ----------
    octets : int
        Length of the text so far with its final dot.
    has_bare : bool
        It held a CR or LF that was not part of a CRLF.
    """

    def __init__(self) -> None:
        self.octets = 0
        self.has_bare = False
        self._tail = b"\r\n"  # the 354 is awaited, so a text begins at the beginning of a line

    def feed(self, octets: bytes) -> int:
        """Take in the next octets; return how many of them belong to the text, -1 if all do and it goes on."""
        joined = self._tail + octets
        end = joined.find(_END)
        used = -1 if end < 0 else end + len(_END) - len(self._tail)
        self._note(joined if end < 0 else joined[: end + len(_END)], is_whole=end >= 0)
        self.octets += len(octets) if used < 0 else used
        self._tail = joined[-(len(_END) - 1) :]
        return used

    def _note(self, joined: bytes, *, is_whole: bool) -> None:
        # A CR at the very end may still be followed by its LF; it is looked at again with the next octets.
        seen = joined if is_whole or not joined.endswith(b"\r") else joined[:-1]
        body = seen[1:] if seen.startswith(b"\n") else seen  # the LF of a CRLF whose CR has been left behind
        pairs = body.count(b"\r\n")
        self.has_bare |= body.count(b"\r") != pairs or body.count(b"\n") != pairs
