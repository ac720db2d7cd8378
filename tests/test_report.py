"""Reports: one self-contained page from whatever a results folder holds."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from study_files import FakeEngine, cli, engine, here, written

import simsmtp
from simsmtp import InputError
from simsmtp.experiment.experiment_record import experiment_tables
from simsmtp.report.html import markdown_html
from simsmtp.report.report import write_report
from simsmtp.report.results_folder import read_record

__all__ = ["engine", "here"]
EXPERIMENTS = Path(__file__).parents[1] / "experiments"
HOSTILE = "<script>alert('$x')</script><img src=http://evil.test/x onerror=alert(1)>&\"'"
HEAD = "point,sender,response,n,mean,sd,low,high\n"
ROWS = """1,right,delivered_per_s,20,100.0,2.0,99.0,101.0
1,right,false_ndr_rate,20,0.0,0.0,0.0,0.0
1,right,lost,20,0.0,0.0,0.0,0.0
2,wrong,delivered_per_s,20,200.0,2.0,199.0,201.0
2,wrong,false_ndr_rate,20,0.5,0.1,0.4,0.6
2,wrong,false_ndr,20,50.0,0.1,49.0,51.0
2,wrong,lost,0,,,,
"""
STUDY = """
[study]
name = "tiny"
title = "Tiny & <b>odd</b>"
description = "Does it matter?"
replications = 3
seed = 7
responses = ["delivered", "false_ndr"]
[scenario.network]
rtt_ms = { dist = "lognormal", mean = 50, cv = 0.4 }
[factors]
"client.batch_size" = [50, 200]
"client.window_recipients" = [5, "unlimited"]
"client.strategy" = ["corrected", "one-stop"]
[figure]
x = "client.batch_size"
y = ["delivered", "false_ndr"]
line = "client.strategy"
panel = "client.window_recipients"
"""


class Page(HTMLParser):
    """Notes what a page is made of, and complains of tags that do not match."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with a summary alone."""
    (tmp_path / "bare").mkdir()
    written(tmp_path / "bare", HEAD + ROWS, "summary.csv")
    return tmp_path / "bare"


def page(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def test_a_run_leaves_all_that_a_report_needs(here: Path, engine: FakeEngine) -> None:
    study = simsmtp.run(written(here, STUDY), workers=1, progress=False)
    study.write(command="simsmtp run study.toml")
    shown = page(study.folder)
    for words in (
        "Tiny & <b>odd</b>", "Does it matter?", "8 design points", "3 replications", "seed 7", "lognormal, mean 50",
        ".venv/bin/simsmtp run study.toml", study.digest, "hypotheses", "valid, NDR sent, never accepted",
        "To be written by the author.", "Clopper-Pearson", "unlimited",
    ):  # fmt: skip
        assert words in shown.text, words
    ids = [one["id"] for one in shown.all("section")]
    assert ids == ["glance", "figures", "results", "method", "provenance", "reproduce", "stress-des", "glossary"]
    assert {one.get("href") for one in shown.all("a")} >= {f"#{name}" for name in ids}
    (image,) = shown.all("img")
    assert (image["src"] or "").startswith("data:image/svg+xml;base64,")
    assert "is not in the folder" not in shown.text


@pytest.mark.parametrize("name", ["coalescing", "kb822105", "limits", "newsletter", "real_traffic", "window"])
def test_the_tables_of_an_experiment_give_it_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXPERIMENTS.parent)
    known = simsmtp.load_experiment(f"experiments/{name}.toml", ["study.replications=3", "server.recipient_limit=90"]
                                    if name == "window" else [])  # fmt: skip
    again = simsmtp.Experiment.from_dict(json.loads(json.dumps(experiment_tables(known))))
    assert [(one.factors, one.scenario) for one in again.points] == [
        (one.factors, one.scenario) for one in known.points
    ]
    assert (again.title, again.seed, again.replications) == (known.title, known.seed, known.replications)
    assert (again.figure, again.responses) == (known.figure, known.responses)


def test_tables_of_a_sampled_design_keep_its_ranges_and_no_path(here: Path) -> None:
    trace = written(here, "a b 1\n", "secret.txt").absolute()
    text = STUDY.replace("[scenario.network]", f'[scenario.workload]\ntrace = "{trace}"\n[scenario.network]')
    text += '[design]\nkind = "sobol"\npoints = 4\n[design.ranges]\n"server.recipient_limit" = { low = 5, high = 50 }\n'
    tables = experiment_tables(simsmtp.load_experiment(written(here, text), ["design.points=8"]))
    assert tables["design"]["points"] == 8
    assert tables["design"]["ranges"]["server.recipient_limit"] == {"low": 5, "high": 50}
    assert tables["scenario"]["workload"]["trace"] == "secret.txt"
    assert "points" not in tables


