"""``simsmtp trace``: a scenario in, the dialogue of its sessions out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from simsmtp.cli import options
from simsmtp.cli.completion import words


@click.command()
@click.argument("file", type=click.Path(path_type=Path), shell_complete=words.experiments)
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
@options.as_json(help="Print the dialogue as one JSON document.")
def trace(
    file: Path,
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
    as_json: bool,
) -> None:
    """Show what the peers of a scenario say, when, and what the sender concludes.

    FILE is an experiment or a scenario file, or the name of a shipped experiment. C: lines are the client's, S: lines
    the server's; the time before a group or a read is the simulated time in seconds at the client. Replies that
    arrive at once are one read.

    \b
    Examples:
      simsmtp trace kb822105 --set workload.recipients_per_message=105
      simsmtp trace kb822105 --point 40 --recipients 5 --connections 3
      simsmtp trace kb822105 --pcap kb822105.pcap --ndr bounces
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from simsmtp.cli.printing.lines import say
    from simsmtp.dialogue.ndr import write_ndrs
    from simsmtp.dialogue.pcap import write_pcap
    from simsmtp.dialogue.transcript import Style, transcript
    from simsmtp.engines import run_replication
    from simsmtp.engines.repeated import run_here
    from simsmtp.experiment.experiment_file import load_case
    from simsmtp.model.plan import plan_of
    from simsmtp.output.json_values import plain
    from simsmtp.output.writable import require_writable
    from simsmtp.protocol.wire import AddressBook
    from simsmtp.running.user_strategies import load_strategies

    if pcap is not None:
        require_writable(pcap, "--pcap")
    if ndr is not None:
        require_writable(ndr, "--ndr", is_folder=True)
    for path in strategies:
        load_strategies(path)
    scenario, own_seed = load_case(file, settings, point=point)
    key = own_seed if seed is None else seed
    workload, plan = scenario.workload, plan_of(scenario)
    output = run_here(
        run_replication, plan, seed=key, replication=replication, recipients=ndr is not None, dialogue=True,
        check=determinism_check,
    )  # fmt: skip
    addresses = AddressBook(workload.address_chars, workload.domains)
    if pcap is not None:
        write_pcap(pcap, output, plan, addresses)
    if ndr is not None:
        write_ndrs(ndr, output, plan, addresses)
    if as_json:
        responses = plain(output.responses)
        rows = [row._asdict() for row in output.dialogue]
        print(json.dumps({"scenario": scenario.to_dict(), "dialogue": rows, "responses": responses}, indent=1))
        return
    style = Style(addresses, recipients, scenario.client.strategy)
    for line in transcript(output, plan, style, connections=connections):
        say(line)
