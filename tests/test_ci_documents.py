"""What CI shows of a comparison: annotations, a job summary, a comment, a badge; with hostile names, too."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from markdown_it import MarkdownIt
from test_compare import noisy, rows

from simsmtp.audit.cells import matrix
from simsmtp.audit.judgement import Verdict
from simsmtp.cli.ci.documents import Target, targets_of, write_comparison
from simsmtp.cli.printing.audit_tables import audit_outcome
from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.gate.ci.findings import outcome_of, to_do
from simsmtp.gate.ci.formats import export
from simsmtp.gate.ci.github import MOST_ANNOTATIONS, workflow_commands
from simsmtp.gate.ci.markdown import MOST_COMMENT, comment, marker, summary
from simsmtp.gate.compare_rows import Comparison, compare_rows
from simsmtp.gate.places import Place, first_inside, place_in_experiment

LABELS = ["a|b", "x%0A::error::owned", "::warning::no", '<b>&"|`</b><script>alert(1)</script>', "##[error]x", "l\nf\r",
          "@everyone #12 http://evil.example www.evil.example", "*b* _i_ ~~s~~ [a](http://b)", "\x1b[31mred", "-->",
          "a,b:c"]  # fmt: skip
NAME = "n --> <x> | ::error::"
_COMMAND = re.compile(r"::(error|warning) ([^:]*)::(.*)")


def worse(labels: list[str], name: str = NAME, **values: object) -> Comparison:
    """Return a comparison that is worse at every design point."""
    base = rows(len(labels), sender=np.repeat(labels, 10))
    return compare_rows(base, base.assign(makespan_s=150.0, **values), factors=["batch", "sender"], name=name)


def read_commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Read workflow commands as GitHub's runner does, and take the escapes away."""
    found = []
    for line in text.splitlines():
        if line.lstrip().startswith("::"):
            match = _COMMAND.fullmatch(line)
            assert match, line
            properties = dict(one.split("=", 1) for one in match[2].split(","))
            found.append((match[1], {key: unescaped(one) for key, one in properties.items()}, unescaped(match[3])))
    return found


def unescaped(text: str) -> str:
    for code, one in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, one)
    return text


def test_each_design_point_is_one_annotation_whatever_its_levels_are_called() -> None:
    labels = LABELS[: MOST_ANNOTATIONS - 1]
    found = read_commands(workflow_commands(outcome_of(worse(labels))))
    assert [kind for kind, _, _ in found] == ["error"] * len(labels)
    for label, (_, properties, message) in zip(labels, found, strict=True):
        assert set(properties) == {"title"}
        assert "\n" not in properties["title"]
        assert properties["title"].startswith("REGRESSION: makespan_s at batch=")
        assert properties["title"].endswith(f"sender={label}".encode("unicode_escape").decode())
        first, last = message.splitlines()
        assert first == "makespan_s: 100 → 150 s, +50 % [+50 %, +50 %], allowed 5 %; the same in every replication"
        assert last.startswith("What to do: find what changed")


def test_no_more_annotations_than_github_shows_and_the_tenth_counts_the_rest() -> None:
    found = read_commands(workflow_commands(outcome_of(worse([str(one) for one in range(50)]))))
    assert len(found) == MOST_ANNOTATIONS
    assert found[-1][2] == "41 more findings: see the summary"


def test_what_is_not_known_is_a_warning_that_says_how_to_know() -> None:
    base, new = rows(makespan_s=noisy(1, sd=30)), rows(makespan_s=noisy(2, sd=30))
    [(kind, properties, message)] = read_commands(workflow_commands(outcome_of(compare_rows(base, new, name="x"))))
    assert kind == "warning"
    assert properties["title"].startswith("INCONCLUSIVE: makespan_s")
    assert "--replications 20" in message
    assert "base scenario" in properties["title"]


def test_a_point_with_many_responses_is_a_message_that_the_runner_does_not_cut() -> None:
    names = ("makespan_s", "lost", "queued", "duplicate", "round_trips", "transactions", "connections",
             "missed_ndr", "delay_p50_s", "delay_p95_s", "delay_p99_s", "rcpt_commands", "false_ndr",
             "rcpt_per_delivered")  # fmt: skip
    found = compare_rows(rows(), rows(**dict.fromkeys(names, 900.0)), name="x")
    [(_, _, message)] = read_commands(workflow_commands(outcome_of(found)))
    assert len(message) < 4096
    assert "and 2 more lines: see the summary" in message
    assert message.splitlines()[-1].startswith("What to do")


def test_equal_results_are_a_line_that_is_no_command() -> None:
    found = compare_rows(rows(), rows(), name="::error::##[error]x")
    text = workflow_commands(outcome_of(found))
    assert text.startswith("simsmtp: ::error::## [error]x: OK (identical)")
    assert text.count("\n") == 1


def rendered(text: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)


def cells_of(html: str) -> list[list[str]]:
    found = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)]
    return [row for row in found if row]  # without the heads


