"""A scenario under sliders: the ledger and the sequence diagram follow every move. For notebooks."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from simsmtp.dialogue.ladder_words import COLOURS, ledger_words
from simsmtp.errors import InputError
from simsmtp.model.arguments import scenario_given, whole_number
from simsmtp.model.numbers import number_text, seconds_text
from simsmtp.model.scenario import Scenario
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.public_names import ShowsPublicNames
from simsmtp.shown import html_text
from simsmtp.strategies.registry import strategies
from simsmtp.tracing import SimulatedDialogue, trace

_UNLIMITED = 0
"""Stands for no window: a menu whose value is None shows nothing."""
_WINDOWS = (1, 2, 5, 10, 25, 50, 100, 250, _UNLIMITED)
_MOST_RECIPIENTS = 1000
"""Beyond, one move would take longer than a tenth of a second."""
_HEIGHT_PX = 620


class Explorer(ShowsPublicNames):
    """What `explore` returns; a notebook shows it.

    Parameters
    ----------
    scenario : Scenario
        Where the sliders begin.
    seed : int
        Random seed of every run.

    Attributes
    ----------
    scenario : Scenario
        What the sliders say now: take it over into a study.
    dialogue : SimulatedDialogue
        What is shown now.
    widget : ipywidgets.VBox
        The sliders and what they move.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._widgets = widgets = _ipywidgets()
        self._base, self._seed = scenario, seed
        self._controls = _controls(widgets, scenario)
        self._beside = widgets.Checkbox(value=True, description="corrected beside it", indent=False)
        self._ledger, self._diagram = widgets.HTML(), widgets.HTML()
        self.scenario, self.dialogue = scenario, trace(scenario, seed=seed)
        for control in (*self._controls.values(), self._beside):
            control.observe(lambda _: self._follow(), names="value")
        sliders = widgets.VBox([*self._controls.values(), self._beside])
        top = widgets.HBox([sliders, self._ledger], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([top, self._diagram])
        self._follow()

    def set(self, **values: object) -> None:
        """Move controls by name: ``batch_size``, ``limit``, ``rtt_ms``, ``recipients``, ``window``, ``strategy``.

        Raises
        ------
        InputError
            If there is no control of that name, or it cannot be moved there.
        """
        from traitlets import TraitError

        for name, value in values.items():
            if name not in self._controls:
                raise InputError("no such control", key="explore", given=name, allowed=self._controls)
            try:
                self._controls[name].value = value
            except TraitError as error:
                raise InputError(f"cannot be moved there: {error}", key=name, given=value) from None

    def _follow(self) -> None:
        try:
            self.scenario = self._base.replace(self._keys())
            self.dialogue = trace(self.scenario, seed=self._seed, determinism_check=False)
            others = (
                [self._corrected()] if self._beside.value and self._controls["strategy"].value != "corrected" else []
            )
        except InputError as error:  # two sliders may contradict each other
            self._ledger.value = f"<p>{html_text(str(error))}</p>"
            return
        self._ledger.value = _ledger_html([self.dialogue, *others])
        self._diagram.value = _frame(self.dialogue.to_html(*others))

    def _corrected(self) -> SimulatedDialogue:
        fixed = self.scenario.replace("client.strategy", "corrected")
        return trace(fixed, seed=self._seed)

    def _keys(self) -> dict[str, object]:
        values = {name: control.value for name, control in self._controls.items()}
        return {
            "workload.recipients_per_message": values["recipients"],
            "client.strategy": values["strategy"],
            "client.batch_size": values["batch_size"],
            "client.window_recipients": values["window"] or None,
            "server.recipient_limit": values["limit"],
            "network.rtt_ms": values["rtt_ms"],
        }

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)  # type: ignore[no-untyped-call,unused-ignore]

    def __repr__(self) -> str:
        return f"<Explorer of {self.scenario!r}>"


