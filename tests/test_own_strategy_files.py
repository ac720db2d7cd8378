# ruff: noqa: E501, ISC004 - a strategy file is one short text
"""Strategy files: whatever Python can import runs; what fails is told in one line with its place, and never with 0."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from strategy_texts import checked
from study_files import STRATEGY, TINY, cli, document, own_registry, written

import simsmtp
from simsmtp import Scenario
from simsmtp.errors import InputError, StrategyError
from simsmtp.running.runner import run
from simsmtp.running.user_strategies import find_strategies, load_strategies
from simsmtp.strategies.own_code import blamed
from simsmtp.strategies.registry import Strategy, find_strategy
from simsmtp.strategies.version import not_told, version_of

__all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
HEAD = "import simsmtp\nfrom simsmtp import ReplyClass, Verdict, by_own_reply\n"
TAIL = '\nsimsmtp.register_strategy("mine", settle)\n'
PLAIN = "def settle(tally, rcpt, knobs):\n    return by_own_reply(rcpt.seen)\n"
MINE = {"workload": {"recipients_per_message": 120}, "client": {"strategy": "mine"}}


def strategy_file(folder: Path, body: str, *, future: bool = False, name: str = "mine.py") -> Path:
    head = "from __future__ import annotations\n" if future else ""
    return written(folder, head + HEAD + body + TAIL, name)


@pytest.mark.parametrize(
    "body",
    [
        "import random\ndraw = random.random\nR = random.Random(1)\ndef settle(t, r, k):\n    return by_own_reply(r.seen)"
        " if R.getstate() and draw else None\n",
        "import threading\nL = threading.Lock()\ndef settle(t, r, k):\n    with L:\n        return by_own_reply(r.seen)\n",
        "import numpy as np\nG = np.random.default_rng(1)\nA = np.arange(9)\ndef settle(t, r, k):\n"
        "    return by_own_reply(r.seen) if A[3] and G else None\n",
        "class S:\n    __slots__ = ('a',)\nS0 = S()\nS0.a = 3\ndef settle(t, r, k):\n"
        "    return by_own_reply(r.seen) if S0.a else None\n",
        "def down(n):\n    return down(n - 1) if n else 0\ndef settle(t, r, k):\n"
        "    return by_own_reply(r.seen) if down(5) == 0 else None\n",
        "def one(n):\n    return other(n - 1) if n else 0\ndef other(n):\n    return one(n - 1) if n else 0\n"
        "def settle(t, r, k):\n    return by_own_reply(r.seen) if one(5) == 0 else None\n",
        "L = [1]\nL.append(L)\nD = {}\nD[1] = D\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if L and D else None\n",
        "N = []\nfor _ in range(20000):\n    N = [N]\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if N else None\n",
        "N = 10**20000\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if N else None\n",
        "G = (i for i in range(3))\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if G else None\n",
        "import functools\n@functools.lru_cache\ndef half(n):\n    return n // 2\ndef settle(t, r, k):\n"
        "    return by_own_reply(r.seen) if half(2) else None\n",
        "import functools\ndef three(a, t, r, k):\n    return by_own_reply(r.seen)\nsettle = functools.partial(three, 1)\n",
        "class C:\n    def __call__(self, t, r, k):\n        return by_own_reply(r.seen)\nsettle = C()\n",
        "def settle(t, r, k, extra=[]):\n    return by_own_reply(r.seen)\n",
        "import enum\nclass E(enum.Enum):\n    A = 1\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if E.A.value else None\n",
        "class Odd:\n    def __getattr__(self, name):\n        raise RuntimeError(name)\n    def __repr__(self):\n"
        "        raise RuntimeError\nO = Odd()\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if O else None\n",
        "if __name__ == '__main__':\n    raise SystemExit\n" + PLAIN,
    ],
    ids=["random", "lock", "numpy", "slots", "recursion", "mutual recursion", "cycles", "deep list", "huge number",
         "generator", "cache", "partial", "callable object", "mutable default", "enum", "hostile object", "main"],
)  # fmt: skip
def test_whatever_python_can_import_has_a_version_and_runs(body: str, tmp_path: Path) -> None:
    assert load_strategies(strategy_file(tmp_path, body)) == ["mine"]
    assert len(find_strategy("mine").version) < 100_000
    assert simsmtp.simulate(MINE).replications["delivered"][0] == 120


@pytest.mark.parametrize("future", [True, False])
def test_dataclasses_and_named_tuples_work_when_the_file_is_read_and_when_it_runs(future: bool, tmp_path: Path) -> None:
    body = (
        "from dataclasses import dataclass\nimport pickle, typing\n@dataclass(frozen=True)\nclass D:\n    x: int = 1\n"
        "class N(typing.NamedTuple):\n    x: int = 1\n"
        "def settle(t, r, k):\n    @dataclass\n    class E:\n        y: int\n"
        "    fine = E(1).y + pickle.loads(pickle.dumps(D())).x + N().x == 3 and typing.get_type_hints(D) == {'x': int}\n"
        "    return by_own_reply(r.seen) if fine else None\n"
    )
    load_strategies(strategy_file(tmp_path, body, future=future))
    assert simsmtp.simulate(MINE).replications["delivered"][0] == 120


def test_annotations_of_a_file_are_its_own_business(tmp_path: Path) -> None:
    body = "def typed(n: int): ...\nassert typed.__annotations__ == {'n': int}\n" + PLAIN
    assert load_strategies(strategy_file(tmp_path, body)) == ["mine"]


def test_a_file_may_import_its_neighbours_and_read_files_beside_itself(tmp_path: Path) -> None:
    written(tmp_path, "LIMIT = 7\ndef odd(n):\n    return n % LIMIT == 1\n", "own_neighbour_of_mine.py")
    written(tmp_path, "3", "data.txt")
    body = (
        "from pathlib import Path\nimport own_neighbour_of_mine\n"
        "assert (Path(__file__).parent / 'data.txt').read_text() == '3'\n"
        "def settle(t, r, k):\n    return Verdict.FAIL if own_neighbour_of_mine.odd(r.position) else by_own_reply(r.seen)\n"
    )
    load_strategies(strategy_file(tmp_path, body))
    before = find_strategy("mine").version
    sys.modules["own_neighbour_of_mine"].LIMIT = 8  # type: ignore[attr-defined]
    assert find_strategy("mine").version != before
    del sys.modules["own_neighbour_of_mine"]


@pytest.mark.parametrize(("text", "said"), [
    (b"\xef\xbb\xbf" + (HEAD + PLAIN + TAIL).encode(), ""),
    ((HEAD + PLAIN + TAIL).replace("\n", "\r\n").encode(), ""),
    ((HEAD + PLAIN + TAIL).replace("    ", "\t").encode(), ""),
    (("# -*- coding: latin-1 -*-\n" + HEAD + PLAIN + TAIL).encode(), ""),
    (b"# -*- coding: latin-1 -*-\nx = '\xc3\xa9'\n", "is not UTF-8"),
    (b"# -*- coding: no-such -*-\n", "not valid Python"),
    (b"x = '\xe9'\n", "mine.py:1: is not UTF-8"),
    (b"x\0", "not valid Python"),
    (b"(" * 5000, "not valid Python"),
    (b"x = 1\n  y = 2\n", "mine.py:2: not valid Python: unexpected indent"),
    (b"", "registers no strategy"),
])  # fmt: skip
def test_texts_are_read_as_python_reads_them_or_refused_in_one_line(text: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_bytes(text)
    if not said:
        assert load_strategies(file) == ["mine"]
        return
    with pytest.raises(InputError) as caught:
        load_strategies(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.py"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), tmp_path, tmp_path / "none.py"):
        with pytest.raises(InputError, match=r"regular file|cannot be read"):
            load_strategies(path)


def test_a_registered_name_with_a_typo_is_told_what_there_is() -> None:
    with pytest.raises(InputError, match="did you mean 'corrected'"):
        find_strategies(["correctd"])
    with pytest.raises(InputError, match=r"corrected\.p: cannot be read"):
        find_strategies(["corrected.p"])


@pytest.mark.parametrize("settle", [len, print, lambda t, r: None, 3, None])
def test_what_does_not_take_three_arguments_is_no_strategy(settle: object) -> None:
    with pytest.raises(InputError, match="three arguments"):
        simsmtp.register_strategy("mine", settle if settle is not print else dict)  # type: ignore[arg-type]


def version_in_another_process(file: Path, hash_seed: int) -> str:
    code = (
        "import sys; from simsmtp.running.user_strategies import load_strategies\n"
        "from simsmtp.strategies.registry import find_strategy\nload_strategies(sys.argv[1])\n"
        "print(find_strategy('mine').version)"
    )
    env = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code, file], env=env, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_version_is_the_same_in_every_process(tmp_path: Path) -> None:
    body = (
        "import dataclasses, enum, functools, random, re\nimport numpy as np\n"
        "class E(enum.Enum):\n    A = 1\n    B = 2\n"
        "@dataclasses.dataclass\nclass D:\n    x: int = 1\n    y: list = dataclasses.field(default_factory=list)\n"
        "NAMES = {'a', 'b', ('c', 1), E.A, frozenset({'x', 'y', 'z'})}\nSTATE = random.Random(1)\n"
        "A, D0, P = np.arange(5000.0), D(), functools.partial(max, 3)\nPATTERN, O = re.compile('x+'), object()\n"
        "def helper(n):\n    return n in {'p', 'q', 'r', 's'} or helper(n - 1) if n else A, D0, P, PATTERN, O, random.random\n"
        "def settle(t, r, k):\n    return by_own_reply(r.seen) if NAMES and STATE and D and helper else None\n"
    )
    file = strategy_file(tmp_path, body)
    assert version_in_another_process(file, 1) == version_in_another_process(file, 2)


def versions(*bodies: str) -> list[str]:
    """Return the version of each text's settle, without the text itself, which a file's version holds as well."""
    found = []
    for body in bodies:
        names: dict[str, object] = {"__name__": "__main__"}
        exec(HEAD + body, names)  # noqa: S102 - as a notebook's cell
        found.append(version_of(names["settle"]))
    return found


@pytest.mark.parametrize(
    ("body", "old", "new"),
    [
        ("N = 1\ndef f(n):\n    return f(n - N)\ndef settle(t, r, k):\n    return f(3)\n", "N = 1", "N = 2"),
        ("class C:\n    S = 1\n    def f(self):\n        return N\nN = 1\nO = C()\ndef settle(t, r, k):\n    return O.f()\n",
         "N = 1", "N = 2"),
        ("import numpy as np\nA = np.zeros(5000)\nA[2500] = 1\ndef settle(t, r, k):\n    return A\n", "= 1", "= 2"),
        ("import math\nf = math.floor\ndef settle(t, r, k):\n    return f(3.5)\n", "math.floor", "math.ceil"),
        ("def settle(t, r, k, *, n=1):\n    return n\n", "n=1", "n=2"),
        ("from functools import partial\ndef f(n, t, r, k):\n    return n\nsettle = partial(f, 1)\n", ", 1)", ", 2)"),
        ("class C:\n    def __init__(self, n):\n        self.n = n\n    def __call__(self, t, r, k):\n        return self.n\n"
         "settle = C(1)\n", "C(1)", "C(2)"),
        ("def g():\n    return 1\nT = {'x': [g]}\ndef settle(t, r, k):\n    return T['x'][0]()\n", "return 1", "return 2"),
        ("def settle(t, r, k):\n    try:\n        return 1 // 0\n    except ZeroDivisionError:\n        return 2\n",
         "ZeroDivisionError", "ValueError"),
        ("N = 10**5000\ndef settle(t, r, k):\n    return N\n", "10**5000", "10**5000 + 1"),
        ("S = set(map(str, range(99)))\ndef settle(t, r, k):\n    return S\n", "99", "98"),
    ],
    ids=["recursion", "method", "middle of an array", "installed function", "keyword default", "partial", "instance",
         "function in a table", "exception", "huge number", "set"],
)  # fmt: skip
def test_whatever_changes_is_another_version(body: str, old: str, new: str) -> None:
    before, same, after = versions(body, body, body.replace(old, new, 1))
    assert before == same != after


def test_what_no_version_can_tell_is_said(tmp_path: Path) -> None:
    body = (
        "import threading\nL = threading.Lock()\ndef settle(t, r, k):\n    return by_own_reply(r.seen) if L else None\n"
    )
    names: dict[str, object] = {}
    exec(HEAD + body, names)  # noqa: S102
    assert not_told(names["settle"]) == ["L (lock)"]
    written(tmp_path, TINY)
    done = cli(
        tmp_path, "run", "study.toml", "--strategy", strategy_file(tmp_path, body), "--no-figure", "--workers", 1
    )
    assert done.returncode == 0
    assert "stored under its code, not under L (lock)" in done.stderr


def test_a_strategy_that_cannot_travel_runs_in_this_process_and_says_so(tmp_path: Path) -> None:
    body = "import threading\nL = threading.Lock()\ndef settle(t, r, k):\n    with L:\n        return by_own_reply(r.seen)\n"
    written(tmp_path, TINY)
    done = cli(tmp_path, "run", "study.toml", "--strategy", strategy_file(tmp_path, body), "--json", "--no-figure",
               "--workers", 2)  # fmt: skip
    assert document(done)["failures"] == []
    assert "mine cannot be sent to other processes" in done.stderr


LEAVES = {
    "os._exit": ("import os\n", "os._exit(0)", "it called os._exit(0)"),
    "an imported _exit": ("from os import _exit\n", "_exit(0)", "it called os._exit(0)"),
    "another program": ("import os\n", "os.execv('/bin/true', ['true'])", "it called os.execv("),
    "sys.exit": ("import sys\n", "sys.exit(0)", "SystemExit: 0"),
    "no Exception": ("class Stop(BaseException):\n    pass\n", "raise Stop", "Stop"),
}


@pytest.mark.parametrize("kind", LEAVES)
def test_a_file_that_ends_the_process_when_it_is_read_is_refused_with_its_line(kind: str, tmp_path: Path) -> None:
    first, leave, said = LEAVES[kind]
    file = strategy_file(tmp_path, f"{first}{leave}\n{PLAIN}")
    with pytest.raises(InputError) as caught:
        load_strategies(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{file}:{3 + first.count(chr(10))}: ")


@pytest.mark.parametrize("kind", LEAVES)
def test_a_strategy_that_ends_the_process_is_an_error_of_its_own(kind: str, tmp_path: Path) -> None:
    first, leave, said = LEAVES[kind]
    file = strategy_file(tmp_path, f"{first}def settle(t, r, k):\n    {leave}\n")
    load_strategies(file)
    with pytest.raises(StrategyError) as caught:
        simsmtp.simulate(MINE)
    assert said in str(caught.value)
    assert caught.value.__notes__ == [f"in the strategy mine: {file}:{4 + first.count(chr(10))} in settle"]


def test_no_command_ends_with_0_when_a_strategy_calls_os_exit(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    file = strategy_file(tmp_path, "import os\ndef settle(t, r, k):\n    os._exit(0)\n")
    quick = ("--set", "client.batch_size=200", "--replications", 1, "--no-figure")
    ran = cli(tmp_path, "run", "study.toml", "--strategy", file, "--executor", "serial", *quick)
    assert ran.returncode == 1
    assert f"it called os._exit(0) (in the strategy mine: {file}:5 in settle)" in ran.stderr
    traced = cli(tmp_path, "trace", "study.toml", "--strategy", file, "--set", "client.strategy=mine")
    assert (traced.returncode, traced.stdout) == (1, "")
    assert (
        traced.stderr == f"simsmtp: StrategyError: it called os._exit(0) (in the strategy mine: {file}:5 in settle)\n"
    )


def test_processes_that_a_strategy_forks_may_end(tmp_path: Path) -> None:
    body = "import os\nif (child := os.fork()) == 0:\n    os._exit(7)\nCODE = os.waitpid(child, 0)[1] >> 8\n" + PLAIN
    load_strategies(strategy_file(tmp_path, body))
    assert vars(sys.modules[find_strategy("mine").settle.__module__])["CODE"] == 7
    assert os._exit.__module__ == "posix"


RAISES = "def half(n):\n    return 1 // n\ndef settle(t, r, k):\n    return half(0)\n"
PLACE = "ZeroDivisionError: integer division or modulo by zero (in the strategy mine: {0}:6 in settle, {0}:4 in half)"


def test_an_exception_is_told_with_the_lines_it_came_through(tmp_path: Path) -> None:
    file = strategy_file(tmp_path, RAISES)
    load_strategies(file)
    study = run(_experiment(), workers=1, output=tmp_path / "out", progress=False)
    assert study.failures[0].error == PLACE.format(file)
    with pytest.raises(ZeroDivisionError) as caught:
        simsmtp.simulate(MINE)
    assert f"({caught.value.__notes__[0]})" in PLACE.format(file)


def test_an_exception_in_another_process_is_told_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, RAISES, "mine.py")
    known = {"__name__": "mine", "__file__": str(tmp_path / "mine.py")}
    exec(compile(RAISES, "<dynamic-code>", "exec"), known)  # noqa: S102 - as cloudpickle names the file of what it sends
    for folder, shown in ((tmp_path, ", mine.py"), (tmp_path / "below", f", {tmp_path / 'mine.py'}")):
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        sent = Strategy("mine", known["settle"], builtin=False, source="")  # type: ignore[arg-type]
        with pytest.raises(ZeroDivisionError) as caught, blamed(sent):
            known["settle"](0, 0, 0)  # type: ignore[operator]
        assert caught.value.__notes__[0].endswith(f"{shown}:4 in settle{shown}:2 in half")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("class Two(Exception):\n    def __init__(self, a, b):\n        super().__init__('odd')\n"
         "def settle(t, r, k):\n    raise Two(1, 2)\n", "Two: odd"),
        ("class Mute(Exception):\n    def __str__(self):\n        raise ValueError\n"
         "def settle(t, r, k):\n    raise Mute\n", "Mute"),
        ("def settle(t, r, k):\n    raise ValueError('x' * 10**6)\n", "ValueError: xxx"),
        ("def settle(t, r, k):\n    raise ValueError('a\\nb\\x1b[2J')\n", "ValueError: a b [2J"),
        ("def settle(t, r, k):\n    return settle(t, r, k)\n", "RecursionError: maximum recursion depth exceeded"),
        ("def settle(t, r, k):\n    return 1\n", "returned 1; allowed: a Verdict"),
        ("def settle(t, r, k):\n    return True\n", "returned True; allowed: a Verdict"),
        ("def settle(t, r, k):\n    return ReplyClass.OVER\n", "returned <ReplyClass.OVER: 1>; allowed: a Verdict"),
        ("def settle(t, r, k):\n    return float('nan')\n", "returned nan; allowed: a Verdict"),
        ("def settle(t, r, k):\n    yield Verdict.FAIL\n", "returned <generator object settle; allowed"),
        ("class C:\n    def __call__(self, t, r, k):\n        return None\nsettle = C()\n", "the strategy C returned None"),
    ],
)  # fmt: skip
def test_whatever_is_raised_or_returned_is_one_short_line(body: str, said: str, tmp_path: Path) -> None:
    load_strategies(strategy_file(tmp_path, body))
    study = run(_experiment(), workers=1, output=tmp_path / "out", progress=False, determinism_check=False)
    (error,) = {one.error for one in study.failures}
    assert said in error
    assert "in the strategy mine: " in error
    assert "\n" not in error
    assert len(error) < 2000


def test_another_process_names_the_file_too(tmp_path: Path) -> None:
    file = strategy_file(tmp_path, "def settle(t, r, k):\n    return 1\n")
    load_strategies(file)
    study = run(
        _experiment(), replications=4, workers=2, output=tmp_path / "out", progress=False, determinism_check=False
    )
    assert {one.error.partition("(in ")[2] for one in study.failures} == {f"the strategy mine: {file}:3 in settle)"}


def _experiment() -> simsmtp.Experiment:
    study = {"name": "own", "title": "Own", "replications": 1}
    return simsmtp.Experiment.from_dict({"study": study, "scenario": Scenario.from_dict(MINE).to_dict()})


def test_run_compare_capacity_and_trace_tell_an_exception_alike(tmp_path: Path) -> None:
    tiny = written(tmp_path, TINY.partition("[factors]")[0])
    plan = written(
        tmp_path, TINY.partition("[factors]")[0] + '[capacity]\nobjectives = ["false_ndr == 0"]\n', "plan.toml"
    )
    mine, good = strategy_file(tmp_path, RAISES), strategy_file(tmp_path, PLAIN, name="good.py")
    wants = ("--workers", 1, "--no-determinism-check")
    base = cli(tmp_path, "run", tiny, "--strategy", good, *wants, "--no-figure", "--write-baseline", "base.csv")
    assert base.returncode == 0, base.stderr
    for code, command in (
        (1, ("run", tiny, "--strategy", mine, *wants, "--output", "other", "--no-figure")),
        (1, ("compare", "base.csv", tiny, "--strategy", mine, *wants)),
        (1, ("capacity", plan, "--strategy", mine, *wants, "--no-figure")),
        (1, ("trace", tiny, "--strategy", mine, "--set", "client.strategy=mine")),
    ):
        done = cli(tmp_path, *command)
        assert done.returncode == code, command
        told = "".join((done.stdout + done.stderr).split())  # a table may wrap it
        assert "".join(PLACE.format(mine).split()) in told, command
        assert "Traceback" not in done.stderr


def test_the_shipped_example_reads_as_before(tmp_path: Path) -> None:
    assert load_strategies(written(tmp_path, STRATEGY, "mine.py")) == ["optimist"]


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_files_drawn_at_random_have_a_version_of_their_own_and_fail_in_one_line(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 20):
        found = checked(seed, tmp_path, compiled=False)
        assert "\n" not in found["answer"]


@pytest.mark.slow
def test_both_engines_answer_files_drawn_at_random_alike(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    engines = [checked(seed, tmp_path)["engines"] for seed in range(60, 80)]
    assert 2 in engines
