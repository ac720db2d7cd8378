"""Real programs as callers: they hand letters to a server, and what each was told is kept.

smtplib runs in threads of this process, curl and msmtp as one process for each letter or connection, nodemailer as one
process for all letters. Every program is given a bounded time.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import smtplib
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from simsmtp.live.endpoint import Endpoint

LONGEST_S = 60
LEAST_NODE = 20
TEXT = b"Subject: hello\r\n\r\nHello.\r\n"
Told = set[tuple[int, int]]
"""Message and number of each recipient that the program reported as failed."""


class Letter(NamedTuple):
    """One message for its caller.

    Attributes
    ----------
    number : int
        Which message it is, from 0.
    sender : str
        Envelope sender.
    recipients : sequence of str
        Envelope recipients, in order.
    """

    number: int
    sender: str
    recipients: Sequence[str]

    def named(self, addresses: Sequence[str]) -> Told:
        """Return the recipients of these addresses."""
        return {(self.number, self.recipients.index(one)) for one in addresses}

    @property
    def everybody(self) -> Told:
        """All of its recipients."""
        return {(self.number, position) for position in range(len(self.recipients))}


class Manner(NamedTuple):
    """How a caller uses a program.

    Attributes
    ----------
    connections : int
        Threads, processes or connections at once.
    per_connection : int
        Most messages over one connection; 0 is no bound.
    """

    connections: int = 1
    per_connection: int = 0


def with_smtplib(place: Endpoint, letters: Sequence[Letter], manner: Manner) -> Told:
    """Send with Python's smtplib: each thread keeps its connection, or takes a new one for each letter."""
    waiting = iter(letters)
    taking = threading.Lock()

    def letters_of_thread() -> Iterator[Letter]:
        while True:
            with taking:
                letter = next(waiting, None)
            if letter is None:
                return
            yield letter

    def thread(_: int) -> Told:
        told: Told = set()
        client: smtplib.SMTP | None = None
        for letter in letters_of_thread():
            try:
                client = client or smtplib.SMTP(place.host, place.port, local_hostname="test", timeout=LONGEST_S)
                told |= letter.named([*client.sendmail(letter.sender, list(letter.recipients), TEXT)])
            except (smtplib.SMTPException, OSError):
                # After a 421 it may name one address only; its caller knows that it raised, and nobody got the letter.
                told |= letter.everybody
            if client and client.sock and manner.per_connection == 1:
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    client.quit()
            if client and client.sock is None:
                client = None
        if client:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
        return told

    with ThreadPoolExecutor(manner.connections) as threads:
        return set().union(*threads.map(thread, range(manner.connections)))


def _each(letters: Sequence[Letter], manner: Manner, send: Callable[[Sequence[Letter]], Told]) -> Told:
    """Send with so many processes at once, each with its letters."""
    size = manner.per_connection or len(letters)
    parts = [letters[start : start + size] for start in range(0, len(letters), size)]
    with ThreadPoolExecutor(manner.connections) as threads:
        return set().union(*threads.map(send, parts))


def with_curl(place: Endpoint, letters: Sequence[Letter], manner: Manner, *also: str) -> Told:
    """Send with curl: one process for each connection, one transfer for each letter."""
    with tempfile.NamedTemporaryFile(suffix=".eml") as text:
        text.write(TEXT)
        text.flush()

        def words(letter: Letter) -> list[str]:
            named = [word for who in letter.recipients for word in ("--mail-rcpt", who)]
            where = ["--url", f"smtp://{place.host}:{place.port}/test", "--noproxy", "*", "--max-time", f"{LONGEST_S}"]
            kept = ["--silent", "--upload-file", text.name, "--write-out", "%{exitcode}\\n", *also]
            return [*where, "--mail-from", letter.sender, *named, *kept]

        def send(some: Sequence[Letter]) -> Told:
            command = ["curl", "-q", *words(some[0])]
            for letter in some[1:]:
                command += ["--next", *words(letter)]
            done = _done(command)
            codes = [int(one) for one in done.stdout.split()]
            assert len(codes) == len(some), (codes, done.stderr)
            return set().union(*(letter.everybody for letter, code in zip(some, codes, strict=True) if code))

        return _each(letters, manner, send)


def with_curl_that_allows_failures(place: Endpoint, letters: Sequence[Letter], manner: Manner) -> Told:
    """Send with curl and --mail-rcpt-allowfails."""
    return with_curl(place, letters, manner, "--mail-rcpt-allowfails")


def with_msmtp(place: Endpoint, letters: Sequence[Letter], manner: Manner) -> Told:
    """Send with msmtp: one process for each letter."""
    where = [f"--host={place.host}", f"--port={place.port}", "--tls=off", "--auth=off", f"--timeout={LONGEST_S}"]

    def send(some: Sequence[Letter]) -> Told:
        [letter] = some
        done = _done(["msmtp", *where, f"--from={letter.sender}", "--", *letter.recipients], TEXT)
        return letter.everybody if done.returncode else set()

    return _each(letters, manner._replace(per_connection=1), send)


