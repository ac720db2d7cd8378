"""The scenario: every key a user may set, its type, unit, bounds and default, in one place.

The same nested tables are written in Python (``Scenario(client={"strategy": "one-stop"})``) and in TOML
(``[scenario.client]``). Unknown keys are errors. Presets fill a table's defaults; keys that are given win.
Engines never see these objects: :mod:`simsmtp.model.plan` turns them into plain integers.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from simsmtp.errors import InputError
from simsmtp.model import ranges
from simsmtp.model.combinations import check_combinations
from simsmtp.model.loss_tables import Loss, Timeouts
from simsmtp.model.rate_limits import ClientRate
from simsmtp.model.scenario_text import PRESETS, scenario_html, scenario_repr, scenario_toml
from simsmtp.model.server_table import Server
from simsmtp.model.table import Table
from simsmtp.model.table_merge import changes_of, inherit, is_table, plain, set_keys, with_preset
from simsmtp.model.validation_errors import as_input_errors
from simsmtp.model.workload_table import Workload

Positive = Annotated[int, Field(ge=1)]
Overflow = Literal["new-connection", "same-session", "defer", "bounce"]


class Client(Table):
    """The sending MTA."""

    preset: str | None = None
    """Name of a client preset (``simsmtp presets``); keys given beside it win."""
    strategy: str = "corrected"
    """Counting strategy, see :mod:`simsmtp.strategies.counting`. One of your own may also look at the replies to DATA
    (a multi-line 354 taken for a failure) and to the text, see :mod:`simsmtp.strategies.hooks`."""
    budget: ranges.Count = 3
    """Refusals that the strategy ``budget`` tolerates per transaction."""
    overflow: Overflow | dict[Literal["452", "552"], Overflow] = "new-connection"
    """What happens to a re-queued recipient; one policy, or one per reply class:
    ``{ "452" = "same-session", "552" = "bounce" }``. Every other over-limit code belongs to the class
    of its first digit."""
    sorts_by_domain: bool = False
    """The recipients of a message are sent domain by domain (Postfix), not in the order given."""
    over_limit_seen: Literal["any", "452-in-company"] = "any"
    """Which refusals are taken as over the limit: ``any`` of 452, 552 and X.5.3; ``452-in-company``: only 452, and only
    if a reply before it in its flight accepted or failed a recipient (Exim); others defer or fail as usual."""
    give_up_after_refusals: ranges.Limit = None
    """So many refused RCPTs in a row end the transaction and the connection; all of its recipients that did not fail
    are deferred, also those accepted and those not tried yet (OpenSMTPD: 25). Only without pipelining."""
    on_refusal: Literal["go-on", "give-up"] = "go-on"
    """``give-up`` is all or nothing: one refused recipient, whatever the reply, and nobody in the transaction gets the
    message (curl, MailKit, msmtp, jakarta mail). It fails or waits for all of them as for the first one refused. RSET
    ends it; where DATA went in the same group and was answered 354, a lone dot does, and those accepted get an
    *empty* text, see `empty_text`. With BDAT the text has gone."""
    batch_size: ranges.Count = 1000
    """Most recipients in one transaction."""
    sizing: Literal["fixed", "rcptmax", "adaptive"] = "fixed"
    """``rcptmax`` obeys LIMITS (RFC 9422) where advertised; ``adaptive`` learns the limit from refusals."""
    sizing_forget_s: Annotated[ranges.Memory | None, ranges.none] = None
    """An adaptive sender forgets what it learned after this time; None keeps it."""
    pipelining: bool = True
    """Use PIPELINING where the server offers it."""
    chunking: bool = False
    """Use BDAT (RFC 3030) where the server offers CHUNKING."""
    window_recipients: ranges.Limit = None
    """RCPT commands per flight; 1 is stop-and-wait."""
    window_bytes: ranges.Limit = None
    """Octets of commands that may be unanswered (4096 in Postfix and Exim)."""
    drain: bool = False
    """sendmail's way: MAIL alone, then no window; before each RCPT whatever is readable is read."""
    command_ms: ranges.Milliseconds = 0.0
    """The sender's own time to write one command."""
    stop_on_overflow: bool = True
    """After a flight with an over-limit refusal, send no further RCPT of that transaction."""
    connections: ranges.Limit = 1
    """Connections open at once to one destination."""
    connections_total: ranges.Limit = None
    """Connections open at once to all destinations together."""
    transactions_per_connection: ranges.Limit = None
    """Transactions after which the sender closes a connection; 1 is no reuse."""
    retry_initial_s: ranges.Wait = 300.0
    """First wait of the retry schedule."""
    retry_factor: ranges.Growth = 2.0
    """Each further wait is this many times the last one."""
    retry_max_s: ranges.Wait = 4000.0
    """Longest wait of the retry schedule."""
    expiry_s: ranges.Seconds = 432_000.0
    """Age of a message at which what is still queued fails with an NDR, after one last attempt; 0 is no queue, as
    with a library, which tells its caller at once: what would be deferred fails, and so does the message for which a
    connection, or MAIL, was answered 421; the next one goes on over a new connection, whatever `retry_initial_s` is."""
    starttls: bool = False
    """Use STARTTLS: one command, the handshake's round trips and a second EHLO per connection."""
    orcpt: bool = False
    """Name every recipient once more in RCPT, as ORCPT (RFC 3461), which Postfix does where DSN is offered. Simulated
    only: `simsmtp send` leaves it out."""
    reset_before_reuse: bool = False
    """Before a further transaction on a connection RSET is sent alone and its reply awaited (Postfix)."""
    pause_ms: ranges.Delay = 0.0
    """The sender's own time between a transaction and the next one on the connection, or its next connection; without
    a queue (`expiry_s` = 0) also after a connection that was refused: what it takes to start a program for each."""
    rate: Annotated[ClientRate | None, ranges.none] = None
    """The sender's own rate limit (throttle, rate delay), to each destination: before a transaction or a connection it
    waits for its turn. ``{ counts = "messages", most = 14, window_s = 1 }``: at most 14 at once and 14 a second in the
    long run; ``counts`` may be recipients, messages or connections."""
    timeout_s: Timeouts = Timeouts()
    """Time-outs in seconds: how long the client waits for a connection (and the banner), for the reply to a command, to
    DATA, and to the final dot (RFC 5321 section 4.5.3.2), counted from what it last read or wrote. Having timed out, it
    closes the connection and defers what was not committed; a server that takes the text later delivers it, and gets it
    again: a duplicate. Profile pipe."""


