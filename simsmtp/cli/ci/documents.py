"""``--to FORMAT[=FILE]``: a comparison as documents for CI, printed or written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from simsmtp.cli.completion import words

if TYPE_CHECKING:
    from simsmtp.gate.capacity_comparison import CapacityComparison
    from simsmtp.gate.ci.findings import Outcome
    from simsmtp.gate.comparison import Comparison

FORMATS = ("github", "comment", "markdown", "junit", "badge", "badge-svg", "github-action-benchmark", "bmf", "gobench",
           "pytest-benchmark")  # fmt: skip
OF_ANY = ("github", "comment", "badge", "badge-svg")
"""Formats that an audit has, too."""
_TWO_FILES = {"github-action-benchmark", "pytest-benchmark"}
_OLD = {"gha": "github-action-benchmark"}
_SUMMARY = "GITHUB_STEP_SUMMARY"

to = partial(click.option, "--to", "kinds", multiple=True, metavar="FORMAT[=FILE]",
             shell_complete=words.one_of(FORMATS))  # fmt: skip


class Target(NamedTuple):
    """A document that is asked for.

    Attributes
    ----------
    kind : str
        Its format.
    file : Path or None
        Where to; None for standard output.
    """

    kind: str
    file: Path | None


def targets_of(
    kinds: Sequence[str], *, output: Path | None = None, as_json: bool = False, prints: bool = True,
    allowed: Sequence[str] = FORMATS,
) -> list[Target]:  # fmt: skip
    """Return the documents that are asked for; what cannot be written is an `InputError`, before anything is run.

    Parameters
    ----------
    kinds : sequence of str
        What ``--to`` was given.
    output : Path, optional
        The file of the one that names none.
    as_json : bool
        Standard output is taken.
    prints : bool
        False where only ``github`` may do without a file.
    allowed : sequence of str
        Formats.
    """
    from simsmtp.errors import InputError
    from simsmtp.output.writable import require_writable

    found = [_target(one, allowed) for one in kinds]
    if output is not None:
        if [one.file for one in found] != [None]:
            raise InputError("needs one format without a file", key="--output", given=str(output),
                             allowed="it with --to FORMAT")  # fmt: skip
        found = [Target(found[0].kind, output)]
    printed = [one.kind for one in found if one.file is None]
    for one in found:
        if one.kind == "github" and one.file is not None:
            allowed_then = f"--to github; {_SUMMARY} names the file of the summary"
            raise InputError("prints", key="--to", given=f"github={one.file}", allowed=allowed_then)
        if one.file is None and (one.kind in _TWO_FILES or (one.kind != "github" and not prints)):
            reason = "makes two files" if one.kind in _TWO_FILES else "needs a file"
            raise InputError(reason, key="--to", given=one.kind, allowed=f"--to {one.kind}=FILE")
        if one.file is not None:
            require_writable(one.file, "--to" if output is None else "--output", may_be_made=True)
    if printed and (as_json or len(printed) > 1):
        beside = "--json" if as_json else f"--to {printed[0]}"
        raise InputError(f"prints in place of {beside}", key="--to", given=printed[-1],
                         allowed=f"--to {printed[-1]}=FILE" if printed[-1] != "github" else "one of them")  # fmt: skip
    return found


def _target(given: str, allowed: Sequence[str]) -> Target:
    from simsmtp.cli.printing.lines import say
    from simsmtp.errors import InputError

    kind, equals, file = given.partition("=")
    if kind in _OLD and _OLD[kind] in allowed:
        say(f"simsmtp: --to {kind} is called {_OLD[kind]} now; the old name goes with the next release", to_stderr=True)
        kind = _OLD[kind]
    if kind not in allowed:
        raise InputError("unknown format", key="--to", given=kind, allowed=allowed)
    if equals and not file:
        raise InputError("names no file", key="--to", given=given, allowed=f"{kind}=FILE")
    return Target(kind, Path(file) if file else None)


def write_comparison(found: Comparison | CapacityComparison, targets: Sequence[Target]) -> None:
    """Write and print the documents of a comparison."""
    from simsmtp.gate.ci.findings import outcome_of
    from simsmtp.gate.ci.formats import export

    for one in targets:
        if one.kind in OF_ANY:
            write_outcome(outcome_of(found), [one])
        else:
            _write(one, export(found, one.kind))


def write_outcome(outcome: Outcome, targets: Sequence[Target]) -> None:
    """Write and print documents that comparisons and audits have in common."""
    from simsmtp.gate.ci.badge import badge_json, badge_svg
    from simsmtp.gate.ci.markdown import comment

    texts = {"comment": comment, "badge": badge_json, "badge-svg": badge_svg}
    for one in targets:
        if one.kind == "github":
            _write_github(outcome)
        else:
            _write(one, {"": texts[one.kind](outcome)})


def _write(target: Target, texts: Mapping[str, str]) -> None:
    for suffix, text in texts.items():
        if target.file is None:
            print(text, end="")  # of words of others the documents take care
        else:
            write_file(target.file.with_name(f"{target.file.stem}{suffix}{target.file.suffix}"), text)


def write_file(path: Path, text: str, key: str = "--to") -> None:
    """Write a document, and the folder that it is in."""
    from simsmtp.files import replace_file, write_errors

    with write_errors(path, key):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)


def _write_github(outcome: Outcome) -> None:
    """Print annotations, and add the job summary to the file that GitHub names, or print it where there is none."""
    from simsmtp.files import write_errors
    from simsmtp.gate.ci.github import workflow_commands
    from simsmtp.gate.ci.markdown import MOST_SUMMARY, summary

    print(workflow_commands(outcome), end="")
    name = os.environ.get(_SUMMARY)
    if not name:
        print(f"\n{summary(outcome)}", end="")
        return
    with write_errors(name, _SUMMARY), Path(name).open("a", encoding="utf-8") as file:  # it is the CI service's own
        taken = os.fstat(file.fileno()).st_size  # by what this step added before
        file.write(summary(outcome, MOST_SUMMARY - taken - 1) + "\n")
