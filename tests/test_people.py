"""People who are met again are the same to both engines and on the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from generated_scenarios import CLIENT, NETWORK, SERVER, some_of
from helpers import many
from hypothesis import assume, given
from hypothesis import strategies as st

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.model.people.who import people_of
from simsmtp.model.plan import plan_of
from simsmtp.model.traces import read_trace
from simsmtp.randomness.permutation import moved, multiplier_of, offset_of
from simsmtp.randomness.streams import Streams

_ADDRESS = st.builds(
    "{}{}".format,
    st.sampled_from(["u", "U", "v", "w", "x", "y"]),
    st.sampled_from(["@a.test", "@b.test", "@c.test", ""]),
)
_ROWS = st.lists(
    st.builds("{}@s.test {} {}".format, st.sampled_from("pqq"), _ADDRESS, st.sampled_from([0, 0, 3, 400])),
    min_size=1,
    max_size=25,
)
_WORK = {
    "trace_recipient_factor": st.sampled_from([1, 1, 2, 7]),
    "trace_messages": st.sampled_from([None, 2]),
    "unknown_share": st.sampled_from([0.0, 0.3]),
    "unknown": st.sampled_from([[], [1]]),
    "groups": st.sampled_from([1, 3]),
    "domains": st.sampled_from([1, 1, 2]),
    "resend": st.sampled_from(["none", "all", "failed"]),
    "resends": st.sampled_from([1, 2]),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    return tmp_path_factory.mktemp("people") / "trace.txt"


@many
@given(
    rows=_ROWS,
    work=some_of(_WORK),
    client=some_of(CLIENT),
    network=some_of(NETWORK),
    server=some_of(SERVER | {"greylist_s": st.sampled_from([1.0, 400.0])}),
    elsewhere=st.none() | some_of(SERVER),
    seed=st.integers(0, 9),
)
def test_engines_agree_on_the_people_of_a_trace(
    place: Path, rows: list[str], work: Any, client: Any, network: Any, server: Any, elsewhere: Any, seed: int
) -> None:
    place.write_text("\n".join(rows), encoding="utf-8")
    tables = {"workload": work | {"trace": str(place)}, "client": client, "network": network, "server": server}
    if elsewhere is not None:
        tables["destinations"] = [{"name": "a"}, {"name": "b", "server": elsewhere}]
    try:
        plan = plan_of(Scenario.from_dict(tables))
    except InputError:
        assume(False)
        raise
    ours, theirs = (run_replication(plan, seed=seed, engine=one, recipients=True) for one in ("reference", "compiled"))
    assert repr(ours.responses) == repr(theirs.responses)
    assert ours.recipients == theirs.recipients


@given(size=st.integers(1, 300), first=st.floats(0, 1, exclude_max=True), second=st.floats(0, 1, exclude_max=True))
def test_a_permutation_takes_everybody_once(size: int, first: float, second: float) -> None:
    multiplier, offset = multiplier_of(first, size), offset_of(second, size)
    assert sorted(moved(place, multiplier, offset, size) for place in range(size)) == list(range(size))


def test_a_block_of_replications_knows_nobody_from_the_one_before() -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    from simsmtp import simulate

    scenario = Scenario.from_dict(
        {
            "workload": {"messages": 4, "recipients_per_message": 5, "population": 9},
            "server": {"greylist_s": 30.0},
        }
    )
    ours, theirs = (simulate(scenario, replications=20, engine=one).replications for one in ("reference", "compiled"))
    assert ours.drop(columns="engine", errors="ignore").equals(theirs.drop(columns="engine", errors="ignore"))


def test_a_log_names_people_in_the_lines_of_its_delivery_agents(tmp_path: Path) -> None:
    """Those of a message that no line names are people of their own, in no domain that another one has."""
    stamp = "2026-01-02T03:04:0{}+00:00 relay postfix/{}[8]: {}: "
    lines = [
        stamp.format(1, "qmgr", "4C0FFEE12A") + "from=<ada@a.test>, size=100, nrcpt=3 (queue active)",
        stamp.format(2, "smtp", "4C0FFEE12A") + "to=<u@b.test>, relay=mx.b.test[192.0.2.1]:25, delay=1, status=sent",
        stamp.format(2, "lmtp", "4C0FFEE12A") + "to=<v@c.test>, orig_to=<w@b.test>, relay=x, delay=1, status=sent",
        stamp.format(3, "qmgr", "4C0FFEE12B") + "from=<ada@a.test>, size=100, nrcpt=1 (queue active)",
        stamp.format(4, "smtp", "4C0FFEE12B") + "to=<U@b.test>, relay=mx.b.test[192.0.2.1]:25, delay=1, status=sent",
        stamp.format(5, "smtp", "4C0FFEE12F") + "to=<z@z.test>, relay=none, status=deferred",
    ]
    (tmp_path / "log").write_text("\n".join(lines), encoding="utf-8")
    found = read_trace(tmp_path / "log")
    assert [one.persons for one in found] == [(0, 1, 2), (0,)]
    assert [one.author for one in found] == [0, 0]
    assert found.domains == (0, 1, 2)


def test_a_log_that_names_nobody_is_one_of_strangers(tmp_path: Path) -> None:
    line = (
        "2026-01-02T03:04:05+00:00 relay postfix/qmgr[8]: 4C0FFEE12A: from=<a@a.test>, size=9, nrcpt=3 (queue active)"
    )
    (tmp_path / "log").write_text(line, encoding="utf-8")
    found = read_trace(tmp_path / "log")
    assert (found[0].persons, found.domains) == ((), ())
    plan = plan_of(Scenario.from_dict({"workload": {"trace": str(tmp_path / "log")}}))
    assert people_of(plan.workload, Streams(0, 0), 0) is None
