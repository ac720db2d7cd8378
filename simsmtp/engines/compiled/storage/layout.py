"""Where everything lies: the arrays that the compiled loop works on, one record per thing.

Plain arrays of records, because they can be passed to compiled code, grown between two events, and looked at
in Python afterwards. A record's links to others are indices; -1 is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np

from simsmtp.model.plan import ClientPlan, ServerPlan
from simsmtp.policies.rate_limits import RateLimit, RateState
from simsmtp.policies.reply_policy import ReplyPolicy, SessionCounters
from simsmtp.protocol.causes import CAUSE_NAMES, WAIT_NAMES
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.ledger import Ledger
from simsmtp.rows.recipient_records import RECORD
from simsmtp.rows.response_rows import RESPONSE_ROW
from simsmtp.strategies import registry
from simsmtp.strategies.tally import Tally

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = -1
DONE, GROW, ROWS, OVERFLOW, PAUSE, RAISED = range(6)
"""Why the loop returned: all is done, an array is too small, the rows want to be taken, a time is past 64 bits, Python
has not been asked for a while whether somebody pressed Ctrl-C, or a strategy of the user's own raised."""

VALID, SETTLED, NDR, COMPANY, EMPTIED = 1, 2, 4, 8, 16
"""Bits of a recipient's `flags`; `COMPANY` is `has_company` of `simsmtp.strategies.reply_class.classify_among`."""

NEVER_NS = 2**63 - 1
SLOT_CLASSES = 40

BUILT_IN = tuple(one.settle for one in registry.BUILT_IN.values())
"""Strategies by their number in the settings; any other one is called through its address."""
DATA_HOOKS = tuple(one.on_data for one in registry.BUILT_IN.values() if one.on_data)
FINAL_HOOKS = tuple(one.on_final for one in registry.BUILT_IN.values() if one.on_final)
"""Their hooks by number from 1; 0 is none, and the number behind the last the user's own."""

RESEND_NONE, RESEND_ALL, RESEND_FAILED = range(3)

RECIPIENTS, SIZE, INTERARRIVAL, PAUSE_LENGTH, PER_RUN = range(5)
"""Places of the workload's samplers and of the sender's pause; those of each destination follow."""

VERBS = len(Verb)
WAKE, LOSSES, PER_LANE = 1 + VERBS, 2 + VERBS, 3 + VERBS
"""Places among a destination's samplers; the first is the delay of its path, then the service of each verb."""


CACHE_LINE = 64
"""Octets of a line of the processor's cache: what it fetches at once."""


def _fields(whole: str, floats: str = "", words: str = "", shorts: str = "", flags: str = "") -> list[Any]:
    """Return fields: whole numbers, then such as are at most the recipients of a message, or 127, then the others."""
    kinds = ((whole, np.int64), (shorts, np.int32), (flags, np.int8), (floats, np.float64), (words, np.uint64))
    return [(name, kind) for names, kind in kinds for name in names.split()]


def _record(whole: str, floats: str = "", words: str = "") -> np.dtype[np.void]:
    return np.dtype(_fields(whole, floats, words), align=True)


