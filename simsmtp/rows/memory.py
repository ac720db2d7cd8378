"""Whether there is memory for what comes next: a system that hands out more than it has ends the process later."""

from __future__ import annotations

from pathlib import Path

_WORTH_A_LOOK = 64 * 2**20
_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def check_memory(octets: int, purpose: str) -> None:
    """Raise a `MemoryError` if so much memory is more than is free; what is small is not looked at.

    Parameters
    ----------
    octets : int
        What is wanted.
    purpose : str
        For what, in words that fit before "would need".
    """
    if octets >= _WORTH_A_LOOK and (free := free_octets()) is not None and octets > free:
        raise MemoryError(f"{purpose} would need {octets / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free")


def free_octets() -> int | None:
    """Return how much memory is free for this process, None where the system does not tell."""
    try:
        lines = dict(line.split(":") for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        most, used = (int((_GROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no such group, or one without a limit
        return free
    return min(free, max(0, most - used))
