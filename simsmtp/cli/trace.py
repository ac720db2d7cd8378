"""``simsmtp trace``: a scenario in, the dialogue of its sessions out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words
from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.tracing import Dialogue, SimulatedDialogue


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
              help="Connections shown, also in the figure; 0 shows all.")  # fmt: skip
@click.option("--pcap", type=click.Path(path_type=Path), metavar="FILE",
              help="Also write the sessions as a capture, for Wireshark and tshark. Lines leave and come when they "
                   "do in the model; acknowledgements and lost segments are not shown.")  # fmt: skip
@click.option("--ndr", type=click.Path(path_type=Path), metavar="DIR",
              help="Also write the NDRs into a folder, as messages a bounce parser reads.")  # fmt: skip
@options.html()
@click.option("--figure", type=click.Path(path_type=Path), metavar="FILE.png",
              help="Also draw it for print, as .png or .svg.")  # fmt: skip
@click.option("--beside", "besides", multiple=True, metavar="KEY=VALUE", shell_complete=words.settings,
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

    With --html or --figure what became of the recipients is printed in place of the dialogue.

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
    from simsmtp.dialogue.ladder_words import together, truths_of
    from simsmtp.running.user_strategies import load_strategies
    from simsmtp.tracing import Dialogue
    from simsmtp.tracing import trace as traced

    files = Files(page, figure, pcap, ndr)
    files.check()
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
    if len({one.ladder.title for one in (dialogue, *others)}) <= len(others):  # what differs is told by the keys
        others = [one.called(f"{one.ladder.title}, {key}") for one, key in zip(others, besides, strict=True)]
    files.write(dialogue, others, connections)
    if as_json:
        print(json.dumps(dialogue.document(), indent=1))
    elif page or figure:
        for one in (dialogue, *others):
            say(f"{one.ladder.title}: {together(truths_of(one.ladder))}")
        say(f"written: {', '.join(str(path) for path in files if path)}")
    else:
        say(dialogue.text(recipients=recipients, connections=connections))


class Files(NamedTuple):
    """What is written, and where."""

    page: Path | None
    figure: Path | None
    pcap: Path | None
    ndr: Path | None

    def check(self) -> None:
        """Raise an `InputError` for one that could not be written, before anything is run."""
        from simsmtp.output.writable import require_writable

        for key, path in zip(("--html", "--figure", "--pcap", "--ndr"), self, strict=True):
            if path is not None:
                require_writable(path, key, is_folder=key == "--ndr")

    def write(self, dialogue: Dialogue, others: Sequence[Dialogue], connections: int) -> None:
        """Write those that are asked for."""
        from simsmtp.tracing import SimulatedDialogue

        if self.page:
            dialogue.write_html(self.page, *others)
        if self.figure:
            dialogue.write_figure(self.figure, *others, connections=connections or len(dialogue.ladder.connections))
        if isinstance(dialogue, SimulatedDialogue):
            if self.pcap:
                dialogue.write_pcap(self.pcap)
            if self.ndr:
                dialogue.write_ndrs(self.ndr)


def _refuse_beside_capture(file: Path | None, settings: tuple[str, ...], others: Mapping[str, object]) -> None:
    """Refuse what belongs to a simulation."""
    given = {"FILE": file, "--set": settings} | dict(others)
    if found := next((key for key, value in given.items() if value), None):
        raise InputError(
            "belongs to a simulation, and --from-pcap reads a capture",
            key=found,
            allowed="--html, --figure, --json and --port",
        )
