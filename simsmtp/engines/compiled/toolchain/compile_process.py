"""The loop compiled in a process of its own: whoever needs it can do something else meanwhile.

What the compiler takes with it when it breaks down, memory and Numba's import stay in that process, too.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from simsmtp.engines.compiled.toolchain.obstacles import NotCompiledError

_FAULTS = ("Untyped global name", "Unknown attribute", "No implementation of function", "Cannot unify")
_REFUSED = 3
_MOST = 300
_CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import main; main(sys.argv[2])"


class CompileProcess:
    """A process that compiles the loop; it is under way from the beginning.

    Parameters
    ----------
    has_tcp : bool
        With the profile tcp.

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(self, *, has_tcp: bool) -> None:
        # Modules are looked for where this process looks, and nowhere else: not in the working folder.
        path = json.dumps([str(Path(one).absolute()) for one in sys.path])
        command = [sys.executable, "-P", "-W", "ignore", "-c", _CHILD.format(__name__), path, "tcp" if has_tcp else ""]
        self._code: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its end is read
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            command, stdin=subprocess.DEVNULL, stdout=self._code, stderr=self._said
        )

    def is_done(self) -> bool:
        """Tell whether it has ended, with the loop or without."""
        return self._process.poll() is not None

    def result(self) -> bytes:
        """Wait for the machine code, and return it.

        Raises
        ------
        NotCompiledError
            If there is none.
        """
        try:
            status = self._process.wait()
        except BaseException:
            self.stop()
            raise
        code, said = (_all_of(one) for one in (self._code, self._said))
        if status == 0:
            return code
        if status == _REFUSED:
            raise NotCompiledError(code.decode())
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"code {status}"
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotCompiledError(f"compiled here (the compiler ended with {ended}{last and ': '}{last[:_MOST]})")

    def stop(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.wait()
        self._code.close()
        self._said.close()


def _all_of(file: IO[bytes]) -> bytes:
    with file:
        file.seek(0)
        return file.read()


def main(profile: str) -> None:
    """Compile in this process, which then ends: machine code on standard output, or what kept it from being made."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ended by the process that waits for it
    gc.disable()  # which takes a tenth of the time, and finds little
    step = "imported"
    try:
        from simsmtp.engines.compiled.toolchain.advance import machine_code

        step = "compiled"
        said = machine_code(has_tcp=profile == "tcp")
        status = 0
    except Exception as error:  # noqa: BLE001 - whatever a version of Numba that was not tried may raise
        said, status = f"{step} here ({type(error).__name__}: {_fault(error)})".encode(), _REFUSED
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    os._exit(status)  # what the compiler keeps need not be tidied up


def _fault(error: Exception) -> str:
    """Return what went wrong: the compiler heads it with every step that led there."""
    lines = str(error).splitlines()
    return next((line for line in lines if line.startswith(_FAULTS)), " ".join(" ".join(lines).split())[:_MOST])