def _of_whole_lines(fields: list[Any]) -> np.dtype[np.void]:
    """Return a record as long as an odd number of lines: with an even one, few places of the cache would do it all."""
    octets = np.dtype(fields, align=True).itemsize
    lines = -(-octets // CACHE_LINE) | 1
    rest = [(f"rest_{number}", np.int64) for number in range((lines * CACHE_LINE - octets) // 8)]
    return np.dtype([*fields, *rest], align=True)


def aligned(size: int, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return an array of zeros that begins with a line of the processor's cache."""
    octets = np.zeros(size * dtype.itemsize + CACHE_LINE, np.uint8)
    begin = -octets.ctypes.data % CACHE_LINE
    array: NDArray[np.void] = octets[begin : begin + size * dtype.itemsize].view(dtype)
    return array


def whole_numbers(kind: type) -> list[str]:
    """Return the fields of a plan that are whole numbers, booleans or members of an enumeration."""
    hints = get_type_hints(kind)
    return [name for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, int)]


SETTINGS = _record(
    f"strategy settle_address on_data on_data_address on_final on_final_address {' '.join(whole_numbers(ClientPlan))}"
    """ retry_initial_ns retry_max_ns expiry_ns messages domains traced trace_arrivals recipient_factor
    resend resends resend_after_ns horizon_ns keep_rows keep_attempts keep_origins keep_first_seen pauses
    groups has_unknown rate_counts rate_most rate_window_ns rate_gained rate_cost keep_copies
    population named named_domains meets_again most_recipients has_twins notes_accepts""",
    floats="retry_factor unknown_share speedup",
    words="seed replication",
)
"""The plan of the sender and the workload, flat."""

_REFUSED = "".join(f" refused_{name}" for name in CAUSE_NAMES)

SERVER_NUMBERS = [name for name in whole_numbers(ServerPlan) if name != "sessions"]  # a lane counts those, too

LANE = _record(
    f"connections_limit bits_per_s replies_per_read tls_round_trips {' '.join(whole_numbers(ReplyPolicy))} "
    f"pipelining chunking mailmax rcptmax {' '.join(SERVER_NUMBERS)}"
    """ sessions_limit counts_domains are_alike in_bulk
    profile_tcp mss window restart delayed_ack_ns quick_acks nagle_client nagle_server is_lossy read_buffer wake_ns
    delay_ns ready connections starting connected learned learned_at_ns sessions busy first_waiting last_waiting
    to_start rates first_rate rate_since_ns rate_level loses in_order""" + _REFUSED,
    floats=" ".join(f"waited_{name}" for name in WAIT_NAMES)
    + " upto data_failure_share lost_connect lost_command lost_text lost_dot lost_reply",
)
"""One destination: the server's settings and its path, then what the sender and the server keep for it."""

_PER_RCPT = _fields(
    "key service_ns free written_at command_ns delay up_free up_last buffered sure_delay_ns due_at",
    shorts="lane sure_octets slot next rcpts_left sure unnoted unflushed",
    flags="phase in_service verb reset mail stops sure_answer hush",
)
_PER_FLIGHT = _fields(
    "number last sleep_ns state stop_seen is_closed"
    + "".join(f" count_{name}" for name in SessionCounters._fields)
    + " reads last_read rcpts tried flight flight_rcpts over_code"
    + "".join(f" tally_{name}" for name in Tally._fields)
    + """ ups downs down_free down_last first_read stop_read_at
    free_next refusals is_over needs_reset admitted transactions committed greetings rounds_left
    mails message job transaction stop_and_wait window_recipients window_octets window_drain
    data head tail count written script mail_seen data_code final_code filed_away refused_at_mail block
    pause_due probed accepted_ns rtt_ns octets_parsed octets_answered octets_noted
    to_note_reset to_note_mail to_note_rcpts to_note_last next_to_note reset_answer mail_answer last_answer
    write_due write_reset write_mail write_rcpts write_last rcpts_written rcpts_served
    arrivals wakes losses_up losses_down stop_end
    has_company refused_in_a_row accepted_before gave_up marked ahead ahead_slot heard_refusals banner mail_code
    began_at free_before idle_ns cause data_answer final_answer left_with
    lost is_silent gone_at read_at owed heard_rcpts mail_heard unheard_code arrived_refusals arrived_cause"""
    + _REFUSED
    + _REFUSED.replace("refused", "arrived"),
    words="word_0 word_1 word_2 word_3",
)
SESSION = _of_whole_lines(_PER_RCPT + _PER_FLIGHT)
"""One connection: path, server and transaction; first what every RCPT touches, so that it lies in two lines of the
processor's cache. `key` is what lane and number are in the key of an event. The next `sure` RCPTs will all get
`sure_answer`; the last `unnoted` did. `block` and the words are the last block of random numbers. Before `due_at`
nobody need look whether the client has left; with `hush` (see `simsmtp.engines.compiled.silence`) a command may not
come through; `owed` is what the first of the replies not yet flushed answers."""

WAIT = _record("next who service_ns at")
"""A session that wants a worker or has one, in one of the lines of `simsmtp.engines.compiled.workers`: who comes after
it, the second part of its event's key, how long it will be served, and when that ends. Apart from the session, which is
large and need not be looked at until it is served."""

MESSAGE = _record(
    """number arrival_ns size recipients first jobs transactions generation resend_of origin open holds next
    multiplier offset"""
)
"""One message; its recipients have the slots from `first` on."""

JOB = _record(
    """message lane ready_ns in_flight attempt queued unsent unsent_tail unsent_count requeued requeued_tail
    requeued_count deferred deferred_tail deferred_count rationed greylisted next"""
)
"""The recipients of one message that go to one destination, as linked lists of slots in ascending order."""

EVENT = _record("at who what")
"""`who` is the kind and the session's key, `what` the record it concerns."""

READY = _record("at number job")
"""A job in a destination's queue."""

SPOKEN = np.dtype(_fields("code status octets", shorts="lines", flags="seen seen_first cause"), align=True)
"""A reply as a destination words it; what it means as the answer to an RCPT, and to the first of a transaction, by
`simsmtp.strategies.reply_class.classify`; the cause of a refusal."""

PERSON, SEEN = _record("person domain pair twin"), _record("at stamp")
"""A recipient of a trace: number of the person, of the domain among those of the message, of the pair with the sender,
and the first place in the message with the same person; when a pair was first seen, in the replication of a stamp."""
UNKNOWN = np.dtype([("is_unknown", np.int8)])
"""Whether the mailbox at a place of every message is unknown."""

SERVICE, VERB = _record("ns sends_ns in_order"), _record("octets timeout_ns")
LINE = _record("arrival_ns recipients size first")
"""A command's service time, -1 if drawn, how long it keeps the link, -1 if the text decides, and whether it is answered
in order of time among all sessions; its octets, and how long its reply is waited for; a line of a trace."""

RATE, TIME = _record(" ".join([*RateLimit._fields, *RateState._fields, "first_time"])), _record("at")
"""A rate limit of a destination's server, what it remembers, and where the times begin that it counted; one of them."""

TCP_WORD = _record("value")
"""A word of the state of a connection under the profile tcp, see `simsmtp.network.tcp`."""

COUNT, FREE, DOMAIN, NUMBER = _record("recipients"), _record("first"), _record("kept"), _record("", floats="value")
"""Recipients of a class or bucket; a free block of slots; a session's count of a domain; a part of a table."""

SLOT = np.dtype([("next", np.int32), ("accepted", np.uint16), ("answer", np.uint8), ("flags", np.uint8)], align=True)
"""One recipient of an open message."""

EXTRA = np.dtype(
    [
        ("first_seen", np.int64),
        ("first_accepted", np.int64),
        ("attempts", np.int32),
        ("origin", np.int32),
        ("home", np.int32),
        ("copies", np.int32),
        ("twin", np.int32),
    ],
    align=True,
)
"""What is kept of a recipient only if something needs it: rows, greylisting, resends, several destinations."""

RUN = _record(
    """now events resume staff_due to_start resend_due resend_number read_due ending closing
    arrived arrived_ns entered entered_ns connections resends
    sessions_used session_free jobs_used job_free jobs_free messages_used message_free slots_used
    recipients accepted_once rcpt_commands transactions connected round_trips first_connect_ns last_final_ns
    lowest_bucket highest_bucket rows wanted finished finished_tail emitted bypassed handled
    asking first_asking last_asking serving first_serving last_serving largest paused_at strategy_raised
    person_duplicates copies_max empty_texts"""
)
"""What the run is at: time, cursors, the free ends of the arrays, totals."""

SAMPLER = _record("kind begin length", floats="a b c")

BLOCK = _record("count done to_renew handled tcp_words stamp")
"""Replications that run in one call: how many, how many are done, whether the arrays are those of a finished one;
events since Python was asked; words of a connection's state under the profile tcp; what marks the replication."""

KEY = _record("", words="replication")
"""A replication of a block, as a word of the random generator's key."""


ARRAYS: dict[str, np.dtype[np.void]] = {
    "settings": SETTINGS,  # 1
    "run": RUN,  # 1
    "lanes": LANE,  # destination
    "spoken": SPOKEN,  # destination, answer
    "service": SERVICE,  # destination, verb
    "verbs": VERB,  # verb
    "samplers": SAMPLER,  # recipients, size, interarrival; then per destination: delay, verbs
    "table": NUMBER,  # the samplers' tables end to end
    "trace": LINE,  # message
    "people": PERSON,  # recipient of the trace, message by message; or one
    "seen": SEEN,  # pair of sender and person; or one
    "unknown": UNKNOWN,  # place in a message, up to the last that is unknown; or one
    "ledger": COUNT,  # class
    "delays": COUNT,  # bucket
    "slot_free": FREE,  # size class
    "events": EVENT,  # heap
    "ready": READY,  # destination, heap
    "sessions": SESSION,
    "waits": WAIT,  # session
    "in_domain": DOMAIN,  # session, domain: stamp and count
    "messages": MESSAGE,
    "jobs": JOB,
    "slots": SLOT,
    "extras": EXTRA,  # slot, or one
    "rows": RECORD,
    "tcp": TCP_WORD,  # session, word; or one
    "block": BLOCK,  # 1
    "keys": KEY,  # replication
    "responses": RESPONSE_ROW,  # replication
    "rates": RATE,  # destination, limit
    "times": TIME,  # sliding limit, time
    "fresh_rates": RATE,  # destination, limit: as it was packed
    "fresh_run": RUN,  # 1, as it was packed
    "fresh_lanes": LANE,  # destination, as it was packed
}
"""The arrays of a run and what an axis counts."""

ROOMS = ("lanes", "events", "ready", "sessions", "in_domain", "messages", "jobs", "slots", "rows", "unknown", "rates")
"""The arrays whose length compiled code asks for; that of `ready` is per
destination, that of `in_domain` per session."""

WORLD = _record(" ".join([*ARRAYS, *(f"{name}_room" for name in ROOMS)]))
"""All that compiled code is given: the address of each array, and how long some are."""

TCP_WORLD = np.dtype([("has_tcp", np.int64), *WORLD.descr], align=True)
"""The same where some path has the profile tcp: another type, for which that profile is compiled in. What is more comes
first: a record that begins like another one passes for it with Numba."""


CLASSES = len(Ledger)
