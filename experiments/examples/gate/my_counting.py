"""The counting logic of a mail server, as the server's own project would keep it."""

from simsmtp import Knobs, Rcpt, ReplyClass, Tally, Verdict, by_own_reply, register_strategy


def my_counting(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Send every recipient again that was over the limit."""
    if rcpt.seen == ReplyClass.OVER:
        return Verdict.REQUEUE
    return by_own_reply(rcpt.seen)


register_strategy("my-counting", my_counting)
