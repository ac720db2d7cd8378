"""The items of STRESS-DES (Monks et al. 2019), and what holds for every study with simsmtp."""

from __future__ import annotations

AUTHOR = "> **To be written by the author.**"
VERSIONS = (
    "A draft after the STRESS-DES checklist (Monks et al. 2019, *Journal of Simulation* 13(1)), filled from the record "
    "of the run."
)
TITLES = {
    "1": "Objectives",
    "1.1": "Purpose of the model",
    "1.2": "Model outputs",
    "1.3": "Experimentation aims",
    "2": "Logic",
    "2.1": "Base model overview diagram",
    "2.2": "Base model logic",
    "2.3": "Scenario logic",
    "2.4": "Algorithms",
    "2.5": "Components",
    "3": "Data",
    "3.1": "Data sources",
    "3.2": "Pre-processing",
    "3.3": "Input parameters",
    "3.4": "Assumptions",
    "4": "Experimentation",
    "4.1": "Initialisation",
    "4.2": "Run length",
    "4.3": "Estimation approach",
    "5": "Implementation",
    "5.1": "Software or programming language",
    "5.2": "Random sampling",
    "5.3": "Model execution",
    "5.4": "System specification",
    "6": "Code access",
    "6.1": "Computer model sharing statement",
}
# What only the author knows, for items that the record cannot fill or fills in part.
HINTS = {
    "1.1": "The background and the decision that the model serves.",
    "1.3": "The hypotheses or questions each design point helps to answer, and why these levels.",
    "2.1": "A diagram of sender, path and receiver as used here.",
    "2.4": "Why the counting strategies, sizing and retry rules compared are the ones of interest; their definitions "
    "stand in `simsmtp/strategies/`.",
    "3.1": "Where round-trip times, service times, limits and traffic come from: measurements, documents, judgement.",
    "3.2": "What was done to the data before: cleaning, aggregation, fitting of distributions.",
    "3.4": "Assumptions made where data were missing, and how much the results depend on them.",
    "6.1": "Where model, data and results can be had, and under which terms.",
}
LOGIC = (
    "A sending MTA delivers messages to a receiving MTA over SMTP. It takes up to `client.batch_size` recipients of a "
    "message into a transaction, writes MAIL, RCPT and DATA in groups as the window and PIPELINING (RFC 2920) allow, "
    "and reads the replies as the network coalesces them. The receiver answers recipients over its limit with a "
    "refusal. A counting strategy concludes from the replies which recipients were delivered, are to be tried again, "
    "or failed; an overflow policy says when and where they are tried again. Every recipient ends in exactly one class "
    "of a ledger, and the classes sum to the number of recipients in every replication."
)
COMPONENTS = (
    "- **Entities**: messages (arrival, size, recipients) and their recipients (mailbox known or not, destination).\n"
    "- **Activities**: connecting and greeting, MAIL, RCPT, DATA, the message text, transmission of each write and "
    "flush, waiting before a retry; durations in item 3.3.\n"
    "- **Resources**: the sender's connections per destination, the receiver's sessions and workers.\n"
    "- **Queues**: messages at the sender and recipients that are re-queued (by due time, then order of arrival); "
    "commands waiting for a worker of the receiver (first come, first served).\n"
    "- **Entry and exit points**: a message enters when it arrives at the sender; a recipient leaves when it is taken "
    "as delivered or as failed, or is still queued when the run ends."
)
INITIALISATION = (
    "Every replication starts empty and idle: no message queued, no connection open, no worker busy, nothing learned "
    "about the receiver."
)
RANDOM = (
    "Philox, a counter-based generator, keyed by seed, replication, entity and purpose; one uniform number makes one "
    "variate by inverse CDF. Keys come from names and not from the order of use, so all design points of a replication "
    "meet the same arrivals, sizes, mailboxes and round-trip times (common random numbers), whatever the number of "
    "processes. Replications differ in the key alone and are independent."
)
