"""One replication of a scenario, watched: what the peers say, when, and what the sender concludes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from simsmtp.dialogue.from_rows import ladder_of
from simsmtp.dialogue.ladder import Ladder
from simsmtp.dialogue.smtp_lines import reply_lines, said_line
from simsmtp.dialogue.transcript import ledger_lines, transcript
from simsmtp.engines import run_replication
from simsmtp.engines.repeated import run_here
from simsmtp.errors import InputError
from simsmtp.model.arguments import scenario_given, whole_number
from simsmtp.model.numbers import counted
from simsmtp.model.people.who import book_of
from simsmtp.model.plan import Plan, plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.peers.transcript import DROPPED
from simsmtp.presets import client_preset
from simsmtp.public_names import ShowsPublicNames
from simsmtp.rows.records import DialogueRow, End, Output, Responses

if TYPE_CHECKING:
    from email.message import Message

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame


class Dialogue(ShowsPublicNames):
    """What was said in a run, in the sessions of a real sender, or in a capture.

    Parameters
    ----------
    ladder : Ladder
        Its steps.
    responses : dict, optional
        The responses of the replication.

    Attributes
    ----------
    ladder : Ladder
        Steps, connections and recipients, see `simsmtp.dialogue.ladder`.
    responses : dict
        The responses of the replication, by name; empty where they are not known.
    """

    def __init__(self, ladder: Ladder, responses: Responses | None = None) -> None:
        self.ladder = ladder
        self.responses: Responses = responses or {}

    @classmethod
    def from_pcap(cls, path: str | Path, *, port: int | None = None) -> Dialogue:
        """Read the SMTP sessions of a capture; see `simsmtp.dialogue.capture.read_capture`."""
        from simsmtp.dialogue.capture import read_capture

        return cls(read_capture(Path(path), port=port))

    @cached_property
    def rows(self) -> DataFrame:
        """One row per command, reply and conclusion.

        Columns: ``connection``, ``step`` (``"group"``, ``"read"``, ``"conclusion"`` …), ``number`` of the group or
        read, ``client_s`` and ``server_s``, ``verb``, ``code``, ``kind``, ``recipient`` (the address), ``text``.
        """
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(_COLUMNS))

    def _rows(self) -> Iterator[tuple[object, ...]]:
        ladder = self.ladder
        for step in ladder.steps:
            place = (ladder.connections[step.connection], step.kind, step.number, step.client_s, step.server_s)
            if not step.lines:
                yield (*place, "", 0, "", "", step.note)
            for line in step.lines:
                who = ladder.recipients[line.recipient].address if line.recipient >= 0 else ""
                yield (*place, line.verb, line.code, line.kind, who, line.text)

    @cached_property
    def recipients(self) -> DataFrame:
        """One row per recipient: ``address``, ``message``, ``ledger`` and ``ndr``, the report about it."""
        import pandas as pd

        return pd.DataFrame(self.ladder.recipients, columns=["address", "message", "ledger", "ndr"])

    def text(self, *, recipients: int = 2, connections: int = 0) -> str:
        """Return the dialogue as text, ending with the ledger.

        Parameters
        ----------
        recipients : int
            Lines shown of a run of recipients with the same outcome; 0 shows all.
        connections : int
            Only the first so many connections; 0 shows all.
        """
        lines = transcript(self.ladder, alike=recipients, connections=connections)
        ledger = ledger_lines(self.responses) if self.responses else ()
        return "\n".join([*lines, *ledger])

    def plot(self, *others: Dialogue, connections: int = 6, ax: Axes | None = None) -> Figure:
        """Draw the sequence diagram, with others beside it on the same time axis.

        See `simsmtp.figures.ladder_figure.ladder_figure` for how to read it.

        Parameters
        ----------
        *others : Dialogue
            Drawn to the right.
        connections : int
            The most connections drawn of each.
        ax : Axes, optional
            Draw into these axes; then there are no others.

        Raises
        ------
        InputError
            If something given is not one of these.
        """
        from simsmtp.figures.ladder_figure import draw_ladder, ladder_figure
        from simsmtp.figures.own_axes import figure_of, require_axes

        if ax is None:
            return ladder_figure(self._with(others), connections=whole_number(connections, "connections", 1))
        if others:
            raise InputError("one dialogue fits into axes of your own", key="ax", given=ax, allowed="no others beside")
        draw_ladder(require_axes(ax), self.ladder, connections=whole_number(connections, "connections", 1))
        return figure_of(ax)

    def write_figure(self, path: str | Path, *others: Dialogue, connections: int = 6) -> Path:
        """Write what `plot` draws into a file that ends in ``.png`` or ``.svg``, and return its path.

        Raises
        ------
        InputError
            If its name ends otherwise, or it cannot be written.
        """
        from simsmtp.figures.canvas import figure_files
        from simsmtp.files import replace_file, write_errors

        path = Path(path)
        if path.suffix not in {".png", ".svg"}:
            raise InputError("is a figure of another kind", file=str(path), given=path.suffix, allowed=".png or .svg")
        with write_errors(path):
            replace_file(path, figure_files(self.plot(*others, connections=connections), "")[path.suffix])
        return path

    def to_html(self, *others: Dialogue) -> str:
        """Return one HTML page that needs no other file: the diagram, to zoom and to click into.

        Parameters
        ----------
        *others : Dialogue
            Shown beside it, on the same time axis.
        """
        from simsmtp.dialogue.page import page_of

        return page_of(self._with(others))

    def write_html(self, path: str | Path, *others: Dialogue) -> Path:
        """Write `to_html` into a file and return its path.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        from simsmtp.files import replace_file, write_errors

        with write_errors(Path(path)):
            replace_file(Path(path), self.to_html(*others))
        return Path(path)

    def _with(self, others: Sequence[Dialogue]) -> list[Ladder]:
        """Return this ladder and others."""
        for one in others:
            if not isinstance(one, Dialogue):
                raise InputError("not a dialogue", key="others", given=one, allowed="what simsmtp.trace returns")
        return [self.ladder, *(one.ladder for one in others)]

    def called(self, title: str) -> Self:
        """Return the same dialogue under another title."""
        made = copy.copy(self)
        made.ladder = self.ladder._replace(title=title)
        return made

    def document(self) -> dict[str, object]:
        """Return the dialogue fit for JSON: its rows and recipients, what a simulation knows beside them."""
        from simsmtp.output.json_values import plain

        return {
            "title": self.ladder.title,
            "notes": list(self.ladder.notes),
            "dialogue": [plain(dict(zip(_COLUMNS, row, strict=True))) for row in self._rows()],
            "recipients": [one._asdict() for one in self.ladder.recipients],
        }

    def __str__(self) -> str:
        return self.text(connections=10)

    def __repr__(self) -> str:
        ladder = self.ladder
        sizes = [
            counted(len(ladder.connections), "connection"),
            counted(sum(step.kind == "group" for step in ladder.steps), "command group"),
            counted(sum(step.kind == "read" for step in ladder.steps), "read"),
            counted(len(ladder.recipients), "recipient"),
        ]
        return f"<Dialogue {ladder.title!r}: {', '.join(sizes)}>"

    def _repr_png_(self) -> bytes:
        return self.plot()._repr_png_()  # type: ignore[attr-defined, no-any-return]


