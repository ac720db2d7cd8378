"""What the path does to bytes. Pure: a transport profile is a few functions over integers.

`pipe` is a pair of ordered, delaying, rate-limited directions. A further profile goes beside it and is chosen
in :func:`simsmtp.model.plan.plan_of`.
"""
