"""``simsmtp keys``: every key that a scenario may set, with unit, default and meaning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from simsmtp.cli.completion import words as completion
from simsmtp.cli.printing.lines import wrapped

if TYPE_CHECKING:
    from simsmtp.experiment.key_list import Key


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]...", shell_complete=completion.keys)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def keys(words: tuple[str, ...], as_json: bool) -> None:
    """List the keys of a scenario, or those with a WORD in their name, or else in their meaning.

    They stand in the tables [scenario.*] of an experiment file, and go into --set and [factors] as they are. With a
    WORD, the keys of [study], [figure], [design] and [capacity] are looked through as well, and those of tables that
    are values.

    \b
    Examples:
      simsmtp keys
      simsmtp keys server
      simsmtp keys rtt connections --json
      simsmtp keys greylisted 421
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.experiment.key_list import distribution_text, found_nowhere, list_keys

    found = list_keys(words)
    if missing := found_nowhere(words):
        click.echo(f"in no key: {' '.join(missing)}", err=True)
    if as_json:
        print(json.dumps([one._asdict() for one in found], indent=1))
        return
    _print(found)
    if any("distribution" in one.allowed for one in found):
        click.echo(f'{click.style("distribution", bold=True)}  {{ dist = "lognormal", mean = 50, cv = 0.4 }}')
        click.echo(wrapped(distribution_text(), 2))


def _print(found: Sequence[Key]) -> None:
    for table in dict.fromkeys(one.table for one in found):
        click.echo(click.style(table, bold=True))
        for one in found:
            if one.table == table:
                unit = f"  ({one.unit})" if one.unit else ""
                default = f" = {one.default}" if one.default not in {"", "required"} else f"  {one.default}".rstrip()
                click.echo(wrapped(f"{one.key}{default}{unit}", 2).replace(one.key, click.style(one.key, fg="cyan"), 1))
                allowed = "" if one.default in {"true", "false"} else f" {one.allowed[:1].upper()}{one.allowed[1:]}."
                click.echo(wrapped(f"{one.meaning}{allowed}", 6))
        click.echo()
