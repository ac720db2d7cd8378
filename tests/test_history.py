"""Histories: what is noted at each commit, what changed, and the commit that bisection finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from study_files import ROOT, TINY, FakeEngine, cli, engine, here, own_registry, written

from simsmtp.__main__ import _exit_code
from simsmtp.errors import InputError, UnfinishedError
from simsmtp.figures.history_figure import history_figure
from simsmtp.history import bisect as bisect_module
from simsmtp.history.bisect import Bisector
from simsmtp.history.changes import in_order, series_of, sparkline
from simsmtp.history.history_file import Entry, HistoryLine, append, read
from simsmtp.history.revisions import Repository, current_commit, order_of, repository_of
from simsmtp.history.run_commit import CommitError, rows_at, strategies_at
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.run_options import RunOptions

__all__ = ["engine", "here", "own_registry"]
QUICK = ("--workers", 1, "--no-figure")
NAN = float("nan")
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def line(commit: str, mean: float, digest: str | None = None, **changed: object) -> HistoryLine:
    entry = Entry(mean, NAN, NAN, str(mean) if digest is None else digest)
    return HistoryLine(commit, "t", "gate", "i", {"batch": 10}, 1, 5, "c", {"lost": entry})._replace(**changed)  # type: ignore[arg-type]


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "history.jsonl"
    lines = [line("a", 1.5), line("b | ::error::\n", NAN)]
    append(file, lines[:1])
    append(file, lines[1:])
    assert [one._replace(responses={}) for one in read(file)] == [one._replace(responses={}) for one in lines]
    first, second = (one.responses["lost"] for one in read(file))
    assert first[0] == 1.5
    assert pd.isna(second.mean)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"commit": 1}', "point,replication", '{"commit": "a"}'])
def test_what_is_no_history_is_refused_with_its_line_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "h.jsonl"
    append(file, [line("a", 1.0)])
    file.write_text(file.read_text(encoding="utf-8") + text + "\n", encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"h\.jsonl:2: not a line of a history"):
        append(file, [line("b", 2.0)])
    assert file.read_bytes() == before


def test_a_change_is_another_digest_and_nothing_else() -> None:
    [one] = series_of([line("a", 1.0), line("b", 1.0), line("c", 1.0, "other"), line("d", 2.0, "other")])
    assert one.changes == [2]
    other = series_of([line("a", 1.0), line("b", 2.0, seed=2), line("b", 2.0, n=6), line("b", 2.0, identity="j")])
    assert [len(series.commits) for series in other] == [1, 1, 1, 1]
    [again] = series_of([line("a", 1.0), line("b", 2.0), line("a", 3.0)])
    assert (again.commits, [entry.mean for entry in again.entries]) == (["a", "b"], [3.0, 2.0])


def test_lines_follow_the_order_of_the_repository() -> None:
    lines = [line(one, 1.0) for one in ("c", "x", "a", "a-dirty", "b")]
    assert [one.commit for one in in_order(lines, {"a": 0, "b": 1, "c": 2})] == ["a", "a-dirty", "b", "c", "x"]
    assert [one.commit for one in in_order(lines, {})] == [one.commit for one in lines]


def test_bars_rise_with_values() -> None:
    assert sparkline([]) == ""
    assert sparkline([NAN, NAN]) == "  "
    assert sparkline(list(range(40)), 8) == "▁▂▃▄▅▆▇█"


def test_the_figure_has_a_row_for_each_series_and_says_what_it_leaves_out() -> None:
    many = series_of([line(commit, mean, study=str(study)) for study in range(15) for commit, mean in ("a1", "b2")])  # type: ignore[misc]
    figure = history_figure(many)
    assert len(figure.axes) == 12
    assert "3 more are not drawn" in figure.get_supxlabel()
    for axes in figure.axes:  # the name of the last commit does not reach into the last value beside the axes
        assert [text.get_horizontalalignment() for text in axes.texts] == ["right", "left"]
    assert history_figure([]).axes == []


class Repo:
    """A repository of one file that commits change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        done = subprocess.run(["git", *arguments], cwd=self.folder, env={**os.environ, **who}, text=True, check=True,
                              capture_output=True)  # fmt: skip
        return done.stdout.strip()

    def commit(self, text: str, name: str = "value") -> str:
        written(self.folder, text, name)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", f"make it {text[:20]}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commits that were run: what they compute is what their file says."""
    commits: list[str] = []

    def told_by_its_file(repository: Repository, commit: str, *_: object, **__: object) -> tuple[pd.DataFrame, str]:
        commits.append(commit)
        text = subprocess.run(["git", "show", f"{commit}:value"], cwd=repository.root, capture_output=True, text=True,
                              check=True).stdout  # fmt: skip
        if text == "broken":
            raise CommitError("it is broken")
        found = pd.DataFrame({name: [float(text)] * 12 for name in COLUMNS})
        found["point"], found["replication"] = [one for one in (1, 2, 3, 4) for _ in range(3)], [0, 1, 2] * 4
        return found, "code"

    monkeypatch.setattr(bisect_module, "rows_at", told_by_its_file)
    return commits


def bisector(repo: Repo, tmp_path: Path, **options: object) -> Bisector:
    return Bisector(repository_of(repo.folder, "x"), written(tmp_path, TINY), RunOptions(), **options)  # type: ignore[arg-type]


def test_bisection_finds_the_commit_and_runs_few(repo: Repo, tmp_path: Path, ran: list[str]) -> None:
    commits = [repo.commit("1" if one < 20 else "2") for one in range(33)]
    found = bisector(repo, tmp_path).search(commits[0], commits[-1])
    assert (found.first, found.before) == (commits[20], commits[19])
    assert found.ran == len(ran) == len(set(ran)) <= 7
    assert {(one.response, one.before.mean, one.after.mean) for one in found.changes} == {
        (name, 1.0, 2.0) for name in COLUMNS
    }
    assert bisector(repo, tmp_path).search(commits[0], commits[19]).first is None


def test_what_the_history_knows_is_not_run_again(repo: Repo, tmp_path: Path, ran: list[str]) -> None:
    commits = [repo.commit(one) for one in "11122"]
    file = tmp_path / "h.jsonl"

    def stop(text: str) -> None:
        raise KeyboardInterrupt

    stopped = bisector(repo, tmp_path, history=file, say=stop)
    with pytest.raises(KeyboardInterrupt):  # what was run before is kept
        stopped.search(commits[0], commits[-1])
    assert len(ran) == 2
    noted = [json.loads(one) for one in file.read_text(encoding="utf-8").splitlines()]
    assert {one["code"] for one in noted} == {"code"}
    # Rows of another version of an installed simsmtp would not do; these are.
    own = bisector(repo, tmp_path)._expected.code[:16]
    file.write_text("".join(json.dumps({**one, "code": own}) + "\n" for one in noted), encoding="utf-8")
    found = bisector(repo, tmp_path, history=file).search(commits[0], commits[-1])
    assert (found.first, found.known) == (commits[3], 2)
    assert len(ran) == len(set(ran))


def test_rows_of_another_simsmtp_are_not_taken_for_known(repo: Repo, tmp_path: Path, ran: list[str]) -> None:
    commits = [repo.commit(one) for one in "12"]
    for _ in range(2):
        assert bisector(repo, tmp_path, history=tmp_path / "h").search(commits[0], commits[1]).known == 0
    assert len(ran) == 4


def test_commits_that_cannot_be_run_are_left_out_and_named(repo: Repo, tmp_path: Path, ran: list[str]) -> None:
    commits = [repo.commit(one) for one in ("1", "1", "broken", "broken", "2", "2")]
    said: list[str] = []
    found = bisector(repo, tmp_path, say=said.append).search(commits[0], commits[-1])
    assert (found.first, found.suspects) == (None, commits[2:5])
    assert sum("it is broken" in one for one in said) == 2
    with pytest.raises(UnfinishedError, match=f"cannot be run at {commits[3][:12]}: it is broken"):
        bisector(repo, tmp_path).search(commits[0], commits[3])


def test_ends_that_do_not_belong_together_are_refused(repo: Repo, tmp_path: Path, ran: list[str]) -> None:
    first = repo.commit("1")
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit("2")
    repo.git("checkout", "-q", "main")
    main = repo.commit("3")
    for good, bad in ((side, main), (main, first)):
        with pytest.raises(InputError, match="first parents"):
            bisector(repo, tmp_path).search(good, bad)
    place = repository_of(repo.folder, "--repository")
    for name in ("nope", "--all", "-x", "", "a b", "HEAD:value"):
        with pytest.raises(InputError, match="names no commit"):
            place.commit(name, "--good")
    with pytest.raises(InputError, match="is in no git repository"):
        repository_of(tmp_path, "--repository")


def test_reading_a_repository_changes_nothing_in_it(repo: Repo, tmp_path: Path) -> None:
    first, last = repo.commit("1"), repo.commit("2")
    hook = written(repo.folder / ".git" / "hooks", "#!/bin/sh\ntouch ran\n", "post-checkout")
    hook.chmod(0o755)
    written(repo.folder, "changed by hand", "value")
    before = {path: path.read_bytes() for path in repo.folder.rglob("*") if path.is_file()}
    place = repository_of(repo.folder, "x")
    place.extract(first, tmp_path / "tree")
    assert (tmp_path / "tree" / "value").read_text(encoding="utf-8") == "1"
    assert order_of([last, first, "f" * 40, "v1"], repo.folder) == {first: 0, last: 1}
    assert current_commit(repo.folder, aside=tmp_path / "h") == f"{last}-dirty"
    assert current_commit(repo.folder, aside=repo.folder / "value") == last
    assert current_commit(tmp_path, aside=tmp_path / "h") is None
    assert place.files(last) == ["value"]
    assert before == {path: path.read_bytes() for path in repo.folder.rglob("*") if path.is_file()}


def test_strategy_files_are_those_of_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = tmp_path / "repo" / "mine.py", tmp_path / "other.py"
    inside.parent.mkdir()
    for path in (inside, outside):
        path.write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "repo")
    found = strategies_at(["mine.py", str(outside), "one-stop"], tmp_path / "repo", tmp_path / "tree")
    assert found == [str(tmp_path / "tree" / "mine.py"), str(outside), "one-stop"]


def test_a_run_notes_its_results_and_history_shows_what_changed(  # type: ignore[no-untyped-def]
    here: Path, engine: FakeEngine, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["simsmtp", *map(str, arguments)])
        return _exit_code()

    written(here, TINY)
    assert call("run", "study.toml", *QUICK, "--history", "history.jsonl") == 2  # of which commit?
    assert "--commit" in capsys.readouterr().err
    assert call("run", "study.toml", *QUICK, "--history", "history.jsonl", "--commit", "one", "-q") == 0
    assert call("history", "add", "results/tiny", "history.jsonl", "--commit", "two|<b>") == 0
    capsys.readouterr()
    assert call("history") == 0
    assert f"0 series changed of {4 * len(COLUMNS)}" in capsys.readouterr().out
    text = Path("history.jsonl").read_text(encoding="utf-8")
    changed = json.loads(text.splitlines()[0])
    changed["commit"], changed["responses"]["lost"] = "three", [5.0, None, None, "x"]
    Path("history.jsonl").write_text(f"{text}{json.dumps(changed)}\n", encoding="utf-8")
    assert call("history", "history.jsonl", "--figure", "h.svg") == 0
    shown = capsys.readouterr().out
    assert f"1 series changed of {4 * len(COLUMNS)}" in shown
    assert "three" in shown
    assert b"<svg" in Path("h.svg").read_bytes()
    assert call("history", "--json") == 0
    [one] = json.loads(capsys.readouterr().out)
    assert (one["response"], one["changed_at"]) == ("lost", ["three"])
    assert call("history", "history.jsonl", "--response", "lots") == 2
    assert "did you mean 'lost'" in capsys.readouterr().err
    assert call("history", "add", "results/tiny/summary.csv", "history.jsonl", "--commit", "x") == 2
    assert call("history", "add", "results/tiny", "study.toml", "--commit", "x") == 2
    assert call("history", "history.jsonl", "--figure", "h.pdf") == 2


def test_a_commit_that_takes_too_long_is_ended_with_all_that_it_started(repo: Repo, tmp_path: Path) -> None:
    (repo.folder / "simsmtp").mkdir()
    written(repo.folder / "simsmtp", "import subprocess\nsubprocess.run(['sleep', '54321'])\n", "__init__.py")
    commit = repo.commit("1")
    place = repository_of(repo.folder, "x")
    with pytest.raises(CommitError, match="more than 1 s"):
        rows_at(place, commit, written(tmp_path, TINY), RunOptions(), timeout_s=1)
    assert subprocess.run(["pgrep", "-f", "sleep 54321"], capture_output=True, check=False).returncode != 0


@pytest.mark.slow
def test_bisection_runs_the_package_of_each_commit(repo: Repo, tmp_path: Path) -> None:
    """A copy of this package, of which one commit changes a counting strategy by a line."""
    shutil.copytree(ROOT / "simsmtp", repo.folder / "simsmtp", ignore=shutil.ignore_patterns("__pycache__"))
    counting = repo.folder / "simsmtp" / "strategies" / "counting.py"
    right = counting.read_text(encoding="utf-8")
    good = repo.commit("1")
    repo.commit("2")
    line_of_one_stop = "rcpt.over_rank > 0:"
    assert right.count(line_of_one_stop) == 1
    counting.write_text(right.replace(line_of_one_stop, "rcpt.over_rank > 3:"), encoding="utf-8")
    culprit = repo.commit("3")
    repo.commit("4")
    file = written(tmp_path, TINY)
    asked = ("history", "bisect", file, "--good", good, "--repository", repo.folder, "--workers", 1, "--json",
            "--history", tmp_path / "h.jsonl")  # fmt: skip
    done = cli(tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["first"], found["ran"]) == (culprit, 4)
    assert found["files"] == ["simsmtp/strategies/counting.py", "value"]
    assert {one["factors"]["client.strategy"] for one in found["changes"]} == {"one-stop"}
    assert repo.git("status", "--porcelain") == ""
    again = json.loads(cli(tmp_path, *asked).stdout)
    assert (again["first"], again["ran"], again["known"]) == (culprit, 0, 4)
