"""Whether a file or a folder can be written: asked before the work begins."""

from __future__ import annotations

import os
from pathlib import Path

from simsmtp.errors import InputError
from simsmtp.files import why_not_replaceable


def require_writable(path: Path, key: str, *, is_folder: bool = False, may_be_made: bool = False) -> None:
    """Raise an `InputError` if a file, or a folder, could not be written here.

    Parameters
    ----------
    path : Path
        Where it is to be; nothing is made.
    key : str
        Option or argument named in the complaint.
    is_folder : bool
        It is a folder, which may have to be made with those around it.
    may_be_made : bool
        The folder of the file may have to be made, too.
    """
    try:
        reason = _why_no_folder(path) if is_folder else _why_no_file(path, may_be_made)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"cannot be written: {reason}", key=key, given=str(path))


def _why_no_file(path: Path, may_be_made: bool) -> str:
    if reason := why_not_replaceable(path):
        return reason
    if may_be_made:
        return _why_no_folder(path.parent)
    if not path.parent.is_dir():
        return f"there is no folder {str(path.parent)!r}"
    there = [path.parent, path] if path.exists() else [path.parent]
    return "" if all(os.access(one, os.W_OK) for one in there) else "no permission"


def _why_no_folder(path: Path) -> str:
    if path.exists() and not path.is_dir():
        return "it is a file"
    there = next(one for one in (path, *path.absolute().parents) if one.exists())
    if not there.is_dir():
        return f"{str(there)!r} is a file"
    return "" if os.access(there, os.W_OK) else "no permission"
