"""Conversations on disk: the true transcript, which the page only shows, and the prompts that made its replies."""

import json
import os
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
from core.chat.search import WEIGHED, SearchText, TalkHit
from core.errors import InputError
from core.files import append_json, disk_errors, read_json, write_bytes
from core.recent import FileState, Recent
from core.stored import UNREADABLE, DamagedError, readable, reading
from core.workspace import Workspace

ID = re.compile(r"[0-9a-f]{6,12}-[0-9a-f]{12}\.json")
MOST_NODES = 100_000  # of conversations kept in memory: about 50 MB of ordinary messages
MOST_TITLES = 5_000
MOST_HITS = 50
REMOVED = ".removed-"
"""Before the names of a talk's files while it can still be put back."""


@dataclass(frozen=True)
class TalkEntry:
    """A talk in a list."""

    id: str
    title: str
    """"" where nothing was said yet."""
    persona: str
    adapter: str
    changed: float
    branched: bool = False
    members: int = 0
    """Of a group; 0 in a talk of two."""


@dataclass(frozen=True)
class Conversations:
    """Every owner's conversations: a file each, and beside it the prompts, a line each, as they only grow."""

    workspace: Workspace
    _read: Recent[Conversation] = field(default_factory=lambda: Recent(MOST_NODES, _nodes), repr=False, compare=False)
    _entries: Recent[TalkEntry] = field(default_factory=lambda: Recent(MOST_TITLES), repr=False, compare=False)
    _texts: Recent[SearchText] = field(
        default_factory=lambda: Recent(WEIGHED, lambda text, _: len(text)), repr=False, compare=False
    )
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
        path = self._write(owner, stored)
        self._keep(path, FileState.of(path), stored)
        return stored

    def _write(self, owner: str, conversation: Conversation) -> Path:
        path = self._path(owner, conversation.id)
        write_bytes(path, json.dumps(conversation.to_json(), ensure_ascii=False).encode())
        self._changes[owner] += 1
        return path

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

    def entries(self, owner: str, most: int = 30) -> list[TalkEntry]:
        """The newest conversations as a list shows them; a long one is read again only when it has changed."""
        found, _ = readable(self._ids(owner)[:most], lambda one: self.entry(owner, one))
        return [entry for entry in found if entry]

    def entry(self, owner: str, conversation_id: str) -> TalkEntry | None:
        """One conversation as a list shows it, or None. Raises DamagedError when its file cannot be read."""
        known = self._entries.get(self._path(owner, conversation_id))
        if known is None and (talk := self.get(owner, conversation_id)):
            return _entry_of(talk)
        return known

    def pinned(self, owner: str) -> list[TalkEntry]:
        """The conversations that were pinned, the last talked in first."""
        names = self.workspace.names(owner, "chats")
        pins = {name.removesuffix(".pin") for name in names if name.endswith(".pin")}
        ids = [one for name in names if ID.fullmatch(name) and (one := name.removesuffix(".json")) in pins]
        found, _ = readable(ids, lambda one: self.entry(owner, one))
        return [entry for entry in found if entry]

    def pin(self, owner: str, conversation_id: str, pinned: bool) -> None:
        """Keep a conversation at the top of the list, or not any more."""
        path = self._path(owner, conversation_id).with_suffix(".pin")
        with disk_errors():
            path.touch() if pinned else path.unlink(missing_ok=True)
        self._changes[owner] += 1

    def rename(self, owner: str, conversation_id: str, title: str) -> None:
        """Give a conversation a title; it keeps its date and its place in the list."""
        talk, path = self.get(owner, conversation_id), self._path(owner, conversation_id)
        if talk and (called := talk.called(title)) != talk:
            before = path.stat()
            self._write(owner, called)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self._keep(path, FileState.of(path), called)

    def search(self, owner: str, wanted: str, most: int = MOST_HITS) -> list[TalkHit]:
        """The conversations that hold all the words of `wanted`, the last talked in first; see `core.chat.search`."""
        hits: list[TalkHit] = []
        for one in self._ids(owner):
            found, _ = readable([one], lambda each: self._text(owner, each))
            if found and found[0] and (hit := found[0].hit(wanted)):
                hits.append(hit)
                if len(hits) == most:
                    break
        return hits

    def _text(self, owner: str, conversation_id: str) -> SearchText | None:
        path = self._path(owner, conversation_id)
        if (known := self._texts.get(path)) is not None:
            return known
        state, talk = FileState.of(path), self.get(owner, conversation_id)
        if talk:
            self._texts.put(path, state, text := SearchText.of(talk))
            return text
        return None

    def remove(self, owner: str, conversation_id: str) -> None:
        """Take a conversation out of sight; until it is purged it can be put back."""
        for path in self._files(owner, conversation_id):
            with suppress(FileNotFoundError):
                path.replace(path.with_name(f"{REMOVED}{path.name}"))
                os.utime(path.with_name(f"{REMOVED}{path.name}"))  # from now on it is counted until the purge
        self._changes[owner] += 1

    def put_back(self, owner: str, conversation_id: str) -> Conversation | None:
        """A removed conversation is there again, as the last one that was talked in; None where it is gone."""
        for path in self._files(owner, conversation_id):
            with suppress(FileNotFoundError):
                path.with_name(f"{REMOVED}{path.name}").replace(path)
        self._changes[owner] += 1
        return self.get(owner, conversation_id)

    def removed(self, owner: str, before: float) -> list[str]:
        """The ids of the conversations that were removed before that moment, in seconds since the epoch."""
        found = []
        for path in self.workspace.folder(owner, "chats").glob(f"{REMOVED}*.json"):
            with suppress(FileNotFoundError):
                name = path.name.removeprefix(REMOVED)
                if ID.fullmatch(name) and path.stat().st_mtime < before:
                    found.append(name.removesuffix(".json"))
        return found

    def delete(self, owner: str, conversation_id: str) -> None:
        """Remove a conversation for good."""
        for path in self._files(owner, conversation_id):
            path.unlink(missing_ok=True)
            path.with_name(f"{REMOVED}{path.name}").unlink(missing_ok=True)
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
        self._entries.put(path, state, _entry_of(conversation))

    def _ids(self, owner: str) -> list[str]:
        return [name.removesuffix(".json") for name in self.workspace.names(owner, "chats") if ID.fullmatch(name)]

    def _path(self, owner: str, conversation_id: str) -> Path:
        if not ID.fullmatch(f"{conversation_id}.json"):
            raise InputError("There is no such conversation.", "その会話はありません。")
        return self.workspace.place(owner, "chats", f"{conversation_id}.json")

    def _files(self, owner: str, conversation_id: str) -> tuple[Path, ...]:
        path = self._path(owner, conversation_id)
        return path, path.with_suffix(".prompts"), path.with_suffix(".pin")

    def _prompts(self, owner: str, conversation_id: str) -> Path:
        return self._path(owner, conversation_id).with_suffix(".prompts")


def _entry_of(talk: Conversation) -> TalkEntry:
    members = len(talk.group.members) if talk.group else 0
    return TalkEntry(talk.id, talk.title, talk.persona, talk.adapter, talk.changed, bool(talk.branch_of), members)


def _nodes(conversation: Conversation, _: FileState) -> int:
    return len(conversation.nodes)


def _new_id() -> str:
    return f"{int(time.time()):x}-{secrets.token_hex(6)}"
