"""Lines on standard output and error."""

from __future__ import annotations

import sys

from simsmtp.shown import shown


def say(text: object = "", *, to_stderr: bool = False) -> None:
    """Print lines that hold words of others, on standard output or error."""
    print(shown(text, keep="\n"), file=sys.stderr if to_stderr else sys.stdout)