class Network(Table):
    """The path between the two: both directions alike."""

    profile: Literal["pipe", "tcp"] = "pipe"
    """Transport profile: delay and bandwidth only, or segments, windows and acknowledgements
    (:mod:`simsmtp.network.tcp`)."""
    rtt_ms: ranges.Delay = 50.0
    """Round-trip time. With a distribution, each write and each flush draws its own; one way is half."""
    bandwidth_mbit: ranges.Bandwidth = 100.0
    """Bandwidth of a connection in each direction, in megabits a second."""
    replies_per_read: ranges.Limit = None
    """Overrides reply coalescing: the RCPT replies of a flight are read so many at a time."""
    tls_round_trips: ranges.Few = 1
    """Round trips of the TLS handshake: 1 with TLS 1.3, 2 with TLS 1.2."""
    mss: Annotated[int, Field(ge=64, le=65_535)] = 1448
    """Profile tcp: largest segment in octets; 1448 with IPv4, timestamps and an MTU of 1500."""
    initial_window: Annotated[int, Field(ge=1, le=256)] = 10
    """Profile tcp: initial congestion window in segments (RFC 6928)."""
    restart_after_idle: bool = True
    """Profile tcp: the congestion window shrinks while nothing is sent (RFC 5681 section 4.1)."""
    nagle: Literal["both", "client", "server", "none"] = "both"
    """Profile tcp: which end uses Nagle's algorithm."""
    delayed_ack_ms: ranges.Milliseconds = 40.0
    """Profile tcp: how long an acknowledgement may wait for data to ride with (40 ms in Linux)."""
    quick_acks: ranges.CountOrNone = 16
    """Profile tcp: acknowledgements at the start that are not delayed, until an end first answers (16 in Linux)."""
    loss: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Profile tcp: probability that a segment with data is lost; it is sent again when its timer runs out."""
    losses: Annotated[tuple[Loss, ...], Field(strict=False, max_length=100)] = ()
    """Lost connections: the line falls silent and the client's `timeout_s` ends the session. A list of ``{ at, share,
    committed }``: share of connections at ``connect``, of transactions at ``command`` (nothing of the first flight
    arrives), ``text`` (in its middle) or ``dot`` (after the final dot). At the dot ``committed = true`` means that the
    server has the text and the client does not know (RFC 1047): sent again, it is a duplicate. Profile pipe."""


class Destination(Table):
    """One receiver of several, with its own path."""

    name: str
    """Name shown in rows and transcripts."""
    weight: ranges.Weight = 1.0
    """Share of the recipients, relative to the other destinations' weights."""
    connections: ranges.Limit = None
    """Connections open at once to this destination; None takes ``client.connections``."""
    network: Network = Network()
    server: Server = Server()


