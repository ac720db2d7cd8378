"""``simsmtp presets``: every preset, its values, and where each is documented."""

from __future__ import annotations

import json

import click

from simsmtp.cli.completion import words
from simsmtp.cli.printing.lines import wrapped


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=words.presets)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def presets(names: tuple[str, ...], as_json: bool) -> None:
    """List the client and server presets with their values and sources, or those named.

    \b
    Use one in a scenario:
      [scenario.client]
      preset = "windows-2003-rtm"
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp import presets as known
    from simsmtp.errors import InputError
    from simsmtp.model.toml_text import toml_value

    found = [*known.clients().values(), *known.servers().values()]
    for name in names:
        if name not in {one.name for one in found}:
            raise InputError("unknown preset", given=name, allowed=dict.fromkeys(one.name for one in found))
    chosen = [one for one in found if not names or one.name in names]
    if as_json:
        print(json.dumps([one._asdict() for one in chosen], indent=1))
        return
    for one in chosen:
        click.echo(f"{click.style(one.name, bold=True)}  ({one.side}.preset)\n{wrapped(one.title, 2)}")
        if one.note:
            click.echo(wrapped(one.note, 2))
        for key, value in one.values.items():
            click.echo(f"{wrapped(f'{key} = {toml_value(value)}', 4)}\n{wrapped(one.sources[key], 8)}")
            if key in one.verified:
                click.echo(wrapped(f"seen: {one.verified[key]}", 8))
        click.echo()