class SimulatedDialogue(Dialogue):
    """A dialogue of a simulated run, whose every octet is known; made by `trace`."""

    def __init__(self, scenario: Scenario, seed: int, replication: int, output: Output, plan: Plan) -> None:
        self.scenario, self.seed, self.replication = scenario, seed, replication
        workload = scenario.workload
        self._output, self._plan = output, plan
        self._addresses = addresses = book_of(plan.workload, workload.address_chars)

        def text(row: DialogueRow) -> str:
            if row.kind == "close":
                return _ENDS[End(row.note)]
            return "\n".join(reply_lines(row, plan)) if row.kind == "reply" else said_line(row, addresses)

        ladder = ladder_of(
            output.dialogue,
            output.recipients,
            title=dialogue_title(scenario),
            strategy=scenario.client.strategy,
            text=text,
            address=lambda row: addresses.recipient(row.number),
            all_or_nothing=plan.client.all_or_nothing,
        )
        super().__init__(ladder, output.responses)

    def write_pcap(self, path: str | Path) -> Path:
        """Write the sessions as a capture that Wireshark and tshark dissect; see `simsmtp.dialogue.pcap.write_pcap`.

        Raises
        ------
        InputError
            If the file cannot be written, or the sessions are encrypted.
        """
        from simsmtp.dialogue.pcap import write_pcap

        write_pcap(Path(path), self._output, self._plan, self._addresses)
        return Path(path)

    def document(self) -> dict[str, object]:
        """Return scenario, dialogue rows (see `simsmtp.rows.records.DialogueRow`) and responses, fit for JSON."""
        from simsmtp.output.json_values import plain

        rows = [row._asdict() for row in self._output.dialogue]
        return {"scenario": self.scenario.to_dict(), "dialogue": rows, "responses": plain(self.responses)}

    def ndrs(self) -> Iterable[tuple[int, Message]]:
        """Yield the number of each message that has NDRs, and one report (RFC 3464) about its failed recipients."""
        from simsmtp.dialogue.ndr import ndrs

        return ndrs(self._output, self._plan, self._addresses)

    def write_ndrs(self, folder: str | Path) -> list[Path]:
        """Write the NDRs into a folder, ``ndr-MESSAGE.eml`` for each message that has any, and return the files.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        from simsmtp.dialogue.ndr import write_ndrs

        return write_ndrs(Path(folder), self._output, self._plan, self._addresses)


def trace(
    scenario: Scenario | Mapping[str, object],
    *,
    seed: int = 0,
    replication: int = 0,
    determinism_check: bool = True,
) -> SimulatedDialogue:
    """Run one replication of a scenario and write down what is said.

    Parameters
    ----------
    scenario : Scenario or dict
        What to simulate; a dict holds the nested tables of a `Scenario`.
    seed : int
        Random seed, 0 or more.
    replication : int
        Which replication, from 0: the same as that of `simulate`.
    determinism_check : bool
        With a strategy of the user's own, run it twice.

    Returns
    -------
    SimulatedDialogue
        Rows, text, a sequence diagram, HTML, a capture, NDRs.

    Raises
    ------
    InputError
        If an argument is not one of these, or a dict is no scenario.

    Examples
    --------
    >>> dialogue = trace({"workload": {"recipients_per_message": 105}, "client": {"strategy": "one-stop"}})
    >>> dialogue
    <Dialogue 'one-stop': 2 connections, 6 command groups, 8 reads, 105 recipients>
    >>> dialogue.recipients["ledger"].value_counts().to_dict()
    {'delivered': 101, 'false_ndr': 4}
    """
    wanted = scenario_given(scenario)
    plan = plan_of(wanted)
    output = run_here(
        run_replication, plan, seed=whole_number(seed, "seed", 0),
        replication=whole_number(replication, "replication", 0), recipients=True, dialogue=True,
        check=determinism_check,
    )  # fmt: skip
    return SimulatedDialogue(wanted, seed, replication, output, plan)


def dialogue_title(scenario: Scenario) -> str:
    """Return how a sender is called in a diagram: by its preset, if it has one, and its counting strategy."""
    client = scenario.client
    if client.preset and client.strategy == client_preset(client.preset).get("strategy", "corrected"):
        return f"{client.preset} ({client.strategy})"
    return client.strategy


_ENDS = {
    End.QUIT: "",
    End.TIMED_OUT: "the client hears nothing, and closes",
    End.TIMED_OUT_TAKEN: "the client hears nothing, and closes; the server has taken the text",
    End.DROPPED: DROPPED,
}
_COLUMNS = ("connection", "step", "number", "client_s", "server_s", "verb", "code", "kind", "recipient", "text")
