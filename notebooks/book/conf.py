"""The book's configuration, for Sphinx with MyST-NB.

    sphinx-build -W --keep-going -c notebooks/book notebooks out/book

A page says ``<!-- generated: keys -->`` where text stands that is made from the package when the book is built.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import mechanisms
import reference
import tutorials

from simsmtp import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "simsmtp"
author = "The simsmtp authors"
version = release = __version__
language = "en"
smartquotes = False  # "--set" stays as it is typed
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["book", "**/.ipynb_checkpoints"]
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*")]  # docstrings name inner things, too: those stay words without a link
default_role = "py:obj"

autodoc_typehints = "none"  # types stand in the docstrings
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
python_display_short_literal_types = True

nb_execution_mode = "off"  # notebooks are kept with their outputs; the slow tests execute them
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # nothing is fetched from elsewhere
nb_merge_streams = True
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "simsmtp"
html_static_path = ["book.css"]
html_css_files = ["book.css"]
html_copy_source = False
html_show_sphinx = html_show_copyright = False

MAKERS = {
    "analysis": reference.analysis,
    "api": reference.api,
    "closed forms": mechanisms.closed_forms,
    "commands": reference.commands,
    "draws": reference.draws,
    "exit codes": reference.exit_codes,
    "experiment keys": reference.experiment_keys,
    "ledger": reference.ledger,
    "presets": reference.presets,
    "responses": reference.responses,
    "scenario keys": reference.scenario_keys,
}
_MARK = re.compile(r"^<!-- generated: ([\w ]+) -->$", re.MULTILINE)
_FILE = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!http|#)[^)]+)\)")


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Put into a page what is generated for it."""
    pictures = Path(app.doctreedir) / "pictures"
    folder = Path(app.env.doc2path(page)).parent
    if source[0].startswith("{"):
        source[0] = json.dumps(tutorials.with_picture_first(json.loads(source[0]), page, pictures, folder))
        return
    makers = {
        **MAKERS,
        "mechanisms": lambda: mechanisms.sections(pictures, folder),
        "tutorials": lambda: tutorials.overview(folder, pictures),
    }
    source[0] = _MARK.sub(lambda mark: makers[mark[1]](), source[0])


def generated(_app: Sphinx, env: BuildEnvironment, *_pages: set[str]) -> list[str]:
    """Return the pages that are made from the package: they are read again whenever the book is built."""
    return [page for page in env.found_docs if _MARK.search(Path(env.doc2path(page)).read_text(encoding="utf-8"))]


def with_downloads(app: Sphinx, path: Path, page: str, source: list[str]) -> None:
    """Let a text that is included from outside the book offer the files that it links to, for they are no pages."""
    folder = path.parent.as_posix()
    source[0] = _FILE.sub(lambda link: f"{{download}}`{link[1].strip('`')} </{folder}/{link[2]}>`", source[0])


def setup(app: Sphinx) -> None:
    """Tell Sphinx about it."""
    app.connect("source-read", fill)
    app.connect("env-get-outdated", generated)
    app.connect("include-read", with_downloads)
