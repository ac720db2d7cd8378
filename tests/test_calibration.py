"""Calibration and validation: what was put in is found again, files are checked, figures are drawn."""

from __future__ import annotations

import json
import math
import random
import statistics
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from simsmtp.calibration.fit import fit
from simsmtp.calibration.measured import Group, group_rows, read_measured
from simsmtp.calibration.octets import octets_of, refusal_octets_of
from simsmtp.calibration.parameters import (
    START,
    Calibration,
    read_calibration,
    write_calibration,
)
from simsmtp.calibration.predict import predict, predicted_durations, quality
from simsmtp.calibration.settings import keys_text
from simsmtp.cli import simsmtp
from simsmtp.errors import InputError
from simsmtp.model.scenario import Scenario

TRUE = START._replace(transaction_ms=6.0, rcpt_ms=0.25, pause_ms=9.0, connect_ms=30.0, bandwidth_mbit=500.0, spread=0.2)
SETTINGS = [
    {"N": 60, "batch": 5, "cache": "on", "pipelining": True},
    {"N": 60, "batch": 60, "cache": "on", "pipelining": True},
    {"N": 60, "batch": 20, "cache": "off", "pipelining": True},
    {"N": 40, "batch": 20, "cache": "on", "pipelining": False},
]


def _row(**given: object) -> dict[str, object]:
    usual = {"N": 60, "batch": 20, "limit": 100, "size": 1000, "cache": "on", "pipelining": True, "rtt_ms": 20.0}
    return {**usual, "duration_s": 0.5, **given}


def _simulated(*rtts: float) -> list[dict[str, object]]:
    """Return rows whose durations are the model's own under `TRUE`, a little shaken."""
    shaken = random.Random(5)  # noqa: S311 - no secret
    rows = []
    for rtt in rtts:
        for setting in SETTINGS:
            (group,) = group_rows([_row(rtt_ms=rtt, **setting)])
            some = predicted_durations(group, TRUE, 5)
            rows += [_row(rtt_ms=rtt, **setting, duration_s=one * shaken.uniform(0.99, 1.01)) for one in some]
    return rows


@pytest.mark.slow
def test_a_fit_at_small_round_trips_predicts_large_ones() -> None:
    calibration = fit(group_rows(_simulated(2.0, 20.0)))
    assert calibration.rtt_ms == (2.0, 20.0)
    assert calibration.sessions == 40
    found = predict(
        group_rows(_simulated(100.0)), calibration.parameters, replications=15, on_setting=lambda number: number
    )
    assert quality(found).worst_abs_error < 0.05


def test_a_prediction_covers_as_much_as_ranges_overlap() -> None:
    (group,) = group_rows(_simulated(20.0)[:5])
    (found,) = predict([group], TRUE, replications=20, on_setting=lambda number: number)
    assert abs(found.error) < 0.05
    assert 0.0 <= found.covered <= 1.0
    low, middle, high = found.predicted_s
    assert low <= middle <= high
    far = group._replace(durations_s=[10 * high, 11 * high])
    (missed,) = predict([far], TRUE, replications=2, on_setting=lambda number: number)
    assert missed.covered == 0.0
    assert missed.error == pytest.approx(middle / (10.5 * high) - 1, rel=0.1)


def test_octets_tell_addresses_texts_and_refusals() -> None:
    """Postfix to Postfix: RCPT with ORCPT 52 octets, MAIL 32, EHLO 13, text 204 more than given, refusals 38."""
    rows = []
    for recipients, batch, cache in (
        (200, 50, "on"),
        (200, 50, "off"),
        (200, 100, "on"),
        (90, 30, "off"),
        (100, 50, "on"),
    ):
        transactions = math.ceil(recipients / batch)
        connections = 1 if cache == "on" else transactions
        up = 52 * recipients + (32 + 6 + 1204) * transactions + 13 * connections
        up += 6 * (transactions - 1) if cache == "on" else 0
        refused = transactions * max(0, batch - 40)
        down = 14 * (recipients - refused) + 38 * refused + 88 * transactions + 169 * connections
        rows.append(_row(N=recipients, batch=batch, limit=40, cache=cache, bytes_up=up, bytes_down=down))
    groups = group_rows(rows)
    assert octets_of(groups)[:2] == (13, True)
    assert octets_of(groups).text_extra == pytest.approx(209)
    assert refusal_octets_of(groups) == 38


