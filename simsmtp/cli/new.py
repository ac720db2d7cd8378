"""``simsmtp new``: a commented file to start from."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from simsmtp.cli.completion import words
from simsmtp.shown import shown

_TEMPLATES = Path(__file__).with_name("templates")
_KINDS = {
    "study": ("study.toml", "simsmtp run {file}"),
    "plan": ("plan.toml", "simsmtp capacity {file}"),
    "gate": ("gate.toml", "simsmtp run {file} --write-baseline baseline.csv"),
    "strategy": ("my_strategy.py", "simsmtp run kb822105 --strategy {file}"),
}


@click.command()
@click.argument("kind", metavar="study|plan|gate|strategy", shell_complete=words.one_of(tuple(_KINDS)))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The file to write, in place of FILE.")  # fmt: skip
def new(kind: str, file: Path | None, output: Path | None) -> None:
    """Write a commented file to start from; it runs as it is. A file that is there is never replaced.

    \b
      study     factors and a figure, for 'simsmtp run'
      plan      objectives and searches, for 'simsmtp capacity'
      gate      a study for CI, to be compared with a baseline
      strategy  a counting strategy of your own, in Python

    Without FILE it is study.toml, plan.toml, gate.toml or my_strategy.py in this folder.

    \b
    Examples:
      simsmtp new study window.toml
      simsmtp new strategy

    Exit codes: 0 written; 2 the file is there, or cannot be written.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.cli.printing.lines import say
    from simsmtp.errors import InputError
    from simsmtp.files import write_errors

    if file is not None and output is not None:
        raise click.UsageError("FILE and --output are one and the same: give one of them")
    if kind not in _KINDS:
        raise InputError("there is no such file to start from", key="new", given=kind, allowed=_KINDS)
    default, command = _KINDS[kind]
    path = output or file or Path(default)
    text = (_TEMPLATES / f"{kind}{Path(default).suffix}.txt").read_text(encoding="utf-8")
    for mark, word in (("@NAME@", _name(path.stem, kind)), ("@FILE@", _named(path))):
        text = text.replace(mark, word)
    with write_errors(path, "FILE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as made:
                made.write(text)
        except FileExistsError:
            raise InputError("is there already", key="FILE", given=str(path), allowed="a new name") from None
    say(f"{path}\nNext: {command.format(file=_named(path))}")


def _name(stem: str, kind: str) -> str:
    """Return a name that a study or, with hyphens alone, a strategy may have."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or kind
    return name.lower().replace("_", "-") if kind == "strategy" else name


def _named(path: Path) -> str:
    """Return a path as a shell takes it, in one line."""
    return shown(shlex.quote(str(path)))
