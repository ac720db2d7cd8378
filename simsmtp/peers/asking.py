"""Asks the sender's strategy. What a user's own raises is told apart from faults of the program."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from simsmtp.model.plan import ClientPlan
from simsmtp.peers.flight import ReplyRecord
from simsmtp.strategies.alike import Alike, Stretch, steady_verdicts
from simsmtp.strategies.counting import Knobs, Verdict
from simsmtp.strategies.hooks import Hook, Hooks, TextReply, after_data, by_final_reply
from simsmtp.strategies.own_code import Raised, no_verdict
from simsmtp.strategies.tally import Tally


def verdicts_on(plan: ClientPlan, tally: Tally, alikes: list[Alike], knobs: Knobs) -> Iterable[Stretch]:
    """Ask the counting strategy about recipients in a row.

    Raises
    ------
    Raised
        Whatever it raises.
    StrategyError
        It returned no verdict.
    """
    settle = plan.settle
    if plan.is_steady:
        return [stretch for alike in alikes for stretch in steady_verdicts(settle, tally, alike, knobs)]
    # Whoever wrote it was promised that it is asked about each recipient, in order.
    try:
        verdicts = [settle(tally, rcpt, knobs) for alike in alikes for rcpt in alike.each()]
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the strategy's
        raise Raised(error) from None  # SimPy makes a copy of what is raised, if that can be copied
    if not {type(verdict) for verdict in verdicts} <= {Verdict}:
        raise no_verdict(settle, next(one for one in verdicts if type(one) is not Verdict))
    return [(verdict, len(list(same))) for verdict, same in groupby(verdicts)]


def verdict_of(hook: Hook, tally: Tally, reply: TextReply) -> Verdict:
    """Ask a hook of the strategy about a reply; errors as of `verdicts_on`."""
    try:
        verdict = hook(tally, reply)
    except BaseException as error:  # noqa: BLE001 - as above
        raise Raised(error) from None
    if type(verdict) is not Verdict:
        raise no_verdict(hook, verdict)
    return verdict


def text_reply(reply: ReplyRecord, data_lines: int = 0) -> TextReply:
    """Return a reply as hooks see it."""
    return TextReply(reply.code, reply.status, reply.lines, data_lines)


def said_by(hooks: Hooks, tally: Tally, data: TextReply, final: TextReply, is_meant: bool) -> Verdict:
    """Return what hooks say of those taken as accepted, once the last reply of a transaction is in.

    Parameters
    ----------
    hooks : Hooks
        The strategy's.
    tally : Tally
        What came back to the RCPTs.
    data, final : TextReply
        The replies to DATA and to the text; code 0 for none.
    is_meant : bool
        The text is meant for anybody, so that they are asked.
    """
    reply, hook = (final, hooks.on_final) if final.code else (data, hooks.on_data)
    if hook is None or not reply.code or not is_meant:
        return by_final_reply(reply)
    verdict = verdict_of(hook, tally, reply)
    return verdict if final.code else after_data(verdict, reply)
