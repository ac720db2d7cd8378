"""The files of a capacity plan. Equal results give equal bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp._version import __version__
from simsmtp.experiment.capacity_table import RATE
from simsmtp.experiment.experiment_record import experiment_json
from simsmtp.experiment.factors import label_of
from simsmtp.output.csv_tables import csv_of
from simsmtp.output.file_hashes import PROVENANCE
from simsmtp.output.json_values import plain
from simsmtp.planning.answer_text import above_offered, answer, answers, assumptions
from simsmtp.planning.bound_text import headroom, utilisation
from simsmtp.planning.finding_text import finding_text, value_text
from simsmtp.planning.headline import headline, last_recipient
from simsmtp.planning.search_keys import messages_per_s, rate_is_multiple
from simsmtp.planning.sustainable_rate import BOUND, sustainable_rate
from simsmtp.rows.responses import COLUMNS
from simsmtp.statistics.objectives import delay_unit, unit_of
from simsmtp.statistics.pooled_percentiles import pooled_mark, pooled_note
from simsmtp.store.address import code_hash
from simsmtp.store.provenance import circumstances, inputs_of, provenance_to_write
from simsmtp.store.store import Row
from simsmtp.store.store import digest as digest_of_rows
from simsmtp.study.study_files import write_files
from simsmtp.theory.asymptotic_bounds import Bound, left_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from simsmtp.planning.results import CapacityResults, Finding, Look
    from simsmtp.statistics.judgements import Judgement


def write_capacity(capacity: CapacityResults, *, figure: bool, command: str | None) -> list[Path]:
    """Write the files of a plan; parameters and value as `Capacity.write`."""
    folder = capacity.plan.prepared.folder
    document = document_of_capacity(capacity)
    digest = digest_of_looks(capacity)
    contents = {
        "capacity.json": (json.dumps(document, indent=1, allow_nan=False) + "\n").encode(),
        "experiment.json": experiment_json(capacity.plan.experiment),
        "summary.csv": csv_of(summary_of(capacity)),
    }
    contents[PROVENANCE] = provenance_to_write(folder, _provenance(capacity, digest, command), contents)
    return write_files(folder, contents, (lambda: _images(capacity)) if figure else None)


def _provenance(capacity: CapacityResults, digest: str, command: str | None) -> dict[str, Any]:
    experiment = capacity.plan.experiment
    return {
        "study": experiment.name,
        "digest": digest,
        "inputs": _inputs(capacity),
        "seed": experiment.seed,
        "design_points": len(capacity.looks),
        "replications": experiment.replications,
        "computed": capacity.computed,
        "reused": capacity.reused,
        "failed": 0,  # one that fails ends the search
        "engines": dict(capacity.engines),
        **circumstances(command, capacity.started, capacity.duration_s),
    }


def _inputs(capacity: CapacityResults) -> str:
    return inputs_of(
        (capacity.plan.scenario, look.seed, (look.stage, _values_text(look), len(look.rows))) for look in capacity.looks
    )


def digest_of_looks(capacity: CapacityResults) -> str:
    """Return the hash of everything that was run, as `Study.digest` for a study."""
    tables = ((number, look.rows[["replication", *COLUMNS]]) for number, look in enumerate(capacity.looks, start=1))
    return digest_of_rows(
        (number, Row(replication, tuple(responses), "", 0.0, None))
        for number, table in tables
        for replication, *responses in table.itertuples(index=False, name=None)
    )


def document_of_capacity(capacity: CapacityResults) -> dict[str, Any]:
    """Return all answers as plain values, fit for JSON: nan and infinity are null."""
    plan, scenario, first = capacity.plan, capacity.plan.scenario, headline(capacity)
    found: dict[str, Any] = {
        "name": plan.experiment.name,
        "title": plan.experiment.title,
        "verdict": capacity.verdict,
        "headline": {"verdict": first.verdict, "numbers": [one._asdict() for one in first.numbers]},
        "sustainable_rate": sustainable_rate(capacity)._asdict(),
        "last_recipient_s": last_recipient(capacity)._asdict(),
        "answer": answer(capacity),
        "answers": answers(capacity),
        "assumptions": assumptions(capacity),
        "pooled": pooled_note(len(scenario.destinations)) or None,
        "objectives": [_judgement(one) for one in capacity.written.judgements],
        "searches": [_finding(capacity, one) for one in capacity.findings.values()],
        "bottleneck": _bound(capacity, capacity.bounds[0]) if capacity.bounds else None,
        "bounds": [_bound(capacity, one) for one in capacity.bounds],
        "bounds_left_out": left_out(scenario),
        "curve": capacity.curve.to_dict("records"),
        "curve_note": above_offered(capacity) or None,
        "percentiles": capacity.percentiles.to_dict("records"),
        "tornado": capacity.tornado.to_dict("records"),
        "cost": capacity.cost._asdict() if capacity.cost else None,
        "messages_per_s": messages_per_s(scenario),
        "full": plan.full,
        "level": plan.table.level,
        "tolerance": plan.table.tolerance,
        "replications": plan.experiment.replications,
        "seed": plan.experiment.seed,
        "simsmtp": __version__,
        "code": code_hash(),
        "scenario": scenario.to_dict(),
    }
    document: dict[str, Any] = plain(found)
    return document


def summary_of(capacity: CapacityResults) -> DataFrame:
    """Return mean and interval of every response for everything that was run, stage by stage."""
    import pandas as pd

    from simsmtp.statistics.summary import summarise

    columns = ["stage", "values", "seed", "verdict"]
    parts = [
        look.rows.assign(
            point=number, stage=look.stage, values=_values_text(look), seed=look.seed, verdict=look.verdict
        )
        for number, look in enumerate(capacity.looks, start=1)
    ]
    return summarise(pd.concat(parts, ignore_index=True), columns, COLUMNS, capacity.plan.table.level)


def figure_of(capacity: CapacityResults, axes: object = None) -> Figure:
    """Draw saturation curve and tornado, perhaps into axes of the user's own."""
    from simsmtp.figures.capacity_figure import Ceiling, Line, capacity_figure

    scenario, objectives = capacity.plan.scenario, capacity.plan.objectives
    ceiling = next((one for one in objectives if one.response == capacity.late and one.is_ceiling), None)
    sustainable = sustainable_rate(capacity)
    return capacity_figure(
        capacity.curve,
        capacity.tornado,
        late=capacity.late,
        bounds=[Line(one.name, one.messages_per_s, one.recipients_per_s) for one in _drawn(capacity.bounds)],
        ceiling=None if ceiling is None else Ceiling(ceiling.text, ceiling.threshold),
        written=messages_per_s(scenario),
        sustainable=sustainable.messages_per_s,
        is_bound=sustainable.basis == BOUND,
        title=capacity.plan.experiment.title,
        destinations=[one.name for one in scenario.destinations],
        level=capacity.plan.table.level,
        unit=delay_unit(objectives),
        tornado_unit=unit_of(_response(capacity), objectives),
        pooled=pooled_mark(len(scenario.destinations)),
        axes=axes,
    )


