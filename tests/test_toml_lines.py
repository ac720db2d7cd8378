"""The line of a key in a TOML text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from simsmtp.model.toml_lines import key_lines, line_of

TEXT = '''# a comment with [brackets] and = signs
top = 1
[study] # a header
name = "a # b"
title = """
[not.a.header]
not_a_key = 1
"""
list = [
  1, # ]
  "]",
]
after = 3
[scenario.client]
"batch_size" = 50
overflow = { "452" = "defer", 552 = "bounce" }
dotted.inner.key = 4
[factors]
"client.batch_size" = [1,
  2]
[factors.sender]
'one' = { "client.strategy" = 'x' }

[[points]]
sender = "a"
[[points]]
  sender = "b"
[[scenario.destinations]]
name = "first"
[[scenario.destinations]]
name = "second"
[scenario.destinations.server]
recipient_limit = 5
last = \'\'\'
x = 1\'\'\'
'''


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("top", "top = 1"),
        ("study", "[study]"),
        ("study.name", "name = "),
        ("study.title", "title = "),
        ("study.list", "list = ["),
        ("study.list.1", "list = ["),
        ("study.after", "after = 3"),
        ("scenario.client.batch_size", '"batch_size"'),
        ("scenario.client.overflow.452", "overflow = "),
        ("scenario.client.dotted.inner.key", "dotted.inner"),
        ("scenario.client.nowhere", "[scenario.client]"),
        ("factors.client.batch_size", '"client.batch_size"'),
        ("factors.sender.one.client.strategy", "'one'"),
        ("points.0.sender", 'sender = "a"'),
        ("points.1.sender", 'sender = "b"'),
        ("points.1", "[[points]]"),
        ("scenario.destinations.0.name", 'name = "first"'),
        ("scenario.destinations.1.name", 'name = "second"'),
        ("scenario.destinations.1.server.recipient_limit", "recipient_limit = 5"),
        ("scenario.destinations.1.server.last", "last = "),
    ],
)
def test_a_key_is_found_on_its_line(key: str, expected: str) -> None:
    line = line_of(TEXT, key)
    assert line is not None
    assert TEXT.splitlines()[line - 1].strip().startswith(expected)


def test_a_key_that_is_nowhere_has_no_line() -> None:
    assert line_of(TEXT, "nowhere.at.all") is None


def _leaves(table: object, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(table, dict):
        return set().union({path}, *(_leaves(one, (*path, key)) for key, one in table.items()))
    if isinstance(table, list) and table and isinstance(table[0], dict):
        return set().union(*(_leaves(one, (*path, str(number))) for number, one in enumerate(table)))
    return {path}


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "experiments").glob("*.toml")), ids=str)
def test_every_key_found_in_a_shipped_experiment_is_one_that_tomllib_reads(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {".".join(leaf) for leaf in _leaves(tomllib.loads(text))}
    found = {".".join(key) for key, _ in key_lines(text)}
    # An array of tables may be written in one value: then it is a key itself.
    assert found <= known | {key.rpartition(".0.")[0] for key in known if ".0." in key}
    assert {key for key in known if key.count(".") == 1} - {""} <= found | {"figure.y"}
