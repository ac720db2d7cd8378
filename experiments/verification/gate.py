"""How often the gate of simsmtp errs: paired replications drawn with a true change that is known.

Each comparison has R pairs (a, b): a is lognormal with a coefficient of variation of 30 %, as loads differ between
replications, and b = a (1 + change) times noise of 4 % that the change brings with it. The margin is 5 %. Beside the
gate stand a naive ratio of means that alarms above the margin, and Mann-Whitney's test on the same data at the gate's
own level. Families are 20 such cells in one comparison. Writes ``gate.csv``, ``.md``, ``.png`` and ``.svg``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from scipy import stats

from simsmtp.figures.canvas import new_figure, save_figure
from simsmtp.figures.line_styles import RC, line_styles
from simsmtp.figures.outside import write_letters
from simsmtp.gate.comparison import ALARM
from simsmtp.gate.verdicts import INCONCLUSIVE, OK, REGRESSION, Cell, Margin, judge, with_alarms
from simsmtp.rows.responses import BY_NAME

CHANGES = (0.0, 0.02, 0.044, 0.05, 0.06, 0.07, 0.08, 0.1)
SIZES = (5, 10, 20)
MARGIN, LEVEL, FAMILY = 0.05, 0.95, 20
SPREAD, NOISE = 0.3, 0.04
RESPONSE = BY_NAME["makespan_s"]
CURVES = {
    "gate: REGRESSION": "regression",
    "gate: OK": "ok",
    "naive ratio of means": "naive_alarm",
    "Mann-Whitney": "mann_whitney_alarm",
}
TEXT = """# Errors of the gate

`python experiments/verification/gate.py` draws this again: {repetitions} comparisons of each kind, margin 5 %, pairs
with 4 % noise of their own; standard errors up to {error:.4f}. Up to a true change of +5 % an alarm is false.

{finding}

{table}

- `regression`, `ok`, `inconclusive`: verdicts of the gate on one cell. `inconclusive` asks for more replications.
- `naive_alarm`: the ratio of the two means lies above the margin.
- `mann_whitney_alarm`: Mann-Whitney's test of b against 1.05 a, one-sided at 1 %, blind to the pairs.
- `family_alarm`: at least one REGRESSION in a comparison of {family} cells that all have this change (Holm at 1 %).
- `two_looks_alarm`: REGRESSION at half of the replications, or at all of them where half was inconclusive.
"""


def rows(repetitions: int) -> Iterator[dict[str, object]]:
    """Yield the shares of verdicts and alarms for each number of replications and true change."""
    rng = np.random.default_rng(2026)
    for n in SIZES:
        for change in CHANGES:
            a = lognormal(rng, SPREAD, (repetitions, n))
            b = a * (1 + change) * lognormal(rng, NOISE, (repetitions, n))
            cells = judged(a, b, LEVEL)
            verdicts = [with_alarms([cell], ALARM)[0].verdict for cell in cells]
            shares = {one.lower(): verdicts.count(one) / repetitions for one in (REGRESSION, OK, INCONCLUSIVE)}
            naive = float((b.mean(axis=1) > (1 + MARGIN) * a.mean(axis=1)).mean())
            ranks = stats.mannwhitneyu(b, (1 + MARGIN) * a, alternative="greater", axis=1).pvalue
            yield {"replications": n, "true_change": change, **shares, "naive_alarm": naive,
                   "mann_whitney_alarm": float((ranks <= ALARM).mean()), "family_alarm": family_alarms(cells),
                   "two_looks_alarm": two_looks(a, b),
                   "repetitions": repetitions}  # fmt: skip


def judged(a: np.ndarray, b: np.ndarray, level: float) -> list[Cell]:
    """Judge one cell per row, as redrawn loads: no shortcut for equal mail."""
    return [judge(*pair, RESPONSE, Margin(MARGIN), level, same_mail=False) for pair in zip(a, b, strict=True)]


def two_looks(a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of alarms at half of the replications or, where that is inconclusive, at all of them."""
    half = a.shape[1] // 2
    looks = [judged(a[:, :n], b[:, :n], 1 - (1 - LEVEL) / 2) for n in (half, a.shape[1])]
    first, second = ([with_alarms([cell], ALARM / 2)[0].verdict for cell in cells] for cells in looks)
    last = [two if one == INCONCLUSIVE else one for one, two in zip(first, second, strict=True)]
    return last.count(REGRESSION) / len(last)


