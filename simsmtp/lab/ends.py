"""The two ends of the line: a network, mounts and processes of their own, which die with the lab."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from simsmtp.errors import InputError
from simsmtp.mailers.programs import realtime_prefix, run

ADDRESSES = ("10.99.0.1", "10.99.0.2")
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_DEVICE = "line"
_TOOLS = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "chrt": "util-linux"}
# The congestion control that every kernel has and lets a namespace choose, so that machines measure the same; what TCP
# learns in one session is not kept for the next one, so that every session begins as the first.
_SETTINGS = {
    "tcp_congestion_control": "reno",
    "tcp_no_metrics_save": "1",
    "tcp_slow_start_after_idle": "1",
}
_START_S = 10.0
_T = TypeVar("_T")


def why_not() -> str:
    """Return why there can be no lab here, or nothing."""
    if sys.platform != "linux":
        return "the lab needs Linux"
    if os.geteuid() != 0:
        return "the lab makes network namespaces, which only root may"
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            return f"{tool} is not installed (Debian package {package})"
    return "" if Path("/dev/net/tun").exists() else "the kernel has no /dev/net/tun"


class End:
    """One end of the line.

    Its first process reads from us and ends when we do, however that happens; with it the kernel ends all that runs
    there.

    Parameters
    ----------
    number : int
        0 is where the sender runs, 1 where the receiver does.

    Attributes
    ----------
    address : str
        Its address on the line.
    device : int
        The line's end, to be read and written packet by packet.
    command, start : list of str
        Beginning of a command that runs there; and of one that starts what is measured.
    """

    def __init__(self, number: int) -> None:
        self.address = ADDRESSES[number]
        self._keeper = subprocess.Popen(
            ["unshare", "-n", "-m", "-p", "--fork", "--mount-proc", "cat"],  # noqa: S607 - whichever the user has
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        first = self._first_process()
        self.command = ["nsenter", "-t", str(first), "-n", "-m", "-p", "--"]
        self.start = [*self.command, *realtime_prefix()]  # busy neighbours are not to be measured
        self._network = os.open(f"/proc/{first}/ns/net", os.O_RDONLY)
        self.device = self.inside(_tun)
        steps = [
            "ip link set lo up",
            f"ip address add {self.address}/24 dev {_DEVICE}",
            f"ip link set {_DEVICE} up txqueuelen 10000",
            *(f"echo {value} >/proc/sys/net/ipv4/{name}" for name, value in _SETTINGS.items()),
        ]
        run([*self.command, "sh", "-ec", "; ".join(steps)])

    def _first_process(self) -> int:
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children")
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self._keeper.poll() is None:
            found = children.read_text(encoding="ascii").split()
            if found and Path(f"/proc/{found[0]}/comm").read_text(encoding="ascii") == "cat\n":
                return int(found[0])
            time.sleep(0.005)
        self._keeper.kill()
        raise InputError("no network namespace can be made here", key="lab", given="unshare -n -m -p")

    def inside(self, act: Callable[[], _T]) -> _T:
        """Return what a function returns that runs in this end's network: sockets it makes stay there."""
        results: list[_T] = []
        errors: list[BaseException] = []

        def enter() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            try:
                if libc.setns(self._network, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
                results.append(act())
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                errors.append(error)

        # A namespace belongs to a thread: one that ends takes it along.
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """Return a connection that begins in this end's network."""
        return self.inside(lambda: socket.create_connection((host, port), timeout=timeout_s))

    def close(self) -> None:
        """End all that runs here."""
        os.close(self.device)
        os.close(self._network)
        if self._keeper.stdin:
            self._keeper.stdin.close()
        self._keeper.wait(_START_S)


def _tun() -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


class Line:
    """Both ends and the process that carries packets between them; a context manager that leaves nothing behind."""

    def __enter__(self) -> Line:
        """Make the ends and join them."""
        if reason := why_not():
            raise InputError(reason, key="lab")
        self.sender = End(0)
        try:
            self.receiver = End(1)
        except BaseException:
            self.sender.close()
            raise
        devices = (self.sender.device, self.receiver.device)
        self._carrier = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-P", "-m", "simsmtp.lab.carrier", *map(str, devices)],
            pass_fds=devices,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},  # this very package, wherever we stand
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def set_up(self, wish: str) -> None:
        """Give the carrier a line of JSON, see `simsmtp.lab.carrier`, and wait until the line is so."""
        assert self._carrier.stdin
        assert self._carrier.stdout
        with contextlib.suppress(BrokenPipeError):
            self._carrier.stdin.write(wish + "\n")
            self._carrier.stdin.flush()
        if not self._carrier.stdout.readline():
            raise InputError("the process that carries packets has ended", key="lab")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down."""
        carrier = self._carrier
        for pipe in (carrier.stdin, carrier.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        try:
            carrier.wait(_START_S)
        except subprocess.TimeoutExpired:
            carrier.kill()
            carrier.wait(_START_S)
        for end in (self.sender, self.receiver):
            end.close()
