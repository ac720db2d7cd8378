"""Experiment files and settings that nobody would write: valid ones changed here and there, and what must hold of them.

`broken` makes a text from a source of random choices, `tried` loads it: whatever it is, there is an experiment, or an
`InputError` in one line that names file and line, and that soon.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_case, load_experiment
from simsmtp.experiment.key_list import list_keys

SECONDS = 10.0
"""Of processor time that a small text may take."""
_BASES = [
    """\
[study]
name = "tiny"
title = "Tiny" # what is drawn
replications = 3
seed = 7
responses = ["delivered_per_s", "false_ndr"]
[scenario.workload]
recipients_per_message = { dist = "lognormal", mean = 120, cv = 0.3 }
arrivals = { dist = "poisson", rate_per_s = 2 }
[scenario.client]
overflow = { "452" = "defer", 552 = "bounce" }
[[scenario.destinations]]
name = "a"
weight = 2
[[scenario.destinations]]
name = "b"
server.recipient_limit = 7
[factors]
"client.batch_size" = [
  50, # small
  200,
]
client.strategy = ["corrected", "one-stop"]
[factors.path.near]
"network.rtt_ms" = 1
[factors.path.far]
"network.rtt_ms" = { dist = "constant", value = 300 }
"client.connections" = 3
[[points]]
path = "far"
"client.batch_size" = 9
[figure]
x = "client.batch_size"
y = ["delivered_per_s", "false_ndr"]
line = "client.strategy"
panel = "path"
mark = "server.recipient_limit"
""",
    """\
[study]
name = "spread"
title = '''
name = "not this"
'''
[design]
kind = "sobol"
points = 8
[design.ranges]
network.rtt_ms = { low = 5, high = 300, scale = "log" }
"client.connections" = { low = 1, high = 9 }
""",
    """\
[study]
name = "plan"
title = "Plan"
[scenario.workload]
messages = 50
arrivals = { dist = "poisson", rate_per_s = 2 }
[capacity]
objectives = ["delay p(50) < 60 s"]
level = 0.9
[capacity.search]
rate = [0.1, 10]
client.connections = [1, 4]
[capacity.factors]
"network.rtt_ms" = [5, 100]
[capacity.prices]
per_million_rcpt = 3
[capacity.full]
workload.messages = 400
""",
]
VALUES = [
    *("0", "-1", "1", "1.5", "-0.0", "nan", "-inf", "1e-300", "1e300", "1e400", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775809", "9" * 5000, "0x" + "f" * 5000, "true", '""', '"x"', '"a.b"'),
    *('"\\u0000"', '"\\t\\n"', '"../.."', '"/dev/zero"', '"-rf"', '"unlimited"', '"none"', '"é\u2028"', "'''\n'''"),
    *("[]", "[[]]", "[1, 1]", '["x", 1]', "[1, 2]", "[1, 2, 3]", "{}", "{ a = 1 }", '{ dist = "x" }', "[{}]"),
    *('{ dist = "normal", mean = 1, sd = nan }', "{ low = 1, high = 0 }", "{ low = 1 }", "1979-05-27", "07:32:00"),
    *('"' + "x" * 5000 + '"', "[" * 40 + "]" * 40, "{ a = " * 40 + "1" + " }" * 40, '{ "" = 1 }', '"corrected"'),
    *("[" * 2000, '"', "'''", '"""', "{", "1.", "=", "# nothing", "[1,\n2,\n]", '["corrected", "corrected"]'),
]
_TABLES = [
    *("study", "scenario", "scenario.client", "scenario.network", "scenario.workload", "scenario.server", "points"),
    *("factors", "figure", "design", "design.ranges", "capacity", "capacity.search", "capacity.full", "x", ""),
    *("factors.path", "factors.path.near", "scenario.destinations", "a.b.c", '"a.b"', "a." * 50 + "b"),
]  # fmt: skip


def keys() -> list[str]:
    """Return the keys of an experiment file, and some that are none."""
    known = [one.key for one in [*list_keys(), *list_keys(["study", "figure", "design", "capacity"])]]
    odd = ["destinations.0.weight", "destinations.-1.name", "destinations.99.name", "network.rtt_ms.mean", "x", '""']
    return [*dict.fromkeys(known), *odd, "a." * 50 + "b", "client." + "a." * 20 + "b", '"client.batch_size"', "path"]


KEYS = keys()


def broken(choose: random.Random) -> str:
    """Return a valid text with a few changes."""
    lines = choose.choice(_BASES).splitlines()
    for _ in range(choose.randint(0, 4)):
        place = choose.randrange(len(lines) + 1)
        kind = choose.randrange(8)
        if kind < 3 and place < len(lines) and "=" in lines[place]:
            lines[place] = f"{lines[place].partition('=')[0]}= {choose.choice(VALUES)}"
        elif kind < 5:
            key = choose.choice(KEYS)
            lines.insert(place, f"{choose.choice([key, key.rpartition('.')[2]])} = {choose.choice(VALUES)}")
        elif kind == 5:
            brackets = choose.choice(["[{}]", "[[{}]]"])
            lines.insert(place, brackets.format(choose.choice(_TABLES)))
        elif kind == 6 and place < len(lines):
            del lines[place]
        else:
            lines.insert(place, choose.choice(['# a = """', "#[x]", "", "\t", lines[place % len(lines)], "a"]))
    end = choose.choice(["\n", "\n", "\r\n"])
    return choose.choice(["", "", "\ufeff"]) + end.join(lines) + choose.choice(["", end])


def setting(choose: random.Random) -> str:
    """Return a setting such as ``--set`` takes."""
    key = choose.choice([*KEYS, "study.title", "scenario.client.batch_size", "factors.path", "", "points", "figure"])
    value = choose.choice(VALUES)
    return choose.choice([f"{key}={value}", f"{key} = {value}", f"{key}", f"{key}={value}\nx=1", f"={value}"])


def tried(octets: bytes, settings: Sequence[str] = ()) -> str:
    """Load a text in both ways; return ``"read"`` or ``"refused"``. Anything else is an error of the package."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.toml"
        path.write_bytes(octets)
        begun = time.process_time()
        outcomes = []
        for load in (load_experiment, load_case):
            try:
                load(path, settings)
                outcomes.append("read")
            except InputError as error:
                _check(error, octets, settings)
                outcomes.append("refused")
        taken = time.process_time() - begun
    assert taken < SECONDS, f"{taken} s"
    return outcomes[0]


def _check(error: InputError, octets: bytes, settings: Sequence[str]) -> None:
    said = str(error)
    assert said.isprintable(), said
    assert len(said) < 10_000
    assert "one.toml" in said or "--set" in said, said
    if error.line is not None:
        assert 1 <= error.line <= octets.count(b"\n") + 1, said
    elif "--set" not in said:
        # No line is named only of what stands nowhere, or of which the parser does not say where.
        known = ("required", "cannot be read", "regular", "larger", "UTF-8", "too deep", "not valid TOML")
        assert any(one in said for one in known), said
