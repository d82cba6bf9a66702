"""All that one owner has here: how much room it takes, what of it is damaged, and how to be rid of all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.adapters.store import Adapters
from core.bots.store import Bots
from core.chat.store import Conversations
from core.data.io.store import DataSets
from core.errors import InputError
from core.files import remove_folder
from core.memory.memory import Memory
from core.owners import end_users_of
from core.personas import Personas
from core.serve.keys import ApiKeys
from core.stored import DamagedError, set_aside
from core.synth.store import PlanStore
from core.tokens.trained import TrainedTokenizers
from core.train.queue.jobs import Jobs
from core.workspace import FOLDERS, Workspace

LISTED = 30  # conversations, the newest


@dataclass(frozen=True)
class DiskUse:
    """What one kind of things takes."""

    kind: str
    """One of `core.workspace.FOLDERS`, "jobs", or "end_users"."""
    files: int
    bytes: int


@dataclass(frozen=True)
class OwnFiles:
    """What an owner has, over all stores."""

    workspace: Workspace
    personas: Personas
    adapters: Adapters
    conversations: Conversations
    memory: Memory
    datasets: DataSets
    tokenizers: TrainedTokenizers
    api_keys: ApiKeys
    bots: Bots
    dialogues: PlanStore
    jobs: Jobs

    def used(self, owner: str) -> list[DiskUse]:
        """What there is, a line for each kind that has any."""
        folder = self.workspace.owner_folder(owner)
        found = [_use(kind, [folder / kind]) for kind in FOLDERS]
        runs = [job.folder.path for job in self.jobs.list_all(owner)]
        runs += [error.path for error in self.jobs.damaged(owner)]
        others = [self.workspace.owner_folder(one) for one in self._end_users(owner)]
        return [use for use in (*found, _use("jobs", runs), _use("end_users", others)) if use.files]

    def damaged(self, owner: str, *, thorough: bool = True) -> list[DamagedError]:
        """What is left out everywhere else because it cannot be read.

        `thorough` reads everything, which takes seconds for much; else what the page lists, and no rows.
        """
        if not thorough:
            return [
                *self.conversations.damaged(owner, most=LISTED), *self.personas.damaged(owner),
                *self.datasets.damaged(owner, rows=False), *self.adapters.damaged(owner),
                *self.tokenizers.damaged(owner), *self.api_keys.damaged(owner), *self.bots.damaged(owner),
                *self.dialogues.damaged(owner), *self.jobs.damaged(owner),
            ]  # fmt: skip
        stores: tuple[Callable[[str], list[DamagedError]], ...] = (
            self.conversations.damaged, self.personas.damaged, self.datasets.damaged, self.adapters.damaged,
            self.tokenizers.damaged, self.api_keys.damaged, self.bots.damaged, self.dialogues.damaged,
            self.jobs.damaged,
            lambda one: self.memory.store(one).damaged(),
        )  # fmt: skip
        return [error for store in stores for error in store(owner)]

    def set_aside(self, owner: str, place: str) -> Path:
        """Move what `damaged` names with this path to the owner's store "damaged"; nothing is deleted.

        Raises InputError when it is not damaged, or not there any more.
        """
        for error in self.damaged(owner):
            if str(error.path) == place:
                return set_aside(error.path, self.workspace.folder(owner, "damaged"))
        raise InputError("This can be read again, or is gone already.", "これはもう読めるか、すでにありません。")

    def delete_all(self, owner: str) -> None:
        """Stop what runs for an owner and remove all of it for good, with the downloads that are still served."""
        for other in self._end_users(owner):
            self.delete_all(other)
        self.memory.tasks.drop(f"{owner}/")
        self.jobs.delete_all(owner)
        self.dialogues.stop_all(owner)
        for folder in (self.workspace.handed_out(owner), self.workspace.owner_folder(owner)):
            if folder.is_dir():
                remove_folder(folder)

    def _end_users(self, owner: str) -> list[str]:
        """Who talks through the owner's API keys and bots."""
        return [one for one in self.workspace.owners() if one.startswith(end_users_of(owner))]


def _use(kind: str, folders: list[Path]) -> DiskUse:
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    return DiskUse(kind, len(files), sum(path.stat().st_size for path in files))
