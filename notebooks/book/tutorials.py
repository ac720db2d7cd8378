"""The notebooks as chapters: each begins with its first figure, and a page shows them all."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any


def _picture(notebook: dict[str, Any], name: str, pictures: Path, folder: Path) -> str:
    """Write the first figure of a notebook, and return the Markdown that shows it on a page in the folder."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    figures = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    pictures.mkdir(parents=True, exist_ok=True)
    path = pictures / f"{name}.png"
    path.write_bytes(base64.b64decode("".join(figures[0])))
    return f"![The first figure of this notebook]({Path(os.path.relpath(path, folder)).as_posix()}){{.wide}}\n"


def with_picture_first(notebook: dict[str, Any], name: str, pictures: Path, folder: Path) -> dict[str, Any]:
    """Return a notebook that shows its first figure below its title."""
    opening = notebook["cells"][0]
    title, _, rest = "".join(opening["source"]).partition("\n")
    opening["source"] = f"{title}\n\n{_picture(notebook, name, pictures, folder)}\n{rest}"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":  # in MyST, unlike in Jupyter, a line that begins with % is a comment
            cell["source"] = re.sub("^%", r"\%", "".join(cell["source"]), flags=re.MULTILINE)
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
        sections.append(_picture(notebook, path.stem, pictures, folder))
    return "\n".join(sections)
