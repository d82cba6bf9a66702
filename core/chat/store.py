"""Conversations on disk: the true transcript, which the page only shows, and the prompts that made its replies."""

import json
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.chat.conversation import Conversation
from core.errors import InputError
from core.files import append_json, disk_errors, read_json, write_json
from core.stored import UNREADABLE, DamagedError, readable, reading
from core.workspace import Workspace

ID = re.compile(r"[0-9a-f]{6,12}-[0-9a-f]{12}\.json")


@dataclass(frozen=True)
class Conversations:
    """Every owner's conversations: a file each, and beside it the prompts, a line each, as they only grow."""

    workspace: Workspace

    def new(self, persona: str, adapter: str = "") -> Conversation:
        """An empty conversation, stored once it is saved."""
        return Conversation(_new_id(), persona, adapter)

    def branch(self, owner: str, conversation: Conversation, index: int) -> Conversation:
        """Store a new conversation that begins like this one up to message number `index`."""
        begun = replace(conversation.truncated_at(index), id=_new_id())
        prompts = self._prompts(owner, conversation.id)
        if prompts.is_file():
            with disk_errors():
                shutil.copyfile(prompts, self._prompts(owner, begun.id))
        return self.save(owner, begun)

    def save(self, owner: str, conversation: Conversation) -> Conversation:
        """Store a conversation and return it with its time of change."""
        stored = replace(conversation, changed=time.time())
        write_json(self._path(owner, stored.id), stored.to_json())
        return stored

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        """The stored conversation, or None. Raises DamagedError when its file cannot be read."""
        path = self._path(owner, conversation_id)
        with reading(path):
            try:
                return Conversation.from_json(conversation_id, read_json(path))
            except FileNotFoundError:
                return None

    def list_all(self, owner: str, most: int = 30) -> Sequence[Conversation]:
        """The newest conversations, the last talked in first, without those that are damaged."""
        found, _ = readable(self._ids(owner)[:most], lambda one: self.get(owner, one))
        return [conversation for conversation in found if conversation]

    def damaged(self, owner: str) -> list[DamagedError]:
        """What `list_all` leaves out."""
        return readable(self._ids(owner), lambda one: self.get(owner, one))[1]

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


def _new_id() -> str:
    return f"{int(time.time()):x}-{secrets.token_hex(6)}"
