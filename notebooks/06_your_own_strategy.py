# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own counting strategy
#
# **Decision:** is the rule by which *your* sender counts refusals safe to ship, and what would it cost its users if
# not? Write the rule as one function, run it beside the others, and keep the check in CI.
#
# The other rules are hypotheses, some of them consistent with KB 822105; yours is the only one here that is really
# somebody's code.

# %%
import os
import tempfile
from pathlib import Path

import simsmtp
from simsmtp import Knobs, Rcpt, ReplyClass, Tally, Verdict, by_own_reply, register_strategy

os.chdir(next(one for one in (Path.cwd(), *Path.cwd().parents) if (one / "experiments/kb822105.toml").exists()))
QUICK = os.environ.get("SIMSMTP_QUICK") == "1"
scratch = tempfile.TemporaryDirectory()

# %% [markdown]
# ## One function
#
# It is asked once per recipient, when all replies of a transaction are in, and answers what becomes of that
# recipient. `tally` counts what was seen in the transaction, `rcpt` is this recipient's own reply and rank. This one
# remembers every second refusal only.


# %%
def half_remembered(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Remember only every second refusal."""
    forgotten = rcpt.seen == ReplyClass.OVER and rcpt.over_rank % 2 == 1
    return Verdict.FAIL if forgotten else by_own_reply(rcpt.seen)


strategy = register_strategy("half-remembered", half_remembered)

# %% [markdown]
# ## Try it on one message
#
# 250 recipients, a limit of 100. Hover over a name to read what it means.

# %%
message = {"workload": {"recipients_per_message": 250}, "server": {"preset": "windows-2003"}}
mine = simsmtp.simulate(message | {"client": {"strategy": "half-remembered"}}, seed=1)
mine

# %%
mine.plot()

# %% [markdown]
# ## Run it beside the others
#
# Any experiment takes it as one more line. On the command line: `--strategy my_strategy.py`.

# %%
replications = 3 if QUICK else 8
study = simsmtp.run(
    "experiments/kb822105.toml",
    settings=[
        "network.rtt_ms=[50]",
        "client.batch_size=[50, 100, 150, 300, 1000]",
        'sender=["corrected", "one-stop"]',
        'figure.y=["delivered_per_s", "false_ndr_rate"]',
        'figure.y_scale=["log", "linear"]',
    ],
    strategies=["half-remembered"],  # becomes one more line
    replications=replications,
    output=Path(scratch.name) / "mine",
    progress=False,
)
study.plot()

# %%
study

# %% [markdown]
# ## Yes or no
#
# A gate compares two versions of *one* rule replication by replication: both meet the same messages. Say the rule is
# called `my-counting` and was right so far; its rows are the baseline. The new version is the function above. More
# than 5 % worse in any response is a regression (exit code 3 on the command line).


# %%
def version(settle):
    """Return the study of the rule under this function."""
    register_strategy("my-counting", settle)
    output = Path(scratch.name) / settle.__name__
    experiment = "experiments/examples/gate/gate.toml"
    return simsmtp.run(experiment, replications=replications, output=output, progress=False, workers=1)


def right(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Send every recipient again that was over the limit."""
    return by_own_reply(rcpt.seen)


baseline = version(right)
simsmtp.compare(baseline, version(half_remembered), responses=["delivered", "false_ndr", "lost", "delivered_per_s"])

# %% [markdown]
# ## So
#
# Ship it when this is green at every batch size your users may set. To keep it so, put function, experiment and
# baseline beside your code: `experiments/examples/gate/` is a worked example for CI, with a pytest that puts a bug
# in and sees the gate go red.
