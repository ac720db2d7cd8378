"""The tables ``[study]`` and ``[figure]`` of an experiment file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from simsmtp.errors import InputError
from simsmtp.experiment.size_limits import LONGEST_NAME
from simsmtp.model.scenario import Positive
from simsmtp.model.table import Table
from simsmtp.model.validation_errors import as_input_errors
from simsmtp.rows.responses import COLUMNS


def _folder_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError("should be letters, digits, - and _, for it names a folder")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"should have at most {LONGEST_NAME} characters, for it names a folder")
    return name


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(strict=False)]
_Scale = Literal["linear", "log", "category"]


class StudyTable(Table):
    """``[study]``: what is studied, and how much of it."""

    name: Annotated[str, AfterValidator(_folder_name)]
    """Name of the study's folder under ``results/``."""
    title: str
    """One line, above figures and tables."""
    description: str = ""
    """What the study asks, in as many words as it needs."""
    replications: Positive = 20
    """Replications of every design point."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Key of all random draws."""
    horizon: Literal["terminating", "steady-state"] = "terminating"
    """A replication has an end of its own, or stands for a long run: then its warm-up is cut off."""
    responses: Texts = ()
    """Responses shown in tables on the terminal; none listed shows all."""


class Figure(Table):
    """``[figure]``: which factors and responses are drawn, and how."""

    x: str
    """Factor on the x axis."""
    y: Texts
    """Responses, one row of panels each."""
    line: str | None = None
    """Factor with one line per level."""
    panel: str | None = None
    """Factor with one column of panels per level."""
    mark: str | None = None
    """A scenario key whose value is marked by a vertical line."""
    x_scale: _Scale | None = None
    """Scale of the x axis."""
    y_scale: Annotated[
        tuple[Literal["linear", "log", "symlog"], ...], BeforeValidator(_listed), Field(strict=False)
    ] = ()
    """Scale of each response's axis."""
    theory: bool = False
    """Draw closed forms as thin lines."""

    @model_validator(mode="after")
    def _one_scale_per_response(self) -> Self:
        if not self.y:
            raise ValueError("y needs at least one response")
        if self.y_scale and len(self.y_scale) != len(self.y):
            raise ValueError(f"y_scale has {len(self.y_scale)} entries for {len(self.y)} responses in y")
        return self


def read_study(tables: Mapping[str, Any]) -> StudyTable:
    """Return the checked ``[study]`` of an experiment's tables; it is required."""
    if "study" not in tables:
        hint = "a table [study] with name and title; `simsmtp trace` takes a file with [scenario.*] alone"
        raise InputError("is required", key="study", allowed=hint)
    with as_input_errors("study", StudyTable):
        study = StudyTable(**tables["study"])
    _require_responses("study.responses", study.responses)
    return study


def read_figure(table: Mapping[str, Any] | None) -> Figure | None:
    """Return the checked ``[figure]``, None where there is none."""
    if table is None:
        return None
    with as_input_errors("figure", Figure):
        figure = Figure(**table)
    _require_responses("figure.y", figure.y)
    return figure


def _require_responses(key: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            raise InputError("unknown response", key=key, given=name, allowed=COLUMNS)
    if twice := next((name for number, name in enumerate(names) if name in names[:number]), None):
        raise InputError("names a response twice", key=key, given=twice, allowed="each of them once")
