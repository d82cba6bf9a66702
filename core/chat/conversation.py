"""A conversation as a tree: another reply is another branch, and nothing that was said is lost.

A node is what one side said in a row. Its children are the ways it went on; the path from the beginning to
`leaf` is the conversation on the page. Every change makes a new value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Literal

from core.chat.group import NO_GROUP, Group
from core.errors import InputError
from core.messages import Role, Turn
from core.stored import parse

Thumb = Literal["", "up", "down"]
NOWHERE = -1
LONGEST_NOTE = 4_000  # characters
LONGEST_TITLE = 80  # characters


@dataclass(frozen=True)
class ReplyMetadata:
    """How a reply came about."""

    model: str = ""
    adapter: str = ""
    seed: int = -1
    sampling: Mapping[str, float | int] = field(default_factory=dict)
    """The persona's settings at that time, by name."""
    fault: str = ""
    """What was wrong with the attempts before it; see `core.chat.engine.Reply`."""
    finished: bool = True
    """False where it was stopped or ran into its limit: it can be continued."""
    thoughts: str = ""
    """What the model thought before it spoke; no part of any prompt, memory or row."""
    thought_tokens: int = 0
    prompt_tokens: int = 0
    """Tokens that a server has read for it; 0 for this machine's model."""
    reply_tokens: int = 0
    """Tokens that were written for it, thoughts included."""
    seconds: float = 0.0
    """From asking the model to the reply's end; 0 where that was not measured."""
    cost: float = 0.0
    """What it cost by the prices that the person has filled in; 0 without."""


@dataclass(frozen=True)
class Node:
    """What one side said in a row. `parent` is NOWHERE where a conversation begins."""

    id: int
    parent: int
    role: Role
    messages: tuple[str, ...]
    metadata: ReplyMetadata | None = None
    """None for the user's words, a greeting, and what was said before this was kept."""
    thumb: Thumb = ""
    original: tuple[str, ...] = ()
    """The persona's own words, where a person corrected them."""
    name: str = ""
    """Who of a group says it, where that is neither the persona nor the one who talks with it."""
    time: float = 0.0
    """When it was said, in seconds since the epoch; 0 where that is not known."""


@dataclass(frozen=True)
class AuthorsNote:
    """What the one who talks wants to be kept in mind in this talk; stands before the newest `depth` messages."""

    text: str = ""
    depth: int = 4


