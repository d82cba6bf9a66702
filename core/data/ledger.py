"""The ledger: every message of a log has exactly one fate, and the fates sum to the messages."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from core.logs.log import Note
from core.messages import Kind


class Fate(str, Enum):
    """What becomes of a message: learned, kept for measuring, context, or left out for one reason."""

    LEARNED = "learned"
    HELD_OUT = "held_out"
    TEST = "test"
    CONTEXT = "context"
    UNANSWERED = "unanswered"
    NO_PERSONA = "no_persona"
    TOO_LONG = "too_long"
    OUTSIDE = "outside"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    FREQUENT = "frequent"
    EMPTY = "empty"
    MEDIA = "media"
    STICKER = "sticker"
    CALL = "call"
    UNSENT = "unsent"
    SYSTEM = "system"
    UNKNOWN = "unknown"


LABELS = {
    Fate.LEARNED: Note("learned", "学ぶ"),
    Fate.HELD_OUT: Note("kept aside to measure with", "測定用に取り分け"),
    Fate.TEST: Note("kept aside for the last test", "最後のテスト用に取り分け"),
    Fate.CONTEXT: Note("context only", "文脈としてだけ使う"),
    Fate.UNANSWERED: Note("the persona did not answer", "人格の返事がない"),
    Fate.NO_PERSONA: Note("a talk without the persona", "人格のいない会話"),
    Fate.TOO_LONG: Note("does not fit the token budget", "トークン上限に入らない"),
    Fate.OUTSIDE: Note("too far from a reply that is learned", "学ぶ返事から離れている"),
    Fate.DUPLICATE: Note("the same long text again", "同じ長文のくり返し"),
    Fate.NEAR_DUPLICATE: Note("nearly the same long text again", "ほぼ同じ長文のくり返し"),
    Fate.FREQUENT: Note("a very frequent reply, beyond its share", "多すぎる決まった返事"),
    Fate.EMPTY: Note("no words", "本文がない"),
    Fate.MEDIA: Note("photo, video or file", "写真・動画・ファイル"),
    Fate.STICKER: Note("sticker", "スタンプ"),
    Fate.CALL: Note("call", "通話"),
    Fate.UNSENT: Note("unsent", "送信取り消し"),
    Fate.SYSTEM: Note("system notice", "システムの通知"),
    Fate.UNKNOWN: Note("not understood", "読み取れない"),
}
OF_KIND = {
    Kind.MEDIA: Fate.MEDIA,
    Kind.STICKER: Fate.STICKER,
    Kind.CALL: Fate.CALL,
    Kind.UNSENT: Fate.UNSENT,
    Kind.SYSTEM: Fate.SYSTEM,
    Kind.UNKNOWN: Fate.UNKNOWN,
}


@dataclass(frozen=True)
class Ledger:
    """The fate of each message of a log; None for one that nothing accounted for."""

    messages: int
    """Messages in the log, counted there."""
    fates: tuple[Fate | None, ...]
    """By position in the log's messages, as the steps of preparing reported them."""

    @property
    def counts(self) -> dict[Fate, int]:
        """Messages by fate, in the order of Fate; fates without a message are left out."""
        counted = Counter(self.fates)
        return {fate: counted[fate] for fate in Fate if counted[fate]}

    def examples(self, most: int = 3) -> dict[Fate, tuple[int, ...]]:
        """For each fate, where the first `most` messages that have it stand in the log."""
        found: dict[Fate, list[int]] = {}
        for position, fate in enumerate(self.fates):
            if fate is not None and len(kept := found.setdefault(fate, [])) < most:
                kept.append(position)
        return {fate: tuple(found[fate]) for fate in Fate if fate in found}

    @property
    def missing(self) -> int:
        """Messages without a fate: 0, or one was lost on the way."""
        return self.messages - sum(self.counts.values())


class Book:
    """Where the steps of preparing write fates down. A message that gets two is an error in the code."""

    def __init__(self, messages: int) -> None:
        self._fates: list[Fate | None] = [None] * messages

    def enter(self, positions: Iterable[int], fate: Fate) -> None:
        """Give the messages at `positions` their fate."""
        for position in positions:
            if self._fates[position] is not None:
                raise ValueError(f"message {position} is {self._fates[position]} and cannot be {fate} too")
            self._fates[position] = fate

    def open(self, position: int) -> bool:
        """Whether the message has no fate yet."""
        return self._fates[position] is None

    def close(self, messages: int) -> Ledger:
        """The ledger of a log with `messages` messages."""
        return Ledger(messages, tuple(self._fates))
