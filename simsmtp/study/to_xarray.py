"""A study as a labelled array of many dimensions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.errors import InputError
from simsmtp.rows.responses import COLUMNS, RESPONSES
from simsmtp.study.summary_in_parts import values_of

if TYPE_CHECKING:
    import xarray

    from simsmtp.experiment.factors import Label
    from simsmtp.study.study import Study  # for annotations: a study makes one of itself


def dataset_of(study: Study) -> xarray.Dataset:
    """Return a study as a dataset; value and errors as of `Study.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise InputError("xarray is not installed", key="to_xarray", allowed="pip install 'simsmtp[xarray]'") from None
    replications, columns = study.experiment.replications, study.experiment.columns
    values = np.stack([values_of(study.results[point.number], COLUMNS) for point in study.points])
    levels = {name: list(dict.fromkeys(point.factors[name] for point in study.points)) for name in columns}
    dims: tuple[str, ...] = columns
    coords = {name: (name, _coordinate(known), {"long_name": name}) for name, known in levels.items()}
    if columns and math.prod(map(len, levels.values())) == len(study.points):
        # Listed points may come in any order: each goes where its levels are.
        places = [[levels[name].index(point.factors[name]) for name in columns] for point in study.points]
        order = np.ravel_multi_index(np.transpose(places), [len(one) for one in levels.values()])
        values = values[np.argsort(order)].reshape(*map(len, levels.values()), replications, len(COLUMNS))
    else:
        dims = ("point",)
        each = {name: [point.factors[name] for point in study.points] for name in columns}
        coords = {name: ("point", _coordinate(known), {"long_name": name}) for name, known in each.items()}
        coords["point"] = ("point", np.array([point.number for point in study.points]), {})
    coords["replication"] = ("replication", np.arange(replications), {})
    dims = (*dims, "replication")
    variables = {
        one.name: (dims, _as_whole(values[..., place]) if one.whole else values[..., place],
                   {"long_name": one.meaning, "units": one.unit or "1"})
        for place, one in enumerate(RESPONSES)
    }  # fmt: skip
    return xarray.Dataset(
        variables, coords, {"title": study.experiment.title, "name": study.name, "seed": study.experiment.seed}
    )


def _as_whole(values: np.ndarray) -> np.ndarray:
    """Return counts as whole numbers, unless some are nan."""
    return values if np.isnan(values).any() else values.astype(np.int64)


def _coordinate(levels: list[Label]) -> np.ndarray:
    """Return levels as an array: numbers as such, names and numbers together as they are."""
    alike = all(isinstance(one, int | float) and not isinstance(one, bool) for one in levels)
    kinds = {type(one) for one in levels}
    return np.array(levels, dtype=None if alike or len(kinds) == 1 else object)
