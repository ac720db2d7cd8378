"""The notebooks as chapters: each begins with its first figure, and a page shows them all."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_EARLY = 2
"""A figure that the first so many code cells draw stands at the beginning already."""


def _figures(notebook: dict[str, Any]) -> Iterator[tuple[int, bytes]]:
    """Yield the figures of a notebook, each with the number of its code cell."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code):
        for output in cell["outputs"]:
            if png := output.get("data", {}).get("image/png"):
                yield number, base64.b64decode("".join(png))


def _written(figure: bytes, name: str, pictures: Path, folder: Path) -> str:
    """Write a figure and return where it is, as a page in the folder would name it."""
    pictures.mkdir(parents=True, exist_ok=True)
    path = pictures / f"{name}.png"
    path.write_bytes(figure)
    return Path(os.path.relpath(path, folder)).as_posix()


def with_picture_first(notebook: dict[str, Any], name: str, pictures: Path, folder: Path) -> dict[str, Any]:
    """Return a notebook that shows its first figure below its title, unless it stands there anyway."""
    first = next(_figures(notebook), None)
    if first is None or first[0] < _EARLY:
        return notebook
    opening = notebook["cells"][0]
    title, _, rest = "".join(opening["source"]).partition("\n")
    picture = f"![The first figure of this chapter]({_written(first[1], name, pictures, folder)})"
    opening["source"] = f"{title}\n\n{picture}\n{rest}"
    return notebook


def overview(folder: Path, pictures: Path) -> str:
    """Return a section for each notebook: its title, the decision it helps with, its first figure."""
    sections = []
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        title, _, rest = "".join(notebook["cells"][0]["source"]).partition("\n")
        decision = re.search(r"\*\*Decision:\*\*.*?(?=\n\n|$)", rest, re.DOTALL)
        assert decision, path
        sections.append(f"## [{title.removeprefix('# ')}]({path.name})\n\n{decision[0]}\n")
        for _, figure in list(_figures(notebook))[:1]:
            sections.append(f"![]({_written(figure, path.stem, pictures, folder)})\n")
    return "\n".join(sections)