_SCRIPT = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { home, port, pool, connections, perConnection, text, letters } = given;
const mailer = require(home);
const how = { host: "127.0.0.1", port, secure: false, ignoreTLS: true, name: "test" };
if (pool) Object.assign(how, { pool: true, maxConnections: connections, maxMessages: perConnection || 1e9 });
const transport = mailer.createTransport(how);
const told = [];
async function send({ number, sender, recipients }) {
  try {
    const found = await transport.sendMail({ envelope: { from: sender, to: recipients }, subject: "hello", text });
    for (const one of found.rejected) told.push([number, recipients.indexOf(one)]);
  } catch (error) {
    recipients.forEach((_, position) => told.push([number, position]));
  }
}
async function thread() { while (letters.length) await send(letters.shift()); }
(async () => {
  await Promise.all(pool ? letters.map(send) : Array.from({ length: connections }, thread));
  transport.close();
  console.log(JSON.stringify(told));
})();
"""


def nodemailer_home() -> Path | None:
    """Return where nodemailer is: below ``SIMSMTP_PROGRAMS``."""
    folder = os.environ.get("SIMSMTP_PROGRAMS")
    homes = sorted(Path(folder).glob("**/node_modules/nodemailer/package.json")) if folder else []
    return homes[0].parent if homes else None


def with_nodemailer(place: Endpoint, letters: Sequence[Letter], manner: Manner, *, pool: bool = False) -> Told:
    """Send with nodemailer: a connection for each letter, or a pool of them."""
    given = {
        "home": str(nodemailer_home()), "port": place.port, "pool": pool, "connections": manner.connections,
        "perConnection": manner.per_connection, "text": "Hello.", "letters": [one._asdict() for one in letters],
    }  # fmt: skip
    done = _done(["node", "-e", _SCRIPT], json.dumps(given).encode())
    assert done.returncode == 0, done.stderr
    return {(number, position) for number, position in json.loads(done.stdout)}


def with_nodemailer_pool(place: Endpoint, letters: Sequence[Letter], manner: Manner) -> Told:
    """Send with nodemailer's pool."""
    return with_nodemailer(place, letters, manner, pool=True)


def _done(command: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=LONGEST_S, env=clean)


class Client(NamedTuple):
    """A real program.

    Attributes
    ----------
    preset : str
        The client preset that describes it.
    send : callable
        Sends letters to a place; returns who was reported as failed.
    per_connection : sequence of int
        How many messages it may be asked to send over one connection; 0 is no bound.
    program : str
        What has to be installed.
    closes_after_failure : bool
        Whatever fails ends its connection, which its preset does not say.
    is_silent : bool
        Once a message is sent, its caller hears nothing of those who were refused.
    groups_commands : bool
        It uses PIPELINING, which its preset does not say: it names recipients that the simulator does not.
    tries_again : bool
        What 421 cut off on a connection that was used before it tries again over a new one, which the model does not.
    forgets_data : bool
        After a refused DATA it goes on as if nothing had been, without RSET, and without leaving at 421.
    begins_ms : float
        Its own time before each connection: to start a process, or to wait on purpose.
    """

    preset: str
    send: Callable[[Endpoint, Sequence[Letter], Manner], Told]
    per_connection: Sequence[int] = (1,)
    program: str = ""
    closes_after_failure: bool = False
    is_silent: bool = False
    groups_commands: bool = False
    tries_again: bool = False
    forgets_data: bool = False
    begins_ms: float = 0.0


CLIENTS = {
    "smtplib": Client("smtplib", with_smtplib, (0, 0, 0, 1), forgets_data=True),
    "curl": Client("curl", with_curl, (0, 1, 1, 3), "curl", closes_after_failure=True, begins_ms=15),
    "curl-allow-fails": Client("curl-allow-fails", with_curl_that_allows_failures, (0, 1, 1, 3), "curl",
                               closes_after_failure=True, is_silent=True, begins_ms=15),
    "msmtp": Client("msmtp", with_msmtp, (1,), "msmtp", groups_commands=True, begins_ms=5),
    "nodemailer": Client("nodemailer", with_nodemailer, (1,), "node"),
    "nodemailer-pool": Client("nodemailer-pool", with_nodemailer_pool, (0, 0, 1, 2, 3), "node",
                              tries_again=True, begins_ms=100),
}  # fmt: skip


def version_of(name: str) -> str:
    """Return a program's version."""
    program = CLIENTS[name].program
    if not program:
        return f"Python {platform.python_version()}"
    if program == "node":
        found = json.loads((nodemailer_home() / "package.json").read_text(encoding="utf-8"))["version"]
        return f"nodemailer {found}"
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()
    return f"{program} {next(word for word in words if word[0].isdigit())}"


def _node_version() -> int:
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.lstrip("v").partition(".")[0])


def require(name: str) -> Client:
    """Return a program, or skip the test where it is not there."""
    client = CLIENTS[name]
    if client.program and shutil.which(client.program) is None:
        pytest.skip(f"{client.program} is not installed")
    if client.program == "node" and nodemailer_home() is None:
        pytest.skip("nodemailer is not below SIMSMTP_PROGRAMS (.ci/mail-programs puts it there)")
    if client.program == "node" and (found := _node_version()) < LEAST_NODE:
        pytest.skip(f"node {found} is too old for nodemailer 10, which asks for {LEAST_NODE}")
    return client
