"""The command line: parse, call, print. A command's module is imported when the command is called."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec

import click

from simsmtp._version import __version__
from simsmtp.cli.printing.help_text import Context
from simsmtp.cli.printing.lines import is_plain
from simsmtp.errors import closest

# Name → what the list of commands says; the module of the same name, here or in ci/, holds the command.
_COMMANDS = {
    "new": "Write a commented file to start from: a study, a plan, a gate, a strategy.",
    "experiments": "List the experiments that come with simsmtp, and what each answers.",
    "run": "Run an experiment.",
    "compare": "Compare results with a baseline: ok, regression, or inconclusive.",
    "check": "Check experiment files; run nothing.",
    "history": "Show responses over commits, and find the commit that changed them.",
    "capacity": "Find out what a plan can carry, and what it needs to meet its objectives.",
    "report": "Write one HTML file of what a results folder holds.",
    "trace": "Show the dialogue of a session, with times and conclusions.",
    "serve": "Answer SMTP clients on a real port, under a recipient limit.",
    "send": "Send to a real SMTP server, counting by any strategy.",
    "audit": "Find out whether a real mail program loses recipients at a limit.",
    "keys": "List the keys of a scenario with units, defaults and meaning.",
    "lab": "Measure sessions of real mail servers over a line with a delay.",
    "calibrate": "Fit the model's times to measured sessions.",
    "validate": "Predict measured sessions, and say how far the predictions err.",
    "presets": "List the presets with their values and sources.",
}
_ROOMS = ("simsmtp.cli", "simsmtp.cli.ci")


if "_SIMSMTP_COMPLETE" in os.environ:
    import_module("simsmtp.cli.completion.bash")


def _module_of(name: str) -> str:
    """Return the module of a command, empty if there is none."""
    return next((one for room in _ROOMS if find_spec(one := f"{room}.{name}")), "")


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands that exist, in the order of use."""
        return [name for name in _COMMANDS if _module_of(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(_module_of(cmd_name)), cmd_name)
        command.context_class = Context
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with; a usage error names the one most like it."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            close = closest(args[0], known)
            hint = f" Did you mean {close!r}?" if close else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="simsmtp", message="%(prog)s %(version)s")
@click.pass_context
def simsmtp(ctx: click.Context) -> None:
    """Simulate pipelined SMTP under recipient limits.

    \b
    Start with:
      simsmtp run kb822105
      simsmtp experiments

    \b
    Completion in Bash (or zsh_source, fish_source):
      eval "$(_SIMSMTP_COMPLETE=bash_source simsmtp)"

    A reader who leaves early (simsmtp ... | head -1) does not change the exit code. Output that
    cannot be written for another reason, such as a full disk, ends with 1.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    if is_plain():
        ctx.color = False
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
