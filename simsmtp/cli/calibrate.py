"""``simsmtp calibrate``: measured sessions in, a calibration file out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from simsmtp.cli.printing.lines import say, wrapped
from simsmtp.model.numbers import number_text, percent_text


@click.command()
@click.argument("measured", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
              help="The calibration file to write (TOML).")  # fmt: skip
@click.option("--max-rtt", type=click.FloatRange(min=0, min_open=True), metavar="MS",
              help="Use only sessions up to this round-trip time.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the table.")
def calibrate(measured: Path, output: Path, max_rtt: float | None, as_json: bool) -> None:
    """Fit the times of a sender, a receiver and the path between them to measured sessions.

    MEASURED.jsonl holds one session a line: N, batch, limit, size, cache, pipelining, rtt_ms, duration_s, and where
    known bytes_up, server_segments, codes and receiver, as 'simsmtp lab' writes them. Sessions at small round-trip
    times tell most, because there the time is the programs' own. How far the result carries is what 'simsmtp validate'
    says. The file also holds the result as keys of a scenario, to be pasted into an experiment. One of these keys,
    server.wake_ms, is not fitted: its value was chosen by looking at sessions of Postfix at 100 Mbit/s.

    \b
    Examples:
      simsmtp calibrate measured.jsonl -o calibration.toml --max-rtt 20
      simsmtp validate measured.jsonl --calibration calibration.toml

    Exit codes: 0 written; 2 bad input, and nothing was written.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.calibration.fit import fit, steps
    from simsmtp.calibration.measured import read_measured
    from simsmtp.calibration.parameters import write_calibration
    from simsmtp.calibration.settings import keys_text
    from simsmtp.errors import InputError
    from simsmtp.output.writable import require_writable
    from simsmtp.progress import progress_bar

    require_writable(output, "--output", may_be_made=True)
    groups = read_measured(measured)
    used = [group for group in groups if max_rtt is None or group.setting.rtt_ms <= max_rtt]
    if not used:
        known = ", ".join(number_text(rtt, 6) for rtt in sorted({group.setting.rtt_ms for group in groups}))
        raise InputError("leaves no sessions", key="--max-rtt", given=max_rtt, allowed=f"at least one of {known}")
    with progress_bar("calibrate", steps(), None, unit="step") as advance:
        found = fit(used, on_step=advance)
    write_calibration(found, output, scenario=keys_text(found.parameters))
    if as_json:
        fitted_to = {key: value for key, value in found._asdict().items() if key != "parameters"}
        print(json.dumps({"file": output.as_posix(), "parameters": found.parameters._asdict(), **fitted_to}, indent=1))
        return
    rtts = ", ".join(number_text(rtt, 6) for rtt in found.rtt_ms)
    errors = (
        f"{percent_text(found.median_abs_error)} (median of settings), {percent_text(found.worst_abs_error)} (worst)"
    )
    say(wrapped(f"these sessions themselves: error of the median {errors}", 0))
    say(wrapped(f"{found.sessions} sessions in {found.settings} settings at RTT {rtts} ms", 0))
    for name, value in found.parameters._asdict().items():
        print(f"  {name:<18} {number_text(value):>10}")
    say(output.as_posix())
