"""Compiled loops on disk: one per version of the sources and the compiler.

Numba's own cache looks only at the file of the function it is asked for: after an edit in another file it would
serve yesterday's decisions. So a loop's machine code lies in a folder named after *everything* the loop is made of.
"""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

import simsmtp
from simsmtp.engines.sources import DECIDING_ROOMS
from simsmtp.files import why_untrusted

if TYPE_CHECKING:
    from simsmtp.engines.compiled.advance import Advance  # the kind of what it loads, without the compiler

_PACKAGE = Path(simsmtp.__file__).parent


def cache_folder() -> Path:
    """Return where compiled loops are kept: ``SIMSMTP_CACHE_DIR``, or the user's cache folder."""
    if named := os.environ.get("SIMSMTP_CACHE_DIR"):
        return Path(named).absolute() / "kernels"
    return Path(platformdirs.user_cache_dir("simsmtp")) / "kernels"  # not absolute if the user has no home folder


def kernel_folder(*, has_tcp: bool = False) -> Path:
    """Return the folder of the loop, which is another one where a path has the profile tcp."""
    digest = hashlib.sha256(_sources())
    digest.update(b"tcp" if has_tcp else b"")
    for part in (platform.python_version(), platform.machine(), version("numba"), version("llvmlite")):
        digest.update(part.encode() + b"\0")
    return cache_folder() / digest.hexdigest()[:32]


def is_compiled(*, has_tcp: bool = False) -> bool:
    """Tell whether the loop has been compiled before and lies on disk, where it may be loaded from."""
    folder = kernel_folder(has_tcp=has_tcp)
    try:
        return folder.is_absolute() and any(not why_untrusted(one) for one in folder.glob("*.nbc"))
    except OSError:
        return False


@cache
def kernel(*, has_tcp: bool = False) -> Advance:
    """Return the event loop, compiled unless it lies on disk."""
    from simsmtp.engines.compiled.advance import advance_from

    name = "the fast engine for the profile tcp" if has_tcp else "the fast engine"
    return advance_from(kernel_folder(has_tcp=has_tcp), name, has_tcp=has_tcp)


@cache
def _sources() -> bytes:
    paths = sorted(path for part in DECIDING_ROOMS for path in (_PACKAGE / part).rglob("*.py"))
    return b"\0".join(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() for path in paths)
