"""A study from Python: one scenario, some factors, no file."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.plain_levels import plain_levels, plain_value
from simsmtp.experiment.scenario_keys import flat, is_scenario_key
from simsmtp.model.arguments import scenario_given
from simsmtp.running.executors import executor_of
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import PreparedRun, StudyInterrupted, execute, prepared_run
from simsmtp.running.scratch_folder import ScratchFolder

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario
    from simsmtp.study.study import Study

_NAME = "sweep"
_EXAMPLE = '{"client.batch_size": [50, 100]}'
_KEEP = "with output=FOLDER, what is finished is kept"


def sweep(
    scenario: Scenario | Mapping[str, object],
    factors: Mapping[str, object],
    *,
    replications: int = 20,
    seed: int = 0,
    workers: int | None = None,
    engine: str = "auto",
    output: str | Path | None = None,
    title: str | None = None,
    repair: bool = False,
    progress: bool | str | None = None,
    determinism_check: bool = True,
    executor: str = "local",
    scheduler: str | None = None,
) -> Study:
    """Run a scenario at all combinations of the levels of some factors.

    Parameters
    ----------
    scenario : Scenario or dict
        What the factors change.
    factors : mapping
        Scenario key → its levels: a list, tuple, range or array. Or a name of your own → a dict of named variants,
        each a dict of scenario keys. The first factor varies slowest.
    replications : int
        Of every combination.
    seed : int
        Key of all random draws. Equal seeds give equal rows.
    output : str or Path, optional
        Folder of the results: finished replications are kept there and not computed again, and `Study.write` is
        called. By default nothing is left on disk: rows are in a temporary folder that goes with the study, and
        ``study.write(folder)`` keeps them.
    title : str, optional
        Above figures and tables; by default the names of the factors.
    workers, engine, repair, progress, determinism_check, executor, scheduler
        As of `simsmtp.run`.

    Returns
    -------
    Study
        All rows, their summary, and figures by `Study.plot`.

    Raises
    ------
    InputError
        If anything given cannot be used; the message names the key. Nothing was run then.
    UnfinishedError, StudyInterrupted
        As of `simsmtp.run`. Without `output`, what was finished is lost.

    Examples
    --------
    >>> study = sweep({}, {"client.strategy": ["corrected", "one-stop"]}, replications=2, workers=1)
    >>> study.summary().query("response == 'false_ndr'")["mean"].tolist()
    [0.0, 149.0]
    """
    tables = {
        "study": {
            "name": _NAME,
            "title": _title(factors) if title is None else title,
            "replications": plain_value(replications),
            "seed": plain_value(seed),
        },
        "scenario": scenario_given(scenario)._given,
        "factors": _read(factors),
    }
    options = RunOptions(
        workers=workers, engine=engine, output=output, repair=repair, progress=progress,
        determinism_check=determinism_check, executor=executor, scheduler=scheduler,
    )  # fmt: skip
    try:
        experiment = Experiment.from_dict(tables)
        prepared = prepared_run(experiment, options, executor_of(executor, scheduler))
    except InputError as error:
        raise _as_argument(error) from None
    if output is None:
        return _run_unkept(prepared)
    study = execute(prepared)
    study.write()
    return study


def _run_unkept(prepared: PreparedRun) -> Study:
    scratch = ScratchFolder()
    try:
        return dataclasses.replace(execute(prepared._replace(folder=scratch.path)), scratch=scratch)
    except BaseException as error:
        scratch.remove()
        if isinstance(error, StudyInterrupted):
            done = f"{error.finished} of {error.total} replications"
            raise KeyboardInterrupt(f"interrupted after {done}, which are lost; {_KEEP}") from None
        if isinstance(error, UnfinishedError):  # what was stored is gone: no word of that
            raise UnfinishedError(f"{str(error).partition(';')[0]}; {_KEEP}") from None
        raise


def _read(factors: object) -> dict[str, Any]:
    """Return factors as the table of an experiment file."""
    if not isinstance(factors, Mapping) or not all(isinstance(name, str) for name in factors):
        raise InputError("should be a dict of levels", key="factors", given=factors, allowed=_EXAMPLE)
    found: dict[str, Any] = {}
    for name, levels in flat(factors).items():
        if isinstance(levels, Mapping) and is_scenario_key(name):
            allowed = "a list of levels; named variants get a name that is no scenario key"
            raise InputError("a dict names the variants of several keys", key=name, given=levels, allowed=allowed)
        found[name] = plain_value(levels) if isinstance(levels, Mapping) else plain_levels(name, levels)
    _require_own_keys(found)
    return found


def _require_own_keys(factors: Mapping[str, Any]) -> None:
    """Raise an `InputError` if two factors set one key: the levels of one of them would do nothing."""
    counts: Counter[str] = Counter()
    for name, levels in factors.items():
        variants = levels.values() if isinstance(levels, Mapping) else [{name: None}]
        counts.update({key for one in variants if isinstance(one, Mapping) for key in flat(one)})
    if twice := next((key for key, count in counts.items() if count > 1), None):
        raise InputError("is set by two factors", key=twice, given=list(factors), allowed="one factor for each key")


def _title(factors: object) -> str:
    from simsmtp.figures.labels import factor_name

    names = [factor_name(str(name)).name for name in factors] if isinstance(factors, Mapping) else []
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"Sweep over {listed}" if names else "One scenario"


def _as_argument(error: InputError) -> InputError:
    """Return the same complaint with its key as the caller wrote it, not as a file would."""
    key = error.key
    for table in ("factors.", "study.", "scenario."):
        key = key.removeprefix(table) if key else None
    return InputError(error.message, key=key, given=error.given, allowed=error.allowed)
