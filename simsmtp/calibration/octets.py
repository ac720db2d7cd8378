"""What the octets of measured sessions say: how long an address is, and what the sender adds to a text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simsmtp.calibration.measured import Group
from simsmtp.calibration.parameters import HIGH, LOW, START
from simsmtp.protocol.commands import Verb, command_octets

_SHORTEST, _LONGEST = 12, 254


class Octets(NamedTuple):
    """Length of an address, whether RCPT names it twice, and octets added to the text."""

    address_chars: int
    orcpt: bool
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
        return Octets(START.address_chars, bool(START.orcpt), START.text_extra_octets)
    rest = [statistics.median(one.octets_up) - _known_octets(one) for one in known]
    per_rcpt, per_transaction, _ = np.linalg.lstsq(counts, np.array(rest), rcond=None)[0]
    address = round((per_rcpt - command_octets(Verb.RCPT, 0, orcpt=True)) / 2)
    if has_orcpt := address >= _SHORTEST:
        address = min(address, _LONGEST)
    else:
        address = min(max(round(per_rcpt) - command_octets(Verb.RCPT, 0), _SHORTEST), _LONGEST)
    extra = round(per_transaction) - command_octets(Verb.MAIL, address) - command_octets(Verb.DATA, address)
    return Octets(address, has_orcpt, max(0, extra))


def refusal_octets_of(groups: Sequence[Group]) -> int:
    """Return the length of an over-limit reply that accounts for the octets received, or the usual one."""
    known = [group for group in groups if group.octets_down]
    each = (one.setting for one in known)
    counts = np.array([[s.recipients - s.refused, s.refused, s.transactions, s.connections] for s in each], float)
    if np.linalg.matrix_rank(counts.reshape(-1, 4)) < 4:
        return START.refusal_octets
    measured = np.array([statistics.median(one.octets_down) for one in known])
    found = round(float(np.linalg.lstsq(counts, measured, rcond=None)[0][1]))
    return min(max(found, LOW.refusal_octets), HIGH.refusal_octets)


def _known_octets(group: Group) -> int:
    setting = group.setting
    probes = setting.transactions - 1 if setting.reuse else 0
    return setting.size * setting.transactions + probes * command_octets(Verb.RSET, 0)
