"""Commands as senders: one message for each call, no queue, and an exit code that tells whether it went out."""

from __future__ import annotations

from collections.abc import Sequence

from simsmtp.audit.sender import NoQueue, run_to_the_end
from simsmtp.mailers.programs import Programs, run

_TIMEOUT_S = 60


class Curl(NoQueue):
    """curl, which sends a text as it is: its lines end with CRLF."""

    name = "curl"

    def __init__(self, found: Programs) -> None:
        self._curl = found.program("curl", package="curl")
        self.version = run([self._curl, "--version"]).split()[1]

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Send; it gives up at the first refused recipient, and ends with 55 then."""
        named = [word for who in recipients for word in ("--mail-rcpt", who)]
        still = ["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(_TIMEOUT_S)]
        place = ["--url", f"smtp://{self._place.host}:{self._place.port}"]
        run_to_the_end([self._curl, *still, *place, "--mail-from", sender, *named, "--upload-file", "-"], text)
        return set()


class Msmtp(NoQueue):
    """msmtp without a configuration file."""

    name = "msmtp"

    def __init__(self, found: Programs) -> None:
        self._msmtp = found.program("msmtp", package="msmtp")
        self.version = run([self._msmtp, "--version"]).split()[2]

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Send; any refused recipient ends it with a code of sysexits.h."""
        place = [f"--host={self._place.host}", f"--port={self._place.port}", "--tls=off", "--auth=off"]
        command = [self._msmtp, *place, f"--timeout={_TIMEOUT_S}", f"--from={sender}", "--", *recipients]
        run_to_the_end(command, text.replace("\r\n", "\n"))
        return set()
