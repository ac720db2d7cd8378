"""The keys of an experiment file, read off the source of the models: loading those takes longer than a Tab may."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[2]
_MODELS = {
    "workload": ("model/workload_table.py", "Workload"),
    "client": ("model/scenario.py", "Client"),
    "network": ("model/scenario.py", "Network"),
    "server": ("model/server_table.py", "Server"),
    "study": ("experiment/study_and_figure.py", "StudyTable"),
    "figure": ("experiment/study_and_figure.py", "Figure"),
    "design": ("experiment/sampling.py", "Design"),
    "capacity": ("experiment/capacity_table.py", "CapacityTable"),
}
SCENARIO_TABLES = ("workload", "client", "network", "server")


@cache
def keys_of(table: str) -> dict[str, tuple[str, ...]]:
    """Return the dotted keys of a table, each with the values that it takes; none where those are not listed."""
    file, name = _MODELS[table]
    tree = _parsed(file)
    model = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    fields = [one for one in model.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return {f"{table}.{ast.unparse(one.target)}": _values(one.annotation, _aliases(tree)) for one in fields}


def all_keys() -> dict[str, tuple[str, ...]]:
    """Return the keys of a scenario with the values that they take, where those are listed."""
    return {key: values for table in SCENARIO_TABLES for key, values in keys_of(table).items()}


@cache
def _parsed(file: str) -> ast.Module:
    return ast.parse((_PACKAGE / file).read_text(encoding="utf-8"))


def _aliases(tree: ast.Module) -> dict[str, ast.expr]:
    found = (one for one in tree.body if isinstance(one, ast.Assign))
    return {one.targets[0].id: one.value for one in found if isinstance(one.targets[0], ast.Name)}


def _values(annotation: ast.expr, aliases: dict[str, ast.expr]) -> tuple[str, ...]:
    """Return the words of a ``Literal``, also of one that has a name, and of a boolean."""
    if isinstance(annotation, ast.BinOp):
        return (*_values(annotation.left, aliases), *_values(annotation.right, aliases))
    if isinstance(annotation, ast.Name):
        if annotation.id == "bool":
            return ("true", "false")
        return _values(aliases[annotation.id], aliases) if annotation.id in aliases else ()
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        return tuple(str(one.value) for one in ast.walk(annotation.slice) if isinstance(one, ast.Constant))
    return ()
