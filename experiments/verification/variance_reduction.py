"""What common random numbers save: replications needed for a difference with and without them.

Two scenarios are run with one seed (pairs share their draws) and with two seeds (independent). The replications needed
for a given width of the difference's interval are proportional to its variance; the ratio of the variances is what
sharing the draws saves. Writes ``variance_reduction.csv``, ``.md``, ``.png`` and ``.svg``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from scipy import stats

import simsmtp
from simsmtp.figures.canvas import new_figure, save_figure
from simsmtp.figures.labels import response_label
from simsmtp.figures.line_styles import COLOURS, RC

RESPONSES = ("makespan_s", "delay_p50_s", "delay_p95_s", "delivered_per_s")
MARKERS = "osD^"
SEEDS = (11, 4711)
RECIPIENTS = {"dist": "lognormal", "mean": 150, "cv": 0.4, "maximum": 600}
TEXT = """# What common random numbers save

`python experiments/verification/variance_reduction.py` measures this again. Replications needed for the same interval
of a difference, without common random numbers over with them ({replications} replications of each scenario; recipients,
round-trip and service times are random). Median over responses: from {least} to {most}. Below 1 sharing draws costs
replications. The F intervals take the two variances as independent, which holds only nearly.

| change | response | ratio | 95 % interval | correlation | sd, independent | sd, paired |
|---|---|---|---|---|---|---|
"""
BASE = {
    "workload": {"messages": 4, "recipients_per_message": RECIPIENTS},
    "network": {"rtt_ms": {"dist": "gamma", "mean": 50, "cv": 0.5}},
    "server": {"rcpt_service_ms": {"dist": "exponential", "mean": 1.0}},
    "client": {"batch_size": 50},
}  # fmt: skip
# What changes in the second scenario, from a nudge to another way of counting.
CHANGES = {
    "batch size 50 → 55": {"client.batch_size": 55},
    "batch size 50 → 100": {"client.batch_size": 100},
    "mean service 1 → 1.1 ms": {"server.rcpt_service_ms": {"dist": "exponential", "mean": 1.1}},
    "mean RTT 50 → 60 ms": {"network.rtt_ms": {"dist": "gamma", "mean": 60, "cv": 0.5}},
    "bandwidth 100 → 10 Mbit/s": {"network.bandwidth_mbit": 10.0},
    "batch size 50 → 200, over the limit": {"client.batch_size": 200},
    "batch size 50 → 200, one-stop": {"client.batch_size": 200, "client.strategy": "one-stop"},
}


def measured(replications: int) -> Iterator[dict[str, object]]:
    """Yield a row per change and response."""
    base = simsmtp.Scenario.from_dict(BASE)
    first = simsmtp.simulate(base, seed=SEEDS[0], replications=replications).replications
    for name, changes in CHANGES.items():
        changed = base.replace(changes)
        common, other = (simsmtp.simulate(changed, seed=seed, replications=replications).replications for seed in SEEDS)
        for response in RESPONSES:
            yield {"change": name, "response": response, "replications": replications,
                   **savings(*(one[response].to_numpy(float) for one in (first, common, other)))}  # fmt: skip


def savings(first: np.ndarray, common: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return the standard deviations of the differences, their ratio of variances and its 95 % F interval."""
    n = len(first)
    independent = float(np.var(first, ddof=1) + np.var(other, ddof=1))
    paired = float(np.var(common - first, ddof=1))
    ratio = independent / paired if paired else float("inf")
    # The sum of two variances has up to 2 (n - 1) degrees of freedom; n - 1 is the cautious choice.
    low, high = (ratio / stats.f.ppf(q, n - 1, n - 1) for q in (0.975, 0.025))
    correlation = float(np.corrcoef(first, common)[0, 1])
    return {"mean": float((common - first).mean()), "sd_independent": independent**0.5, "sd_paired": paired**0.5,
            "correlation": correlation, "ratio": ratio, "low": low, "high": high}  # fmt: skip


def figure(table: pd.DataFrame) -> mpl.figure.Figure:
    """Draw the ratios, a line per change."""
    with mpl.rc_context(RC):
        drawn = new_figure(7.6, 4.4)
        axes = drawn.subplots()
        for i, response in enumerate(RESPONSES):
            part = table[table["response"] == response]
            places = np.arange(len(part)) + 0.17 * (i - 1.5)
            errors = np.vstack([part["ratio"] - part["low"], part["high"] - part["ratio"]])
            axes.errorbar(part["ratio"], places, xerr=errors, linestyle="none", marker=MARKERS[i], markersize=4.5,
                          color=COLOURS[(2, 4, 3, 1)[i]], elinewidth=0.9, capsize=2,
                          label=response_label(response))  # fmt: skip
        axes.axvline(1, color="0.25", linestyle=(0, (4, 2)), linewidth=0.9)
        axes.set_xscale("log")
        axes.set_yticks(range(len(CHANGES)), list(CHANGES))
        axes.set_ylim(len(CHANGES) - 0.5, -0.5)
        axes.grid(visible=True, axis="x")
        axes.set_xlabel("replications needed without common random numbers / with them")
        drawn.legend(loc="outside lower center", ncols=4, frameon=False, title="bars: 95 % F intervals")
        drawn.suptitle("What common random numbers save", fontsize=11)
    return drawn


def _three(value: float) -> str:
    """Return three significant digits, thousands apart."""
    return f"{float(f'{value:.3g}'):,.6g}"


def markdown(table: pd.DataFrame) -> str:
    """Return the table and what it says."""
    median = table.groupby("change", sort=False)["ratio"].median()
    ends = [f"{_three(median[name])} ({name})" for name in (median.idxmin(), median.idxmax())]
    text = TEXT.format(replications=table["replications"].iloc[0], least=ends[0], most=ends[1])
    return text + "".join(
        f"| {one.change} | `{one.response}` | {_three(one.ratio)} | {_three(one.low)} … {_three(one.high)} "
        f"| {one.correlation:.4f} | {one.sd_independent:.4g} | {one.sd_paired:.4g} |\n"
        for one in table.itertuples()
    )


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30 replications in place of 200")
    parser.add_argument("--output", type=Path, default=Path("results/verification"))
    given = parser.parse_args()
    table = pd.DataFrame(measured(30 if given.quick else 200))
    given.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.output / "variance_reduction.csv", index=False, lineterminator="\n", float_format="%.6g")
    (given.output / "variance_reduction.md").write_text(markdown(table), encoding="utf-8")
    save_figure(figure(table), given.output, "variance_reduction")
    print(f"{given.output}: variance_reduction.csv, .md, .png, .svg")


if __name__ == "__main__":
    main()
