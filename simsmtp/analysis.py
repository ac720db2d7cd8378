"""What researchers ask of rows after a run; each name is imported when it is first used.

========================================  ==============================================================
precision                                 `mean_interval`, `zero_bound`, `rule_of_three`, `share_showing_any`,
                                          `run_to_precision`
comparisons under common random numbers   `paired_difference`, `simultaneous`, `against_best`
warm-up and steady state                  `delay_series`, `mser5`, `warmup_figure`, `steady_state`
sensitivity                               `tornado`, `sobol`, `Span`
real mail programs                        `audit_differences`, `is_predictable`: rows of ``simsmtp audit``;
                                          `read_measured`, `read_calibration`, `predicted_durations`,
                                          `pairs_figure`: sessions of ``simsmtp lab`` and their prediction
========================================  ==============================================================

Examples
--------
>>> from simsmtp import analysis
>>> round(analysis.mean_interval([10.0, 12.0, 11.0]).mean, 3)
11.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.public_names import imported

if TYPE_CHECKING:
    from simsmtp.audit.likeness import audit_differences, is_predictable
    from simsmtp.calibration.measured import read_measured
    from simsmtp.calibration.parameters import read_calibration
    from simsmtp.calibration.predict import predicted_durations
    from simsmtp.figures.pairs_figure import pairs_figure
    from simsmtp.figures.warmup_figure import warmup_figure
    from simsmtp.running.sequential_run import run_to_precision
    from simsmtp.statistics.best_level import against_best
    from simsmtp.statistics.intervals import Interval, mean_interval, zero_bound
    from simsmtp.statistics.paired import simultaneous
    from simsmtp.statistics.paired_difference import Difference, paired_difference
    from simsmtp.statistics.rates import rule_of_three, share_showing_any
    from simsmtp.statistics.sensitivity import Span, sobol, tornado
    from simsmtp.statistics.warmup import delay_series, mser5, steady_state

__all__ = [
    "Difference",
    "Interval",
    "Span",
    "against_best",
    "audit_differences",
    "delay_series",
    "is_predictable",
    "mean_interval",
    "mser5",
    "paired_difference",
    "pairs_figure",
    "predicted_durations",
    "read_calibration",
    "read_measured",
    "rule_of_three",
    "run_to_precision",
    "share_showing_any",
    "simultaneous",
    "sobol",
    "steady_state",
    "tornado",
    "warmup_figure",
    "zero_bound",
]

_HOMES = {
    "Difference": "statistics.paired_difference",
    "Interval": "statistics.intervals",
    "Span": "statistics.sensitivity",
    "against_best": "statistics.best_level",
    "audit_differences": "audit.likeness",
    "delay_series": "statistics.warmup",
    "is_predictable": "audit.likeness",
    "mean_interval": "statistics.intervals",
    "mser5": "statistics.warmup",
    "paired_difference": "statistics.paired_difference",
    "pairs_figure": "figures.pairs_figure",
    "predicted_durations": "calibration.predict",
    "read_calibration": "calibration.parameters",
    "read_measured": "calibration.measured",
    "rule_of_three": "statistics.rates",
    "run_to_precision": "running.sequential_run",
    "share_showing_any": "statistics.rates",
    "simultaneous": "statistics.paired",
    "sobol": "statistics.sensitivity",
    "steady_state": "statistics.warmup",
    "tornado": "statistics.sensitivity",
    "warmup_figure": "figures.warmup_figure",
    "zero_bound": "statistics.intervals",
}


def __getattr__(name: str) -> object:
    return imported(name, _HOMES, globals())


def __dir__() -> list[str]:
    return sorted(__all__)
