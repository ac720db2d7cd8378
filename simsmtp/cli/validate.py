"""``simsmtp validate``: measured sessions and a calibration in; each setting's prediction and its error out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simsmtp.model.numbers import number_text, percent_text

if TYPE_CHECKING:
    from simsmtp.calibration.predict import Prediction


@click.command()
@click.argument("measured", type=click.Path(path_type=Path))
@click.option("--calibration", "calibration_file", type=click.Path(path_type=Path), required=True, metavar="FILE",
              help="From 'simsmtp calibrate'.")  # fmt: skip
@click.option("--replications", type=click.IntRange(2), default=50, show_default=True, metavar="N",
              help="Simulated sessions of each setting.")  # fmt: skip
@click.option("--figure", type=click.Path(path_type=Path), metavar="PATH",
              help="Also draw the pairs, as PATH.png and PATH.svg.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the table.")
def validate(measured: Path, calibration_file: Path, replications: int, figure: Path | None, as_json: bool) -> None:
    """Predict measured sessions and say how far the predictions err.

    For every setting in MEASURED.jsonl the median of its repeats is held against the median of simulated sessions
    under the profile tcp, with the range of both beside it, how much of the measured range the simulated one covers,
    and what delay and bandwidth alone (profile pipe) would have erred.

    \b
    Examples:
      simsmtp validate measured.jsonl --calibration calibration.toml
      simsmtp validate measured.jsonl --calibration calibration.toml --figure pairs --json

    Exit codes: 0 done, however large the errors are; 2 bad input.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.calibration.measured import read_measured
    from simsmtp.calibration.parameters import read_calibration
    from simsmtp.calibration.predict import predict
    from simsmtp.cli.printing.lines import say
    from simsmtp.output.writable import require_writable
    from simsmtp.progress import progress_bar

    if figure is not None:
        for ending in (".png", ".svg"):
            require_writable(figure.with_name(figure.name + ending), "--figure", may_be_made=True)
    calibration = read_calibration(calibration_file)
    groups = read_measured(measured)
    receivers = sorted({group.setting.receiver for group in groups} - {"", calibration.receiver})
    if calibration.receiver and receivers:
        say(
            f"simsmtp: {calibration_file} was fitted to {calibration.receiver}, these sessions are with "
            f"{', '.join(receivers)}",
            to_stderr=True,
        )
    with progress_bar("validate", len(groups), None, unit="setting") as advance:
        found = predict(groups, calibration.parameters, replications=replications, on_setting=advance)
    document = document_of(found, calibration.rtt_ms)
    if figure is not None:
        from simsmtp.figures.canvas import save_figure
        from simsmtp.figures.pairs_figure import pairs_figure

        drawn = save_figure(pairs_figure(document["rows"]), figure.parent, figure.name)
    if as_json:
        print(json.dumps(document, indent=1))
        return
    _print(document)
    if figure is not None:
        say(", ".join(path.as_posix() for path in drawn))


def document_of(found: Sequence[Prediction], fitted_ms: Sequence[float]) -> dict[str, Any]:
    """Return what `validate` found as plain values; errors and shares are fractions, times are in seconds."""
    from simsmtp.calibration.predict import quality

    unseen = [one for one in found if one.group.setting.rtt_ms not in fitted_ms]
    return {
        **quality(found)._asdict(),
        "calibrated_rtt_ms": list(fitted_ms),
        "unseen": quality(unseen)._asdict() if unseen else None,
        "rows": [_row(one, fitted_ms) for one in found],
    }


def _row(one: Prediction, fitted_ms: Sequence[float]) -> dict[str, Any]:
    setting = one.group.setting
    return {
        "N": setting.recipients,
        "batch": setting.batch,
        "limit": setting.limit,
        "size": setting.size,
        "cache": "on" if setting.reuse else "off",
        "pipelining": setting.pipelining,
        "rtt_ms": setting.rtt_ms,
        "receiver": setting.receiver,
        "rate_mbit": setting.rate_mbit or None,
        "loss": setting.loss,
        "repeats": len(one.group.durations_s),
        "calibrated": setting.rtt_ms in fitted_ms,
        **_ranged("measured", one.measured_s),
        **_ranged("predicted", one.predicted_s),
        "error": one.error,
        "covered": one.covered,
        "pipe_s": one.pipe_s,
        "pipe_error": one.pipe_error,
    }


def _ranged(name: str, low_middle_high: tuple[float, float, float]) -> dict[str, float]:
    low, middle, high = low_middle_high
    return {f"{name}_s": middle, f"{name}_low_s": low, f"{name}_high_s": high}


def _print(document: dict[str, Any]) -> None:
    from simsmtp.cli.printing.console import PlainConsole
    from simsmtp.cli.printing.tables import columns_of, print_table

    console = PlainConsole()
    console.print(f"all {len(document['rows'])} settings: {_summary(document)}")
    if document["unseen"]:
        unseen = sum(not row["calibrated"] for row in document["rows"])
        console.print(f"{unseen} at round-trip times not calibrated: {_summary(document['unseen'])}")
    console.print()
    rows = sorted(document["rows"], key=lambda row: (row["rtt_ms"], row["N"], row["batch"]))
    settings = [
        [number_text(row["rtt_ms"]), *(row[name] for name in ("N", "batch", "limit", "size", "cache")),
         "on" if row["pipelining"] else "off"] for row in rows
    ]  # fmt: skip
    times = [
        [_span(row, "measured"), _span(row, "predicted"), percent_text(row["error"], signed=True),
         percent_text(row["covered"]), percent_text(row["pipe_error"], signed=True)] for row in rows
    ]  # fmt: skip
    print_table(
        console, columns_of(("RTT ms", "N", "batch", "limit", "octets", "reuse", "pipelining"), settings),
        columns_of(("measured s", "predicted s", "error", "covered", "pipe"), times),
    )  # fmt: skip
    console.print(
        "times: median (lowest-highest); reuse: transactions share a connection; covered: how much of the measured "
        "range lies in the simulated one; pipe: error of delay and bandwidth alone"
    )


def _span(row: dict[str, Any], name: str) -> str:
    return f"{row[f'{name}_s']:.3f} ({row[f'{name}_low_s']:.3f}-{row[f'{name}_high_s']:.3f})"


def _summary(quality: dict[str, Any]) -> str:
    told = {name: percent_text(value) for name, value in quality.items() if isinstance(value, int | float)}
    return (
        f"absolute error {told['median_abs_error']} (median), {told['worst_abs_error']} (worst); "
        f"{told['covered']} of the measured range covered; profile pipe alone "
        f"{told['pipe_median_abs_error']} (median), {told['pipe_worst_abs_error']} (worst)"
    )
