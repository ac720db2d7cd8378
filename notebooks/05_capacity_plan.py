# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A capacity plan
#
# **Decision:** how fast a newsletter may be sent, with which batch size and how many connections, so that 99 % of its
# recipients have it in time and nobody gets a false NDR.
#
# A small version of `experiments/newsletter.toml`: 60 messages in place of 400, so five seconds in place of a minute.
# Shares, round-trip and service times in it are assumptions, marked so in the file; put in what your own logs say.

# %%
import os
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

import simsmtp

os.chdir(next(one for one in (Path.cwd(), *Path.cwd().parents) if (one / "experiments/kb822105.toml").exists()))
QUICK = os.environ.get("SIMSMTP_QUICK") == "1"
scratch = tempfile.TemporaryDirectory()

# %% [markdown]
# Objectives are a response, an operator, a number with its unit. What counts is the end of the interval, not the
# mean, and what a search finds is confirmed on fresh seeds. (On the command line: `simsmtp capacity
# experiments/newsletter.toml`.)

# %%
plan = simsmtp.capacity(
    "experiments/newsletter.toml",
    objectives=["delay p(99) < 5 s", "false_ndr == 0"],
    settings=[f"workload.messages={20 if QUICK else 60}", "capacity.tolerance=0.25"],
    replications=3 if QUICK else 6,
    output=scratch.name,
    progress=False,
)
found = plan.to_dict()
Markdown("\n".join(f"- {one['sentence']}" for one in found["searches"]))

# %% [markdown]
# ## The answer, and what it rests on

# %%
answers, assumptions = ("\n".join(f"- {one}" for one in found[part]) for part in ("answers", "assumptions"))
Markdown(f"{answers}\n\nWhat this rests on:\n\n{assumptions}")

# %% [markdown]
# ## How much room is there?
#
# (a), (b): delivered recipients a second and delay against the offered rate, with the bounds that theory gives. (c):
# what happens to the delay if one assumption is wrong, one at a time.

# %%
plan.plot()

# %% [markdown]
# ## Where is it tight?
#
# The bottleneck is the first row. Utilisation is the offered rate over the bound; headroom is how much more the rate
# may grow before the queue does.

# %%
bounds = pd.DataFrame(found["bounds"])[["name", "messages_per_s", "recipients_per_s", "utilisation", "headroom"]]
bounds.head(6).round(3)

# %% [markdown]
# ## What is promised to whom?
#
# Percentiles of the plan as written and at the largest rate found. One that the sample cannot carry is refused.

# %%
pd.set_option("display.max_colwidth", None)
plan.percentiles.drop(columns="column", errors="ignore").set_index("percentile").round(2)

# %% [markdown]
# ## So
#
# Take the largest rate, the smallest batch and the fewest connections as three separate answers: each changes one
# thing and leaves the rest as written. Change the file to what you want, run again, and ask for more:
# `--replications`, `--full`, a smaller `capacity.tolerance`. Mind the rule of three: "no false NDR in 6 replications"
# is not yet "none".
