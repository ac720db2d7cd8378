"""From a plan to the arrays of a run, and how these grow."""

from __future__ import annotations

import functools
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.engines.compiled.storage.layout import (
    ARRAYS,
    CLASSES,
    LANE,
    NEVER_NS,
    NONE,
    PER_LANE,
    PER_RUN,
    RESEND_ALL,
    RESEND_FAILED,
    RESEND_NONE,
    ROOMS,
    RUN,
    SAMPLER,
    SERVER_NUMBERS,
    SETTINGS,
    SLOT_CLASSES,
    TCP_WORLD,
    WORLD,
    aligned,
)
from simsmtp.engines.compiled.storage.people_packing import packed_people
from simsmtp.engines.compiled.storage.reply_packing import packed_replies
from simsmtp.model.limits import check_recipients
from simsmtp.model.path_plan import TcpPlan
from simsmtp.model.plan import DestinationPlan, Plan, meets_again
from simsmtp.network.pipe import departs
from simsmtp.network.tcp import SIZE
from simsmtp.policies.rate_limits import RateKind, new_state
from simsmtp.policies.recipients import are_alike, counts_domains
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.distributions import Sampler, is_constant, sample, sampler_of
from simsmtp.randomness.streams import LARGEST_UNIFORM, key_word
from simsmtp.rows.histogram import bucket_of
from simsmtp.rows.memory import check_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_RESEND = {"none": RESEND_NONE, "all": RESEND_ALL, "failed": RESEND_FAILED}
_OF_TCP = (
    "mss", "window", "restart", "delayed_ack_ns", "quick_acks", "nagle_client", "nagle_server", "is_lossy",
    "read_buffer",
)  # fmt: skip
_ROWS = 65_536
_START = 32
_SLOTS = 1024
_SESSIONS, _MOST = 2, 4096
_MOST_COUNTS = 2**22
_MOST_SLOTS = 2**31 - 1  # a slot's number has 32 bits
_BUCKETS = bucket_of(2**63 - 1) + 1


class World:
    """The arrays of a run by their names in `layout.ARRAYS`, and the record with their addresses.

    Attributes
    ----------
    has_tcp : bool
        Some path has the profile tcp.
    record : ndarray of `layout.WORLD` or `layout.TCP_WORLD`, shape (1,)
        Where everything lies. It is true as long as this object lives.
    address : int
        Of the record: what compiled code is given.
    """

    def __init__(self, arrays: dict[str, NDArray[np.void]]) -> None:
        self.arrays = arrays
        self.has_tcp = len(arrays["tcp"]) > 1
        self.record = np.zeros(1, TCP_WORLD if self.has_tcp else WORLD)
        self.address = self.record.ctypes.data

    def __getitem__(self, name: str) -> NDArray[np.void]:
        """Return an array."""
        return self.arrays[name]

    def point(self) -> None:
        """Write down where the arrays lie and how long they are."""
        arrays = [self.arrays[name] for name in ARRAYS]
        assert all(
            one.dtype == kind and one.flags.c_contiguous for one, kind in zip(arrays, ARRAYS.values(), strict=True)
        )
        rooms = [self.arrays[name].shape[-1] for name in ROOMS]
        # All fields at once: each by its name takes longer than all else here.
        self.record[0] = (*[0] * self.has_tcp, *[one.ctypes.data for one in arrays], *rooms)

    def begin(self, replications: Sequence[int]) -> None:
        """Make ready for some replications, as the first of this world or after others."""
        block = self["block"][0]
        block["count"], block["done"], block["handled"] = len(replications), 0, 0
        keys = [key_word("replication", one) for one in replications]
        self.arrays["keys"] = np.array(keys, np.uint64).view(ARRAYS["keys"])
        self.arrays["responses"] = np.zeros(len(replications), ARRAYS["responses"])
        self.point()


