"""Headless Chromium, asked over a pipe: it opens a page offline and tells what a reader would see of it."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian package chromium)")
_LONGEST_S = 60
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads commands from file 3 and writes answers into file 4.
_START = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(commands, 3), os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One tab, of any size."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number, self._rest = 0, b""
        self._events: list[dict[str, Any]] = []
        self._session: dict[str, str] = {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        end = time.monotonic() + _LONGEST_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
            got = os.read(self._answers, 2**20) if ready else b""
            if not got:
                raise TimeoutError("Chromium does not answer")
            self._rest += got
        text, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command of the Chrome DevTools protocol and return what it gives."""
        self._number += 1
        document = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._commands, json.dumps(document).encode() + b"\0")
        while (message := self._message()).get("id") != self._number:
            self._events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """Make the screen so many pixels large."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def open(self, path: Path) -> list[str]:
        """Open a file, wait until it is loaded, and return what went wrong and what it asked of the network."""
        self._events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(one.get("method") == "Page.loadEventFired" for one in self._events):
            self._events.append(self._message())
        self.evaluate("new Promise(done => setTimeout(done, 50))")
        return [told for one in self._events if (told := _complaint(one))]

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self) -> bytes:
        """Return what the screen shows, as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])


def _complaint(event: dict[str, Any]) -> str:
    method, params = event.get("method"), event.get("params", {})
    if method == "Runtime.exceptionThrown":
        return json.dumps(params["exceptionDetails"])[:500]
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        return str(params["entry"]["text"])
    if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:", "blob:")):
        return f"asks for {params['request']['url'][:200]}"
    return ""


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium, with what it writes in a folder, and end it."""
    its_commands, commands = os.pipe()
    answers, its_answers = os.pipe()
    started = subprocess.Popen(
        [sys.executable, "-c", _START, str(its_commands), str(its_answers), CHROMIUM, *_OPTIONS,
         f"--user-data-dir={folder / 'profile'}"],
        pass_fds=(its_commands, its_answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    os.close(its_commands)
    os.close(its_answers)
    try:
        tab = Browser(commands, answers)
        yield tab
        tab._session = {}
        tab.ask("Browser.close")
    finally:
        os.close(commands)
        os.close(answers)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
