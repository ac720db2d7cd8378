"""Workflow commands of GitHub Actions: what is worse or not known as annotations at a file and line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from simsmtp.gate.ci.findings import Finding, Outcome
from simsmtp.gate.places import first_inside
from simsmtp.model.numbers import counted
from simsmtp.shown import shown

MOST_ANNOTATIONS = 10
"""Annotations of each kind that GitHub shows of a step."""
_MOST_CHARACTERS = 4000
"""GitHub's runner cuts a message at 4,096 characters."""
_MOST_LINES = 12


def workflow_commands(outcome: Outcome) -> str:
    """Return annotations as GitHub's runner reads them on standard output; where there is none, the verdict.

    Parameters
    ----------
    outcome : Outcome
        At most ten errors and ten warnings are told. Where there are more, the tenth says how many.

    Returns
    -------
    str
        Lines such as ``::error file=gate.toml,line=20,title=REGRESSION%3A …::…``. A file is told only if it lies in
        the folder that ``GITHUB_WORKSPACE`` names, and relative to it.
    """
    lines = [
        line
        for is_error, command in ((True, "error"), (False, "warning"))
        for line in _annotations(command, [one for one in outcome.findings if one.is_error == is_error])
    ]
    if not lines:
        verdict = f"{outcome.view.name or 'comparison'}: {outcome.view.headline}"
        # A runner also takes "##[" anywhere in a line for a command.
        lines = [f"simsmtp: {shown(verdict).replace('##[', '## [')}"]
    return "".join(f"{line}\n" for line in lines)


def _annotations(command: str, findings: Sequence[Finding]) -> Iterator[str]:
    rest = len(findings) - MOST_ANNOTATIONS
    told = findings if rest <= 0 else findings[: MOST_ANNOTATIONS - 1]
    for one in told:
        place = first_inside(one.places, os.environ.get("GITHUB_WORKSPACE"))
        properties = {} if place is None else {"file": place.file}
        if place is not None and place.line:
            properties["line"] = str(place.line)
        yield _command(command, properties | {"title": one.title}, _message(one.lines))
    if rest > 0:
        yield _command(command, {"title": f"{rest + 1} more"}, f"{counted(rest + 1, 'more finding')}: see the summary")


def _message(lines: Sequence[str]) -> str:
    *others, last = lines
    if len(others) > _MOST_LINES:
        others = [*others[:_MOST_LINES], f"and {counted(len(others) - _MOST_LINES, 'more line')}: see the summary"]
    return "\n".join(map(shown, (*others, last)))[:_MOST_CHARACTERS]


def _command(command: str, properties: dict[str, str], message: str) -> str:
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{command} {told}::{_data(message)}"


def _data(text: str) -> str:
    """Return a message as GitHub's toolkit escapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return the value of a property as GitHub's toolkit escapes it."""
    return _data(shown(text)[:_MOST_CHARACTERS]).replace(":", "%3A").replace(",", "%2C")
