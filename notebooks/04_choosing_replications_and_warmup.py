# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How many replications, and how much warm-up?
#
# **Decision:** how many replications to ask for, and, where a run stands for an endless one, how much of its
# beginning to throw away. In short: state the precision and let the run stop itself; compare under common random
# numbers; for a rate that is zero state a bound, for no number of zeros has a relative precision; cut the warm-up by
# MSER-5, and if the cut passes half the run, believe neither the cut nor the mean.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import simsmtp
from simsmtp import analysis

os.chdir(next(one for one in (Path.cwd(), *Path.cwd().parents) if (one / "experiments/kb822105.toml").exists()))
QUICK = os.environ.get("SIMSMTP_QUICK") == "1"
scratch = tempfile.TemporaryDirectory()

TABLES = {
    "study": {"name": "precision", "title": "One sender, drawn messages and round trips", "seed": 7},
    "scenario": {
        "workload": {"messages": 4, "recipients_per_message": {"dist": "lognormal", "mean": 250, "cv": 0.4}},
        "network": {"rtt_ms": {"dist": "lognormal", "mean": 50, "cv": 0.4}},
        "server": {"preset": "windows-2003"},
    },
}
experiment = simsmtp.Experiment.from_dict(TABLES)

# %% [markdown]
# ## State the precision, not the number
#
# Throughput to ±3 % of its mean, with at most 80 replications. The run adds replications until the 95 % interval is
# that narrow and stays so over five more (Hoad, Robinson and Davies 2010).

# %%
precise = analysis.run_to_precision(
    experiment,
    response="delivered_per_s",
    relative=0.1 if QUICK else 0.03,
    budget=80,
    output=scratch.name,
    progress=False,
)
print(precise.verdict())

# %%
values = precise.rows["delivered_per_s"].to_numpy()
counts = range(2, len(values) + 1)
low, high = np.array([[one.low, one.high] for one in (analysis.mean_interval(values[:n]) for n in counts)]).T
figure, axes = plt.subplots(figsize=(6, 2.8), dpi=90, layout="constrained")
axes.fill_between(counts, low, high, alpha=0.25, label="95 % t interval")
axes.plot(counts, [values[:n].mean() for n in counts], label="mean so far")
axes.plot(range(1, len(values) + 1), values, "k.", markersize=4, label="replication")
axes.set(xlabel="replications", ylabel="delivered recipients per second", ylim=(0.8 * values.min(), 1.2 * values.max()))
axes.legend(ncols=3, loc="lower center")
plt.close(figure)
figure

# %% [markdown]
# ## A rate that is zero
#
# The corrected sender has no false NDR in any replication. Its interval has no width, and that proves nothing: what
# is known is a bound on how many replications may show one. It falls like 3 / n (the rule of three), so a claim of
# "less than one run in a hundred" costs 300 replications, whatever the number of recipients in each.

# %%
runs = [3, 10, 20, 60, 300]
pd.DataFrame({"replications without any": runs, "at most, of all runs": [analysis.zero_bound(n) for n in runs],
              "rule of three": [analysis.rule_of_three(n) for n in runs]}).round(4)  # fmt: skip

# %% [markdown]
# ## Differences need far fewer
#
# Is a batch of 100 faster than one of 75? Under common random numbers both meet the same messages and round trips, and
# most of the noise cancels. Below: the same comparison, once paired, once with different seeds.

# %%
replications = 4 if QUICK else 12


def makespans(batch_size, seed):
    """Return the makespan of each replication."""
    tables = TABLES["scenario"] | {"client": {"batch_size": batch_size}}
    return simsmtp.simulate(tables, seed=seed, replications=replications).replications["makespan_s"].to_numpy()


base, same, other = makespans(100, seed=1), makespans(75, seed=1), makespans(75, seed=2)
paired, unpaired = analysis.paired_difference(base, same), analysis.paired_difference(base, other)
table = pd.DataFrame([paired, unpaired], index=["common random numbers", "different seeds"])[
    ["n", "mean", "low", "high"]
]
table["replications for the same width"] = [
    f"{n:.0f}" for n in (table["high"] - table["low"]) ** 2 / (paired.high - paired.low) ** 2 * replications
]
table.round(3)

# %% [markdown]
# (Difference of the makespan in seconds, batch of 75 minus batch of 100.)
#
# ## How much warm-up to cut
#
# Messages arrive all day at one connection. A run starts with an empty queue, so its first messages fare too well.
# MSER-5 looks at the delays in order of arrival, averaged over replications, and cuts where what is left has the
# narrowest interval.


# %%
def arriving(rate_per_s, messages):
    """Return recipients of runs with Poisson arrivals."""
    workload = {
        "messages": messages,
        "recipients_per_message": {"dist": "geometric", "mean": 10},
        "arrivals": {"dist": "poisson", "rate_per_s": rate_per_s},
    }
    tables = {"workload": workload, "network": TABLES["scenario"]["network"]}
    return simsmtp.simulate(tables, seed=3, replications=4 if QUICK else 12, recipients=True).recipients()


busy = arriving(8.5, 500 if QUICK else 1000)
warmup = analysis.mser5(analysis.delay_series(busy))
print(warmup.text())
analysis.warmup_figure(analysis.delay_series(busy), warmup, "8.5 messages a second, one connection")

# %%
delays = [analysis.steady_state(busy, cut)["delay_mean_s"] for cut in (0, warmup.cut)]
pd.DataFrame(map(analysis.mean_interval, delays), index=["all messages", "after the cut"]).round(3)

# %% [markdown]
# ## When no cut helps
#
# At 12 messages a second the queue only grows. MSER-5 cuts nearly everything, and says that this proves nothing. A
# longer run would not help either: there is no steady state. Where there is one and the run is too short, several
# times longer does help.

# %%
overloaded = arriving(12.0, 300)
late = analysis.mser5(analysis.delay_series(overloaded))
print(late.text())
analysis.warmup_figure(analysis.delay_series(overloaded), late, "12 messages a second: overloaded")

# %% [markdown]
# ## So
#
# - A batch send ends by itself (`horizon = "terminating"`): no warm-up, and `simsmtp run … --precision
#   'delivered_per_s ±3%'`.
# - A relay runs on (`horizon = "steady-state"`): `simsmtp run` cuts the warm-up of every design point, writes
#   `warmup.png`, and warns as above.
# - To compare, compare within replications: `simsmtp compare`, or `simsmtp.analysis` as here.
