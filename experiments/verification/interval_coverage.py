"""How often the intervals of simsmtp hold the truth: repeated draws from distributions whose mean is known.

Writes ``interval_coverage.csv``, ``.md``, ``.png`` and ``.svg``. Binomial intervals need no draws: their coverage is
summed exactly.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from scipy import stats

from simsmtp.figures.canvas import new_figure, save_figure
from simsmtp.figures.line_styles import RC, line_styles
from simsmtp.figures.outside import write_letters
from simsmtp.statistics.best_level import _constrained
from simsmtp.statistics.intervals import mean_interval, zero_bound
from simsmtp.statistics.paired_difference import paired_difference
from simsmtp.statistics.rates import clopper_pearson, wilson
from simsmtp.statistics.sequential import Precision, decide

LEVEL = 0.95
SIZES = (5, 10, 20, 50)
# Name → (draw, mean, skewness). Differences between strategies are of all these kinds.
KINDS = {
    "normal": (lambda rng, n: rng.normal(1, 2, n), 1.0, 0.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5, 0.0),
    "Laplace": (lambda rng, n: rng.laplace(0, 1, n), 0.0, 0.0),
    "gamma(4)": (lambda rng, n: rng.gamma(4, 1, n), 4.0, 1.0),
    "exponential": (lambda rng, n: rng.exponential(1, n), 1.0, 2.0),
    "lognormal(1)": (lambda rng, n: rng.lognormal(0, 1, n), math.exp(0.5), 6.2),
}
METHODS = ("t", "bca", "auto")
TEXT = """# Coverage of the intervals

`python experiments/verification/interval_coverage.py` draws this again. Level 95 %, {repetitions} repetitions of each,
standard errors up to {error:.4f}.

## Paired differences

The rule of `auto`: t, and where 10 to 199 differences are skewed beyond ±1 also the BCa bootstrap, of which each end
counts that lies farther out. BCa alone is not used: with few replications it covers less than t, for symmetric
differences much less, and where it covers more it is by little. No interval holds its level for the mean of few
strongly skewed values; more replications do.

PAIRED

## Other intervals

Exact sums for shares of replications. {least}. The intervals against the best hold together by Bonferroni's inequality,
so more often than 95 %. Where the sequential rule stops, n is the mean number of replications.