@pytest.mark.parametrize("write", [summary, comment])
def test_markdown_shows_every_name_as_it_is_and_obeys_none(write) -> None:  # type: ignore[no-untyped-def]
    text = write(outcome_of(worse(LABELS)))
    html = rendered(text)
    assert not re.search(r"<(script|b|em|strong|del|a)\b", html)
    assert [len(row) for row in cells_of(html)] == [9] * len(LABELS)
    shown = [row[2].replace("&#8203;", "").replace("\u200b", "") for row in cells_of(html)]
    assert shown[0] == "a|b"
    assert shown[3].startswith("&lt;b&gt;&amp;&quot;|`&lt;/b&gt;&lt;script&gt;")
    assert shown[5] == "l\\nf\\r"
    assert shown[7] == "*b* _i_ ~~s~~ [a](http://b)"
    for linked in ("@everyone", "#12", "://evil", "www.evil"):  # which GitHub would link, or tell somebody of
        assert linked not in text
    assert "REGRESSION" in text.splitlines()[0 if write is summary else 2]


def test_what_does_not_vary_is_told_once_and_keys_are_short() -> None:
    base = rows(2).assign(**{"client.strategy": "mine", "network.rtt_ms": np.repeat([10, 100], 10)})
    found = compare_rows(base, base.assign(makespan_s=150.0), factors=["client.strategy", "network.rtt_ms"], name="x")
    lines = summary(outcome_of(found)).splitlines()
    assert "In all rows: client.strategy mine" in lines
    assert "| verdict | rtt_ms | response | base | new | change | allowed | why |" in lines


def test_a_comment_is_found_by_its_first_line_and_folds_a_long_table() -> None:
    few, many = (comment(outcome_of(worse([str(one) for one in range(size)], "gate"))) for size in (3, 30))
    assert few.splitlines()[0] == many.splitlines()[0] == "<!-- simsmtp gate -->"
    assert re.fullmatch(r"<!-- [^<>]* -->", marker(NAME))
    assert "--" not in marker(NAME)[4:-3]
    assert few.index("| REGRESSION") < few.index("<details>")
    unfolded, _, folded = many.partition("<details>")
    assert (unfolded.count("| REGRESSION"), folded.count("| REGRESSION")) == (10, 20)
    assert "<summary>20 more rows</summary>" in folded
    assert comment(outcome_of(compare_rows(rows(), rows()))).count("\n|") == 0


@pytest.mark.parametrize("label", ["x" * 50, "@" * 400, "\U0001f642" * 400, "<&|`" * 100])
def test_documents_stay_as_small_as_github_takes_them(label: str) -> None:
    many = worse([f"{label}{one}" for one in range(150)])
    text = comment(outcome_of(many), 20_000)
    assert len(text.encode()) <= 20_000 < MOST_COMMENT == 65_536
    assert "more rows left out: too long for this page" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert len(summary(outcome_of(many), 17_000).encode()) <= 17_000
    assert summary(outcome_of(many), 100) == ""


def test_the_summary_is_added_to_the_file_that_github_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "summary"
    file.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    write_comparison(worse(["a"], "gate"), [Target("github", None)])
    out = capsys.readouterr().out
    assert out.startswith("::error ")
    assert "###" not in out
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n### ")
    file.write_text("x" * 2**20, encoding="utf-8")
    write_comparison(worse(["a"], "gate"), [Target("github", None)])
    assert file.stat().st_size <= 2**20 + 1
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    write_comparison(worse(["a"], "gate"), [Target("github", None)])
    assert "\n### " in capsys.readouterr().out.partition("::error")[2]


def test_badges_say_the_verdict() -> None:
    for found, message, colour in (
        (compare_rows(rows(), rows(), name="gate"), "ok (identical)", "brightgreen"),
        (worse(["a"], "gate"), "regression", "red"),
        (compare_rows(rows(1, 1), rows(1, 1, makespan_s=1e9), name="gate"), "inconclusive", "yellow"),
    ):
        badge = json.loads(export(found, "badge")[""])
        assert badge.pop("isError", False) == (found.exit_code != 0)
        assert badge == {"schemaVersion": 1, "label": "gate", "message": message, "color": colour}
        drawn = ET.fromstring(export(found, "badge-svg")[""])  # noqa: S314 - our own
        assert [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")] == ["gate", message]
    ET.fromstring(export(worse(["a"]), "badge-svg")[""])  # noqa: S314 - our own


def test_a_failure_in_junit_says_what_was_compared_and_what_to_do(tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    found = replace(worse(["a|<b>"], "gate"), places=lambda _: [Place("gate.toml", 20), Place("base.csv", 3)])
    (tmp_path / "gate.xml").write_text(export(found, "junit")[""], encoding="utf-8")
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "gate.xml"))
    [failure] = [one for case in suite for one in case.result]
    assert failure.type == "REGRESSION"
    lines = failure.text.splitlines()
    assert lines[0] == "makespan_s is worse than the margin allows."
    assert lines[1:] == [
        "Design point: batch=10, sender=a|<b>",
        "Written in: gate.toml:20, base.csv:3",
        "Response: first connect to last final reply (lower is better)",
        "Baseline mean: 100 s, 95 % interval 100 to 100",
        "New mean: 150 s, 95 % interval 150 to 150",
        "Difference: +50 % [+50 %, +50 %] (10 pairs of replications, 95 % interval in brackets)",
        "Allowed: a change for the worse of 5 %",
        "Reason: the same in every replication",
        f"What to do: {to_do({'verdict': 'REGRESSION'})}",
    ]
    assert "write a new baseline" in lines[-1]