class Scenario(Table):
    """One complete setting of the model.

    Parameters
    ----------
    workload : Workload or dict
        What is sent.
    client : Client or dict
        The sending MTA.
    network : Network or dict
        The path.
    server : Server or dict
        The receiving MTA.
    destinations : list of Destination or dict, optional
        Several receivers with weights. Each one's `network` and `server` tables start from the
        scenario's own and override single keys.
    horizon_s : float, optional
        The run stops here and what is unfinished counts as ``queued``; None runs to the end.

    Raises
    ------
    InputError
        A key is unknown, or a value of the wrong type, out of range, or impossible beside another;
        the message names the key, what was given and what is allowed.

    Examples
    --------
    >>> Scenario(client={"strategy": "one-stop"}, server={"recipient_limit": 50}).client.strategy
    'one-stop'
    """

    workload: Workload = Workload()
    client: Client = Client()
    network: Network = Network()
    server: Server = Server()
    destinations: tuple[Destination, ...] = Field(default=(), strict=False, max_length=1000)
    horizon_s: ranges.Horizon = None
    """The run stops here and what is unfinished counts as queued."""

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    __repr__, _repr_html_, to_toml = scenario_repr, scenario_html, scenario_toml

    def __init__(self, *unnamed: object, **tables: object) -> None:
        """Check and keep the tables; see the class for what they are and which errors are raised."""
        if unnamed:
            allowed = 'Scenario(client={"strategy": "one-stop"}), or Scenario.from_dict with a dict'
            raise InputError("tables are given by name", key="scenario", given=unnamed[0], allowed=allowed)
        with as_input_errors("", Scenario):
            super().__init__(**tables)
        self._given = {key: plain(value) for key, value in tables.items()}

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, tables: Any) -> Any:
        if not isinstance(tables, Mapping):
            return tables
        filled = {key: plain(value) for key, value in tables.items()}
        filled |= {name: with_preset(filled.get(name, {}), preset) for name, preset in PRESETS.items()}
        if isinstance(listed := filled.get("destinations"), list | tuple):
            filled["destinations"] = [inherit(one, filled) for one in listed]
        return filled

    @model_validator(mode="after")
    def _combine(self) -> Self:
        check_combinations(self)
        return self

    @classmethod
    def from_dict(cls, tables: Mapping[str, object]) -> Scenario:
        """Build a scenario from nested tables, as TOML gives them (None = unlimited where a limit is meant)."""
        if not is_table(tables):
            allowed = "a Scenario, or a dict of its tables; of a file: simsmtp.load_experiment(FILE).scenario"
            raise InputError("not a scenario", key="scenario", given=tables, allowed=allowed)
        return cls(**tables)

    def to_dict(self) -> dict[str, Any]:
        """Return all tables with every default written out, fit for JSON."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """Return the scenario as JSON with sorted keys: equal scenarios have equal text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    def replace(self, changes: Mapping[str, object] | str, value: object = ...) -> Scenario:
        """Return a copy with dotted keys changed: ``replace("client.batch_size", 50)``, or several keys in a dict.

        Only what was given explicitly is carried over, so a changed preset takes effect.

        Raises
        ------
        InputError
            If a key is unknown, or the changed scenario is none.
        """
        tables = copy.deepcopy(self._given)
        set_keys(tables, changes_of(changes, value, type(self)))
        return type(self).from_dict(tables)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Scenario) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.canonical())
