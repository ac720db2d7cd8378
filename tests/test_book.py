"""The book is built without a warning; everything public is in it, its links lead somewhere, browsers open it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from browser import Browser, browser, needs_browser
from study_files import ROOT

import simsmtp
from simsmtp.cli import simsmtp as command_line
from simsmtp.experiment.key_list import list_keys
from simsmtp.rows.responses import RESPONSES
from simsmtp.strategies.registry import BUILT_IN

FOLDER = ROOT / "notebooks"
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}
# What reaches beyond the right edge and does not scroll by itself.
TOO_WIDE = """(() => {
  const edge = window.innerWidth + 1;
  const scrolls = element => {
    for (let one = element; one && one.tagName !== "ARTICLE"; one = one.parentElement) {
      const inside = one.getBoundingClientRect().right <= edge;
      if (inside && ["auto", "scroll"].includes(getComputedStyle(one).overflowX)) return true;
    }
    return false;
  };
  const wide = [...document.querySelectorAll("article *")].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && box.right > edge && !scrolls(one);
  });
  return wide.slice(0, 5).map(one => one.outerHTML.slice(0, 120));
})()"""

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.ids.add(known.get("id", ""))
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        if tag == "link" and known.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loaded.append(known["href"])
        self.loaded += [known[name] for name in ("src", "srcset", "data") if name in known and tag != "a"]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for name in ("sphinx", "myst_nb", "furo", "numpydoc"):
        pytest.importorskip(name, reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("book")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-c",
        FOLDER / "book",
        FOLDER,
        folder / "html",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


@cache
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def pages_of(book: Path) -> list[Path]:
    return sorted(book.rglob("*.html"))


def test_every_command_key_preset_response_and_public_name_has_a_place(book: Path) -> None:
    ids = {name: page(book / f"{name}.html").ids for name in (
        "reference/commands", "reference/scenario_keys", "reference/experiment_keys", "reference/presets",
        "reference/responses", "reference/api", "reference/analysis", "explanation/mechanisms",
    )}  # fmt: skip
    commands = command_line.list_commands(click.Context(command_line))
    assert {f"simsmtp-{name}" for name in commands} <= ids["reference/commands"]
    assert {anchor("key", one.key) for one in list_keys()} <= ids["reference/scenario_keys"]
    others = list_keys(["study", "figure", "design", "capacity"])
    assert {anchor("key", one.key) for one in others} <= ids["reference/experiment_keys"]
    for side, known in (("client", simsmtp.presets.clients()), ("server", simsmtp.presets.servers())):
        assert {anchor(side, name) for name in known} <= ids["reference/presets"]
    assert {anchor("response", one.name) for one in RESPONSES} <= ids["reference/responses"]
    modules = {f"module-simsmtp.{name}" for name in ("analysis", "presets", "strategies")}
    assert modules <= ids["reference/api"] | ids["reference/analysis"]
    public = {f"simsmtp.{name}" for name in simsmtp.__all__ if f"module-simsmtp.{name}" not in modules}
    assert public <= ids["reference/api"]
    assert {f"simsmtp.analysis.{name}" for name in simsmtp.analysis.__all__} <= ids["reference/analysis"]
    assert set(BUILT_IN) <= ids["explanation/mechanisms"]


def anchor(kind: str, name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", f"{kind}-{name}".lower())


def test_links_and_anchors_lead_somewhere(book: Path) -> None:
    lost = []
    for path in pages_of(book):
        for link in page(path).links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_page = target.suffix == ".html"
            if not target.exists() or (parts.fragment and is_page and unquote(parts.fragment) not in page(target).ids):
                lost.append(f"{path.relative_to(book)}: {link}")
    assert not lost


def test_pages_load_nothing_from_elsewhere(book: Path) -> None:
    for path in pages_of(book):
        assert not [
            one for one in page(path).loaded if urlsplit(one).scheme not in {"", "data"} or one.startswith("//")
        ]
    for path in book.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", path.read_text(encoding="utf-8")), path


@needs_browser
@pytest.mark.parametrize("size", SIZES)
def test_every_page_opens_in_a_browser(book: Path, size: str, tmp_path: Path) -> None:
    with browser(tmp_path) as tab:
        tab.resize(*SIZES[size], phone=size == "phone")
        found = {path.relative_to(book).as_posix(): seen_by(tab, path) for path in pages_of(book)}
    assert not {name: seen for name, seen in found.items() if seen}


def seen_by(tab: Browser, path: Path) -> list[str]:
    """Return what a reader would complain about."""
    complaints = tab.open(path)
    complaints += tab.evaluate(TOO_WIDE)
    if tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        complaints.append("the page is wider than the screen")
    return complaints