def _response(capacity: CapacityResults) -> str:
    """Return the response of the tornado; empty without one."""
    return "" if capacity.tornado.empty else str(capacity.tornado["response"].iloc[0])


def _drawn(bounds: Any) -> list[Bound]:
    """Return the tightest bound of each resource: those of other destinations would only crowd the figure."""
    first: dict[str, Bound] = {}
    for bound in bounds:
        first.setdefault(bound.resource, bound)
    return list(first.values())


def _images(capacity: CapacityResults) -> dict[str, bytes]:
    if capacity.curve.empty and capacity.tornado.empty:
        return {}
    from simsmtp.figures.canvas import figure_files

    return figure_files(figure_of(capacity), "capacity")


def _values_text(look: Look) -> str:
    return ", ".join(f"{key}={label_of(value)}" for key, value in look.changes.items())


def _judgement(judgement: Judgement) -> dict[str, Any]:
    objective = judgement.objective
    return {**judgement._asdict(), "objective": objective.text, "response": objective.response}


def _finding(capacity: CapacityResults, finding: Finding) -> dict[str, Any]:
    scenario, look = capacity.plan.scenario, finding.confirmation
    return {
        "search": finding.key,
        "value": finding.value,
        "unit": _unit(capacity, finding.key),
        "text": None if finding.value is None else value_text(scenario, finding.key, finding.value),
        "sentence": finding_text(scenario, finding),
        "passes": finding.edge.passes,
        "fails": finding.edge.fails,
        "bounds": list(finding.bounds),
        "tried": [list(one) for one in finding.tried],
        "lowest": None if finding.lowest is None else _finding(capacity, finding.lowest),
        "confirmed": None if look is None else [_judgement(one) for one in look.judgements],
        "confirmed_seed": None if look is None else look.seed,
    }


def _unit(capacity: CapacityResults, key: str) -> str:
    if key != RATE:
        return ""
    return "times the trace's own rate" if rate_is_multiple(capacity.plan.scenario) else "messages/s"


def _bound(capacity: CapacityResults, bound: Bound) -> dict[str, Any]:
    scenario = capacity.plan.scenario
    return {
        **bound._asdict(),
        "name": bound.name,
        "utilisation": utilisation(scenario, bound),
        "headroom": headroom(scenario, bound),
    }
