"""Completion in Bash, which takes KEY=VALUE for three words."""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

_END = "    return 0\n"
_OPEN = "    [[ ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace  # more is to come\n\n"


class Bash(BashComplete):
    """Joins what Bash takes apart at ``=`` and ``:``, and offers what stands behind it."""

    source_template = BashComplete.source_template.replace(_END, f"{_OPEN}{_END}")
    _before = ""

    def complete(self) -> str:
        """Return what is offered; nothing where the words cannot be made sense of."""
        try:
            return super().complete()
        except Exception:  # noqa: BLE001 - at the Tab key there is nobody to tell
            return ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before, and the one to be completed as far as it has been typed."""
        words, at = split_arg_string(os.environ["COMP_WORDS"]), int(os.environ["COMP_CWORD"])
        joined: list[str] = []
        goes_on = False
        for word in [*words[1:at], words[at] if at < len(words) else ""]:
            is_break = word in {"=", ":"} and bool(joined)
            self._before = ""
            if is_break or goes_on:
                self._before = joined[-1] + (word if is_break else "")
                joined[-1] += word
            else:
                joined.append(word)
            goes_on = is_break
        return joined[:-1], joined[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return a completion without what Bash takes for words of their own."""
        value: Any = item.value
        return f"{item.type},{value.removeprefix(self._before)}"


add_completion_class(Bash)
