"""What the octets of measured sessions say: how long an address is, and what the sender adds to a text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simsmtp.calibration.measured import Group
from simsmtp.calibration.parameters import START
from simsmtp.protocol.commands import Verb, command_octets


class Octets(NamedTuple):
    """Length of an address, and octets added to the text."""

    address_chars: int
    text_extra: int


def octets_of(groups: Sequence[Group]) -> Octets:
    """Return the lengths that account for the octets sent: by least squares, as all are sums of the same few.

    Without octets, or where the settings do not vary enough to tell, the usual lengths.
    """
    known = [group for group in groups if group.octets_up]
    counts = np.array(
        [[one.setting.recipients, one.setting.transactions, one.setting.connections] for one in known], float
    ).reshape(-1, 3)
    if np.linalg.matrix_rank(counts) < 3:
        return Octets(START.address_chars, START.text_extra_octets)
    rest = [statistics.median(one.octets_up) - _known_octets(one) for one in known]
    per_rcpt, per_transaction, _ = np.linalg.lstsq(counts, np.array(rest), rcond=None)[0]
    address = round((per_rcpt - _rcpt_octets(0)) / 2)
    address = min(max(address, 12), 254)
    extra = round(per_transaction) - command_octets(Verb.MAIL, address) - command_octets(Verb.DATA, address)
    return Octets(address, max(0, extra))


def _rcpt_octets(address: int) -> int:
    return command_octets(Verb.RCPT, address, orcpt=True)


def _known_octets(group: Group) -> int:
    setting = group.setting
    probes = setting.transactions - 1 if setting.reuse else 0
    return setting.size * setting.transactions + probes * command_octets(Verb.RSET, 0)
