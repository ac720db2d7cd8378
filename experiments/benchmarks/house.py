"""How large the package is, before and after a change: code lines by room, functions, files, circles, repeated lines.

Run it in a clone as ``python experiments/benchmarks/house.py BEFORE [AFTER] [--addition REV]``, each anything that git
knows, AFTER by default HEAD. It prints Markdown. With --addition it also lists the files that a commit which adds
something touched, tests aside. A code line holds something else than a comment or a docstring. Repeated are runs of
six code lines or more that stand in two places, blanks at both ends aside. A circle is a set of files that import each
other, inside functions too; what only type checkers see is left out.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import subprocess
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

PACKAGE = "simsmtp/"
RUN = 6
ROOMS_OF_PEERS = ("engines/reference", "live", "peers")
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class File(NamedTuple):
    """A source file: its code lines, the lengths of its functions, and the modules of the package that it imports."""

    code: list[str]
    functions: list[int]
    imports: set[str]


def sources(revision: str) -> dict[str, str]:
    """Return the texts of the package's files at a revision, by their path in the package."""
    names = _git("ls-tree", "-r", "--name-only", revision, PACKAGE).split()
    return {name.removeprefix(PACKAGE): _git("show", f"{revision}:{name}") for name in names if name.endswith(".py")}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def read(text: str, modules: set[str]) -> File:
    """Take a source file apart."""
    tree = ast.parse(text)
    skipped = set(_docstring_lines(tree))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {line for one in tokens if one.type not in _NO_CODE for line in range(one.start[0], one.end[0] + 1)}
    code = [line.strip() for number, line in enumerate(text.splitlines(), 1) if number in lines - skipped]
    lengths = [
        sum(number in lines and number not in skipped for number in range(one.lineno, (one.end_lineno or 0) + 1)) - 1
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return File(code, lengths, set(_imports(tree)) & modules)


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of strings that are statements: docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from range(node.lineno, (node.end_lineno or 0) + 1)


def _imports(tree: ast.Module) -> Iterator[str]:
    for_types = {
        inner
        for one in ast.walk(tree)
        if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"
        for inner in ast.walk(one)
    }
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: str) -> str:
    """Return the module that a file of the package is."""
    return f"simsmtp.{path.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")


def circles(files: Mapping[str, File]) -> list[set[str]]:
    """Return the sets of modules that import each other, over however many steps."""
    imported = {module_of(path): one.imports for path, one in files.items()}
    reached = {one: _reached(one, imported) for one in imported}
    found = {frozenset(other for other in reached[one] if one in reached[other]) for one in imported}
    return [set(one) for one in found if len(one) > 1]


def _reached(start: str, imported: Mapping[str, set[str]]) -> set[str]:
    known, ahead = set[str](), [start]
    while ahead:
        for one in imported.get(ahead.pop(), set()) - known:
            known.add(one)
            ahead.append(one)
    return known


def repeated_lines(files: Mapping[str, File]) -> int:
    """Return how many code lines stand in a run that also stands elsewhere, imports and brackets aside."""
    places = defaultdict(list)
    for path, one in files.items():
        for begin in range(len(one.code) - RUN + 1):
            run = tuple(one.code[begin : begin + RUN])
            if sum(len(line) > 8 and not line.startswith(("from ", "import ")) for line in run) >= RUN - 1:
                places[run].append((path, begin))
    return len(
        {(path, begin + k) for many in places.values() if len(many) > 1 for path, begin in many for k in range(RUN)}
    )


def room_of(path: str) -> str:
    """Return the folder that a file lies in."""
    return path.rpartition("/")[0] or "."


def main() -> None:
    """Print what changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after", nargs="?", default="HEAD")
    parser.add_argument("--addition", metavar="REV")
    given = parser.parse_args()
    revisions = [given.before, given.after]
    texts = [sources(one) for one in revisions]
    both = [{path: read(text, set(map(module_of, one))) for path, text in one.items()} for one in texts]
    short = [_git("rev-parse", "--short", one).strip() for one in revisions]
    print(f"| | {short[0]} | {short[1]} |")
    print("|---|--:|--:|")
    for name, *values in rows(*both):
        print(f"| {name} | {' | '.join(str(value) for value in values)} |")
    if given.addition:
        subject, *touched = _git("show", "--format=%s", "--name-only", given.addition).split("\n")
        sources_touched = [name for name in touched if name and not name.startswith("tests/")]
        print(
            f"\n{subject} ({given.addition}): {len(sources_touched)} files, tests aside: {', '.join(sources_touched)}"
        )


def rows(before: Mapping[str, File], after: Mapping[str, File]) -> Iterator[tuple[str, object, object]]:
    """Yield lines of the table."""
    both = (before, after)
    code = [Counter[str]() for _ in both]
    held = [Counter[str]() for _ in both]
    for files, lines, many in zip(both, code, held, strict=True):
        for path, one in files.items():
            lines[room_of(path)] += len(one.code)
            many[room_of(path)] += 1
    for room in sorted({*code[0], *code[1]}):
        yield f"code lines of `{room}` (files)", *(f"{c[room]:,} ({h[room]})" for c, h in zip(code, held, strict=True))
    yield "**code lines in all**", *(f"{c.total():,}" for c in code)
    yield f"code lines of {', '.join(ROOMS_OF_PEERS)}", *(f"{sum(c[one] for one in ROOMS_OF_PEERS):,}" for c in code)
    functions = [sorted(n for one in files.values() for n in one.functions) for files in both]
    lengths = [sorted(len(one.code) for one in files.values()) for files in both]
    yield "functions", *(f"{len(one):,}" for one in functions)
    yield "code lines of a function: median, 90th percentile, longest", *map(_spread, functions)
    yield "files", *(f"{len(one):,}" for one in lengths)
    yield "code lines of a file: median, 90th percentile, longest", *map(_spread, lengths)
    yield "files in the largest room, `__init__.py` aside", *(max(one.values()) - 1 for one in held)
    yield "import circles (files in them)", *(_told(circles(files)) for files in both)
    yield f"lines in runs of {RUN} or more that stand twice", *(repeated_lines(files) for files in both)


def _spread(values: list[int]) -> str:
    return f"{statistics.median(values):g}, {values[int(0.9 * len(values))]}, {values[-1]}"


def _told(found: list[set[str]]) -> str:
    return f"{len(found)} ({sum(map(len, found))})"


if __name__ == "__main__":
    main()
