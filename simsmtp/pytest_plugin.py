"""A pytest plugin: ``simsmtp_study`` runs an experiment inside a test.

It is registered as an entry point, so it is there wherever simsmtp is installed, and it imports nothing heavy until a
test asks for it::

    import simsmtp

    def test_counting_is_no_worse_than_the_baseline(simsmtp_study):
        study = simsmtp_study("gate.toml", strategies=["my_strategy.py"])
        found = simsmtp.compare("baseline.csv", study)
        assert found.exit_code == 0, found.to_markdown()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simsmtp.study.study import Study


@pytest.fixture
def simsmtp_study(tmp_path: Path) -> Callable[..., Study]:
    """Return a function that runs an experiment below ``tmp_path`` and returns its `Study`.

    It takes the path of an experiment file, or a dict of its tables; ``settings`` and ``strategies`` as
    `simsmtp.run` does; and any other keyword of `simsmtp.run`. One process is used unless ``workers`` says
    otherwise, and no progress is shown. Each call has a results folder of its own unless ``output`` is given.
    """
    calls: list[Path] = []

    def run_study(
        experiment: str | Path | Mapping[str, Any],
        *,
        settings: Sequence[str] = (),
        strategies: Iterable[str | Path] = (),
        **options: Any,
    ) -> Study:
        import simsmtp

        calls.append(tmp_path / f"simsmtp-{len(calls) + 1}")
        given = {"workers": 1, "progress": False, "output": calls[-1], **options}
        if isinstance(experiment, Mapping):
            from simsmtp.running.user_strategies import find_strategies

            strategies = find_strategies(strategies)
            return simsmtp.run(simsmtp.Experiment.from_dict(experiment, settings), strategies=strategies, **given)
        return simsmtp.run(experiment, settings=settings, strategies=strategies, **given)

    return run_study
