"""Pages of reference, written from the package itself: commands, exit codes, keys, presets, responses, the API."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

import click

import simsmtp
from simsmtp import analysis as simsmtp_analysis
from simsmtp.cli import simsmtp as command_line
from simsmtp.cli.printing.help_text import in_words
from simsmtp.experiment.key_list import Key, distribution_text, list_keys
from simsmtp.model.toml_text import toml_value
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.randomness.streams import Purpose
from simsmtp.rows.responses import BY_NAME, RESPONSES

_PICTURES = {
    "run": ("kb822105/kb822105.png", "`simsmtp run kb822105`"),
    "compare": ("verification/gate.png", "How often each verdict is given, against the true change"),
    "capacity": ("newsletter/capacity.png", "`simsmtp capacity newsletter`"),
    "trace": ("dialogue/kb822105.png", "`simsmtp trace … --beside … --figure FILE.png`"),
    "audit": ("audit/audit.png", "What an audit of seven programs found"),
    "validate": ("validation/postfix.png", "`simsmtp validate … --figure PATH`"),
}
"""Command → a file below `results/` that shows what comes of it, and what it is."""
_ORDINARY = {0: "done", 1: "a crash, or work that could not be finished", 2: "bad input", 130: "Ctrl-C"}


def words(text: str) -> str:
    """Return text as Markdown that shows it as it is, but for what stands in backticks: that is code."""
    parts = re.split(r"(``?[^`]+``?)", text)
    parts[::2] = [re.sub(r"([\\*_\[\]<>$|#])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of cells that are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines) + "\n"


def place(kind: str, name: str) -> str:
    """Return the anchor of a key or response."""
    return re.sub("[^a-z0-9]+", "-", f"{kind}-{name}".lower())


class Page(click.HelpFormatter):
    """Writes the help of a command as Markdown."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:  # noqa: ARG002
        self.write(f"```text\n{prog} {args}\n```\n\n")

    def write_heading(self, heading: str) -> None:
        self.write(f"**{heading}**\n\n")

    def write_text(self, text: str) -> None:
        for paragraph in text.split("\n\n"):
            if not paragraph.lstrip().startswith("\b"):
                self.write(f"{words(paragraph)}\n\n")
                continue
            lines = inspect.cleandoc(paragraph.replace("\b", "")).split("\n")
            if lines[0].endswith(":"):
                self.write(f"{words(lines.pop(0))}\n\n")
            self.write("```text\n" + inspect.cleandoc("\n".join(lines)) + "\n```\n\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:  # noqa: ARG002
        self.write("".join(f"`{term}`\n: {words(in_words(meaning))}\n\n" for term, meaning in rows))


def contexts() -> Iterator[click.Context]:
    """Yield every command, ready to be asked for its help."""
    parent = click.Context(command_line, info_name="simsmtp")
    for name in command_line.list_commands(parent):
        command = command_line.get_command(parent, name)
        assert command
        yield click.Context(command, info_name=name, parent=parent)


def commands() -> str:
    """Return a section for each command, made from its help."""
    sections = []
    for context in contexts():
        page = Page()
        context.command.format_help(context, page)
        sections.append(f"## {context.command_path}\n\n{page.getvalue()}")
        if shown := _PICTURES.get(context.info_name or ""):
            sections.append(f"![{shown[1]}](../../results/{shown[0]}){{.wide}}\n\n*{shown[1]}*\n")
    return "\n".join(sections)


def codes_of(command: click.Command) -> dict[int, str]:
    """Return what a command's help says of its exit codes."""
    told = re.search(r"Exit codes: (.*?)\.(?:\n\n|$)", inspect.cleandoc(command.help or ""), re.DOTALL)
    text = " ".join(told[1].split()) if told else ""
    return {int(code): meaning for code, meaning in re.findall(r"(?:^|; )(\d+) (.*?)(?=; \d+ |$)", text)}


def exit_codes() -> str:
    """Return one table of the exit codes of all commands."""
    rows = []
    for context in contexts():
        told = codes_of(context.command)
        codes = {code: one for code, one in _ORDINARY.items() if code == 0 or one not in told.get(0, "")} | told
        link = f"[{context.info_name}](commands.md#simsmtp-{context.info_name})"
        for code, meaning in sorted(codes.items()):
            rows.append((link, str(code), words(meaning)))
            link = ""
    return table(("command", "code", "meaning"), rows)


def _key(key: Key) -> str:
    unit = f" ({words(key.unit)})" if key.unit else ""
    default = {"": "", "required": ", required"}.get(key.default, f", by default `{key.default}`")
    allowed = f" *Allowed:* {words(key.allowed)}." if key.allowed else ""
    return f"[`{key.key}`]{{#{place('key', key.key)}}}{unit}{default}\n: {words(key.meaning)}{allowed}\n"


def _keys(found: Sequence[Key]) -> str:
    tables = dict.fromkeys(one.table for one in found)
    return "\n".join(
        "\n".join([f"## `{table_name}`\n", *(_key(one) for one in found if one.table == table_name)])
        for table_name in tables
    )


def scenario_keys() -> str:
    """Return every key of a scenario, table by table."""
    return f"{_keys(list_keys(inner=True))}\n## Distributions\n\n{words(distribution_text())}\n"


def experiment_keys() -> str:
    """Return every key of an experiment file that is no scenario key."""
    found = list_keys(["study", "figure", "design", "capacity"])
    return _keys([one for one in found if "scenario" not in one.table])


def presets() -> str:
    """Return a section for each preset, with the source of every value."""
    lines = []
    for side, known in (("Client", simsmtp.presets.clients()), ("Server", simsmtp.presets.servers())):
        lines.append(f"## {side} presets\n")
        for name, one in known.items():
            lines += [f"### {side}: {name}\n", f"{words(one.title)}. {words(one.note)}\n"]
            rows = [
                (f"`{key}`", f"`{toml_value(value)}`", words(one.sources[key]) + _seen(one.verified.get(key, "")))
                for key, value in one.values.items()
            ]
            lines.append(table(("key", "value", "source"), rows))
    return "\n".join(lines)


def _seen(program: str) -> str:
    return f". *Seen in {words(program)}*" if program else ""


def responses() -> str:
    """Return every response with its unit and definition."""
    better = {"": "", "higher": "Higher is better.", "lower": "Lower is better."}
    return "\n".join(
        f"[`{one.name}`]{{#{place('response', one.name)}}}{f' ({one.unit})' if one.unit else ''}\n"
        f": {words(one.meaning[:1].upper() + one.meaning[1:])}. {better[one.better]}\n"
        for one in RESPONSES
    )


def ledger() -> str:
    """Return the classes that a recipient may end in."""
    return table(("class", "meaning"), [(f"`{name}`", words(BY_NAME[name].meaning)) for name in LEDGER_NAMES])


def draws() -> str:
    """Return what is drawn at random, and what each draw is named by."""
    source = inspect.getsource(Purpose)
    told = re.findall(r"^    ([A-Z_]+) = \d+\n +\"\"\"(.*?)\"\"\"", source, re.MULTILINE | re.DOTALL)
    return table(("draw", "what it decides, and its name"), [(f"`{name}`", words(text)) for name, text in told])


def _members(found: type) -> list[str]:
    """Return the methods and properties that a class of ours has for its users."""
    ours = [base for base in found.__mro__ if base.__module__.startswith("simsmtp")]
    names = dict.fromkeys(name for base in ours for name in vars(base))
    kinds = (classmethod, property, staticmethod)
    return [
        name
        for name in names
        if not name.startswith(("_", "model_"))
        and name not in getattr(found, "_fields", ())
        and (callable(value := inspect.getattr_static(found, name)) or isinstance(value, kinds))
        and inspect.getdoc(getattr(found, name))
    ]


def _entry(module: ModuleType, name: str) -> str:
    """Return the directive that documents a public name."""
    found = getattr(module, name)
    full = f"{module.__name__}.{name}"
    if full == "simsmtp.analysis":
        return f":py:mod:`{full}` has a page of its own.\n"
    if inspect.ismodule(found):
        return f".. automodule:: {full}\n   :members: {', '.join(_MEMBERS.get(name, ()))}\n"
    if inspect.isclass(found):
        return _class(full, found)
    if inspect.isroutine(found):
        return f".. autofunction:: {full}\n"
    return f".. py:data:: {name}\n   :module: {module.__name__}\n\n   {_DATA[name]}\n"


def _class(full: str, found: type) -> str:
    members = "" if issubclass(found, BaseException) else ", ".join(_members(found))
    options = f"   :members: {members}\n" if members else ""
    return f".. autoclass:: {full}\n{options}"


_MEMBERS = {"presets": ("Preset", "clients", "servers", "client_preset", "server_preset")}
_DATA = {
    "RESPONSES": "All :doc:`responses <responses>`: a tuple of named tuples with ``name``, ``unit``, ``meaning``, ``better`` and ``whole``.",
    "__version__": "The version of simsmtp, as text.",
}


def _documented(module: ModuleType, also: Iterable[str] = ()) -> str:
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Modules and constants": []}
    for name in sorted(module.__all__, key=str.lower):
        found = getattr(module, name)
        kind = "Classes" if inspect.isclass(found) else "Functions" if inspect.isroutine(found) else "Modules and constants"
        kinds[kind].append(_entry(module, name))
    kinds["Classes"] += also
    return "\n".join(
        f"## {kind}\n\n" + "\n".join(f"```{{eval-rst}}\n{one}```\n" for one in entries)
        for kind, entries in kinds.items()
        if entries
    )


def api() -> str:
    """Return everything that `simsmtp` has, from its docstrings."""
    from simsmtp.tracing import SimulatedDialogue

    return _documented(simsmtp, [_class("simsmtp.tracing.SimulatedDialogue", SimulatedDialogue)])


def analysis() -> str:
    """Return everything that `simsmtp.analysis` has, from its docstrings."""
    return _documented(simsmtp_analysis)
