# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One mistake, five times
#
# **Decision:** which situations must the tests of your sender hold, so that it is not the sixth?
#
# A recipient limit says one thing: *not these, not in this transaction; send them again*. Five programs in twenty-five
# years heard something else: that all was well, that the reply was an error, that the mailbox was at fault, that
# somebody else was meant, that the letter had failed.
#
# 250 recipients and a limit of 100, unless another number is named.
#
# What is known: Microsoft's articles say what their servers did, Exim's bug 2693 says why, and the Exim of that time
# came to the ledger below. What Windows Server 2003 did inside is a **hypothesis** consistent with KB 822105.

# %%
import pandas as pd

import simsmtp

FATES = ["delivered", "false_ndr", "duplicate", "lost"]


def case(client, server, recipients=250, **workload):
    """Return one message from a sender to a server; both are the name of a preset or a table of keys."""
    client, server = ({"preset": one} if isinstance(one, str) else one for one in (client, server))
    return {"workload": {"recipients_per_message": recipients, **workload}, "client": client, "server": server}


def limit(reply, most=100, **more):
    """Return a server that answers so to recipients over its limit."""
    return {"recipient_limit": most, "overflow_reply": reply, **more}


def ledgers(cases, columns=(*FATES, "transactions")):
    """Return one row for each case: what became of the recipients."""
    rows = {name: simsmtp.simulate(one).summary()[list(columns)].iloc[0] for name, one in cases.items()}
    return pd.DataFrame(rows).T.astype(int)


# %% [markdown]
# ## All five
#
# How often did people get the letter, and was the author told of those who never got it?

# %%
right = "windows-2003-kb822105"
two_domains = {"limit_kind": "first-domain-only", "overflow_reply": "452 4.5.3"}
five = {
    "Exchange 5.5": case(right, "exchange-5.5"),
    "Windows 2000": case("windows-2000-sp2", limit("452")),
    "Windows Server 2003": case("windows-2003-rtm", limit("552")),
    "Exim 4.94": case("exim-4.94", two_domains, 100, domains=2),
    "PHPMailer, list sent twice": case("phpmailer", limit("452 4.5.3"), resend="all"),
    "as it should be": case(right, limit("452")),
}

def copies(one):
    """Return how many people got the letter how often, resends of it included."""
    rows = simsmtp.simulate(one).recipients()
    people = rows.groupby("origin").agg({"accepted": "sum", "ndr": "any"})
    never = people["accepted"] == 0
    return {
        "once": (people["accepted"] == 1).sum(),
        "twice": (people["accepted"] > 1).sum(),
        "never, told": (never & people["ndr"]).sum(),
        "never, not told": (never & ~people["ndr"]).sum(),
    }


pd.DataFrame({name: copies(one) for name, one in five.items()}).T

# %% [markdown]
# ## 2000: "all is well" (Exchange 5.5, KB 246051)
#
# The limit of the Internet Mail Service was applied *behind* SMTP. Every command is answered 250, then the message is
# moved to a folder. Nobody gets it, and nobody is told: the report would have too many recipients itself. No sender can
# do anything about it.

# %%
simsmtp.trace(five["Exchange 5.5"]).called("to Exchange 5.5").plot()

# %% [markdown]
# A later fix (KB 272672) made the server say 452, at 32,766 recipients. For senders that know 452 that is the cure. The
# next one did not.
#
# ## 2002: "an error" (Windows 2000, KB 315119)
#
# RFC 821 lists 552 for too many recipients, RFC 2821 (2001) asks for 452. The sender knew only the first. The article
# says that it takes 452 as an error. That the error is a report to the author about each of the 150 is our reading.
# After the hotfix they go out again, at once, over a new connection.

# %%
after = simsmtp.trace(case("windows-2000-kb315119", limit("452"))).called("after the hotfix: as it should be")
simsmtp.trace(five["Windows 2000"]).called("Windows 2000").plot(after)

# %%
ledgers({
    "before the hotfix, 452": five["Windows 2000"],
    "before the hotfix, 552": case("windows-2000-sp2", limit("552")),
    "after the hotfix, 452": case("windows-2000-kb315119", limit("452")),
})  # fmt: skip

