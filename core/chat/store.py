"""Conversations on disk: the true transcript, which the page only shows, and the prompts that made its replies."""

import json
import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.chat.conversation import Conversation
from core.errors import InputError
from core.files import append_json, disk_errors, read_json, write_bytes
from core.stored import UNREADABLE, DamagedError, readable, reading
from core.workspace import Workspace

ID = re.compile(r"[0-9a-f]{6,12}-[0-9a-f]{12}\.json")
MOST_NODES = 100_000  # of conversations kept in memory: about 50 MB of ordinary messages
MOST_TITLES = 5_000


@dataclass(frozen=True)
class Conversations:
    """Every owner's conversations: a file each, and beside it the prompts, a line each, as they only grow."""

    workspace: Workspace
    _read: "_Recent" = field(default_factory=lambda: _Recent(), repr=False, compare=False)

    def new(self, persona: str, adapter: str = "") -> Conversation:
        """An empty conversation, stored once it is saved."""
        return Conversation(_new_id(), persona, adapter)

    def branch(self, owner: str, conversation: Conversation, index: int) -> Conversation:
        """Store a new conversation that begins like this one up to message number `index`."""
        branched = replace(conversation.truncated_at(index), id=_new_id())
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
        self._read.put(path, _state(path), stored)
        return stored

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        """The stored conversation, or None. Raises DamagedError when its file cannot be read."""
        path = self._path(owner, conversation_id)
        if (known := self._read.get(path)) is not None:
            return known
        state = _state(path)
        with reading(path):
            try:
                found = Conversation.from_json(conversation_id, read_json(path))
            except FileNotFoundError:
                return None
        self._read.put(path, state, found)
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
        title = self._read.title(self._path(owner, conversation_id))
        talk = self.get(owner, conversation_id) if title is None else None
        return (conversation_id, talk.title if talk else title or "") if talk or title is not None else None

    def delete(self, owner: str, conversation_id: str) -> None:
        """Remove a conversation for good."""
        self._path(owner, conversation_id).unlink(missing_ok=True)
        self._prompts(owner, conversation_id).unlink(missing_ok=True)

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

    def _ids(self, owner: str) -> list[str]:
        return [name.removesuffix(".json") for name in self.workspace.names(owner, "chats") if ID.fullmatch(name)]

    def _path(self, owner: str, conversation_id: str) -> Path:
        if not ID.fullmatch(f"{conversation_id}.json"):
            raise InputError("There is no such conversation.", "その会話はありません。")
        return self.workspace.place(owner, "chats", f"{conversation_id}.json")

    def _prompts(self, owner: str, conversation_id: str) -> Path:
        return self._path(owner, conversation_id).with_suffix(".prompts")


class _Recent:
    """Conversations that were read or written last, and the titles of more; each counts while its file is unchanged."""

    def __init__(self) -> None:
        self._whole: OrderedDict[Path, tuple[tuple[int, int], Conversation]] = OrderedDict()
        self._titles: OrderedDict[Path, tuple[tuple[int, int], str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> Conversation | None:
        """The conversation in a file, or None where it has to be read."""
        with self._lock:
            state, talk = self._whole.get(path, (None, None))
            return talk if state is not None and state == _state(path) else None

    def title(self, path: Path) -> str | None:
        """The title of the conversation in a file, or None where it has to be read."""
        with self._lock:
            state, title = self._titles.get(path, (None, None))
            return title if state is not None and state == _state(path) else None

    def put(self, path: Path, state: tuple[int, int] | None, talk: Conversation) -> None:
        """What stands in a file while it is in that state."""
        if state is None:
            return
        with self._lock:
            self._titles[path], self._whole[path] = (state, talk.title), (state, talk)
            self._titles.move_to_end(path)
            self._whole.move_to_end(path)
            while len(self._titles) > MOST_TITLES:
                self._titles.popitem(last=False)
            while len(self._whole) > 1 and sum(len(one.nodes) for _, one in self._whole.values()) > MOST_NODES:
                self._whole.popitem(last=False)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _new_id() -> str:
    return f"{int(time.time()):x}-{secrets.token_hex(6)}"