def test_a_summary_alone_is_enough_and_the_page_says_what_is_missing(bare: Path) -> None:
    shown = page(bare)
    for words in ("The folder holds no figure", "provenance.json is not in the folder", "draft needs experiment.json"):
        assert words in shown.text
    assert not shown.all("img")


def test_the_glance_does_not_praise_a_sender_that_gives_up(bare: Path) -> None:
    text = page(bare).text
    assert "False-NDR rate: none at 1 of 2 design points; at most 0.5 [0.4 … 0.6] (sender: wrong)" in text
    assert "without a false NDR, a loss or a duplicate: 100 [99 … 101] (sender: right); a faster mean elsewhere" in text
    assert "none in 20 replications: up to 14 % of replications may still show one" in text
    assert "2 \N{MULTIPLICATION SIGN} right" in text


def test_nothing_comes_from_elsewhere(bare: Path) -> None:
    shown = page(bare)
    assert not [tag for tag, _ in shown.tags if tag in {"link", "iframe", "object", "embed", "base", "form"}]
    for tag, attributes in shown.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, value)
    text = (bare / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\(|https?://", text)
    policy = next(one["content"] for one in shown.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in shown.all("meta")


def test_hostile_names_and_values_stay_text(tmp_path: Path) -> None:
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    rows = ROWS.replace("right", quoted).replace("1,lost", "1,lost")
    written(tmp_path, HEAD.replace("sender", quoted) + rows, "summary.csv")
    tables = {
        "study": {"name": HOSTILE, "title": HOSTILE, "description": HOSTILE},
        "scenario": {"client": {"strategy": "one-stop"}},
        "factors": {HOSTILE: [HOSTILE]},
    }
    noted = {
        "commit": HOSTILE,
        "command": HOSTILE,
        "digest": HOSTILE,
        "packages": {HOSTILE: HOSTILE},
        "python": HOSTILE,
    }
    written(tmp_path, json.dumps(tables), "experiment.json")
    written(tmp_path, json.dumps(noted), "provenance.json")
    number = {"name": HOSTILE, "text": HOSTILE, "note": HOSTILE}
    answers = {"answer": HOSTILE, "objectives": [{"objective": HOSTILE}],
               "headline": {"verdict": HOSTILE, "numbers": [number, 3]}}  # fmt: skip
    written(tmp_path, json.dumps(answers), "capacity.json")
    shown = page(tmp_path)
    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    assert not [name for _, attributes in shown.tags for name in attributes if name.startswith("on")]
    assert shown.text.count("alert('$x')") > 10


def test_tables_sort_by_value_and_stand_without_the_script(bare: Path) -> None:
    text = write_report(bare).read_text(encoding="utf-8")
    shown = Page(text)
    assert {one.get("class") for one in shown.all("table")} == {"sortable"}
    assert {one["data-v"] for one in shown.all("td") if one.get("data-v")} >= {"100.0", "200.0", "0.5"}
    assert "table.sortable" in text
    assert not re.search(r"<table[^>]*(hidden|display: *none)", text)


def test_equal_folders_give_equal_bytes(bare: Path) -> None:
    first = write_report(bare).read_bytes()
    shutil.copytree(bare, bare.parent / "other" / "bare")
    assert write_report(bare.parent / "other" / "bare").read_bytes() == first


def test_a_capacity_plan_is_answered_first(bare: Path) -> None:
    found: dict[str, Any] = {
        "title": "Plan", "answer": "It can.", "command": "simsmtp capacity plan.toml", "assumptions": ["None is made."],
        "objectives": [{"objective": "lost == 0", "verdict": "met", "sentence": "none seen"}],
        "percentiles": [{"percentile": "p(99)", "plan": 2.5, "plan_low": 2.0, "plan_high": 3.0, "note": None}],
        "curve": [], "cost": None,
    }  # fmt: skip
    written(bare, json.dumps(found), "capacity.json")
    shown = page(bare)
    for words in (
        "Plan",
        "It can.",
        "None is made.",
        "lost == 0",
        "2.5",
        "2 … 3",
        ".venv/bin/simsmtp capacity plan.toml",
    ):
        assert words in shown.text
    assert "plan low" not in shown.text


def test_a_capacity_plan_is_told_in_the_words_of_its_figure(bare: Path) -> None:
    change = {"response": "delay_p99_s", "factor": "destinations.1.network.rtt_ms", "level": 100.0, "base_level": 20.0,
              "base_mean": 3.0, "n": 4, "mean": 5.0, "difference": 2.0, "low": 1.5, "high": 2.5}  # fmt: skip
    found = {
        "title": "Plan", "answer": "One. Two.", "answers": ["One.", "Two."],
        "scenario": {"destinations": [{"name": "near"}, {"name": "far"}]},
        "tornado": [change, change | {"factor": "destinations.7.network.rtt_ms"}],
        "curve": [{"messages_per_s": 2.0, "delay_p99_s": 3.25, "delay_p99_s_low": 3.0, "delay_p99_s_high": 3.5}],
    }  # fmt: skip
    written(bare, json.dumps(found), "capacity.json")
    shown = page(bare)
    for words in ("One.", "Two.", "round-trip time of far", "round-trip time of destination 7", "1.5 … 2.5",
                  "99th percentile of delay (s), from 3 as written", "3 … 3.5"):  # fmt: skip
        assert words in shown.text
    assert "One. Two." not in shown.text
    assert "delay_p99_s low" not in shown.text


def test_what_is_left_after_the_warmup_is_shown(bare: Path) -> None:
    shutil.copy(bare / "summary.csv", bare / "summary_steady.csv")
    written(bare, "point,sender,cut,length,late\n1,right,15,200,False\n", "warmup.csv")
    text = page(bare).text
    assert "After the warm-up" in text
    assert "MSER-5" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("summary.csv", ""),
        ("summary.csv", "a,b\n1,2\n"),
        ("summary.csv", HEAD),
        ("summary.csv", HEAD + "x,right,lost,20,0,0,0,0\n"),
        ("summary.csv", HEAD + "1,right,lost,20,many,0,0,0\n"),
        ("provenance.json", "{"),
        ("experiment.json", "[]"),
        ("experiment.json", '{"study": 3}'),
    ],
)
def test_malformed_files_are_named_and_nothing_is_written(bare: Path, name: str, text: str) -> None:
    written(bare, text, name)
    with pytest.raises(InputError, match=re.escape(name)):
        write_report(bare)
    assert not (bare / "report.html").exists()


def test_levels_are_numbers_where_they_look_like_it(bare: Path) -> None:
    written(bare, (HEAD + ROWS).replace("right", "50").replace("wrong", "unlimited"), "summary.csv")
    assert list(read_record(bare).means.points["sender"]) == [50, "unlimited"]


def test_markdown_is_rendered_and_html_in_it_is_not() -> None:
    text = "# A `b`\n\nOne **two** *three* <i>\n- x\n  y\n- z\n\n| a | b |\n|---|---|\n| `c` | d \\| e |\n\n> said"
    found = markdown_html(text).replace("\n", "")
    for part in (
        "<h3>A <code>b</code></h3>", "<strong>two</strong> <em>three</em> &lt;i&gt;", "<li>xy</li><li>z</li>",
        "<td><code>c</code></td><td>d | e</td>", "<blockquote><p>said</p></blockquote>",
    ):  # fmt: skip
        assert part in found


@pytest.mark.parametrize("text", [
    "[a](javascript:b)", "<javascript:b>", "![a](http://b/c)", "[a]\n\n[a]: http://b", "<script>", "<a href=b>",
    "&#8238;", "\u202e",
])  # fmt: skip
def test_markdown_makes_no_links_and_no_hidden_characters(text: str) -> None:
    assert not re.search(r"<(a|img|script)\b|\u202e", markdown_html(text))


def test_the_command(bare: Path) -> None:
    done = cli(bare.parent, "report", "bare", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"report": "bare/report.html"})
    done = cli(bare.parent, "report", "bare", "--output", "mine.html")
    assert (done.returncode, done.stdout) == (0, "mine.html\n")
    for arguments in (["nowhere"], ["."], ["bare", "--output", "no/such/place.html"]):
        done = cli(bare.parent, "report", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("simsmtp: ")
        assert "Traceback" not in done.stderr
    assert sorted(path.name for path in bare.parent.iterdir()) == ["bare", "mine.html"]
