"""Sendmail as a sender: run by hand for every message, with its own configuration and queue."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.namespaces import in_own_namespaces
from simsmtp.mailers.programs import Programs, need_root, not_installed, run

_CONFIGURATION = """OSTYPE(`linux')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`QUEUE_DIR', `{work}/q')dnl
define(`STATUS_FILE', `{work}/st')dnl
define(`confPID_FILE', `{work}/pid')dnl
define(`ALIAS_FILE', `')dnl
define(`confCW_FILE', `-o /nonexist')dnl
define(`confDOMAIN_NAME', `lab.example.test')dnl
define(`SMART_HOST', `relay:[{place.host}]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {place.port}')dnl
define(`SMTP_MAILER_MAXRCPTS', `1000')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confQUEUE_LA', `9999')dnl
define(`confREFUSE_LA', `9999')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')dnl
define(`confTO_IDENT', `0')dnl
define(`confSERVICE_SWITCH_FILE', `{work}/switch')dnl
MAILER(`smtp')dnl
"""
_OKAY = (-6, *range(80))
"""Exit codes that say only that something is still queued; 8.17.1.9 may abort when it was cut off in a pipelined group
(``SM_REQUIRE`` failed, findfp.c), and what it leaves in its queue is what counts."""
_VERSION = re.compile(r"Version (\S+)")


class Sendmail:
    """Sendmail, with its batch cap lifted: at its default of 100 it never meets a limit of 100."""

    name = "sendmail"
    keeps_queue = True

    def __init__(self, found: Programs) -> None:
        need_root(self.name)
        self.version = ""
        self._folder = found.folder
        self._program = self._found(found, "sendmail-bin", "**/libexec/sendmail/sendmail", "**/sm.bin/sendmail")
        macros = Path(self._found(found, "sendmail-cf", "**/sendmail/cf/m4/cf.m4"))
        self._macros = macros.parent.parent
        self._m4 = found.program("m4", package="m4")

    def start(self, place: Endpoint, work: Path) -> None:
        """Write its configuration."""
        self._work = work
        self._world = in_own_namespaces(work, {}, folder=self._folder)
        binary = work / "sendmail"
        shutil.copy(self._program, binary)
        binary.chmod(0o755)
        (work / "q").mkdir(mode=0o700)
        (work / "switch").write_text("hosts files\naliases files\n", encoding="utf-8")
        source = work / "lab.mc"
        source.write_text(_CONFIGURATION.format(work=work, place=place), encoding="utf-8")
        macros = f"{self._macros}/"
        made = run([self._m4, f"-D_CF_DIR_={macros}", f"{macros}m4/cf.m4", str(source)])
        (work / "lab.cf").write_text(made, encoding="utf-8")
        match = _VERSION.search(self._run("-d0.1", "-bv", "root", okay=_OKAY))
        self.version = match[1] if match else "?"

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Hand over a message; its first attempt is over when this returns."""
        self._run("-odi", "-oi", "-f", sender, "--", *recipients, text=text.replace("\r\n", "\n"), okay=_OKAY)
        return set()

    def queued(self) -> set[str]:
        """Return who stands in its queue files."""
        found: set[str] = set()
        for path in (self._work / "q").glob("qf*"):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found |= {line.partition(":")[2].strip().strip("<>").lower() for line in lines if line.startswith("R")}
        return found

    def retry(self) -> None:
        """Run its queue."""
        self._run("-q", okay=_OKAY)

    def stop(self) -> None:
        """Nothing runs on."""

    @staticmethod
    def _found(found: Programs, package: str, *patterns: str) -> str:
        roots = [found.folder] if found.folder else []
        roots += [Path("/usr/libexec"), Path("/usr/share"), Path("/usr/lib")]
        for root in roots:
            for pattern in patterns:
                if (path := next(iter(sorted(root.glob(pattern))), None)) is not None:
                    return str(path)
        raise not_installed("sendmail", package)

    def _run(self, *arguments: str, text: str = "", okay: Sequence[int] = (0,)) -> str:
        command = [str(self._work / "sendmail"), "-C", str(self._work / "lab.cf"), *arguments]
        return run([*self._world, *command], text=text, okay=okay)
