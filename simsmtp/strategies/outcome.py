"""What a sender does around a transaction: connect, go on, begin anew, and where what is left goes."""

from __future__ import annotations

from simsmtp.strategies.sizing import Sizing
from simsmtp.strategies.tally import Tally


def may_connect(open_here: int, most_here: int, open_in_all: int, most_in_all: int) -> bool:
    """Tell whether a further connection to a destination is allowed.

    Parameters
    ----------
    open_here, most_here : int
        Connections to the destination, and how many there may be.
    open_in_all, most_in_all : int
        The same for all destinations together.
    """
    return open_here < most_here and open_in_all < most_in_all


def is_worth_connecting(transactions: int, starting: int) -> bool:
    """Tell whether transactions wait for which no connection to the destination has been begun yet.

    Parameters
    ----------
    transactions : int
        Transactions that wait.
    starting : int
        Connections that have not begun their first transaction.
    """
    return transactions > starting


def may_go_on(is_closed: bool, is_over: bool, transactions: int, most: int, sizing: Sizing, mailmax: int) -> bool:
    """Tell whether a session takes a further transaction.

    Parameters
    ----------
    is_closed, is_over : bool
        One of the two has hung up; the sender means to leave.
    transactions, most : int
        Transactions so far, and the sender's own cap.
    sizing, mailmax : Sizing, int
        A sender that heeds RCPTMAX heeds MAILMAX, too (RFC 9422); 0 if it is not offered.
    """
    if sizing == Sizing.RCPTMAX and mailmax > 0:
        most = min(most, mailmax)
    return not is_closed and not is_over and transactions < most


def begins_anew(refused_at_mail: bool, is_closed: bool, committed: int, keeps_queue: bool) -> bool:
    """Tell whether a transaction that MAIL was refused for is tried again at once, over a new connection.

    Parameters
    ----------
    refused_at_mail, is_closed : bool
        How it ended.
    committed : int
        Recipients that the transaction before it on the connection committed for the first time: the connection is
        spent, and it was of use.
    keeps_queue : bool
        Without a queue nothing is tried again: the caller is told.
    """
    return keeps_queue and refused_at_mail and is_closed and committed > 0


def gives_up(all_or_nothing: bool, tally: Tally) -> bool:
    """Tell whether a refused RCPT ends the transaction for everybody in it.

    Parameters
    ----------
    all_or_nothing : bool
        The sender gives a message to all of a transaction or to nobody.
    tally : Tally
        What came back so far.
    """
    return all_or_nothing and tally.over + tally.failed + tally.deferred > 0


def has_text(all_or_nothing: bool, tally: Tally) -> bool:
    """Tell whether the text follows 354; else a lone dot does (RFC 2920 section 3.1). See `gives_up`."""
    return tally.accepted > 0 and not gives_up(all_or_nothing, tally)


def nothing_committed(is_closed: bool, final_code: int) -> bool:
    """Tell whether all recipients of a transaction defer: the connection went before a final reply 2yz."""
    return is_closed and not 200 <= final_code < 300


def is_answered(final_code: int, data_code: int) -> bool:
    """Tell whether DATA, BDAT or the text has had its final reply; 0 stands for no reply."""
    return final_code > 0 or data_code >= 400


def is_still_marked(marked: bool, flights: int) -> bool:
    """Tell whether what earlier transactions of a connection left marked is so at the end of one more.

    Parameters
    ----------
    marked : bool
        It was so at the beginning.
    flights : int
        Flights of its commands: all but the last were without DATA.
    """
    return marked and flights == 1


def is_marked_after(marked: bool, flights: int, last_over_flight: int, ended_with_data: bool) -> bool:
    """Tell whether a transaction leaves its connection marked: see `simsmtp.strategies.counting.Knobs`.

    Parameters
    ----------
    marked, flights : bool, int
        See `is_still_marked`.
    last_over_flight : int
        The last flight with an over-limit refusal, counted from 1; -1 if there was none.
    ended_with_data : bool
        The last flight ended with DATA, or with BDAT.
    """
    return is_still_marked(marked, flights) or (ended_with_data and last_over_flight == flights)


def is_progress(committed: int, settled: int, trusts_itself: bool) -> bool:
    """Tell whether a transaction brought the sender further, so that it may try again at once.

    Parameters
    ----------
    committed, settled : int
        Recipients that it committed for the first time, and those who are done or failed.
    trusts_itself : bool
        See `simsmtp.strategies.built_in.BuiltIn`.
    """
    return committed > 0 or (trusts_itself and settled > 0)
