"""Mail libraries as senders: they keep no queue, and what they could not deliver they tell their caller."""

from __future__ import annotations

import asyncio
import json
import platform
import smtplib
from collections.abc import Sequence
from importlib.metadata import version

from simsmtp.audit.sender import NoQueue
from simsmtp.errors import InputError
from simsmtp.mailers.programs import Programs, run

_TIMEOUT_S = 60.0


class Smtplib(NoQueue):
    """The standard library's client."""

    name = "smtplib"
    version = platform.python_version()

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Send; what it raises or returns names the refused."""
        try:
            with smtplib.SMTP(self._place.host, self._place.port, timeout=_TIMEOUT_S) as client:
                return set(client.sendmail(sender, list(recipients), text))
        except smtplib.SMTPRecipientsRefused as refused:
            # After a 421 it names one address though nobody got the message: its caller knows that it raised.
            return set(recipients) if len(refused.recipients) < len(recipients) else set(refused.recipients)
        except (smtplib.SMTPException, OSError):
            return set(recipients)


class Aiosmtplib(NoQueue):
    """aiosmtplib, if it is installed."""

    name = "aiosmtplib"

    def __init__(self) -> None:
        self.version = version("aiosmtplib")

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Send; what it raises or returns names the refused."""
        import aiosmtplib

        async def send() -> set[str]:
            client = aiosmtplib.SMTP(
                hostname=self._place.host, port=self._place.port, start_tls=False, timeout=_TIMEOUT_S
            )
            async with client:
                refused, _ = await client.sendmail(sender, list(recipients), text)
                return set(refused)

        try:
            return asyncio.run(send())
        except (aiosmtplib.SMTPException, OSError):
            return set(recipients)


_SCRIPT = """
const [home, port, sender] = process.argv.slice(1);
const mailer = require(home);
let given = "";
process.stdin.on("data", (part) => { given += part; });
process.stdin.on("end", async () => {
  const { to, raw } = JSON.parse(given);
  const transport = mailer.createTransport({ host: "127.0.0.1", port: Number(port), secure: false, ignoreTLS: true });
  try {
    const told = await transport.sendMail({ envelope: { from: sender, to }, raw });
    console.log(JSON.stringify(told.rejected));
  } catch (error) {
    console.log(JSON.stringify(to));
  }
});
"""


class Nodemailer(NoQueue):
    """nodemailer under Node.js, found below the folder of programs."""

    name = "nodemailer"

    def __init__(self, found: Programs) -> None:
        self._node = found.program("node", package="nodejs")
        homes = sorted(found.folder.glob("**/node_modules/nodemailer/package.json")) if found.folder else []
        if not homes:
            hint = "--programs DIR, after npm install --prefix DIR nodemailer"
            raise InputError("the package is not installed", key="audit", given=self.name, allowed=hint)
        self._home = homes[0].parent
        self.version = str(json.loads(homes[0].read_text(encoding="utf-8"))["version"])

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Send; what it throws or returns names the refused."""
        given = json.dumps({"to": list(recipients), "raw": text})
        told = run([self._node, "-e", _SCRIPT, str(self._home), str(self._place.port), sender], text=given)
        return set(json.loads(told))
