# ruff: noqa: E501 - a piece of a strategy file is one short text
"""Small strategy files drawn at random, and what must hold for each: a version that tells them apart, one answer.

A file is a few pieces, each of which defines names and has an expression for `settle` to compute with, and a way to
answer. ``CONST`` in a piece is a constant: another one must make another version.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simsmtp import Scenario
from simsmtp.engines import choose_engine, run_replication
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of
from simsmtp.running.user_strategies import load_strategies
from simsmtp.strategies.own_code import is_blamed, kept_alive, told
from simsmtp.strategies.registry import find_strategy
from simsmtp.strategies.version import version_of

PIECES = [
    ("X = CONST", "X"),
    ("X = CONST * 10**40", "X"),
    ("X = CONST.5", "int(X)"),
    ("X = -CONST\ndef X_(n):\n    return n * X - 7", "X_(r.position)"),
    ("def X(n, m=CONST):\n    return (n << 3) + m", "X(r.over_rank)"),
    ("def X(n, *, m=CONST):\n    return n // m", "X(r.position)"),
    ("def X(n):\n    return CONST if n <= 0 else X(n - 1) + 1", "X(r.position % 5)"),
    ("def X_(n):\n    return X(n - 1) if n > 0 else CONST\ndef X(n):\n    return X_(n - 1) if n > 0 else 2", "X(r.position % 6)"),
    ("X = (1, CONST, 3)", "X[r.position % 3]"),
    ("X = [1, [2, CONST], 3]\nX.append(X)", "X[1][1]"),
    ("X = {'a': CONST, 'b': {'c': 2}}\nX['d'] = X", "X['a']"),
    ("X = {'a', 'b', 'c', 'CONST'}", "len(X)"),
    ("X = frozenset({(1, 'CONST'), (2, 'y'), frozenset({'p', 'q'})})", "len(X)"),
    ("def X(n):\n    return n in {'a', 'b', 'cCONST', 'd'}", "int(X('a'))"),
    ("class X:\n    SIZE = CONST\n    def twice(self, n):\n        return 2 * n + self.SIZE\nX_ = X()", "X_.twice(r.position)"),
    ("class X:\n    __slots__ = ('n',)\n    def __init__(self):\n        self.n = CONST\nX_ = X()", "X_.n"),
    ("class X:\n    @staticmethod\n    def one(n):\n        return n + CONST\n    @classmethod\n    def two(cls, n):\n        return cls.one(n)\n    @property\n    def three(self):\n        return CONST\n", "X.two(1) + X().three"),
    ("@dataclasses.dataclass\nclass X:\n    n: int = CONST\n    more: list = dataclasses.field(default_factory=list)\nX_ = X()", "X_.n"),
    ("@dataclasses.dataclass(frozen=True, slots=True)\nclass X:\n    n: int = CONST\nX_ = X()", "X_.n"),
    ("class X(typing.NamedTuple):\n    n: int = CONST\nX_ = X()", "X_.n"),
    ("class X(enum.Enum):\n    A = CONST\n    B = -1", "X.A.value"),
    ("class X(enum.IntFlag):\n    A = CONST\n    B = 64", "int(X.A | X.B)"),
    ("def X_(n):\n    def inner(m):\n        return n + m\n    return inner\nX = X_(CONST)", "X(r.position)"),
    ("X = lambda n: n ^ CONST", "X(r.position)"),
    ("X = functools.partial(max, CONST)", "X(r.position)"),
    ("@functools.lru_cache(maxsize=9)\ndef X(n):\n    return n + CONST", "X(r.position)"),
    ("def X_(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a) + 1\n    return g\n@X_\ndef X(n):\n    return n + CONST", "X(r.position)"),
    ("def X(n):\n    return sum(i * CONST for i in range(n % 7))", "X(r.position)"),
    ("def X(n):\n    yield from (CONST, n)", "next(X(r.position))"),
    ("def X(n):\n    try:\n        return 10 // n\n    except ZeroDivisionError:\n        return CONST", "X(r.over_rank)"),
    ("def X(n):\n    total = 0\n    while n > 0:\n        total, n = total + CONST, n - 3\n    return total", "X(r.position)"),
    ("X = np.arange(3000)\nX[1500] = CONST", "int(X[r.position])"),
    ("X = np.int64(CONST)", "int(X)"),
    ("X = np.float64(CONST)", "int(X)"),
    ("X = np.random.default_rng(CONST)", "int(X is not None)"),
    ("X = random.Random(CONST)", "int(X is not None)"),
    ("X = threading.Lock()\nX_ = CONST", "int(X is not None) + X_"),
    ("X = (i for i in range(3))\nX_ = CONST", "int(X is not None) + X_"),
    ("X = re.compile('x{CONST}')", "int(X.match('xx') is not None)"),
    ("X = math.floor\nX_ = CONST", "X(r.position / 2) + X_"),
    ("X = [[]]\nfor _ in range(3000):\n    X = [X]\nX_ = CONST", "len(X) + X_"),
    ("X = collections.OrderedDict(a=CONST)", "X['a']"),
    ("X = fractions.Fraction(CONST, 7)", "X.numerator"),
    ("class X:\n    def __getattr__(self, name):\n        raise RuntimeError(name)\n    def __repr__(self):\n        raise RuntimeError\nX_ = X()\nY_X = CONST", "int(X_ is not None) + Y_X"),
    ("class X:\n    def __reduce_ex__(self, protocol):\n        raise SystemError\nX_ = X()\nY_X = CONST", "int(X_ is not None) + Y_X"),
    ("class X(type):\n    pass\nclass X_(metaclass=X):\n    n = CONST", "X_.n"),
    ("X = object()\nX_ = CONST", "int(X is not None) + X_"),
    ("import os\nX = os.environ\nX_ = CONST", "int(X is not None) + X_"),
]  # fmt: skip
PLAIN = [PIECES[place] for place in (0, 3, 4, 8, 23, 30)]
"""Pieces in the decision language, so that every third file can be compiled."""
ANSWERS = [
    *["return Verdict.FAIL if (EXPR) % 3 == 1 else by_own_reply(r.seen)"] * 8,
    "return Verdict.REQUEUE if r.seen == ReplyClass.OVER and (EXPR) % 2 else by_own_reply(r.seen)",
    "v = EXPR\n    if v % 5 == 4:\n        return Verdict.DEFER\n    return by_own_reply(r.seen)",
    "return by_own_reply(r.seen) if (EXPR) > 0 else None",
    "return EXPR",
    "return True if EXPR else False",
    "return str(EXPR)",
    "return float('nan') if EXPR else 1",
    "return ReplyClass.OVER if EXPR else ReplyClass.FAILED",
    "return Verdict.FAIL if 10 // ((EXPR) % 2) else Verdict.DONE",
    "raise ValueError(EXPR)",
    "raise SystemExit(EXPR)",
    "import os\n    os._exit(EXPR)",
    "yield EXPR",
    "return settle(t, r, k) if EXPR else None",
]
FORMS = [
    *["def settle(t, r, k):\n    BODY\n"] * 6,
    "class Own:\n    def __call__(self, t, r, k):\n        return inner(t, r, k)\ndef inner(t, r, k):\n    BODY\nsettle = Own()\n",
    "def four(a, t, r, k):\n    BODY\nsettle = functools.partial(four, 1)\n",
    "def made():\n    def settle(t, r, k):\n        return inner(t, r, k)\n    return settle\ndef inner(t, r, k):\n    BODY\nsettle = made()\n",
    "class Own:\n    def answer(self, t, r, k):\n        return inner(t, r, k)\ndef inner(t, r, k):\n    BODY\nsettle = Own().answer\n",
]  # fmt: skip
HEAD = """import collections, dataclasses, enum, fractions, functools, math, random, re, threading, typing
import numpy as np
import simsmtp
from simsmtp import ReplyClass, Verdict, by_own_reply
"""


def text_of(seed: int, *, other: bool = False) -> str:
    """Return a strategy file; `other` is the same file with another constant in one of its pieces."""
    draw = random.Random(seed)  # noqa: S311
    is_plain = seed % 3 == 0
    pieces = draw.choices(PLAIN if is_plain else PIECES, k=draw.randint(1, 3))
    changed, parts, terms = draw.randrange(len(pieces)), [], []
    for number, (text, term) in enumerate(pieces):
        const = draw.randint(2, 9) + (other and number == changed) * 10
        parts.append(text.replace("X", f"x{number}").replace("CONST", str(const)))
        terms.append(term.replace("X", f"x{number}"))
    body = draw.choice(ANSWERS[:10] if is_plain else ANSWERS).replace("EXPR", " + ".join(terms))
    future = draw.random() < 0.3
    form = draw.choice(FORMS[:1] if is_plain else FORMS).replace("BODY", body)
    head = ("from __future__ import annotations\n" if future else "") + HEAD
    return "\n".join([head, *parts, form, 'simsmtp.register_strategy("drawn", settle)\n'])


SCENARIO = {
    "workload": {"messages": 2, "recipients_per_message": 60, "unknown_share": 0.1},
    "client": {"strategy": "drawn"},
    "server": {"recipient_limit": 25},
}


def checked(seed: int, folder: Path, *, compiled: bool = True) -> dict[str, Any]:
    """Load the file of a seed, run it on the engines that can, and return what two processes must agree on.

    Raises
    ------
    AssertionError
        If another constant does not make another version, or the engines differ.
    """
    versions = []
    for other in (True, False):
        file = folder / "drawn.py"
        file.write_text(text_of(seed, other=other), encoding="utf-8")
        try:
            load_strategies(file)
        except InputError as error:
            return {"refused": str(error).replace(str(folder), "")}
        versions.append(version_of(find_strategy("drawn").settle))
    assert versions[0] != versions[1], f"{seed}: another constant, the same version"
    assert len(find_strategy("drawn").version) < 20_000, seed
    answers = list(_answers(compiled))
    assert len({repr(one) for one in answers}) == 1, f"{seed}: {answers}"
    return {"version": versions[1], "answer": answers[0].replace(str(folder), ""), "engines": len(answers)}


def _answers(compiled: bool) -> Iterator[str]:
    scenario = Scenario.from_dict(SCENARIO)
    engines = ["reference"]
    if compiled:
        try:
            choose_engine(plan_of(scenario), "compiled", at_stake=10**9)
            engines.append("compiled")
        except InputError as error:
            if "outside the decision language" not in str(error):
                raise
    for engine in engines:
        try:
            with kept_alive():
                output = run_replication(plan_of(scenario), engine=engine, recipients=True)
        except Exception as error:
            if not is_blamed(error):
                raise
            yield told(error)
        else:
            yield repr((output.responses, list(output.recipients)))
