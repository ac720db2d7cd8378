"""Exports of comparisons, each read as its consumer reads it; by the consumer itself where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from test_compare import rows

from simsmtp.cli.ci.documents import FORMATS as OFFERED
from simsmtp.errors import InputError
from simsmtp.gate.ci.formats import FORMATS, export
from simsmtp.gate.compare_rows import Comparison, compare_rows
from simsmtp.rows.responses import BY_NAME, COLUMNS


@pytest.fixture(scope="module")
def found() -> Comparison:
    """One point that is fine and one that is not; a label with a blank, one with a control character."""
    labels = ["per read"] * 10 + ["a<b&\x01-100"] * 10
    base = rows(2, sender=labels, delay_p50_s=[1.0] * 19 + [np.nan])
    new = base.assign(makespan_s=[100.0] * 10 + [150.0] * 10, lost=[0.0] * 19 + [1.0])
    return compare_rows(base, new, factors=["batch", "sender"], name="tiny")


def read_json(text: str) -> Any:
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_github_action_benchmark_is_one_list_of_entries_per_direction(found: Comparison) -> None:
    documents = export(found, "github-action-benchmark")
    assert set(documents) == {"-smaller", "-bigger"}
    for suffix, text in documents.items():
        entries = read_json(text)
        assert entries
        assert len({one["name"] for one in entries}) == len(entries)
        for one in entries:  # name, value, unit, range, extra: all that extractCustomBenchmarkResult takes
            assert set(one) <= {"name", "value", "unit", "range", "extra"}
            assert isinstance(one["value"], float)
            assert all(isinstance(one[key], str) and one[key] for key in one if key != "value")
            better = BY_NAME[one["name"].split()[-1]].better
            assert better == {"-smaller": "lower", "-bigger": "higher"}[suffix]
    lost = next(one for one in read_json(documents["-smaller"]) if one["name"].endswith("100 lost"))
    assert lost["value"] == pytest.approx(0.1)
    assert lost["extra"].startswith("REGRESSION")


def test_github_action_benchmark_leaves_an_empty_document_out() -> None:
    assert set(export(compare_rows(rows(), rows(), responses=["lost"]), "github-action-benchmark")) == {"-smaller"}


def test_bmf_meets_its_schema(found: Comparison) -> None:
    benchmarks = read_json(export(found, "bmf")[""])
    assert len(benchmarks) == 2
    for name, measures in benchmarks.items():
        assert 0 < len(name) <= 1024
        assert set(measures) == set(COLUMNS)
        for measure, metric in measures.items():
            assert 0 < len(measure) <= 64
            assert {"value"} <= set(metric) <= {"value", "lower_value", "upper_value"}
            assert metric["lower_value"] <= metric["value"] <= metric["upper_value"]


def parse_gobench(text: str) -> tuple[dict[str, str], list[tuple[str, str, dict[str, float]]]]:
    """Parse by the grammar of golang.org/design/14313-benchmark-format and its unit metadata."""
    units, results, side = {}, [], ""
    for line in filter(None, text.splitlines()):
        if line.startswith("Unit "):
            _, unit, *pairs = line.split()
            units[unit] = dict(pair.split("=") for pair in pairs)["better"]
        elif line.startswith("Benchmark"):
            name, count, *fields = line.split()
            assert not name[len("Benchmark")].islower()
            assert int(count) == 1
            assert len(fields) % 2 == 0
            values = dict(zip(fields[1::2], map(float, fields[::2]), strict=True))
            results.append((side, name, values))
        else:
            key, value = re.fullmatch(r"([a-z][^\sA-Z:]*):[ \t]+(.*)", line).groups()  # type: ignore[union-attr]
            side = value if key == "side" else side
    return units, results


def test_gobench_follows_the_grammar(found: Comparison) -> None:
    units, results = parse_gobench(export(found, "gobench")[""])
    assert units == {name: BY_NAME[name].better for name in COLUMNS if BY_NAME[name].better}
    assert [side for side, _, _ in results] == ["base"] * 20 + ["new"] * 20
    _, name, values = results[-1]
    assert name.startswith("BenchmarkTiny/batch=20/sender=")
    assert name.endswith("-100-1")
    assert (values["makespan_s"], values["lost"]) == (150.0, 1.0)
    assert "delay_p50_s" not in values


@pytest.mark.skipif(shutil.which("benchstat") is None, reason="benchstat is not installed")
def test_benchstat_reads_gobench(found: Comparison, tmp_path: Path) -> None:
    (tmp_path / "gate.txt").write_text(export(found, "gobench")[""], encoding="utf-8")
    done = subprocess.run(
        ["benchstat", "-col", "side", str(tmp_path / "gate.txt")], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "+50.00% (p=0.000 n=10)" in done.stdout


def test_pytest_benchmark_has_what_its_tables_take(found: Comparison) -> None:
    documents = export(found, "pytest-benchmark")
    assert set(documents) == {"-base", "-new"}
    one = read_json(documents["-new"])
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} <= set(one)
    makespan = [bench for bench in one["benchmarks"] if bench["group"] == "makespan_s"]
    assert [bench["stats"]["mean"] for bench in makespan] == [100.0, 150.0]
    assert all(BY_NAME[bench["group"]].better == "lower" for bench in one["benchmarks"])


@pytest.mark.slow
def test_pytest_benchmark_compares_them(found: Comparison, tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark")
    files = []
    for suffix, text in export(found, "pytest-benchmark").items():
        files.append(tmp_path / f"gate{suffix}.json")
        files[-1].write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest_benchmark",
        "compare",
        *[one.name for one in files],
        "--columns=mean,stddev",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "[makespan_s] (gate-new)" in done.stdout


def test_junit_counts_add_up(found: Comparison) -> None:
    root = ET.fromstring(export(found, "junit")[""].partition("\n")[2])  # noqa: S314 - own output
    (suite,) = root
    # What the schema of Jenkins' xunit plugin (junit-10.xsd) lets a root and a suite have.
    assert set(root.attrib) <= {"name", "time", "tests", "failures", "errors"}
    assert set(suite.attrib) >= {"name", "tests", "failures", "errors"}
    cases = suite.findall("testcase")
    assert len(cases) == len(found.rows) == int(suite.attrib["tests"])
    failures = [case for case in cases if case.find("failure") is not None]
    assert {case.attrib["name"] for case in failures} == {"makespan_s", "lost"}
    assert int(suite.attrib["failures"]) == int(root.attrib["failures"]) == len(failures)
    assert failures[0].find("failure").attrib["type"] == "REGRESSION"  # type: ignore[union-attr]


def test_junitparser_reads_junit(found: Comparison, tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    (tmp_path / "gate.xml").write_text(export(found, "junit")[""], encoding="utf-8")
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "gate.xml"))
    before = (suite.tests, suite.failures, suite.errors, suite.skipped)
    suite.update_statistics()
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == before


def test_markdown_is_that_of_the_comparison(found: Comparison) -> None:
    assert export(found, "markdown") == {"": found.to_markdown()}


def test_failed_and_single_replications_are_exported_too() -> None:
    failed = compare_rows(rows(), rows().assign(error="ValueError: no"), name="x")
    once = compare_rows(rows(1, 1), rows(1, 1, makespan_s=1.0))
    for kind in FORMATS:
        assert all(export(one, kind) is not None for one in (failed, once))
    assert '<error type="FAILED"' in export(failed, "junit")[""]
    assert "upper_value" not in export(once, "bmf")[""]


def test_the_command_line_offers_every_format() -> None:
    assert set(OFFERED) == set(FORMATS)


def test_an_unknown_format_is_an_input_error(found: Comparison) -> None:
    with pytest.raises(InputError, match="did you mean 'junit'"):
        export(found, "junitt")
