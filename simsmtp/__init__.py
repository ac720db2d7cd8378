"""Pipelined SMTP under recipient limits: what happens to recipients, and to throughput.

Everything public stands here and is imported when it is first used::

    import simsmtp

    scenario = simsmtp.Scenario(client={"strategy": "one-stop"}, server={"recipient_limit": 100})
    result = simsmtp.simulate(scenario, seed=1, replications=30)
    study = simsmtp.sweep(scenario, {"client.batch_size": [50, 100, 250]}, replications=20)
    study = simsmtp.run("experiments/kb822105.toml")

What is asked of rows after a run is in `simsmtp.analysis`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from simsmtp import old_names
from simsmtp._version import __version__
from simsmtp.public_names import imported

if TYPE_CHECKING:
    from simsmtp import analysis, presets, strategies
    from simsmtp.errors import ConservationError, InputError, SimsmtpError
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.experiment.experiment_file import load_experiment
    from simsmtp.exploring import explore
    from simsmtp.gate.comparison import Comparison
    from simsmtp.gate.gate import compare
    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.capacity import capacity
    from simsmtp.rows.responses import RESPONSES
    from simsmtp.running.runner import run
    from simsmtp.running.sweep import sweep
    from simsmtp.simulation import Result, simulate
    from simsmtp.strategies.counting import Knobs, Rcpt, Verdict, by_own_reply
    from simsmtp.strategies.hooks import TextReply
    from simsmtp.strategies.registry import register_strategy
    from simsmtp.strategies.reply_class import ReplyClass
    from simsmtp.strategies.tally import Tally
    from simsmtp.study.study import Study
    from simsmtp.tracing import Dialogue, trace

__all__ = [
    "RESPONSES",
    "Comparison",
    "ConservationError",
    "Dialogue",
    "Experiment",
    "InputError",
    "Knobs",
    "Rcpt",
    "ReplyClass",
    "Result",
    "Scenario",
    "SimsmtpError",
    "Study",
    "Tally",
    "TextReply",
    "Verdict",
    "__version__",
    "analysis",
    "by_own_reply",
    "capacity",
    "compare",
    "explore",
    "load_experiment",
    "presets",
    "register_strategy",
    "run",
    "simulate",
    "strategies",
    "sweep",
    "trace",
]

_HOMES = {
    "RESPONSES": "rows.responses",
    "Comparison": "gate.comparison",
    "ConservationError": "errors",
    "Dialogue": "tracing",
    "Experiment": "experiment.experiment",
    "InputError": "errors",
    "Knobs": "strategies.counting",
    "Rcpt": "strategies.counting",
    "Result": "simulation",
    "Scenario": "model.scenario",
    "ReplyClass": "strategies.reply_class",
    "SimsmtpError": "errors",
    "Study": "study.study",
    "Tally": "strategies.tally",
    "TextReply": "strategies.hooks",
    "Verdict": "strategies.counting",
    "by_own_reply": "strategies.counting",
    "capacity": "planning.capacity",
    "compare": "gate.gate",
    "load_experiment": "experiment.experiment_file",
    "register_strategy": "strategies.registry",
    "run": "running.runner",
    "simulate": "simulation",
    "explore": "exploring",
    "sweep": "running.sweep",
    "trace": "tracing",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: pydantic, pandas and SciPy cost a second together."""
    if name in {"analysis", "presets", "strategies"}:
        return import_module(f"simsmtp.{name}")
    if name in old_names.NAMES:
        old_names.warn(f"simsmtp.{name}", f"simsmtp.{old_names.NAMES[name]}", stacklevel=3)
        return __getattr__(old_names.NAMES[name])
    return imported(name, _HOMES, globals())


def __dir__() -> list[str]:
    return sorted(__all__)


old_names.install()
