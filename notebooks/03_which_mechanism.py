# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which mechanism is it?
#
# **Decision:** which few test messages to send through a mail server you cannot look into, to find out how it counts
# refusals. Four probes tell all eight hypotheses apart; a single large message, as in the article, does not.
#
# The strategies are *hypotheses*, nobody's code. The article KB 822105 says that valid recipients got NDRs; it does not
# say how many, and that number is what gives a mechanism away. `one-stop`, `per-read`, `send-cursor` and `budget` give
# such NDRs and are consistent with the article. The others are not: `corrected` is right, `aggregate` is right while all
# mailboxes exist, `send-cursor-silent` and `shifted` lose recipients without an NDR.

# %%
from itertools import combinations

import matplotlib.pyplot as plt
import pandas as pd

import simsmtp

STRATEGIES = [
    "corrected",
    "one-stop",
    "per-read",
    "send-cursor",
    "send-cursor-silent",
    "aggregate",
    "budget",
    "shifted",
]
FAULTS = {"false_ndr": "NDR", "contradictory_ndr": "delivered + NDR", "lost": "lost", "missed_ndr": "no NDR"}

# %% [markdown]
# ## The probes
#
# Each is one message to a receiver that takes 100 recipients and answers 552 to the rest. What can be seen from
# outside: who got the message, and who was reported as failed. The last one is the control: without pipelining all
# should be right.

# %%
PROBES = {
    "250 recipients": {},
    "101 recipients": {"workload": {"recipients_per_message": 101}},
    "103 recipients": {"workload": {"recipients_per_message": 103}},
    "250, replies one by one": {"network": {"replies_per_read": 1}},
    "250, replies 8 at a time": {"network": {"replies_per_read": 8}},
    "250, one in ten unknown": {"workload": {"unknown_share": 0.1}},
    "250, no pipelining": {"server": {"pipelining": False}},
}


def seen(strategy, probe):
    """Return what an observer sees of a probe: fault → recipients."""
    tables = {"client": {"strategy": strategy}, "server": {"preset": "windows-2003"}}
    for name, table in PROBES[probe].items():
        tables[name] = tables.get(name, {}) | table
    means = simsmtp.simulate(tables, seed=822105).summary().iloc[0]
    return {words: int(means[name]) for name, words in FAULTS.items() if means[name]}


outcomes = {(strategy, probe): seen(strategy, probe) for strategy in STRATEGIES for probe in PROBES}
words = {key: ", ".join(f"{n} {fault}" for fault, n in found.items()) or "right" for key, found in outcomes.items()}
pd.DataFrame({strategy: {probe: words[strategy, probe] for probe in PROBES} for strategy in STRATEGIES})

# %% [markdown]
# With 250 recipients four of them differ by single recipients: 147, 148, 149, 150. On a real network that is an
# accident of how replies happen to be read, not evidence. So two outcomes count as different here only if the *kinds*
# of fault differ, or a number by more than ten.
#
# ## How few probes will do?
#
# This looks for the smallest set that tells all pairs of strategies apart.

# %%
TOLERANCE = 10


def alike(one, other):
    """Tell whether two outcomes could be the same thing seen twice."""
    return one.keys() == other.keys() and all(abs(one[fault] - other[fault]) <= TOLERANCE for fault in one)


def undecided(probes):
    """Return the pairs of strategies that end alike in all of these probes."""
    pairs = combinations(STRATEGIES, 2)
    return [(a, b) for a, b in pairs if all(alike(outcomes[a, probe], outcomes[b, probe]) for probe in probes)]


for count in range(1, len(PROBES) + 1):
    chosen = min(combinations(PROBES, count), key=lambda probes: len(undecided(probes)))
    left = [" and ".join(pair) for pair in undecided(chosen)]
    print(f"{count}: {' + '.join(chosen)}\n   cannot tell apart: {'; '.join(left) or 'none'}")
    if not left:
        break

# %% [markdown]
# ## The two that the article alone cannot tell apart
#
# `one-stop` loses track after the first refusal whatever the network does. `per-read` counts once for each network
# read that holds a refusal, so it depends on how replies are coalesced. The predictions part as reads get smaller.

# %%
reads = [1, 2, 3, 5, 8, 16, 32, 64, 150]
figure, axes = plt.subplots(figsize=(6, 3), dpi=90, layout="constrained")
for strategy, look in {"one-stop": "s--", "per-read": "^-", "corrected": "ko:"}.items():
    tables = [
        {
            "client": {"strategy": strategy},
            "server": {"preset": "windows-2003"},
            "network": {"replies_per_read": one},
        }
        for one in reads
    ]
    counts = [simsmtp.simulate(one).summary()["false_ndr"].iloc[0] for one in tables]
    axes.plot(reads, counts, look, label=strategy)
axes.set(xscale="log", xlabel="RCPT replies per network read", ylabel="recipients with a false NDR (of 250)")
axes.legend()
plt.close(figure)
figure

# %% [markdown]
# ## So
#
# Send the probes of the smallest set through the server in question, against a receiver with a limit and a delay (a
# real one, or a delay line), and look the outcome up in the table. A server that ends like none of the rows follows a
# rule that is not here: write it down as a function (`06_your_own_strategy`) and the table gets one more row.
