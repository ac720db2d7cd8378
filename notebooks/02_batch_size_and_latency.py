# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which batch size, at which latency?
#
# **Decision:** how many recipients to put into one transaction. The answer here: as many as the receiver takes, not
# one more, and if you do not know the limit, rather too few than too many. Latency decides how much that is worth.
#
# A reduced run of `experiments/kb822105.toml`: fewer levels, fewer replications. The ways of counting are hypotheses,
# not anybody's code; `one-stop`, `per-read`, `send-cursor` and `budget` are consistent with KB 822105.

# %%
import os
import tempfile
from pathlib import Path

import pandas as pd

import simsmtp
from simsmtp import analysis

os.chdir(next(one for one in (Path.cwd(), *Path.cwd().parents) if (one / "experiments/kb822105.toml").exists()))
QUICK = os.environ.get("SIMSMTP_QUICK") == "1"
scratch = tempfile.TemporaryDirectory()

# %%
study = simsmtp.run(
    "experiments/kb822105.toml",
    settings=[
        "network.rtt_ms=[10, 200]",
        "client.batch_size=[25, 50, 100, 125, 200, 1000]",
        'sender=["corrected", "one-stop", "bounce"]',
        'figure.y=["delivered_per_s", "false_ndr_rate"]',
        'figure.y_scale=["log", "linear"]',
    ],
    replications=3 if QUICK else 8,
    output=scratch.name,
    progress=False,
)
study.plot()

# %% [markdown]
# Left of the limit all senders agree and larger batches are faster. Right of it the corrected sender pays for refused
# commands with time, and the others with recipients. A sender that gives up looks *faster*: throughput alone is the
# wrong thing to compare.
#
# ## Which is best?
#
# For the sender that counts right, every batch size against the best of the others. All intervals hold together (95
# %), and they are of differences within a replication: every size meets the same messages.

# %%
corrected = study.rows[study.rows["sender"] == "corrected"]
best = {
    f"RTT {rtt} ms": analysis.against_best(part, "client.batch_size", "delivered_per_s").drop(columns="n").round(1)
    for rtt, part in corrected.groupby("network.rtt_ms")
}
pd.concat(best)

# %% [markdown]
# ## How wrong may you be?
#
# The price of a batch size that misses the limit of 100, in either direction, as a share of the throughput at 100.
# The longer the round trip, the more a miss costs.

# %%
table = corrected.pivot_table(index="client.batch_size", columns="network.rtt_ms", values="delivered_per_s")
(table / table.loc[100]).round(2)

# %% [markdown]
# Too small costs round trips in proportion. Too large costs refused commands, a new connection for each full batch,
# and, if the counting is wrong, recipients:

# %%
rows = study.rows.set_index(["replication", "sender", "network.rtt_ms", "client.batch_size"])["false_ndr_rate"]
pairs = {
    f"{sender}, batch {size}": (rows[:, "corrected", 200, size].to_numpy(), rows[:, sender, 200, size].to_numpy())
    for sender in ("one-stop", "bounce")
    for size in (100, 125, 200)
}
analysis.simultaneous(pairs)[["comparison", "n", "mean", "low", "high"]].round(3)

# %% [markdown]
# (Difference in the false-NDR rate to the sender that counts right, with simultaneous 95 % intervals.)
#
# ## So
#
# Set the batch size to the smallest limit among the receivers you care about; 100 is what RFC 5321 asks every
# receiver to take. If receivers advertise `RCPTMAX` (RFC 9422), let the sender obey it: `client.sizing = "rcptmax"`.