@dataclass(frozen=True)
class Conversation:
    """One talk of one owner with one persona; `core.chat.store` stores it."""

    id: str
    persona: str
    """Id of the persona, or "" for the one in the adapter's prompt config."""
    adapter: str = ""
    """Name of the owner's adapter, or "" for the base model."""
    nodes: tuple[Node, ...] = ()
    leaf: int = NOWHERE
    changed: float = 0.0
    """Seconds since the epoch."""
    note: AuthorsNote = AuthorsNote()
    branch_of: str = ""
    """Id of the conversation that this one was copied from."""
    branch_at: int = 0
    """How many messages were copied."""
    own_title: str = ""
    """What a person called it, or ""."""
    group: Group = NO_GROUP
    """Who takes part; `persona` and `adapter` are the first member's then."""
    speaker: str = ""
    """The member of the group through whose eyes this is seen (`core.chat.viewpoint`), or "" as it is stored."""

    @cached_property
    def path(self) -> tuple[Node, ...]:
        """The nodes on the page, from the first."""
        return self.path_to(self.leaf)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """What the page shows and the prompt is made from."""
        return turns_of(self.path)

    @property
    def title(self) -> str:
        """What it was called, or the first words of the user, or of the persona, or ""."""
        if self.own_title:
            return self.own_title
        first = next((t for t in self.turns if t.role == "user"), self.turns[0] if self.turns else None)
        return first.messages[0].split("\n")[0][:24] if first else ""

    def called(self, title: str) -> "Conversation":
        """With a title of its own, on one line; with "" its first words are its title again."""
        return replace(self, own_title=" ".join(title.split())[:LONGEST_TITLE])

    def with_settings_of(self, other: "Conversation") -> "Conversation":
        """With what was chosen for the talk rather than said in it, as it is in `other`."""
        return replace(self, note=other.note, own_title=other.own_title, group=other.group)

    def with_group(self, group: Group) -> "Conversation":
        """Held with these members, the first of whom is the persona so far where there was no group.

        Words of anybody else that stand under a member's name are that member's; those of who has left stay under
        theirs. With one member left it is a talk with that one.
        """
        first = (self.group or group).names[0]

        def said(node: Node) -> Node:
            speaker = node.name or (first if node.role == "assistant" else "")
            if speaker in group.names:
                return replace(node, role="assistant", name=speaker if group else "")
            return replace(node, role="user", name=speaker) if node.role == "assistant" else node

        leader = group.members[0]
        return replace(self, group=group if group else NO_GROUP, nodes=tuple(map(said, self.nodes)),
                       persona=leader.persona, adapter=leader.adapter)  # fmt: skip

    def path_to(self, node_id: int) -> tuple[Node, ...]:
        """The nodes from the beginning to this one."""
        found: list[Node] = []
        while node_id != NOWHERE:
            found.append(self._by_id[node_id])
            node_id = found[-1].parent
        return tuple(reversed(found))

    def children(self, node_id: int) -> list[Node]:
        """The ways it went on after this node, oldest first."""
        return self._children.get(node_id, [])

    def node_at(self, index: int) -> tuple[Node, int]:
        """The node that holds message number `index` of the page, and which of its messages that is."""
        at = 0
        for node in self.path:
            if 0 <= index - at < len(node.messages):
                return node, index - at
            at += len(node.messages)
        raise InputError("That message is no longer there.", "そのメッセージはもうありません。")

    def opened(self, *greetings: str) -> "Conversation":
        """With the persona's first words, of which the first of `greetings` is shown; the rest are its versions."""
        kept = [text.strip() for text in greetings if text.strip()]
        nodes = tuple(Node(n, NOWHERE, "assistant", (text,)) for n, text in enumerate(kept))
        return replace(self, nodes=nodes, leaf=0 if nodes else NOWHERE)

    @property
    def silence(self) -> float:
        """Seconds from the user's last words before those that are to be answered to these, or to the last change."""
        said = [node.time for node in self.path if node.role == "user" and not node.name and node.time]
        answering = bool(said) and self.path[-1].role == "user"
        before = said[-2:-1] if answering else said[-1:]
        return max((said[-1] if answering else self.changed) - before[0], 0.0) if before else 0.0

    def said(
        self, role: Role, *texts: str, made: ReplyMetadata | None = None, name: str = "", time: float = 0.0
    ) -> "Conversation":
        """With more words at the end; those of who spoke last join that node."""
        kept = tuple(text.strip() for text in texts if text.strip())
        if not kept:
            return self
        last = self.path[-1] if self.path else None
        if last is None or (last.role, last.name) != (role, name):
            return self._with(Node(self._free_id, self.leaf, role, kept, made, name=name, time=time))
        longer = replace(last, messages=last.messages + kept)
        if self.children(last.id):  # what went on from the shorter one stays as it was
            return self._with(replace(longer, id=self._free_id))
        return self._put(longer)

    def without_reply(self) -> "Conversation":
        """As it was before the persona's last turn, for another version of it; in a group, before the last one's."""
        kept = self.path
        name = kept[-1].name if kept else ""
        while kept and (kept[-1].role, kept[-1].name) == ("assistant", name):
            kept = kept[:-1]
        return replace(self, leaf=kept[-1].id if kept else NOWHERE)

    def without_replies(self) -> "Conversation":
        """As it was before everything that answers the user's last words."""
        kept = self.path
        while kept and kept[-1].role == "assistant":
            kept = kept[:-1]
        return replace(self, leaf=kept[-1].id if kept else NOWHERE)

    def without_last(self) -> "Conversation":
        """As it was before what was said last."""
        return replace(self, leaf=self.path[-1].parent if self.path else NOWHERE)

    def without_exchange(self) -> "Conversation":
        """As it was before the user's last turn and what answered it."""
        kept = self.without_replies().path
        last = kept[-1] if kept else None
        while last and kept and (kept[-1].role, kept[-1].name) == (last.role, last.name):
            kept = kept[:-1]
        return replace(self, leaf=kept[-1].id if kept else NOWHERE)

    def edited(self, index: int, text: str) -> "Conversation":
        """With message number `index` of the page changed.

        One's own words begin a new branch there; the persona's are corrected in their place, and its own kept.
        """
        node, at = self.node_at(index)
        words = (*node.messages[:at], text.strip())
        if node.role == "user":
            return self._with(Node(self._free_id, node.parent, "user", words, name=node.name, time=node.time))
        words += node.messages[at + 1 :]
        first = node.original or node.messages
        return self._put(replace(node, messages=words, original=first if words != first else ()))

    def with_continuation(self, messages: Sequence[str], made: ReplyMetadata | None) -> "Conversation":
        """With the persona's last turn grown to `messages`."""
        longer = replace(self.path[-1], messages=tuple(messages), metadata=made or self.path[-1].metadata)
        return self._with(replace(longer, id=self._free_id)) if self.children(longer.id) else self._put(longer)

    def versions(self, index: int) -> tuple[int, int]:
        """Which version of its node is shown at message number `index`, from 1, and how many there are."""
        return self.version_of(self.node_at(index)[0])

    def version_of(self, node: Node) -> tuple[int, int]:
        """Which version of what could stand in its place a node is, from 1, and how many there are."""
        same = self._versions_of(node)
        return same.index(node) + 1, len(same)

    def switch_version(self, index: int, step: int) -> "Conversation":
        """With another version of the node at `index`, `step` places on, and what was said last after it."""
        node, _ = self.node_at(index)
        same = self._versions_of(node)
        if len(same) == 1:
            return self
        leaf = same[(same.index(node) + step) % len(same)]
        while below := self.children(leaf.id):
            leaf = below[-1]
        return replace(self, leaf=leaf.id)

    def without_message(self, index: int) -> "Conversation":
        """With message number `index` gone; what followed it stays."""
        node, at = self.node_at(index)
        left = node.messages[:at] + node.messages[at + 1 :]
        if left:
            return self._put(replace(node, messages=left))
        nodes = tuple(
            replace(one, parent=node.parent) if one.parent == node.id else one for one in self.nodes if one is not node
        )
        return replace(self, nodes=nodes, leaf=node.parent if self.leaf == node.id else self.leaf)

    def truncated_at(self, index: int) -> "Conversation":
        """Only what leads to message number `index`, itself included: how a branch of its own begins."""
        node, at = self.node_at(index)
        return replace(
            self, nodes=(*self.path_to(node.parent), replace(node, messages=node.messages[: at + 1])), leaf=node.id
        )

    def rated(self, index: int, thumb: Thumb) -> "Conversation":
        """With the persona's turn at `index` liked, disliked, or neither."""
        node, _ = self.node_at(index)
        return self._put(replace(node, thumb=thumb)) if node.role == "assistant" else self

    def to_json(self) -> dict[str, object]:
        """Plain values, as they are stored; what is empty is left out."""
        nodes = [_node_to_json(node) for node in self.nodes]
        value: dict[str, object] = {"persona": self.persona, "adapter": self.adapter, "changed": self.changed,
                                    "leaf": self.leaf, "nodes": nodes}  # fmt: skip
        branch = {"branch_of": self.branch_of, "branch_at": self.branch_at} if self.branch_of else {}
        chosen = {"note": asdict(self.note)} if self.note.text else {}
        chosen |= {"own_title": self.own_title} if self.own_title else {}
        chosen |= {"group": asdict(self.group)} if self.group else {}
        return value | chosen | branch

    @classmethod
    def from_json(cls, conversation_id: str, value: object) -> "Conversation":
        """The inverse of `to_json`. Raises ValueError if it is invalid or its nodes make no tree."""
        if not isinstance(value, Mapping):
            raise ValueError(f"a conversation is an object, not {type(value).__name__}")
        read = parse(cls, {**value, "id": conversation_id})
        known: set[int] = set()
        for node in sorted(read.nodes, key=lambda node: node.id):
            if node.id in known or node.id < 0:
                raise ValueError(f"nodes: two are number {node.id}")
            if node.parent != NOWHERE and node.parent not in known:  # a parent is older: so there is no cycle
                raise ValueError(f"nodes: {node.id} follows {node.parent}, which is not before it")
            if not node.messages:
                raise ValueError(f"nodes: {node.id} says nothing")
            known.add(node.id)
        if read.leaf != NOWHERE and read.leaf not in known:
            raise ValueError(f"leaf: there is no node {read.leaf}")
        return read

    def of_turns(self, turns: Sequence[Turn]) -> "Conversation":
        """With these turns in place of what was said."""
        nodes = tuple(Node(n, n - 1, turn.role, turn.messages, name=turn.name or "") for n, turn in enumerate(turns))
        return replace(self, nodes=nodes, leaf=len(nodes) - 1)

    @cached_property
    def _by_id(self) -> dict[int, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _children(self) -> dict[int, list[Node]]:
        found: dict[int, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.parent, []).append(node)
        return found

    @property
    def _free_id(self) -> int:
        return max(self._by_id, default=-1) + 1

    def _versions_of(self, node: Node) -> list[Node]:
        return [one for one in self.children(node.parent) if (one.role, one.name) == (node.role, node.name)]

    def _with(self, node: Node) -> "Conversation":
        return replace(self, nodes=(*self.nodes, node), leaf=node.id)

    def _put(self, node: Node) -> "Conversation":
        return replace(self, nodes=tuple(node if one.id == node.id else one for one in self.nodes))


def turns_of(path: tuple[Node, ...]) -> tuple[Turn, ...]:
    """A path as turns; neighbours of one speaker, as a deleted message leaves them, are one turn."""

    def runs() -> Iterator[Turn]:
        for (_, name), group in groupby(path, key=lambda node: (node.role, node.name)):
            nodes = list(group)
            yield Turn(nodes[0].role, tuple(text for node in nodes for text in node.messages), name or None)

    return tuple(runs())


def _node_to_json(node: Node) -> dict[str, object]:
    # dataclasses.asdict takes 20 times as long, which shows in a talk of ten thousand messages.
    value: dict[str, object] = {"id": node.id, "parent": node.parent, "role": node.role, "messages": node.messages}
    more = {
        "metadata": asdict(node.metadata) if node.metadata else None,
        "thumb": node.thumb,
        "original": node.original,
        "name": node.name,
        "time": node.time,
    }
    return value | {name: kept for name, kept in more.items() if kept}
