"""Rate limits as a user writes them: what means nothing is one line with its key, what means something is kept."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from simsmtp import Scenario
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of

GOOD = {"counts": "messages", "most": 1, "window_s": 1.0}


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [({"most": 0}, "most", "at least 1"), ({"window_s": 0.0}, "window_s", "at least"),
     ({"window_s": -1.0}, "window_s", "at least"), ({"counts": "octets"}, "counts", "recipients, messages"),
     ({"at": "rcpt"}, "at", "mail, data, dot"), ({"counts": "connections", "at": "mail"}, "at", "connect"),
     ({"counts": "recipients", "at": "mail"}, "at", "rcpt, data, dot"),
     ({"counts": "commands", "at": "connect"}, "at", "mail, rcpt, data, dot"), ({"per": 5}, "per", "unknown key"),
     ({"kind": "leaky"}, "kind", "fixed, sliding, bucket"), ({"reply": "250"}, "reply", "not a refusal"),
     ({"reply": "soon"}, "reply", "not a reply"), ({"kind": "sliding", "most": 1_000_001}, "most", "1,000,000"),
     ({"kind": "bucket", "most": 999_999_937, "window_s": 86_400.1}, "most", "64 bits"), ({"most": 1.5}, "most", "")],
)  # fmt: skip
def test_a_limit_that_means_nothing_is_one_line_with_its_key(changes: dict[str, Any], key: str, says: str) -> None:
    with pytest.raises(InputError) as complaint:
        Scenario.from_dict({"server": {"rate_limits": [GOOD, GOOD | changes]}})
    assert complaint.value.key == f"server.rate_limits.1.{key}"
    assert says in str(complaint.value)
    assert "\n" not in str(complaint.value)


def test_a_server_has_eight_limits_at_most() -> None:
    assert len(plan_of(Scenario.from_dict({"server": {"rate_limits": [GOOD] * 8}})).destinations[0].server.spoken) > 8
    with pytest.raises(InputError, match=r"server\.rate_limits: .*at most 8"):
        Scenario.from_dict({"server": {"rate_limits": [GOOD] * 9}})


@pytest.mark.parametrize(
    ("rate", "key"),
    [({"counts": "commands"}, "client.rate.counts"), ({"most": 0}, "client.rate.most"),
     ({"window_s": 0.0}, "client.rate.window_s"), ({"kind": "fixed"}, "client.rate.kind"),
     ({"most": 999_999_937, "window_s": 86_400.1}, "client.rate.most")],
)  # fmt: skip
def test_a_rate_of_the_senders_own_that_means_nothing_is_one_line_with_its_key(rate: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as complaint:
        Scenario.from_dict({"client": {"rate": GOOD | rate}})
    assert complaint.value.key == key


def test_a_scenario_with_rates_is_written_and_read_back() -> None:
    tables = {"server": {"rate_limits": [GOOD | {"kind": "bucket", "at": "dot", "reply": "454 4.7.0"}]},
              "client": {"rate": GOOD}}  # fmt: skip
    scenario = Scenario.from_dict(tables)
    assert eval(repr(scenario), {"Scenario": Scenario}) == scenario  # noqa: S307 - what repr promises
    again = tomllib.loads(scenario.to_toml())["scenario"]
    assert Scenario.from_dict(again) == scenario
    assert scenario.replace("server.rate_limits.0.most", 9).server.rate_limits[0].most == 9
