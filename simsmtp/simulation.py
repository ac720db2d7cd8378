"""One scenario, some replications: the shortest way from a question to rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.engines import ENGINES, Block, choose_engine, expected_recipients, run_block, run_replication
from simsmtp.engines.repeated import run_here
from simsmtp.errors import InputError
from simsmtp.model.arguments import scenario_given, whole_number
from simsmtp.model.numbers import counted, number_text
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.progress import late_progress_bar
from simsmtp.public_names import ShowsPublicNames
from simsmtp.rows.records import Output
from simsmtp.rows.response_rows import one_row
from simsmtp.rows.responses import COLUMNS
from simsmtp.rows.row_spool import RowSpool
from simsmtp.strategies.own_code import kept_alive
from simsmtp.strategies.registry import strategy_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

    from simsmtp.rows.recipient_rows import RecipientRows


class Result(ShowsPublicNames):
    """What the replications of one scenario gave; made by `simulate`.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    seed : int
        Key of all random draws.
    engine : str
        As asked for.
    engines : dict
        Engine → replications that it ran; ``"auto"`` is none of them.
    replications : DataFrame
        One row per replication: ``replication``, then every response column of the model.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        engine: str,
        replications: DataFrame,
        recipients: RowSpool | None = None,
        *,
        engines: Mapping[str, int],
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.engine = engine
        self.engines = dict(engines)
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
        import pandas as pd

        from simsmtp.statistics.summary import summarise

        found = summarise(self.replications.assign(point=0), [], COLUMNS, level)
        row = {}
        for name, mean, low, high in found[["response", "mean", "low", "high"]].itertuples(index=False):
            row[name] = mean
            if intervals:
                row |= {f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame([row])

    def recipients(self) -> DataFrame:
        """Return one row per recipient: ``replication``, then the fields of `simsmtp.rows.records.RecipientRow`.

        Unless `simulate` was told to keep them, the replications are run once more: the same seed gives
        the same rows. The table lies in memory; `write_recipients` does without it.
        """
        import pandas as pd

        if self._recipients is None:
            kept = RowSpool()
            for rows in self._run_again():
                kept.add(rows)
            kept.close()
            self._recipients = kept
        return pd.concat(_recipient_tables(self._recipients), ignore_index=True)

    def destinations(self) -> DataFrame:
        """Return one row per replication and destination: what became of its recipients, and where their time went.

        The replications are run once more: the same seed gives the same rows. The columns are those of
        `replications` that one destination has by itself.
        """
        from simsmtp.rows.destination_rows import destination_table

        return destination_table(_run(self.scenario, self.seed, len(self.replications), self.engine))

    def write_recipients(self, path: str | Path) -> Path:
        """Write what `recipients` returns into a file, in memory that does not grow with the rows.

        Parameters
        ----------
        path : str or Path
            Ends in ``.csv``, ``.csv.gz`` or, with the extra ``parquet``, ``.parquet``; replaced if it is there.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the file cannot be written, which is found out before anything is run.
        """
        from simsmtp.output.recipient_files import write_recipients

        rows = self._run_again() if self._recipients is None else self._recipients
        return write_recipients(path, _recipient_tables(rows))

    def _run_again(self) -> Iterator[RecipientRows]:
        outputs = _run(self.scenario, self.seed, len(self.replications), self.engine)
        return (output.recipients for output in outputs)

    def plot(self, ax: object = None) -> Figure:
        """Draw the ledger and the delays; the delays need `recipients`.

        See `simsmtp.figures.result_views.result_figure` for how to read it.

        Parameters
        ----------
        ax : Axes or two of them, optional
            Draw into axes of your own: one gets the ledger, two get the ledger and the delays, as in
            ``result.plot(ax=plt.subplots(1, 2)[1])``.

        Returns
        -------
        matplotlib.figure.Figure
            A new one, or that of `ax`. Its ``show()`` opens a new one in a window.

        Raises
        ------
        InputError
            If `ax` is something else.
        """
        from simsmtp.figures.result_views import result_figure

        return result_figure(self.replications, self.recipients, self._title(), ax)

    def _title(self) -> str:
        client, server = self.scenario.client, self.scenario.server
        limit = f"limit {server.recipient_limit}" if server.recipient_limit else "no limit"
        runs = f"{counted(len(self.replications), 'replication')}, seed {self.seed}"
        return f"{client.strategy}, {limit}, batch size {client.batch_size} · {runs}"

    def __repr__(self) -> str:
        mean = {name: float(np.mean(self.replications[name])) for name in ("delivered", "recipients")}
        delivered = f"{_mean_text(mean['delivered'])} of {_mean_text(mean['recipients'])} recipients delivered"
        rate = float(np.mean(self.replications["false_ndr_rate"]))
        return f"<Result: {self._title()} · {delivered}, false-NDR rate {number_text(rate)}>"

    def _repr_html_(self) -> str:
        from simsmtp.figures.result_views import result_table
        from simsmtp.statistics.pooled_percentiles import pooled_note

        note = pooled_note(len(self.scenario.destinations))
        return result_table(self.replications, " · ".join(text for text in (self._title(), note) if text))


def simulate(
    scenario: Scenario | Mapping[str, object],
    *,
    seed: int = 0,
    replications: int = 1,
    engine: str = "auto",
    recipients: bool = False,
    determinism_check: bool = True,
    progress: bool | None = None,
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
        ``"reference"``, ``"compiled"`` (extra ``fast``), or ``"auto"``: the compiled one where it can run the
        scenario and there is enough to do to repay loading it. All give the same bits; `Result.engines` says which
        ran.
    recipients : bool
        Keep one row per recipient now, instead of running again when `Result.recipients` asks for it. Many rows
        are kept in an unnamed file in the folder for temporary files.
    determinism_check : bool
        With a strategy of the user's own, run the first replication twice in this process. What only differs between
        processes, such as the order of a set, or only begins to differ later is not noticed.
    progress : bool, optional
        Show a progress bar or none; by default one is shown on a terminal and in a notebook after a second.

    Returns
    -------
    Result
        Tables, a summary, a picture.

    Raises
    ------
    InputError
        If an argument is not one of these, a dict is no scenario, or a strategy is not deterministic.

    Examples
    --------
    >>> result = simulate({"client": {"strategy": "one-stop"}}, seed=1)
    >>> int(result.summary()["false_ndr"].iloc[0])
    149
    """
    wanted = scenario_given(scenario)
    seed = whole_number(seed, "seed", 0)
    count = whole_number(replications, "replications", 1)
    if engine not in ENGINES:
        raise InputError("unknown engine", key="engine", given=engine, allowed=ENGINES)
    engines: Counter[str] = Counter()
    kept = RowSpool() if recipients else None
    found = []
    if kept is None:
        blocks = _blocks(wanted, seed, count, engine, check=determinism_check)
    else:
        blocks = _kept_blocks(_run(wanted, seed, count, engine, check=determinism_check), kept)
    with late_progress_bar("simulate", count, progress) as advance:
        for block in blocks:
            found.append(block.responses)
            engines[block.engine or engine] += len(block.responses)
            advance(len(block.responses))
    return Result(wanted, seed, engine, _replication_table(found), kept, engines=engines)


def _run(scenario: Scenario, seed: int, count: int, engine: str, *, check: bool = False) -> Iterator[Output]:
    """Run replications with one row per recipient, one by one."""
    plan = plan_of(scenario)
    choice = choose_engine(plan, engine, at_stake=count * expected_recipients(plan.workload))
    for replication in range(count):
        yield run_here(
            run_replication, plan, seed=seed, replication=replication, engine=choice, recipients=True,
            check=check and replication == 0,
        )  # fmt: skip


def _blocks(scenario: Scenario, seed: int, count: int, engine: str, *, check: bool) -> Iterator[Block]:
    plan = plan_of(scenario)
    choice = choose_engine(plan, engine, at_stake=count * expected_recipients(plan.workload))
    if check and not strategy_of(plan.client.settle, plan.client.hooks).builtin:
        run_here(run_replication, plan, seed=seed, replication=0, engine=choice, check=True)
    with kept_alive():
        yield from run_block(plan, seed=seed, replications=range(count), engine=choice)


def _kept_blocks(outputs: Iterable[Output], kept: RowSpool) -> Iterator[Block]:
    for output in outputs:
        kept.add(output.recipients)
        yield Block(one_row(output.responses), output.engine)
    kept.close()


def _replication_table(responses: list[NDArray[np.void]]) -> DataFrame:
    import pandas as pd

    table = pd.DataFrame(np.concatenate(responses), columns=list(COLUMNS))
    table.insert(0, "replication", np.arange(len(table)))
    return table


def _mean_text(mean: float) -> str:
    """Return a mean of counts, in full where it is whole."""
    return number_text(round(mean, 2), 15)


def _recipient_tables(replications: Iterable[RecipientRows]) -> Iterator[DataFrame]:
    for number, rows in enumerate(replications):
        for table in rows.frames():
            table.insert(0, "replication", number)
            yield table
