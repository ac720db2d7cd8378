"""``simsmtp experiments``: the experiments that come with simsmtp, and what each answers."""

from __future__ import annotations

import json

import click

from simsmtp.cli.printing.lines import wrapped


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def experiments(as_json: bool) -> None:
    """List the experiments that come with simsmtp, each with the question that it answers.

    They are run by name, from any folder; results go to results/NAME in that folder. A file of the same name in the
    folder comes first.

    \b
    Examples:
      simsmtp run kb822105
      simsmtp capacity newsletter
      simsmtp trace window --point 3
      simsmtp run real_traffic --set scenario.workload.trace=/var/log/mail.log
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.experiment.shipped import shipped_experiments

    found = shipped_experiments()
    if as_json:
        print(json.dumps([one._asdict() for one in found], indent=1))
        return
    for one in found:
        click.echo(f"{click.style(one.name, bold=True)}\n{wrapped(one.question, 2)}")
        click.echo(f"    simsmtp {one.command} {one.name}\n")
    click.echo(wrapped("A copy to change: 'simsmtp new study', 'simsmtp new plan', or the file itself (--json).", 0))
