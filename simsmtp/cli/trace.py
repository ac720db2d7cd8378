"""``simsmtp trace``: a scenario in, the dialogue of its sessions out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.tracing import SimulatedDialogue


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path), shell_complete=words.experiments)
@options.settings()
@options.point()
@options.strategies()
@options.determinism_check(help="Do not run it twice with a strategy of your own.")
@options.seed(help="Key of all random draws; by default the experiment's own.")
@options.replication()
@click.option("--recipients", type=click.IntRange(0), default=2, show_default=True, metavar="N",
              help="Lines shown of recipients that fare alike in a row; 0 shows every recipient.")  # fmt: skip
@click.option("--connections", type=click.IntRange(0), default=10, show_default=True, metavar="N",
              help="Connections shown; 0 shows all.")  # fmt: skip
@click.option("--pcap", type=click.Path(path_type=Path), metavar="FILE",
              help="Also write the sessions as a capture, for Wireshark and tshark. Lines leave and come when they "
                   "do in the model; acknowledgements and lost segments are not shown.")  # fmt: skip
@click.option("--ndr", type=click.Path(path_type=Path), metavar="DIR",
              help="Also write the NDRs into a folder, as messages a bounce parser reads.")  # fmt: skip
@options.html()
@click.option("--figure", type=click.Path(path_type=Path), metavar="FILE.png",
              help="Also draw it for print, as .png or .svg.")  # fmt: skip
@click.option("--beside", "besides", multiple=True, metavar="KEY=VALUE",
              help="With --html or --figure, draw another run beside it, with the same draws and this key changed: "
                   "client.strategy=corrected. May be repeated.")  # fmt: skip
@click.option("--from-pcap", "capture", type=click.Path(path_type=Path), metavar="FILE",
              help="Read the sessions of a capture (pcap or pcapng) in place of a simulation.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65_535), metavar="N",
              help="With --from-pcap, only connections to this server port.")  # fmt: skip
@options.as_json(help="Print the dialogue as one JSON document.")
def trace(
    file: Path | None,
    settings: tuple[str, ...],
    point: int,
    strategies: tuple[str, ...],
    determinism_check: bool,
    seed: int | None,
    replication: int,
    recipients: int,
    connections: int,
    pcap: Path | None,
    ndr: Path | None,
    page: Path | None,
    figure: Path | None,
    besides: tuple[str, ...],
    capture: Path | None,
    port: int | None,
    as_json: bool,
) -> None:
    """Show what the peers of a scenario say, when, and what the sender concludes.

    FILE is an experiment or a scenario file, or the name of a shipped experiment; without it the default scenario is
    traced. C: lines are the client's, S: lines the server's; the time before a group or a read is the simulated time
    in seconds at the client. Replies that arrive at once are one read.

    With --from-pcap the sessions of a capture are shown. What the sender concluded is not in a capture.

    \b
    Examples:
      simsmtp trace kb822105 --set workload.recipients_per_message=105
      simsmtp trace kb822105 --point 40 --recipients 5 --connections 3
      simsmtp trace kb822105 --pcap kb822105.pcap --ndr bounces
      simsmtp trace --set client.strategy=one-stop --html bug.html \\
          --beside client.strategy=corrected
      simsmtp trace --from-pcap mine.pcapng --html mine.html
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.cli.live_case import case_of
    from simsmtp.cli.printing.lines import say
    from simsmtp.output.writable import require_writable
    from simsmtp.running.user_strategies import load_strategies
    from simsmtp.tracing import Dialogue, SimulatedDialogue
    from simsmtp.tracing import trace as traced

    for key, target, is_folder in (
        ("--pcap", pcap, False),
        ("--html", page, False),
        ("--figure", figure, False),
        ("--ndr", ndr, True),
    ):
        if target is not None:
            require_writable(target, key, is_folder=is_folder)
    if capture is not None:
        _refuse_beside_capture(file, settings, {"--pcap": pcap, "--ndr": ndr, "--beside": besides})
    if besides and not (page or figure):
        raise click.UsageError("--beside draws beside it: --html FILE or --figure FILE", click.get_current_context())
    for path in strategies:
        load_strategies(path)

    def simulated(*more: str) -> SimulatedDialogue:
        changed = {one.partition("=")[0] for one in more}
        kept = [one for one in settings if one.partition("=")[0] not in changed]
        scenario, own_seed = case_of(file, (*kept, *more), point)
        return traced(
            scenario, seed=own_seed if seed is None else seed, replication=replication,
            determinism_check=determinism_check,
        )  # fmt: skip

    dialogue = simulated() if capture is None else Dialogue.from_pcap(capture, port=port)
    others = [simulated(one) for one in besides]
    if page is not None:
        dialogue.write_html(page, *others)
    if figure is not None:
        dialogue.write_figure(figure, *others)
    if isinstance(dialogue, SimulatedDialogue):
        if pcap is not None:
            dialogue.write_pcap(pcap)
        if ndr is not None:
            dialogue.write_ndrs(ndr)
    if as_json:
        print(json.dumps(dialogue.document(), indent=1))
        return
    say(dialogue.text(recipients=recipients, connections=connections))


def _refuse_beside_capture(file: Path | None, settings: tuple[str, ...], others: Mapping[str, object]) -> None:
    """Refuse what belongs to a simulation."""
    given = {"FILE": file, "--set": settings} | dict(others)
    if found := next((key for key, value in given.items() if value), None):
        raise InputError(
            "belongs to a simulation, and --from-pcap reads a capture",
            key=found,
            allowed="--html, --figure, --json and --port",
        )
