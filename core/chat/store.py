"""Conversations on disk: the true transcript, which the page only shows, and the prompts that made its replies."""

import json
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.chat.conversation import Conversation
from core.errors import InputError
from core.files import append_json, disk_errors, read_json, write_bytes
from core.recent import FileState, Recent
from core.stored import UNREADABLE, DamagedError, readable, reading
from core.workspace import Workspace

ID = re.compile(r"[0-9a-f]{6,12}-[0-9a-f]{12}\.json")
MOST_NODES = 100_000  # of conversations kept in memory: about 50 MB of ordinary messages
MOST_TITLES = 5_000


@dataclass(frozen=True)
class Conversations:
    """Every owner's conversations: a file each, and beside it the prompts, a line each, as they only grow."""

    workspace: Workspace
    _read: Recent[Conversation] = field(default_factory=lambda: Recent(MOST_NODES, _nodes), repr=False, compare=False)
    _titles: Recent[str] = field(default_factory=lambda: Recent(MOST_TITLES), repr=False, compare=False)
    _changes: Counter[str] = field(default_factory=Counter, repr=False, compare=False)

    def new(self, persona: str, adapter: str = "") -> Conversation:
        """An empty conversation, stored once it is saved."""
        return Conversation(_new_id(), persona, adapter)

    def branch(self, owner: str, conversation: Conversation, index: int) -> Conversation:
        """Store a new conversation that begins like this one up to message number `index`."""
        branched = replace(
            conversation.truncated_at(index), id=_new_id(), branch_of=conversation.id, branch_at=index + 1
        )
        prompts = self._prompts(owner, conversation.id)
        if prompts.is_file():
            with disk_errors():
                shutil.copyfile(prompts, self._prompts(owner, branched.id))
        return self.save(owner, branched)

    def save(self, owner: str, conversation: Conversation) -> Conversation:
        """Store a conversation and return it with its time of change."""
        stored = replace(conversation, changed=time.time())
        path = self._path(owner, stored.id)
        write_bytes(path, json.dumps(stored.to_json(), ensure_ascii=False).encode())
        self._keep(path, FileState.of(path), stored)
        self._changes[owner] += 1
        return stored

    def changes(self, owner: str) -> int:
        """Another number whenever a conversation of the owner was changed or removed since this server began."""
        return self._changes[owner]

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        """The stored conversation, or None. Raises DamagedError when its file cannot be read."""
        path = self._path(owner, conversation_id)
        if (known := self._read.get(path)) is not None:
            return known
        state = FileState.of(path)
        with reading(path):
            try:
                found = Conversation.from_json(conversation_id, read_json(path))
            except FileNotFoundError:
                return None
        self._keep(path, state, found)
        return found

    def list_all(self, owner: str, most: int = 30) -> Sequence[Conversation]:
        """The newest conversations, the last talked in first, without those that are damaged."""
        found, _ = readable(self._ids(owner)[:most], lambda one: self.get(owner, one))
        return [conversation for conversation in found if conversation]

    def damaged(self, owner: str, most: int | None = None) -> list[DamagedError]:
        """What `list_all` leaves out, of the newest `most` or of all."""
        return readable(self._ids(owner)[:most], lambda one: self.get(owner, one))[1]

    def titles(self, owner: str, most: int = 30) -> list[tuple[str, str]]:
        """(id, title) of the newest conversations; a long one is read again only when it has changed."""
        found, _ = readable(self._ids(owner)[:most], lambda one: self._title(owner, one))
        return [title for title in found if title]

    def _title(self, owner: str, conversation_id: str) -> tuple[str, str] | None:
        title = self._titles.get(self._path(owner, conversation_id))
        talk = self.get(owner, conversation_id) if title is None else None
        return (conversation_id, talk.title if talk else title or "") if talk or title is not None else None

    def delete(self, owner: str, conversation_id: str) -> None:
        """Remove a conversation for good."""
        self._path(owner, conversation_id).unlink(missing_ok=True)
        self._prompts(owner, conversation_id).unlink(missing_ok=True)
        self._changes[owner] += 1

    def keep_prompt(self, owner: str, conversation: Conversation, prompt: dict) -> None:
        """Remember what made the last node of `conversation`; `prompt` is any JSON object."""
        with disk_errors():
            append_json(self._prompts(owner, conversation.id), {"node": conversation.leaf, **prompt})

    def prompt_of(self, owner: str, conversation_id: str, node_id: int) -> dict | None:
        """What made a node, or None where that was not kept."""
        path = self._prompts(owner, conversation_id)
        found = None
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith(f'{{"node": {node_id},') and line.endswith("\n"):
                        with suppress(*UNREADABLE):  # a damaged line: what made the node is not known then
                            found = json.loads(line)
        return found

    def _keep(self, path: Path, state: FileState | None, conversation: Conversation) -> None:
        self._read.put(path, state, conversation)
        self._titles.put(path, state, conversation.title)

    def _ids(self, owner: str) -> list[str]:
        return [name.removesuffix(".json") for name in self.workspace.names(owner, "chats") if ID.fullmatch(name)]

    def _path(self, owner: str, conversation_id: str) -> Path:
        if not ID.fullmatch(f"{conversation_id}.json"):
            raise InputError("There is no such conversation.", "その会話はありません。")
        return self.workspace.place(owner, "chats", f"{conversation_id}.json")

    def _prompts(self, owner: str, conversation_id: str) -> Path:
        return self._path(owner, conversation_id).with_suffix(".prompts")


def _nodes(conversation: Conversation, _: FileState) -> int:
    return len(conversation.nodes)


def _new_id() -> str:
    return f"{int(time.time()):x}-{secrets.token_hex(6)}"
