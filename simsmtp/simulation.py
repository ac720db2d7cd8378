"""One scenario, some replications: the shortest way from a question to rows."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.engines import ENGINES, run_replication
from simsmtp.errors import InputError
from simsmtp.model.records import Output, RecipientRow
from simsmtp.model.responses import COLUMNS
from simsmtp.model.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class Result:
    """What the replications of one scenario gave; made by `simulate`.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    seed : int
        Key of all random draws.
    engine : str
        As asked for.
    replications : DataFrame
        One row per replication: ``replication``, then every response column of the model.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        engine: str,
        replications: DataFrame,
        recipients: DataFrame | None = None,
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.engine = engine
        self.replications = replications
        self._recipients = recipients

    def summary(self, level: float = 0.95, *, intervals: bool = False) -> DataFrame:
        """Return one row: the mean of every response over the replications.

        Parameters
        ----------
        level : float
            Confidence level of the intervals.
        intervals : bool
            Add ``<response>_low`` and ``<response>_high`` behind each mean: the t interval, nan with
            one replication, within [0, 1] for shares and at or above 0 for the rest.

        Raises
        ------
        InputError
            If `level` is not between 0 and 1.
        """
        import pandas as pd  # noqa: PLC0415 - importing pandas is paid for only where it is used

        from simsmtp.analysis.summary import summarise  # noqa: PLC0415

        found = summarise(self.replications.assign(point=0), [], COLUMNS, level)
        row = {}
        for name, mean, low, high in found[["response", "mean", "low", "high"]].itertuples(index=False):
            row[name] = mean
            if intervals:
                row |= {f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame([row])

    def recipients(self) -> DataFrame:
        """Return one row per recipient: ``replication``, then the fields of `RecipientRow`.

        Unless `simulate` was told to keep them, the replications are run once more: the same seed gives
        the same rows.
        """
        if self._recipients is None:
            outputs = _run(self.scenario, self.seed, len(self.replications), self.engine, recipients=True)
            self._recipients = _recipient_table(outputs)
        return self._recipients

    def plot(self) -> Figure:
        """Draw the ledger and the delays; needs `recipients`.

        See `simsmtp.analysis.result_views.result_figure` for how to read it.
        """
        from simsmtp.analysis.result_views import result_figure  # noqa: PLC0415

        return result_figure(self.replications, self.recipients(), self._title())

    def _title(self) -> str:
        client, server = self.scenario.client, self.scenario.server
        limit = f"limit {server.recipient_limit}" if server.recipient_limit else "no limit"
        count = len(self.replications)
        runs = f"{count} replication{'s' if count > 1 else ''}, seed {self.seed}"
        return f"{client.strategy}, {limit}, batch size {client.batch_size} · {runs}"

    def __repr__(self) -> str:
        mean = {name: float(np.mean(self.replications[name])) for name in ("delivered", "recipients")}
        delivered = f"{mean['delivered']:.6g} of {mean['recipients']:.6g} recipients delivered"
        rate = float(np.mean(self.replications["false_ndr_rate"]))
        return f"<Result: {self._title()} · {delivered}, false-NDR rate {rate:.4g}>"

    def _repr_html_(self) -> str:
        from simsmtp.analysis.result_views import result_table  # noqa: PLC0415

        return result_table(self.replications, self._title())


def simulate(
    scenario: Scenario | Mapping[str, object],
    *,
    seed: int = 0,
    replications: int = 1,
    engine: str = "auto",
    recipients: bool = False,
) -> Result:
    """Run a scenario some times, one replication after the other.

    Parameters
    ----------
    scenario : Scenario or dict
        What to simulate; a dict holds the nested tables of a `Scenario`.
    seed : int
        Key of all random draws, 0 or more. Equal seeds give equal rows, and recipients that meet the
        same fate under every strategy.
    replications : int
        How many, at least 1.
    engine : str
        ``"reference"``, or ``"auto"`` for the fastest one that can run the scenario.
    recipients : bool
        Keep one row per recipient now, instead of running again when `Result.recipients` asks for it.

    Returns
    -------
    Result
        Tables, a summary, a picture.

    Raises
    ------
    InputError
        If an argument is not one of these, or a dict is no scenario.

    Examples
    --------
    >>> result = simulate({"client": {"strategy": "one-stop"}}, seed=1)
    >>> int(result.summary()["false_ndr"].iloc[0])
    149
    """
    wanted = _scenario(scenario)
    seed = _whole(seed, "seed", 0)
    count = _whole(replications, "replications", 1)
    if engine not in ENGINES:
        raise InputError("unknown engine", key="engine", given=engine, allowed=ENGINES)
    outputs = _run(wanted, seed, count, engine, recipients=recipients)
    kept = _recipient_table(outputs) if recipients else None
    return Result(wanted, seed, engine, _replication_table(outputs), kept)


def _run(scenario: Scenario, seed: int, count: int, engine: str, *, recipients: bool) -> list[Output]:
    return [
        run_replication(scenario, seed=seed, replication=replication, engine=engine, recipients=recipients)
        for replication in range(count)
    ]


def _replication_table(outputs: list[Output]) -> DataFrame:
    import pandas as pd  # noqa: PLC0415 - importing pandas is paid for only where it is used

    rows = [{"replication": i, **output.responses} for i, output in enumerate(outputs)]
    return pd.DataFrame(rows)[["replication", *COLUMNS]]


def _recipient_table(outputs: list[Output]) -> DataFrame:
    import pandas as pd  # noqa: PLC0415

    rows = [(i, *recipient) for i, output in enumerate(outputs) for recipient in output.recipients]
    return pd.DataFrame(rows, columns=["replication", *RecipientRow._fields])


def _scenario(given: object) -> Scenario:
    if isinstance(given, Scenario):
        return given
    if isinstance(given, Mapping):
        return Scenario.from_dict(given)
    allowed = "a Scenario, or a dict of its tables"
    raise InputError("not a scenario", key="scenario", given=given, allowed=allowed)


def _whole(given: object, key: str, least: int) -> int:
    if isinstance(given, bool) or not isinstance(given, Integral) or not least <= int(given) < 2**63:
        allowed = f"a whole number, {least} or more and below 2**63"
        raise InputError("out of range or not a whole number", key=key, given=given, allowed=allowed)
    return int(given)
