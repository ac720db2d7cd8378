"""The order in which a sender names the recipients of a message."""

from __future__ import annotations


def number_at(place: int, recipients: int, domains: int) -> int:
    """Return which recipient stands at a place once a sender has sorted them by domain (Postfix).

    Parameters
    ----------
    place : int
        Place in the sorted order, from 0.
    recipients, domains : int
        Recipient i of so many has domain i mod `domains`; within a domain the order stays.
    """
    each, longer = recipients // domains, recipients % domains  # so many domains have one recipient more
    in_longer = longer * (each + 1)
    if place < in_longer:
        return place // (each + 1) + place % (each + 1) * domains
    rest = place - in_longer
    return longer + rest // each + rest % each * domains