def test_a_receiver_without_dsn_gets_no_orcpt() -> None:
    rows = [
        _row(N=n, batch=b, cache=c, bytes_up=25 * n + 1242 * math.ceil(n / b) + 13 * (1 if c == "on" else n // b))
        for n, b, c in ((200, 50, "off"), (100, 50, "off"), (200, 100, "on"), (200, 200, "on"))
    ]
    rows = [
        row | {"bytes_up": row["bytes_up"] + 6 * (row["N"] // row["batch"] - 1) * (row["cache"] == "on")}
        for row in rows
    ]  # type: ignore[operator]
    assert octets_of(group_rows(rows))[:2] == (13, False)


def test_repeats_of_a_setting_come_together(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    rows = [_row(duration_s=0.4), _row(duration_s=0.6), _row(rtt_ms=2.0, codes={"552": 3})]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    first, second = read_measured(path)
    assert (first.setting.rtt_ms, first.over_code) == (2.0, 552)
    assert second.median_s == statistics.median((0.4, 0.6))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":2: no JSON"),
        ("[1]", ":2: no JSON object"),
        (json.dumps(_row(N=0)), ":2: N: not what is needed; given: 0"),
        (json.dumps(_row(duration_s="fast")), ":2: duration_s"),
        (json.dumps(_row(duration_s=float("nan"))), ":2: duration_s"),
        (json.dumps(_row(cache="maybe")), '"on" or "off"'),
        (json.dumps({key: value for key, value in _row().items() if key != "rtt_ms"}), "rtt_ms.*nothing"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_text(json.dumps(_row()) + "\n" + line + "\n")
    with pytest.raises(InputError, match=said):
        read_measured(path)


def _calibration(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "calibration.toml"
    write_calibration(Calibration(TRUE, "Postfix 3.7.11", (2.0, 20.0), 40, 8, 0.01, 0.05), path)
    return path


def test_a_calibration_file_holds_what_was_written(tmp_path: Path) -> None:
    read = read_calibration(_calibration(tmp_path))
    assert read.parameters == TRUE
    assert (read.receiver, read.rtt_ms, read.sessions) == ("Postfix 3.7.11", (2.0, 20.0), 40)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("version = 1", "version = 2", "version: of another version; given: 2; allowed: 1"),
        ("rcpt_ms = 0.25", "rcpt_ms = -1", "parameters.rcpt_ms: out of bounds; given: -1"),
        ("rcpt_ms = 0.25", "rcptms = 0.25", "parameters.rcptms: unknown.*did you mean"),
        ("rcpt_ms = 0.25", "rcpt_ms = 0.25\npause = 1", "parameters.pause: unknown.*did you mean"),
        ("[parameters]", "[parameters", "no calibration file"),
    ],
)
def test_a_bad_calibration_file_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    path = _calibration(tmp_path)
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(InputError, match=said):
        read_calibration(path)


def _measured(tmp_path: Path) -> Path:
    path = tmp_path / "measured.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _simulated(20.0, 100.0)))
    return path


def test_validate_prints_every_setting_and_draws_the_pairs(tmp_path: Path) -> None:
    command = [
        "validate",
        str(_measured(tmp_path)),
        "--calibration",
        str(_calibration(tmp_path)),
        "--replications",
        "5",
    ]
    done = CliRunner().invoke(simsmtp, [*command, "--json", "--figure", str(tmp_path / "figures" / "pairs")])
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    assert len(document["rows"]) == 2 * len(SETTINGS)
    errors = [abs(row["error"]) for row in document["rows"]]
    assert document["median_abs_error"] == pytest.approx(statistics.median(errors))
    assert document["worst_abs_error"] == max(errors)
    assert max(errors) < 0.2
    assert document["unseen"]["worst_abs_error"] <= document["worst_abs_error"]
    assert {row["rtt_ms"] for row in document["rows"] if row["calibrated"]} == {20.0}
    assert (tmp_path / "figures" / "pairs.png").stat().st_size > 10_000
    table = CliRunner().invoke(simsmtp, command)
    assert table.exit_code == 0
    assert "4 at round-trip times not calibrated" in table.output


def test_bad_input_ends_with_code_2_and_writes_nothing(tmp_path: Path) -> None:
    measured, out = _measured(tmp_path), tmp_path / "out.toml"
    for arguments in (
        ["calibrate", str(tmp_path / "none.jsonl"), "-o", str(out)],
        ["calibrate", str(measured), "-o", str(out), "--max-rtt", "5"],
        ["validate", str(measured), "--calibration", str(measured)],
    ):
        with pytest.raises(InputError):
            CliRunner().invoke(simsmtp, arguments, catch_exceptions=False)
    assert not out.exists()


def test_two_receivers_are_not_fitted_as_one() -> None:
    groups: list[Group] = group_rows([_row(receiver="Postfix"), _row(receiver="Exim")])
    with pytest.raises(InputError, match="several receivers"):
        fit(groups)


def test_the_file_holds_keys_that_an_experiment_takes(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    write_calibration(Calibration(TRUE, "", (2.0,), 1, 1, 0.0, 0.0), path, scenario=keys_text(TRUE))
    assert read_calibration(path).parameters == TRUE
    scenario = Scenario.from_dict(tomllib.loads(path.read_text())["scenario"])
    assert scenario.network.profile == "tcp"
    assert scenario.server.rcpt_service_ms == TRUE.rcpt_ms
    assert scenario.client.orcpt
    assert scenario.server.text_service_ms.mean == pytest.approx(TRUE.transaction_ms)  # type: ignore[union-attr]


def test_sessions_with_another_receiver_are_remarked_upon(tmp_path: Path) -> None:
    measured = tmp_path / "measured.jsonl"
    measured.write_text(json.dumps(_row(receiver="Exim 4.96", duration_s=0.3)) + "\n")
    done = CliRunner().invoke(
        simsmtp, ["validate", str(measured), "--calibration", str(_calibration(tmp_path)), "--replications", "2"]
    )
    assert done.exit_code == 0
    assert "fitted to Postfix 3.7.11, these sessions are with Exim 4.96" in done.output
