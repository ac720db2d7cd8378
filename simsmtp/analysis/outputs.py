"""Files and folders to be written: looked at before the work, so that it is not done for nothing."""

from __future__ import annotations

import os
from pathlib import Path

from simsmtp.errors import InputError


def require_writable(path: Path, key: str, *, is_folder: bool = False) -> None:
    """Raise an `InputError` if a file, or a folder, could not be written here.

    Parameters
    ----------
    path : Path
        Where it is to be; nothing is made.
    key : str
        Option or argument named in the complaint.
    is_folder : bool
        It is a folder, which may have to be made with those around it.
    """
    reason = ""
    folder = next(one for one in (path, *path.absolute().parents) if one.exists()) if is_folder else path.parent
    if path.exists() and path.is_dir() != is_folder:
        reason = "it is a folder" if path.is_dir() else "it is a file"
    elif not folder.is_dir():
        reason = f"there is no folder {str(folder)!r}"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = "no permission"
    if reason:
        raise InputError(f"cannot be written: {reason}", key=key, given=str(path))