# %% [markdown]
# ## 2003: "no such mailbox" (Windows Server 2003, KB 822105)
#
# Now 552 is the reply that goes wrong. It pipelines, so 150 refusals come back together; under the hypothesis the first
# is remembered and the others are taken for 5yz replies like any other. `01_the_bug` is about this one.

# %%
simsmtp.trace(five["Windows Server 2003"]).called("Windows Server 2003, a hypothesis").plot()

# %% [markdown]
# ## 2020: "somebody else" (Exim 4.94, bug 2693)
#
# Exim 4.94 learned to send the rest in the same session. It booked each reply on the first address still pending, and
# a 452 left its address pending: the reply *behind* it counted for the one that was refused. With a plain limit nothing
# but refusals follows the first, and all is right. It shows where somebody accepted follows, as with a server that takes
# the domain of the first recipient only. Here every other recipient is of a second domain. Compare the two strips: the
# replies alternate, the conclusions do not.

# %%
simsmtp.trace(five["Exim 4.94"]).called("Exim 4.94").plot(connections=1)

# %%
ledgers({
    "Exim 4.94": five["Exim 4.94"],
    "without PIPELINING": case("exim-4.94", two_domains | {"pipelining": False}, 100, domains=2),
    "a plain limit of 50": case("exim-4.94", limit("452 4.5.3", 50), 100),
    "Exim 4.95": case("exim", two_domains, 100, domains=2),
})  # fmt: skip

# %% [markdown]
# ## Today: "the letter failed" (libraries and those who call them)
#
# A library keeps no queue: it tells its caller. PHPMailer sends to those accepted and raises one exception, which names
# the refused. A caller that reads "exception" as "not sent" sends the whole list again. Six recipients, a limit of
# four, one resend a minute later:

# %%
caller = case("phpmailer", limit("452 4.5.3", 4), 6, resend="all", resends=1, resend_after_s=60.0)
simsmtp.trace(caller).called("PHPMailer, and who calls it").plot()

# %% [markdown]
# The first four have it twice, the last two never. Each message has a ledger of its own, and shows no duplicate;
# `person_duplicates` counts people. Five recipients of whom one does not exist, and every caller tries three times:

# %%
libraries = ("phpmailer", "smtplib", "nodemailer", "curl", "curl-allow-fails", "msmtp")
callers = {name: case(name, {}, 5, unknown=[3], resend="all", resends=2) for name in libraries}
ledgers(callers, ["delivered", "false_ndr", "person_duplicates", "copies_max"])

# %% [markdown]
# curl and msmtp have the opposite reading: one refused recipient, and nobody gets anything, however often it is tried.
# A caller of the first three sends again to those refused only; a caller of curl or msmtp takes them out and sends to
# the others. (`curl-allow-fails` does not even say whom: exit code 0.)
#
# ## So: what to test
#
# Each fault shows in some situations and is invisible in the others. Of 100 recipients, all valid but for one in the
# last row, how many did *not* get the message exactly once? Nobody resends.

# %%
situations = {
    "452, 60 over": (limit("452 4.5.3", 40), {}),
    "552, 60 over": (limit("552", 40), {}),
    "552, 1 over": (limit("552", 99), {}),
    "552, 60 over, no PIPELINING": (limit("552", 40, pipelining=False), {}),
    "452 to every other": (two_domains, {}),
    "one unknown mailbox": ({}, {"unknown": [3]}),
}
senders = ("windows-2000-sp2", "windows-2003-rtm", "exim-4.94", "phpmailer", "curl", right)


def wronged(client, server, workload):
    """Return how many valid recipients did not get the message exactly once."""
    found = simsmtp.simulate(case(client, server, 100, domains=2, **workload)).summary().iloc[0]
    return int(found["recipients"] - found["delivered"] - found["true_ndr"])


pd.DataFrame({name: {one: wronged(one, *put) for one in senders} for name, put in situations.items()}).T

# %% [markdown]
# Test with both codes, with several refusals in a flight, with an acceptance *behind* a refusal, with one unknown
# mailbox, and look at every recipient, not at the message. A server that files away can be met only by batches within
# its limit.