def explore(scenario: Scenario | Mapping[str, object] | None = None, *, seed: int = 0) -> Explorer:
    """Show a scenario under sliders, in a notebook.

    Batch size, recipient limit, round trip, window, recipients and counting strategy can be moved; the ledger and the
    sequence diagram follow. Each move simulates one replication.

    Parameters
    ----------
    scenario : Scenario or dict, optional
        Where to begin; by default one message of 250 recipients to a server that takes 100.
    seed : int
        Random seed.

    Returns
    -------
    Explorer
        Shown where it is the last line of a cell. Its ``scenario`` is what the sliders say.

    Raises
    ------
    InputError
        If it is no scenario, or ipywidgets is missing (extra ``notebooks``).
    """
    return Explorer(scenario_given({} if scenario is None else scenario), whole_number(seed, "seed", 0))


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError:
        raise InputError(
            "the package ipywidgets is not installed", key="explore", allowed="pip install 'simsmtp[notebooks]'"
        ) from None
    return ipywidgets


def _controls(widgets: Any, scenario: Scenario) -> dict[str, Any]:
    client, server = scenario.client, scenario.server
    given = scenario.workload.recipients_per_message
    recipients = given if isinstance(given, int) else 250
    rtt_ms = scenario.network.rtt_ms
    names = sorted(strategies())
    window = client.window_recipients or _UNLIMITED
    windows = [(f"{one} recipients" if one else "unlimited", one) for one in sorted({*_WINDOWS, window}, key=_size)]
    style = {"style": {"description_width": "9em"}, "layout": {"width": "26em"}}

    def slider(name: str, value: int, most: int) -> Any:
        return widgets.IntSlider(value=min(value, most), min=1, max=most, description=name, **style)

    most = max(_MOST_RECIPIENTS, recipients)
    return {
        "strategy": widgets.Dropdown(
            value=client.strategy, options=names, description="counting strategy", **style
        ),
        "recipients": slider("recipients", recipients, most),
        "batch_size": slider("batch size", client.batch_size, most),
        "limit": slider("recipient limit", server.recipient_limit or most, most),
        "rtt_ms": widgets.FloatLogSlider(
            value=rtt_ms if isinstance(rtt_ms, int | float) else 50.0, min=-1, max=3, step=0.05,
            readout_format=".3g", description="round trip, ms", **style,
        ),
        "window": widgets.Dropdown(
            value=window, options=windows, description="window", **style
        ),
    }  # fmt: skip


def _size(window: int) -> float:
    return window or math.inf


def _ledger_html(dialogues: Sequence[SimulatedDialogue]) -> str:
    rows = [_ledger_row(name, [one.responses[name] for one in dialogues]) for name in LEDGER_NAMES]
    facts = {
        "RCPT commands per delivered recipient": [
            number_text(one.responses["rcpt_per_delivered"]) for one in dialogues
        ],
        "transactions": [f"{one.responses['transactions']:,}" for one in dialogues],
        "time": [seconds_text(one.responses["makespan_s"]) for one in dialogues],
        "delivered recipients per second": [number_text(one.responses["delivered_per_s"], 3) for one in dialogues],
    }
    rows += [_row(name, values) for name, values in facts.items()]
    heads = "".join(f"<th>{html_text(one.ladder.title)}</th>" for one in dialogues)
    return f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _ledger_row(name: str, counts: Sequence[int | float]) -> str:
    if not any(counts):
        return ""
    mark = f'<span style="color: {COLOURS[name]}">&#9632;</span> '
    return _row(ledger_words(name), [f"{count:,}" for count in counts], mark)


def _row(name: str, values: Sequence[str], mark: str = "") -> str:
    cells = "".join(f'<td style="text-align: right; padding-left: 1.5em">{html_text(one)}</td>' for one in values)
    return f'<tr><th style="text-align: left; font-weight: normal">{mark}{html_text(name)}</th>{cells}</tr>'


def _frame(page: str) -> str:
    """Return a page in a frame of its own: its style and script do not touch the notebook's."""
    style = f"width: 100%; height: {_HEIGHT_PX}px; border: 1px solid #ccc"
    return f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" style="{style}"></iframe>'
