"""A counting strategy of your own: one function and one line.

simsmtp run experiments/kb822105.toml --strategy experiments/examples/my_strategy.py
"""

from simsmtp import Knobs, Rcpt, ReplyClass, Tally, Verdict, by_own_reply, register_strategy


def half_remembered(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Remember only every second refusal."""
    forgotten = rcpt.seen == ReplyClass.OVER and rcpt.over_rank % 2 == 1
    return Verdict.FAIL if forgotten else by_own_reply(rcpt.seen)


register_strategy("half-remembered", half_remembered)
