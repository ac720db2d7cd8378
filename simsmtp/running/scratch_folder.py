"""A folder for results that nobody asked to keep."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from weakref import finalize


class ScratchFolder:
    """A new folder among the temporary ones, removed with this object or when Python ends.

    A pickled or copied study does not own the folder: its copy of this is None.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="simsmtp-"))
        self.remove = finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()
