"""A conversation made message by message, as a file is read."""

from collections.abc import Sequence
from dataclasses import replace

from core.chat.conversation import NOWHERE, Conversation, Node
from core.messages import Role


class ConversationBuilder:
    """Makes a conversation message by message, in time in proportion to their number; `said` copies it each time."""

    def __init__(self, into: Conversation) -> None:
        self._into = into
        self._nodes: list[tuple[int, Role, list[str], str]] = []  # (parent, role, messages, name); the place is the id
        self._leaf = NOWHERE

    @property
    def last_speaker(self) -> tuple[Role, str] | None:
        """(role, name) of who spoke last."""
        return None if self._leaf == NOWHERE else (self._nodes[self._leaf][1], self._nodes[self._leaf][3])

    def say(self, role: Role, *texts: str, name: str = "") -> None:
        """More words at the end, as `Conversation.said` adds them."""
        kept = [text.strip() for text in texts if text.strip()]
        if kept and self.last_speaker == (role, name):
            self._nodes[self._leaf][2].extend(kept)
        elif kept:
            self._nodes.append((self._leaf, role, kept, name))
            self._leaf = len(self._nodes) - 1

    def say_versions(self, role: Role, texts: Sequence[str], shown: int, *, name: str = "") -> None:
        """Several versions of what somebody else says next, of which number `shown` is on the page."""
        first, parent = len(self._nodes), self._leaf
        self._nodes.extend((parent, role, [text.strip()], name) for text in texts)
        self._leaf = range(first, len(self._nodes))[shown]

    def build(self) -> Conversation:
        """`into` with all of it, in place of what it held."""
        nodes = (Node(n, parent, role, tuple(texts), name=name)
                 for n, (parent, role, texts, name) in enumerate(self._nodes))  # fmt: skip
        return replace(self._into, nodes=tuple(nodes), leaf=self._leaf)
