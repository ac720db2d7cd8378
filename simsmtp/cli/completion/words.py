"""What may stand in an argument or behind an option, as far as it has been typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path

import click

Words = Callable[[click.Context, click.Parameter, str], list[str]]
ENGINES = ("auto", "reference", "compiled")
EXECUTORS = ("local", "serial", "dask")


def _offered(find: Callable[[click.Context, str], Iterable[str]]) -> Words:
    """Return a function as click calls it: what begins with what was typed, and nothing where something is wrong."""

    @wraps(find)
    def found(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
        try:
            return [one for one in find(ctx, incomplete) if one.startswith(incomplete) and one == shlex.quote(one)]
        except Exception:  # noqa: BLE001 - at the Tab key there is nobody to tell
            return []

    return found


def one_of(names: Sequence[str]) -> Words:
    """Return what offers names."""
    return _offered(lambda _context, _typed: names)


@_offered
def experiments(_: click.Context, typed: str) -> Iterable[str]:
    """Offer shipped experiments, files and folders."""
    from simsmtp.experiment.shipped import shipped_files

    return [*shipped_files(), *_files(typed)]


@_offered
def plans(_: click.Context, typed: str) -> Iterable[str]:
    """Offer shipped capacity plans, files and folders."""
    from simsmtp.experiment.shipped import shipped_experiments

    return [*(one.name for one in shipped_experiments() if one.command == "capacity"), *_files(typed)]


@_offered
def presets(_: click.Context, __: str) -> Iterable[str]:
    """Offer the names of presets."""
    from simsmtp import presets as known

    return dict.fromkeys((*known.clients(), *known.servers()))


@_offered
def client_presets(_: click.Context, __: str) -> Iterable[str]:
    """Offer the names of client presets."""
    from simsmtp import presets as known

    return known.clients()


@_offered
def server_presets(_: click.Context, __: str) -> Iterable[str]:
    """Offer the names of server presets."""
    from simsmtp import presets as known

    return known.servers()


@_offered
def responses(_: click.Context, __: str) -> Iterable[str]:
    """Offer the names of responses."""
    from simsmtp.rows.responses import COLUMNS

    return COLUMNS


@_offered
def keys(_: click.Context, __: str) -> Iterable[str]:
    """Offer tables, keys and the names of keys without their table."""
    from simsmtp.cli.completion.keys import SCENARIO_TABLES, all_keys

    known = all_keys()
    return dict.fromkeys((*SCENARIO_TABLES, *known, *(key.partition(".")[2] for key in known)))


@_offered
def settings(ctx: click.Context, typed: str) -> Iterable[str]:
    """Offer keys for ``--set``, factors of the experiment named before among them; behind ``=`` their values."""
    from simsmtp.cli.completion.keys import all_keys, keys_of

    factors, known = _factors(ctx), all_keys()
    key, equals, _ = typed.partition("=")
    if equals:
        plain = key.removeprefix("scenario.")
        return [f"{key}={one}" for one in (*factors.get(plain, ()), *_values(plain), *known.get(plain, ()))]
    tables = [key.partition(".")[0]] if key.partition(".")[0] in {"study", "figure", "design", "capacity"} else ()
    others = [one for table in tables for one in keys_of(table)]
    return dict.fromkeys(f"{one}=" for one in (*factors, *known, *others))


def _values(key: str) -> Iterable[str]:
    from simsmtp import presets as known

    if key == "client.strategy":
        from simsmtp.strategies.registry import strategies

        return strategies()
    return {"client.preset": known.clients, "server.preset": known.servers}.get(key, dict)()


def _factors(ctx: click.Context) -> dict[str, list[str]]:
    """Return the factors of the experiment that was named before, with the labels of named levels."""
    import tomllib

    from simsmtp.experiment.shipped import named_file

    # While the value of an option is missing, click leaves all words in ctx.args.
    params = [part for one in ctx.params.values() for part in (one if isinstance(one, tuple) else (one,))]
    paths = [Path(str(named_file(one))) for one in (*params, *ctx.args) if isinstance(one, str | Path)]
    file = next((one for one in paths if one.suffix == ".toml" and one.is_file()), None)
    factors = tomllib.loads(file.read_text(encoding="utf-8")).get("factors", {}) if file else {}
    return {name: list(levels) if isinstance(levels, dict) else [] for name, levels in factors.items()}


def _files(typed: str) -> list[str]:
    """Return TOML files and folders that begin with what was typed."""
    head, _, start = typed.rpartition("/")
    folder = Path(f"{head}/" if "/" in typed else ".")
    prefix = f"{head}/" if "/" in typed else ""
    found = []
    for one in sorted(folder.iterdir()):
        if one.name.startswith(start) and (start.startswith(".") or not one.name.startswith(".")):
            if one.is_dir():
                found.append(f"{prefix}{one.name}/")
            elif one.suffix == ".toml":
                found.append(f"{prefix}{one.name}")
    return found