OTHERS
"""


def drawn_rows(repetitions: int) -> Iterator[dict[str, object]]:
    """Yield the coverage of t, BCa and the rule of ``auto`` for each distribution and number of replications."""
    rng = np.random.default_rng(2026)
    for kind, (draw, mean, _) in KINDS.items():
        for n in SIZES:
            held = dict.fromkeys(METHODS, 0)
            for _ in range(repetitions):
                common = rng.normal(0, 100, n)  # what both scenarios share cancels, however large
                base, new = common, common + draw(rng, n)
                for method in METHODS:
                    found = paired_difference(base, new, LEVEL, method)
                    held[method] += found.low <= mean <= found.high
            for method in METHODS:
                yield row(f"paired {method}", kind, n, held[method] / repetitions, repetitions)


def joint_rows(repetitions: int) -> Iterator[dict[str, object]]:
    """Yield the joint coverage of the intervals against the best, and of the t interval of one mean."""
    rng = np.random.default_rng(7)
    truth = np.array([0.0, 0.3, 0.3, -1.0])
    others = [np.delete(truth, i).max() for i in range(4)]
    for n in SIZES:
        held = alone = 0
        for _ in range(repetitions):
            values = truth + rng.normal(0, 5, (n, 1)) + rng.normal(0, [0.3, 0.6, 1.2, 0.6], (n, 4))
            _, low, high, _ = _constrained(values, LEVEL)
            held += bool(((low <= truth - others) & (truth - others <= high)).all())
            found = mean_interval(values[:, 0], LEVEL)
            alone += found.low <= truth[0] <= found.high
        yield row("against the best, jointly", "normal, 4 levels", n, held / repetitions, repetitions)
        yield row("t of one mean", "normal", n, alone / repetitions, repetitions)


def sequential_rows(repetitions: int) -> Iterator[dict[str, object]]:
    """Yield the coverage of the t interval at the number of replications at which the sequential rule stops."""
    rng = np.random.default_rng(10)
    for kind, cv, relative in (("normal, cv 0.2", 0.2, 0.1), ("normal, cv 0.2", 0.2, 0.05), ("exponential", 1.0, 0.2)):
        precision, held, used = Precision("makespan_s", relative=relative), 0, 0
        for _ in range(repetitions):
            values = rng.exponential(1, 400) if kind == "exponential" else rng.normal(1, cv, 400)
            enough = decide(values, precision).enough or 400
            found = mean_interval(values[:enough], LEVEL)
            held, used = held + (found.low <= 1 <= found.high), used + enough
        yield row(
            f"t after stopping at ±{relative:.0%}", kind, round(used / repetitions), held / repetitions, repetitions
        )


def binomial_rows() -> Iterator[dict[str, object]]:
    """Yield the exact coverage of the intervals for shares of replications."""
    for n in (10, 20, 50, 200):
        for p in (0.01, 0.05, 0.2, 0.5):
            weights = stats.binom.pmf(np.arange(n + 1), n, p)
            for name, interval in (("Clopper-Pearson", clopper_pearson), ("Wilson", wilson)):
                ends = [interval(events, n, LEVEL) for events in range(n + 1)]
                held = sum(w for w, (low, high) in zip(weights, ends, strict=True) if low <= p <= high)
                yield row(name, f"binomial, p = {p}", n, float(held), None)
        bound = zero_bound(n, LEVEL)
        yield row("zero bound", "binomial, p just above the bound", n, 1 - (1 - bound) ** n, None)


def row(method: str, kind: str, n: int, coverage: float, repetitions: int | None) -> dict[str, object]:
    """Return one row with the binomial error of a simulated coverage; None means that it is exact."""
    error = 0.0 if repetitions is None else math.sqrt(max(coverage * (1 - coverage), 1e-4) / repetitions)
    return {"method": method, "distribution": kind, "n": n, "coverage": round(coverage, 4),
            "standard_error": round(error, 4), "repetitions": repetitions or "exact"}  # fmt: skip


def figure(table: pd.DataFrame) -> mpl.figure.Figure:
    """Draw the coverage of the three paired methods, a panel per distribution."""
    with mpl.rc_context(RC):
        drawn = new_figure(8.4, 4.6)
        axes = drawn.subplots(2, 3, sharex=True, sharey=True)
        for panel, kind in zip(axes.flat, KINDS, strict=True):
            panel.axhline(LEVEL, color="0.25", linestyle=(0, (4, 2)), linewidth=0.9)
            for method, style in zip(METHODS, line_styles(3, 8.0, joined=True), strict=True):
                part = table[(table["method"] == f"paired {method}") & (table["distribution"] == kind)]
                x = part["n"] * 1.04 ** (METHODS.index(method) - 1)
                label = {"t": "t", "bca": "BCa", "auto": "the rule used (auto)"}[method]
                panel.errorbar(x, part["coverage"], yerr=2 * part["standard_error"], capsize=2, elinewidth=0.8,
                               label=label, **style.kwargs())  # fmt: skip
            panel.set_title(f"{kind}, skewness {KINDS[kind][2]:g}")
            panel.set_xscale("log")
            panel.set_xticks(SIZES, [str(n) for n in SIZES])
            panel.set_xticks([], minor=True)
        write_letters(list(axes.flat))
        for panel in axes[1]:
            panel.set_xlabel("replications")
        for panel in axes[:, 0]:
            panel.set_ylabel("coverage")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        title = "bars: ±2 standard errors · dashed: 95 %"
        drawn.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, title=title)
        drawn.suptitle("Coverage of 95 % intervals for a mean paired difference", fontsize=11)
    return drawn


def markdown(table: pd.DataFrame) -> str:
    """Return the tables and what they say."""
    paired = table[table["method"].str.startswith("paired")]
    pivot = paired.pivot_table(index=["distribution", "n"], columns="method", values="coverage", sort=False)
    others = table[~table["method"].str.startswith("paired")]
    shares = others[others["method"].isin(["Clopper-Pearson", "Wilson"])].groupby("method")["coverage"]
    least = "; ".join(f"{name}: at least {one.min():.3f}, mean {one.mean():.3f}" for name, one in shares)
    repetitions, error = paired["repetitions"].iloc[0], paired["standard_error"].max()
    left = [*as_markdown(pivot.reset_index())]
    right = as_markdown(others[["method", "distribution", "n", "coverage", "standard_error"]])
    text = TEXT.format(repetitions=repetitions, error=error, least=least)
    return text.replace("PAIRED", "\n".join(left)).replace("OTHERS", "\n".join(right))


def as_markdown(table: pd.DataFrame) -> list[str]:
    """Return a table in Markdown."""
    rows = [[str(cell) for cell in one] for one in table.itertuples(index=False)]
    return ["| " + " | ".join(map(str, one)) + " |" for one in [table.columns, ["---"] * len(table.columns), *rows]]


def main() -> None:
    """Draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 repetitions in place of 2000")
    parser.add_argument("--output", type=Path, default=Path("results/verification"))
    given = parser.parse_args()
    repetitions = 300 if given.quick else 2000
    table = pd.DataFrame(
        [*drawn_rows(repetitions), *joint_rows(repetitions), *sequential_rows(repetitions), *binomial_rows()]
    )
    given.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.output / "interval_coverage.csv", index=False, lineterminator="\n")
    (given.output / "interval_coverage.md").write_text(markdown(table), encoding="utf-8")
    save_figure(figure(table), given.output, "interval_coverage")
    print(f"{given.output}: interval_coverage.csv, .md, .png, .svg")


if __name__ == "__main__":
    main()
