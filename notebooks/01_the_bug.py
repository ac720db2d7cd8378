# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The bug of KB 822105, step by step
#
# **Decision:** is the sender you run, or write, exposed to this class of bug? It takes three conditions at once: it
# pipelines, it puts more recipients into a transaction than the receiver takes, and it does not keep one status for
# each RCPT. Take away any one and nothing happens; the steps below take them away one at a time.
#
# The facts F1 to F7 are those of Microsoft's article KB 822105 (and of *Setting Recipient Limits* for F6). What the
# sender got wrong inside is not public. The mechanism used here, `one-stop`, is a **hypothesis** consistent with the
# article. The article says that *some* recipients get reports. Which ones and how many, and that a single refusal does
# no harm, are consequences of the hypothesis, not of the article.

# %%
import pandas as pd

import simsmtp

LEDGER = ["recipients", "delivered", "false_ndr", "lost", "transactions", "connections", "rcpt_commands"]


def case(recipients=250, client="windows-2003-rtm", server=None, **workload):
    """Return the scenario of the article: one message to a server that takes 100 recipients per transaction."""
    sender = client if isinstance(client, dict) else {"preset": client}
    return simsmtp.Scenario(
        workload={"recipients_per_message": recipients, **workload},
        client=sender,
        server={"preset": "windows-2003", **(server or {})},
        network={"rtt_ms": 50},
    )


def ledgers(cases):
    """Return one row for each case: what became of the recipients."""
    rows = {name: simsmtp.simulate(one).summary()[LEDGER].iloc[0] for name, one in cases.items()}
    return pd.DataFrame(rows).T.astype(int)


# %% [markdown]
# ## The bug in one picture (F2, F3)
#
# One message to 250 recipients, a server that takes 100. Time runs downwards. Both senders write the same commands and
# get the same replies, 150 of them a refusal. Then they conclude: without the hotfix the first refused recipient is
# sent again, and under the hypothesis the other 149 get a non-delivery report, although their mailboxes are valid. With
# the hotfix all 150 are sent again.

# %%
affected, fixed = simsmtp.trace(case()), simsmtp.trace(case(client="windows-2003-kb822105"))
affected.plot(fixed)

# %% [markdown]
# `affected.write_html("bug.html", fixed)` writes the same picture as a page to zoom and to click into: each reply with
# the read it came in, what the sender concluded, and the report that was sent.
#
# ## What should happen (F6)
#
# 105 recipients, limit 100. Nothing is returned to the author: the service opens a new connection at once and sends
# the remaining five. This is the sender with the hotfix, `windows-2003-kb822105` (F7: smtpsvc.dll 6.0.3790.47).

# %%
print(simsmtp.trace(case(105, "windows-2003-kb822105")).text())

# %% [markdown]
# ## What the hypothesis makes of it
#
# The same message from the sender without the hotfix. Five recipients were answered 552. The replies are the same as
# above, the conclusion differs: read the last lines of the first connection.

# %%
print(simsmtp.trace(case(105)).text())

# %% [markdown]
# Under this hypothesis one refusal alone does no harm: at 101 recipients nobody would have noticed. From the second on,
# each is a valid recipient with a non-delivery report.

# %%
sizes = {f"{n} recipients": case(n) for n in (100, 101, 102, 105, 250, 1000)}
ledgers(sizes)

# %% [markdown]
# ## Take one condition away (F1, F2, F4)
#
# No pipelining, on either side, and every refusal is read before the next RCPT is sent: there is never more than one
# to count (F1). A batch within the limit is never refused (F2). And with every other setting as before, right
# counting alone cures it (F4).

# %%
affected = {"preset": "windows-2003-rtm"}
ledgers({
    "affected": case(),
    "the sender does not pipeline": case(client=affected | {"pipelining": False}),
    "the receiver does not offer it": case(server={"pipelining": False}),
    "a window of one command": case(client=affected | {"window_recipients": 1}),
    "batches of 100": case(client=affected | {"batch_size": 100}),
    "one status for each RCPT": case(client=affected | {"strategy": "corrected"}),
})  # fmt: skip

# %% [markdown]
# ## Sending again does not help (F5)
#
# The author gets the reports and sends the message again. To everybody: under the hypothesis the same recipients fail again, and the others
# have it twice. Only to those that failed: it shrinks by what fits, until the rest is within the limit.

# %%
again = {
    "not resent": case(),
    "to all, twice": case(resend="all", resends=2),
    "to the failed, until none is left": case(resend="failed", resends=9),
}
ledgers(again)[["recipients", "delivered", "false_ndr"]]

# %% [markdown]
# Each message has its own ledger: a recipient of two messages counts in both.

# %%
rows = simsmtp.simulate(case(resend="failed", resends=9)).recipients()
pd.crosstab(rows["message"], rows["ledger"])

# %% [markdown]
# ## Try it
#
# In JupyterLab the last line shows sliders: batch size, recipient limit, round trip, window, strategy. The ledger and
# the picture follow.

# %%
simsmtp.explore(case())

# %% [markdown]
# ## So: are you exposed?
#
# - You do not pipeline, or your batches never exceed any receiver's limit: no. But limits are the receivers' to
#   change.
# - You keep one status for each RCPT, matched by position: no.
# - Otherwise put your rule into a function and see: `06_your_own_strategy`. To find out which rule a sender follows
#   that you cannot look into: `03_which_mechanism`.
