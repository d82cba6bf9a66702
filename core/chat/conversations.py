"""Conversations on disk: the true transcript, which the page only shows."""

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import InputError
from core.messages import Turn, from_chat_messages, to_chat_messages
from core.workspace import Workspace, read_json, write_json


@dataclass(frozen=True)
class Conversation:
    """One talk of one owner with one persona. A new value for every change; `Conversations` stores it."""

    id: str
    persona: str
    """Id of the persona, or "" for the one in the adapter's contract."""
    adapter: str = ""
    """Name of the owner's adapter, or "" for the base model."""
    turns: tuple[Turn, ...] = ()
    changed: float = 0.0
    """Seconds since the epoch."""

    @property
    def title(self) -> str:
        """The first words of the user, or of the persona, or ""."""
        first = next((t for t in self.turns if t.role == "user"), self.turns[0] if self.turns else None)
        return first.messages[0].split("\n")[0][:24] if first else ""

    def said(self, role: str, *texts: str) -> "Conversation":
        """With more words at the end; those of the side that spoke last join its turn."""
        kept = tuple(text.strip() for text in texts if text.strip())
        if not kept:
            return self
        if self.turns and self.turns[-1].role == role:
            last = replace(self.turns[-1], messages=self.turns[-1].messages + kept)
            return replace(self, turns=(*self.turns[:-1], last))
        return replace(self, turns=(*self.turns, Turn(role, kept)))

    def without_reply(self) -> "Conversation":
        """As it was before the persona's last turn, for another try."""
        if self.turns and self.turns[-1].role == "assistant":
            return replace(self, turns=self.turns[:-1])
        return self

    def without_exchange(self) -> "Conversation":
        """As it was before the user's last turn and what answered it."""
        asked = self.without_reply()
        return replace(asked, turns=asked.turns[:-1]) if asked.turns else self.without_reply()

    def edited(self, index: int, text: str) -> "Conversation":
        """With message number `index` (over all turns) changed; what followed a user's message goes."""
        at = 0
        for n, turn in enumerate(self.turns):
            if at <= index < at + len(turn.messages):
                place = index - at
                tail = turn.messages[place + 1 :] if turn.role == "assistant" else ()
                changed = replace(turn, messages=(*turn.messages[:place], text.strip(), *tail))
                rest = self.turns[n + 1 :] if turn.role == "assistant" else ()
                return replace(self, turns=(*self.turns[:n], changed, *rest))
            at += len(turn.messages)
        raise InputError("That message is no longer there.", "そのメッセージはもうありません。")


@dataclass(frozen=True)
class Conversations:
    """Every owner's conversations, a file each."""

    workspace: Workspace

    def new(self, persona: str, adapter: str = "", greeting: str = "") -> Conversation:
        """A conversation that is stored once it is saved; the persona's greeting opens it."""
        conversation = Conversation(f"{int(time.time()):x}-{secrets.token_hex(6)}", persona, adapter)
        return conversation.said("assistant", greeting)

    def save(self, owner: str, conversation: Conversation) -> Conversation:
        """Store a conversation and return it with its time of change."""
        stored = replace(conversation, changed=time.time())
        value = {"persona": stored.persona, "adapter": stored.adapter, "changed": stored.changed,
                 "messages": to_chat_messages(stored.turns)}  # fmt: skip
        write_json(self._path(owner, stored.id), value)
        return stored

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        """The stored conversation, or None."""
        try:
            value = read_json(self._path(owner, conversation_id))
        except FileNotFoundError:
            return None
        turns = tuple(from_chat_messages(value["messages"]))
        return Conversation(conversation_id, value["persona"], value["adapter"], turns, value["changed"])

    def list(self, owner: str, most: int = 30) -> Sequence[Conversation]:
        """The newest conversations, the last talked in first."""
        ids = [n.removesuffix(".json") for n in self.workspace.names(owner, "chats") if n.endswith(".json")][:most]
        return [c for c in (self.get(owner, i) for i in ids) if c]

    def delete(self, owner: str, conversation_id: str) -> None:
        """Remove a conversation for good."""
        self._path(owner, conversation_id).unlink(missing_ok=True)

    def _path(self, owner: str, conversation_id: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{6,12}-[0-9a-f]{12}", conversation_id):
            raise InputError("There is no such conversation.", "その会話はありません。")
        return self.workspace.place(owner, "chats", f"{conversation_id}.json")
