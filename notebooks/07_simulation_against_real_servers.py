# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The simulation against real servers
#
# **Decision:** may you trust the model's counts and times for *your* question, or should you measure first?
#
# Counts: seven real programs sent to a server with a recipient limit, and the simulator went through the same cells.
# Times: Postfix and Exim over real TCP; what was fitted at round trips of 2 and 20 ms is tried at 40, 100 and 200 ms.

# %%
import json
import os
from pathlib import Path

import pandas as pd

from simsmtp import analysis

os.chdir(next(one for one in (Path.cwd(), *Path.cwd().parents) if (one / "experiments/kb822105.toml").exists()))
QUICK = os.environ.get("SIMSMTP_QUICK") == "1"


def rows_of(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


# %% [markdown]
# ## Who loses what at a limit?
#
# 250 recipients, at most 100 in a transaction, PIPELINING offered; `simsmtp audit` filed each recipient by what arrived.
# Each entry: delivered / bounced with an NDR (libraries: reported to the caller) / still queued.

# %%
audit = pd.DataFrame(rows_of("results/audit/rows.jsonl"))
one = audit.query("recipients == 250 and limit == 100 and kind == 'transaction' and pipelining").copy()
one["fate"] = one.apply(lambda row: f"{row.delivered} / {row.false_ndr} / {row.queued}", axis=1)
one.pivot(index="sender", columns="reply", values="fate").loc[list(audit.sender.unique())]

# %% [markdown]
# No program counts as Windows Server 2003 did: what bounces with 552 is *every* recipient over the limit, with and
# without PIPELINING. That is a policy (552 taken as permanent), not a miscount; `03_which_mechanism` tells them apart.
#
# ## Does the simulator reach the same cells?
#
# Ledger, transactions and RCPT commands of each preset against the real program, here for some of the cells. Where
# somebody was still queued at the end, the simulator is told the number of transactions and predicts the rest.

# %%
some = audit[audit.index % (20 if QUICK else 5) == 0]
checked = [
    {"sender": row["sender"], "cells": 1, "same": not analysis.audit_differences(row)}
    for row in some.to_dict("records")
    if analysis.is_predictable(row)
]
pd.DataFrame(checked).groupby("sender", sort=False).sum()

# %% [markdown]
# ## Times: predicted against measured
#
# Hollow marks were fitted; full ones were not, save that `wake_ms` was chosen with a look at the 100 Mbit/s sessions. Crosses are what delay and bandwidth alone would have said.

# %%
validation = json.loads(Path("results/validation/postfix.json").read_text(encoding="utf-8"))
analysis.pairs_figure(validation["rows"])

# %%
shown = {
    "Postfix": "postfix",
    "Exim": "exim",
    "Postfix, 100 Mbit/s": "postfix-100mbit",
    "Postfix, 10 Mbit/s": "postfix-10mbit",
}
unseen = {
    name: json.loads(Path(f"results/validation/{file}.json").read_text(encoding="utf-8"))["unseen"]
    for name, file in shown.items()
}
names = ["median error", "worst error", "pipe: median", "pipe: worst", "range covered"]
(100 * pd.DataFrame(unseen).T).round(1).set_axis([f"{name}, %" for name in names], axis=1)

# %% [markdown]
# Where nothing stalls and windows suffice, delay and bandwidth alone do as well in the median; what they cannot know is
# the worst case (long texts) and the slow lines.

# %% [markdown]
# ## One setting, all of it: the stall
#
# 200 recipients in four transactions of 50, round trip 100 ms, a line of 10 Mbit/s. The group of RCPTs comes in two
# segments, so the replies leave in two pieces, and the second waits for the acknowledgement of the first.

# %%
groups = analysis.read_measured("results/validation/measured/postfix-10mbit.jsonl")
group = next(g for g in groups if g.setting[:4] == (200, 50, 100, 1000) and g.setting.reuse and g.setting.rtt_ms == 100)
parameters = analysis.read_calibration("results/validation/postfix.toml").parameters
spread = {
    "measured": pd.Series(sorted(group.durations_s)),
    "profile tcp": pd.Series(analysis.predicted_durations(group, parameters, 10 if QUICK else 50)),
    "profile pipe": pd.Series(analysis.predicted_durations(group, parameters, 10 if QUICK else 50, profile="pipe")),
}
pd.DataFrame({name: values.describe()[["min", "50%", "max"]] for name, values in spread.items()}).round(3)

# %% [markdown]
# **So:** trust the counts wherever a preset names the program that it was seen on (`simsmtp presets`). Trust times of whole sessions to some per cent after a
# calibration on your own programs; where stalls come and go (a line on which segments are sometimes read apart) look at
# the range, not at the median. Without a calibration the default service times are assumptions.