def test_failed_and_single_replications_say_so_in_junit() -> None:
    failed = compare_rows(rows(), rows().assign(error="ValueError: no"), name="x")
    text = export(failed, "junit")[""]
    assert "10 replications failed." in text
    assert "What to do: run the experiment again" in text
    [(kind, _, message)] = read_commands(workflow_commands(outcome_of(failed)))
    assert (kind, message.splitlines()[0]) == ("error", "runs: 10 replications failed")
    once = export(compare_rows(rows(1, 1), rows(1, 1, makespan_s=1e9)), "junit")[""]
    assert "New mean: 1,000,000,000 s, no interval" in once
    assert "two replications or more" in once


EXPERIMENT = """[study]
name = "x"
title = "X"

[factors]
"client.batch_size" = [50, 200]
[factors.sender]
good = { "client.strategy" = "corrected" }
"ba|d" = { "client.strategy" = "one-stop" }
"""
LISTED = """[study]
name = "x"
title = "X"

[[points]]
"client.batch_size" = 50

[[points]]
"client.batch_size" = 200
"""


def test_a_design_point_is_written_at_its_level_its_factor_or_where_it_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    whole, one_factor, no_factor = EXPERIMENT, EXPERIMENT.partition("[factors.")[0], EXPERIMENT.partition("[fac")[0]
    for text, expected in ((whole, [8, 9, 8, 9]), (LISTED, [5, 8]), (one_factor, [6, 6]), (no_factor, [1])):
        file.write_text(text, encoding="utf-8")
        experiment = load_experiment(file)
        found = [place_in_experiment(experiment, point.number) for point in experiment.points]
        assert [one.line for one in found if one is not None] == expected
        assert all(one is not None and one.file == str(file) for one in found)


def test_only_files_inside_the_workspace_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    outside, inside = Place("/usr/x.toml", 1), Place("b.csv", 3)
    assert first_inside([outside, inside], str(tmp_path)) == Place("sub/b.csv", 3)
    assert first_inside([outside], str(tmp_path)) is None
    assert first_inside([outside, inside], None) == outside


def audit_rows(verdict: Verdict) -> list[dict[str, object]]:
    numbers = dict.fromkeys(("delivered", "false_ndr", "queued", "lost", "duplicate"), 1)
    cells = matrix(quick=True)[:2]
    return [
        {"sender": "smtp|lib", "version": "1", "name": one.name, "recipients": 250, "verdict": str(verdict), **numbers}
        for one in cells
    ]


def test_an_audit_has_annotations_and_a_summary_too(tmp_path: Path) -> None:
    baseline = tmp_path / "audit.json"
    names = [one.name for one in matrix(quick=True)[:2]]
    baseline.write_text(
        json.dumps({"verdicts": {"other": dict.fromkeys(names, "x"), "smtp|lib": dict.fromkeys(names, "x")}}, indent=1),
        encoding="utf-8",
    )
    known = {("smtp|lib", names[0]): Verdict.UNAFFECTED, ("smtp|lib", names[1]): Verdict.BOUNCED}
    bounced = audit_outcome(audit_rows(Verdict.BOUNCED), known, baseline)
    assert bounced.exit_code == 3
    assert bounced.view.headline == "WORSE: 2 bounced (of 2 cells)"
    [(kind, properties, message)] = read_commands(workflow_commands(bounced))
    assert (kind, properties["line"]) == ("error", "8")
    assert message.startswith("in the baseline: unaffected\nof 250 recipients: 1 delivered")
    assert len(cells_of(rendered(summary(bounced)))) == 2
    unsure = audit_outcome(audit_rows(Verdict.INCONCLUSIVE), None, None)
    assert [kind for kind, _, _ in read_commands(workflow_commands(unsure))] == ["warning"] * 2
    fine = audit_outcome(audit_rows(Verdict.UNAFFECTED), None, None)
    assert workflow_commands(fine) == "simsmtp: audit smtp|lib: OK: 2 unaffected (of 2 cells)\n"


def test_the_old_name_of_a_format_still_works_and_says_the_new_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert targets_of([f"gha={tmp_path}/x"]) == [Target("github-action-benchmark", tmp_path / "x")]
    assert "--to gha is called github-action-benchmark now" in capsys.readouterr().err
    with pytest.raises(InputError, match="did you mean 'github'"):
        targets_of(["githbu"])