def lognormal(rng: np.random.Generator, cv: float, size: tuple[int, int]) -> np.ndarray:
    """Draw with mean 1."""
    sigma = np.sqrt(np.log1p(cv**2))
    return rng.lognormal(-(sigma**2) / 2, sigma, size)


def family_alarms(cells: list[Cell]) -> float:
    """Return the share of families with at least one alarm."""
    families = [cells[i : i + FAMILY] for i in range(0, len(cells) - FAMILY + 1, FAMILY)]
    return float(np.mean([any(one.verdict == REGRESSION for one in with_alarms(f, ALARM)) for f in families]))


def finding(table: pd.DataFrame) -> str:
    """Return the main numbers in words."""
    near = table[table["true_change"] == 0.044]
    false = table[table["true_change"] <= MARGIN]
    ten = table[(table["true_change"] == 0.1) & (table["replications"] == 20)].iloc[0]
    passed = table[table["true_change"] >= 0.06]["ok"].max()
    return (
        f"At +4.4 % the naive ratio alarms falsely in {near['naive_alarm'].min():.0%} to "
        f"{near['naive_alarm'].max():.0%} of comparisons, the gate in at most {near['regression'].max():.1%}; at the "
        f"margin itself in at most {false['regression'].max():.1%}, and in {false['family_alarm'].max():.1%} of whole "
        f"families. A true +10 % is found by the gate with 20 replications in {ten['regression']:.1%}, by "
        f"Mann-Whitney's test in {ten['mann_whitney_alarm']:.1%}. A change of +6 % or more passes as OK in at most "
        f"{passed:.1%}."
    )


def figure(table: pd.DataFrame) -> mpl.figure.Figure:
    """Draw shares against the true change, a panel per number of replications."""
    with mpl.rc_context(RC):
        drawn = new_figure(8.4, 3.2)
        panels = drawn.subplots(1, len(SIZES), sharey=True)
        for panel, n in zip(panels, SIZES, strict=True):
            draw_panel(panel, table[table["replications"] == n])
            panel.set_title(f"{n} replications")
        write_letters(panels)
        panels[0].set_ylabel("share of comparisons")
        handles, labels = panels[0].get_legend_handles_labels()
        title = "bars: ±2 standard errors, within 0 and 1"
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, title=title)
        drawn.suptitle("Verdicts against the true change, 4 % noise in each pair; dashed: the margin", fontsize=10.5)
    return drawn


def draw_panel(panel: mpl.axes.Axes, part: pd.DataFrame) -> None:
    """Draw one panel with binomial error bars of two standard errors."""
    panel.axvline(100 * MARGIN, color="0.25", linestyle=(0, (4, 2)), linewidth=0.9)
    for (label, column), style in zip(CURVES.items(), line_styles(len(CURVES), 8.0, joined=True), strict=True):
        share = part[column].to_numpy()
        error = 2 * np.sqrt(share * (1 - share) / part["repetitions"].to_numpy())
        within = np.vstack([np.minimum(error, share), np.minimum(error, 1 - share)])
        panel.errorbar(100 * part["true_change"], share, yerr=within, label=label, **style.kwargs())
    panel.set_xlabel("true change (%)")
    panel.set_ylim(-0.03, 1.03)


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the comparisons")
    parser.add_argument("--output", type=Path, default=Path("results/verification"), help="folder of the files")
    given = parser.parse_args()
    repetitions = 1000 if given.quick else 10_000
    table = pd.DataFrame(rows(repetitions))
    given.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.output / "gate.csv", index=False, float_format="%.4f", lineterminator="\n")
    shown = table.drop(columns="repetitions")
    lines = ["| " + " | ".join(shown.columns) + " |", "|" + "---:|" * len(shown.columns)]
    lines += ["| " + " | ".join(f"{one:g}" for one in row) + " |" for row in shown.round(4).to_numpy()]
    text = TEXT.format(repetitions=f"{repetitions:,}", error=0.5 / np.sqrt(repetitions), family=FAMILY,
                       finding=finding(table), table="\n".join(lines))  # fmt: skip
    (given.output / "gate.md").write_text(text, encoding="utf-8")
    save_figure(figure(table), given.output, "gate")
    print(f"{given.output}: gate.csv, .md, .png, .svg")


if __name__ == "__main__":
    main()
