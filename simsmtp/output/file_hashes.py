"""Hashes of result files: noted in provenance.json, and compared when a file is read."""

from __future__ import annotations

import codecs
import hashlib
from pathlib import Path

from simsmtp.errors import InputError
from simsmtp.files import parse_json

PROVENANCE = "provenance.json"


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a text file, whichever line ends and byte order mark other programs made of it."""
    return hashlib.sha256(content.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")).hexdigest()


def require_as_noted(path: Path) -> None:
    """Raise an `InputError` if a file is another one than the provenance beside it notes; none is noted of older ones.

    Parameters
    ----------
    path : Path
        An existing file.
    """
    beside = path.parent / PROVENANCE
    try:
        noted = parse_json(beside.read_bytes())["files"][path.name] if beside.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return
    if noted is not None and noted != hash_of(path.read_bytes()):
        raise InputError(
            f"was changed after it was written: {PROVENANCE} notes another hash",
            file=str(path),
            allowed="the file as simsmtp wrote it; the same run writes it again",
        )