def world_of(plan: Plan, *, seed: int, rows: bool, strategy: dict[str, int]) -> World:
    """Return the arrays of a run that has not begun; `strategy` holds the settings that say which is asked."""
    lanes = np.array([_lane(plan, one) for one in plan.destinations], LANE)
    samplers, table = _samplers(plan)
    settings, people = _settings(plan, strategy), packed_people(plan)
    keep_attempts = rows or any(_constant(lane.server.service[Verb.RCPT]) < 0 for lane in plan.destinations)
    keep_first_seen = bool((lanes["greylist_ns"] > 0).any()) and not meets_again(plan.workload)
    keep = {"keep_rows": rows, "keep_attempts": keep_attempts, "keep_first_seen": keep_first_seen}
    keep["keep_copies"] = plan.workload.resend != "none" or people.settings["has_twins"] != 0
    keep["notes_accepts"] = rows or keep["keep_copies"]
    _fill(settings, keep | people.settings | {"seed": key_word("seed", seed)})
    run = np.zeros(1, RUN)
    none = ("resume", "resend_due", "session_free", "job_free", "message_free", "finished", "finished_tail")
    _fill(run, dict.fromkeys((*none, "first_connect_ns", "last_final_ns", "highest_bucket"), NONE))
    _fill(run, {"lowest_bucket": _BUCKETS})
    # What a run grows into is known best at its beginning; memory that nobody has written to yet costs nothing.
    sessions = min(max(_SESSIONS, int(lanes["connections_limit"].sum())), plan.client.connections_total + 1, _MOST)
    domains = _domains(plan) if lanes["counts_domains"].any() else 1
    sessions = min(sessions, max(_SESSIONS, _MOST_COUNTS // domains))
    kept = any(settings[name][0] for name in ("keep_attempts", "keep_origins", "keep_first_seen", "keep_copies"))
    extras = kept or len(lanes) > 1
    arrays = {
        "settings": settings,
        "run": run,
        "lanes": lanes,
        "spoken": packed_replies(plan),
        "service": _records("service", [one for lane in plan.destinations for one in _service(plan, lane)]),
        "verbs": _records("verbs", list(zip(plan.client.octets, plan.client.timeouts, strict=True))),
        "samplers": samplers,
        "table": table.view(ARRAYS["table"]),
        **people.arrays,
        "unknown": _unknown(plan),
        "slot_free": np.full(SLOT_CLASSES, NONE, np.int64).view(ARRAYS["slot_free"]),
        "ready": np.zeros((len(lanes), max(_START, 2 * sessions)), ARRAYS["ready"]),
        "in_domain": np.zeros((sessions, domains), ARRAYS["in_domain"]),
        "sessions": aligned(sessions, ARRAYS["sessions"]),
    }
    arrays["rates"], arrays["times"] = _rates(plan)
    arrays |= {f"fresh_{name}": arrays[name].copy() for name in ("run", "lanes", "rates")}
    slots, tcp_words = max(_SLOTS, 64 * sessions), SIZE if any(lane.path.tcp for lane in plan.destinations) else 0
    sizes = {
        "ledger": CLASSES,
        "delays": _BUCKETS,
        "events": max(_START, 4 * sessions),
        "waits": sessions,
        "messages": max(_START, 2 * sessions),
        "jobs": max(_START, 2 * sessions, 2 * len(lanes)),
        "slots": slots,
        "extras": slots if extras else 1,
        "rows": _ROWS if rows else 1,
        "tcp": sessions * tcp_words or 1,
        "block": 1,
        "keys": 1,
        "responses": 1,
    }
    world = World(arrays | {name: np.zeros(size, ARRAYS[name]) for name, size in sizes.items()})
    world["block"]["tcp_words"], world["block"]["stamp"] = tcp_words, 1
    return world


def grow(w: World) -> None:
    """Make room in a run's arrays for its next step.

    Raises
    ------
    InputError
        If the next message was drawn with more recipients than a message may have.
    MemoryError
        If there is no room.
    """
    run, a = w["run"][0], w.arrays
    check_recipients(int(run["entered"]), int(run["wanted"]), int(a["settings"]["population"][0]))
    if run["events"] + _START // 2 > len(a["events"]):
        a["events"] = _longer(a["events"], 2 * len(a["events"]))
    if (a["lanes"]["ready"] + 2 > a["ready"].shape[1]).any():
        a["ready"] = np.concatenate([a["ready"], np.zeros_like(a["ready"])], axis=1)
    if run["session_free"] < 0 and run["sessions_used"] == len(a["sessions"]):
        for name in ("sessions", "waits", *(["tcp"] if w.has_tcp else [])):
            a[name] = _longer(a[name], 2 * len(a[name]))
        check_memory(3 * a["in_domain"].nbytes, "the counts of domains")
        a["in_domain"] = np.concatenate([a["in_domain"], np.zeros_like(a["in_domain"])])
    if run["message_free"] < 0 and run["messages_used"] == len(a["messages"]):
        a["messages"] = _longer(a["messages"], 2 * len(a["messages"]))
    if run["jobs_free"] + len(a["jobs"]) - run["jobs_used"] < len(a["lanes"]):
        a["jobs"] = _longer(a["jobs"], 2 * len(a["jobs"]))
    block = 1 << max(0, int(run["wanted"]) - 1).bit_length()
    if run["slots_used"] + block > len(a["slots"]):
        size = max(min(2 * len(a["slots"]), _MOST_SLOTS), int(run["slots_used"]) + block)
        if size > _MOST_SLOTS:
            raise MemoryError(f"the compiled engine has no room for {size:,} recipients at once")
        a["slots"] = _longer(a["slots"], size)
        if len(a["extras"]) > 1:
            a["extras"] = _longer(a["extras"], size)
    w.point()


def _rates(plan: Plan) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the rate limits of all destinations, and room for the times that sliding ones remember."""
    limits = [limit for lane in plan.destinations for limit in lane.server.rate_limits]
    needed = [limit.most if limit.kind == RateKind.SLIDING else 0 for limit in limits]
    check_memory(sum(needed) * ARRAYS["times"].itemsize, "the times that rate limits remember")
    begins = accumulate(needed, initial=0)
    records = [(*one, *new_state(one), begin) for one, begin in zip(limits, begins, strict=False)]
    rates = _records("rates", records) if records else np.zeros(1, ARRAYS["rates"])
    return rates, np.zeros(sum(needed) or 1, ARRAYS["times"])


def _settings(plan: Plan, strategy: dict[str, int]) -> NDArray[np.void]:
    client, workload = plan.client, plan.workload
    given = {
        **strategy,
        "retry_initial_ns": client.schedule.initial_ns,
        "retry_max_ns": client.schedule.max_ns,
        "retry_factor": client.schedule.factor,
        "expiry_ns": client.schedule.expiry_ns,
        "messages": workload.messages,
        "domains": workload.domains,
        "groups": workload.groups,
        "has_unknown": bool(workload.unknown_share or workload.unknown),
        "traced": bool(workload.trace),
        "trace_arrivals": workload.trace_arrivals,
        "recipient_factor": workload.recipient_factor,
        "unknown_share": workload.unknown_share,
        "speedup": workload.speedup,
        "resend": _RESEND[workload.resend],
        "resends": workload.resends,
        "resend_after_ns": workload.resend_after_ns,
        "keep_origins": workload.resend != "none" or client.sorts_by_domain,
        "horizon_ns": plan.horizon_ns or NEVER_NS,
        "pauses": _constant(client.pause) != 0,
        **{f"rate_{name}": value for name, value in client.rate._asdict().items()},
    }
    settings = np.zeros(1, SETTINGS)
    _fill(settings, {name: value for name, value in client._asdict().items() if name in (SETTINGS.names or ())} | given)
    return settings


def _unknown(plan: Plan) -> NDArray[np.void]:
    places = plan.workload.unknown
    return np.isin(np.arange(max(places, default=0) + 1), list(places)).astype(np.int8).view(ARRAYS["unknown"])


def _domains(plan: Plan) -> int:
    """Return how many domains or groups can be told apart: of strangers not more than a message has recipients."""
    work = plan.workload
    if meets_again(work):
        return max(work.domains, work.groups)
    most = max((one.recipients * work.recipient_factor for one in work.trace), default=0)
    return min(max(work.domains, work.groups), most or int(sample(work.recipients, LARGEST_UNIFORM)) + 1)


def _records(name: str, values: list[tuple[int, ...]]) -> NDArray[np.void]:
    return np.array(values, ARRAYS[name])


def _longer(array: NDArray[Any], size: int) -> NDArray[Any]:
    check_memory(size * array.dtype.itemsize, f"{size:,} records of the compiled engine")
    longer = aligned(size, array.dtype)
    longer[: len(array)] = array
    return longer


def _fill(record: NDArray[np.void], values: dict[str, Any]) -> None:
    for name, value in values.items():
        record[name] = value


def _service(plan: Plan, destination: DestinationPlan) -> list[tuple[int, int, bool]]:
    """Return of every command how long it is served, how long it keeps the link, and whether all sessions count."""
    bits_per_s = destination.path.bits_per_s
    sends_ns = [departs(0, 0, octets, bits_per_s) for octets in plan.client.octets]
    sends_ns[Verb.TEXT] = sends_ns[Verb.BDAT] = NONE
    server = destination.server
    columns = zip(server.service, sends_ns, server.decides_in_order, strict=True)
    return [(_constant(one), sends, in_order) for one, sends, in_order in columns]


def _is_in_bulk(plan: Plan, destination: DestinationPlan) -> bool:
    """Tell whether RCPTs sure of their answer can be worked out together: served one by one, no faster than sent."""
    service_ns, sends_ns, _ = _service(plan, destination)[Verb.RCPT]
    return destination.server.workers == 0 and sends_ns <= service_ns


def _lane(plan: Plan, destination: DestinationPlan) -> tuple[float, ...]:
    server, path, work = destination.server, destination.path, plan.workload
    alike = are_alike(server.policy, work.domains, work.groups, server.decides_in_order[Verb.RCPT])
    values = {
        **server.policy._asdict(),
        **{name: getattr(server.offered, name) for name in ("pipelining", "chunking", "mailmax", "rcptmax")},
        "connections_limit": destination.connections,
        "bits_per_s": path.bits_per_s,
        "replies_per_read": path.replies_per_read,
        "tls_round_trips": path.tls_round_trips,
        **{name: getattr(server, name) for name in SERVER_NUMBERS},
        "sessions_limit": server.sessions,
        "are_alike": alike and not plan.client.needs_company,
        "in_bulk": alike and _is_in_bulk(plan, destination),
        **_tcp(path.tcp),
        "counts_domains": counts_domains(server.policy, work.domains, work.groups),
        "delay_ns": _constant(path.one_way),
        "first_waiting": NONE,
        "last_waiting": NONE,
        "upto": destination.upto,
        "data_failure_share": server.data_failure_share,
        "rates": len(server.rate_limits),
        "first_rate": sum(len(one.server.rate_limits) for one in plan.destinations[: destination.number]),
        "rate_level": new_state(plan.client.rate.limit).level,
        "loses": path.losses.in_transactions,
        "in_order": any(server.decides_in_order),
        **{f"lost_{name}": share for name, share in path.losses._asdict().items()},
    }
    return tuple(values.get(name, 0) for name in LANE.names or ())


def _tcp(tcp: TcpPlan | None) -> dict[str, int]:
    if tcp is None:
        return {}
    return {"profile_tcp": 1, "wake_ns": _constant(tcp.wake), **{name: int(getattr(tcp, name)) for name in _OF_TCP}}


def _constant(sampler: Sampler) -> int:
    return int(sample(sampler, 0.5)) if is_constant(sampler) else NONE


def _samplers(plan: Plan) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    found = [plan.workload.recipients, plan.workload.size, plan.workload.interarrival, plan.client.pause]
    for lane in plan.destinations:
        tcp = lane.path.tcp
        found += [lane.path.one_way, *lane.server.service]
        found += [tcp.wake, tcp.losses] if tcp else [sampler_of(0)] * 2
    assert len(found) == PER_RUN + PER_LANE * len(plan.destinations)
    begins = accumulate((len(one.table) for one in found), initial=0)
    records = [
        (one.kind, begin, len(one.table), one.a, one.b, one.c) for one, begin in zip(found, begins, strict=False)
    ]
    return np.array(records, SAMPLER), np.concatenate([_table(one.table) for one in found])


@functools.lru_cache(maxsize=64)
def _table(values: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(values, np.float64)
