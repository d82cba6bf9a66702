"""A data set from elsewhere that waits to be read: its file or folder, in the owner's store until somebody has chosen.

There is one of an owner's at a time; what nobody comes back for goes with the next one, or after a day.
"""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.files import check_name, disk_errors
from core.workspace import Workspace

FOLDER = "waiting"


@dataclass(frozen=True)
class WaitingSets:
    """What waits, for every owner."""

    workspace: Workspace

    def new(self, owner: str) -> str:
        """Room for another data set, an empty folder; what waited before goes. Returns its id."""
        self.clear(owner)
        waiting = uuid.uuid4().hex
        with disk_errors():
            self.folder(owner, waiting).mkdir(parents=True)
        return waiting

    def folder(self, owner: str, waiting: str) -> Path:
        """Where the files of a data set with that id are put."""
        return self._all(owner) / check_name(waiting)

    def keep(self, owner: str, file: Path) -> str:
        """Let `file` wait, which is moved here from where it was uploaded. Returns its id."""
        waiting = self.new(owner)
        with disk_errors():
            shutil.move(file, self.folder(owner, waiting) / f"file{file.suffix}")
        return waiting

    def place(self, owner: str, waiting: str) -> Path:
        """The file that waits, or the folder of a data set of the Hub. Raises InputError when it is gone."""
        folder = self.folder(owner, waiting)
        files = list(folder.iterdir()) if folder.is_dir() else []
        if not files:
            raise InputError(
                "This file does not wait here any more: another one came after it, or a day has passed. "
                "Choose it again.",
                "このファイルはもう残っていません（別のファイルを選んだか、1 日たちました）。もう一度選んでください。",
            )
        return files[0] if len(files) == 1 and files[0].stem == "file" else folder

    def clear(self, owner: str) -> None:
        """Nothing waits any more."""
        shutil.rmtree(self._all(owner), ignore_errors=True)

    def _all(self, owner: str) -> Path:
        return self.workspace.folder(owner, "uploads") / FOLDER
