"""The contended model in C (`contended.c`): compiled when it is wanted, and asked for its counts and its time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("contended.c")
COUNTS = ("delivered", "lost", "rcpt_commands", "transactions", "connections", "round_trips")
TIMES = ("makespan", "delay_p50", "delay_p95", "delay_p99")
ABSENT = "no C compiler (cc) was found, so the compiled engine was not measured against C"


class Contended(NamedTuple):
    """The contended scenario: messages of some recipients over many connections to a server with few workers."""

    messages: int
    recipients: int = 50
    connections: int = 1000
    workers: int = 4

    @property
    def rcpts(self) -> int:
        """RCPT commands: no recipient is sent twice, for a message has fewer than the limit."""
        return self.messages * self.recipients


def build(folder: Path, *flags: str) -> Path | None:
    """Compile the program into a folder and return it; None where there is no C compiler."""
    cc = shutil.which("cc")
    if cc is None:
        return None
    program = folder / f"contended{''.join(flags)}"
    subprocess.run([cc, "-std=c11", *flags, str(SOURCE), "-o", str(program)], check=True)
    return program


def ask(program: Path, case: Contended) -> dict[str, int]:
    """Run the program; return what it prints: counts, nanoseconds, events, and the processor time it took."""
    done = subprocess.run([program, *map(str, case)], capture_output=True, text=True, check=True)
    return {name: int(value) for name, value in map(str.split, done.stdout.splitlines())}


def responses(printed: dict[str, int]) -> dict[str, float]:
    """Return of what the program printed that which the engines report too, under their names."""
    counts = {name: float(printed[name]) for name in COUNTS}
    return counts | {f"{name}_s": printed[f"{name}_ns"] / 1e9 for name in TIMES}


def version() -> str:
    """Return the first line of ``cc --version``."""
    cc = shutil.which("cc")
    if cc is None:
        return "no cc"
    done = subprocess.run([cc, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]
