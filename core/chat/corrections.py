"""What people corrected in their chats, as something to learn from: rewritten replies and preferred versions.

A reply that was rewritten teaches its new words, and is preferred to its old ones. Of the versions of a reply
the liked one is preferred to the others, the one that the talk went on from to those that were left behind,
and any that was kept to a disliked one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from core.chat.conversation import Conversation, Node, turns_of
from core.chat.group import Member
from core.chat.viewpoint import seen_by, speaker_of
from core.data.io.store import DataSetInfo, DataSets, SavedDataSet, Split
from core.data.preferences import Pair, Preferences
from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn
from core.workspace import SPLIT_FILES

VALIDATION = 10  # one of this many rewritten replies is held out, if there are that many


@dataclass(frozen=True)
class Correction:
    """One lesson. `rewritten`: the better words are a person's own, and can be learned as they stand."""

    conversation: str
    """Its id, and that of the node whose prompt was kept."""
    node: int
    context: tuple[Turn, ...]
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]
    rewritten: bool
    adapter: str = ""
    speaker: str = ""
    """The member of a group whose reply it is; the context is what that one saw."""

    def pair(self, persona: str) -> Pair:
        """As a preference."""
        return Pair(self.context, self.chosen, self.rejected, adapter=self.adapter, persona=persona)

    def row(self) -> Row:
        """As a training row: only the corrected reply is trained on."""
        context = (replace(turn, trained=turn.role == "user") for turn in self.context)
        return Row(0, None, (*context, Turn("assistant", self.chosen)))


UserNames = Callable[[Member], str]
"""How a member of a group calls the one who talks."""


def corrections(conversations: Iterable[Conversation], called: UserNames = lambda member: "") -> list[Correction]:
    """Everything that was corrected, in the order of the conversations."""
    return [found for conversation in conversations for found in _of(conversation, called)]


def _of(conversation: Conversation, called: UserNames) -> Iterator[Correction]:
    for node in conversation.nodes:
        if node.role != "assistant" or node.metadata is None:
            continue
        if node.original:
            yield _correction(conversation, node, node.original, called, rewritten=True)
        versions = [one for one in conversation.children(node.parent) if one.metadata and one.name == node.name]
        best = max(versions, key=lambda version: _worth(conversation, version))
        if node is best:
            for other in versions:
                if _worth(conversation, best) - _worth(conversation, other) > 1 and other.messages != best.messages:
                    yield _correction(conversation, best, other.original or other.messages, called, rewritten=False)


def _worth(conversation: Conversation, version: Node) -> int:
    """How much a version was wanted; a difference of one says nothing."""
    if version.thumb:
        return {"up": 4, "down": -1}[version.thumb]
    if conversation.children(version.id):
        return 2
    return 1 if version.id == conversation.leaf else 0


def _correction(
    conversation: Conversation, node: Node, rejected: tuple[str, ...], called: UserNames, *, rewritten: bool
) -> Correction:
    speaker = speaker_of(conversation, node)
    before, member = replace(conversation, leaf=node.parent), conversation.group.member(speaker)
    context = seen_by(before, member, called(member)).turns if member else turns_of(before.path)
    return Correction(
        conversation.id,
        node.id,
        context,
        node.messages,
        rejected,
        rewritten,
        node.metadata.adapter if node.metadata else "",
        speaker,
    )


def keep_pairs(preferences: Preferences, owner: str, pairs: Sequence[Pair]) -> int:
    """Hand `pairs` to the preferences to be trained on; how many were new there."""
    known = {_lesson(pair) for pair in preferences.list_all(owner)}
    new = [pair for pair in pairs if _lesson(pair) not in known]
    for pair in new:
        preferences.add(owner, pair)
    return len(new)


def _lesson(pair: Pair) -> tuple:
    return pair.context, pair.chosen, pair.rejected


def add_rows(
    datasets: DataSets, owner: str, rewritten: Sequence[Correction], *, to: str, persona: str, description: str
) -> SavedDataSet:
    """Keep a copy of the data set `to` with the rewritten replies added, or, with "", a new one of them alone.

    Raises InputError when there is nothing to add or no such data set.
    """
    if not rewritten:
        raise InputError(
            "No reply has been rewritten yet. Edit a reply of the persona in Chat, and it appears here.",
            "書き直した返事がまだありません。「話す」で相手の返事を直すと、ここに並びます。",
        )
    rows = [replace(correction.row(), session=n) for n, correction in enumerate(rewritten)]
    if to:
        saved = datasets.get(owner, to)
        parts: dict[Split, Sequence[Row]] = {split: datasets.read_rows(owner, to, split) for split in SPLIT_FILES}
        first = 1 + max((row.session for row in (*parts["train"], *parts["validation"], *parts["test"])), default=-1)
        added = tuple(replace(row, session=first + row.session) for row in rows)
        parts["train"] = (*parts["train"], *added)
        return datasets.import_rows(owner, saved.info, parts)
    held = rows[VALIDATION - 1 :: VALIDATION]
    info = DataSetInfo(
        name=f"{persona or 'talk'}-corrections", persona=persona, description=description, source="chat",
        format="corrections", counts={}, messages=sum(len(row.turns[-1].messages) for row in rows), sessions=len(rows),
        train_rows=0, validation_rows=0, gap_minutes=0.0, budget=0, model="",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )  # fmt: skip
    return datasets.import_rows(owner, info, {"train": [row for row in rows if row not in held], "validation": held})
