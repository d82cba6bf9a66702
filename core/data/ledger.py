"""The ledger: every message of a log has exactly one outcome, and the outcomes sum to the messages."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from core.messages import Kind
from core.text import Text


class Outcome(str, Enum):
    """What becomes of a message: learned, kept for measuring, context, or left out for one reason."""

    LEARNED = "learned"
    VALIDATION = "validation"
    TEST = "test"
    CONTEXT = "context"
    CORRECTED = "corrected"
    LEFT_OUT = "left_out"
    UNANSWERED = "unanswered"
    NO_PERSONA = "no_persona"
    TOO_LONG = "too_long"
    OUTSIDE = "outside"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    FREQUENT = "frequent"
    UNAPPROVED = "unapproved"
    EMPTY = "empty"
    MEDIA = "media"
    STICKER = "sticker"
    CALL = "call"
    UNSENT = "unsent"
    SYSTEM = "system"
    PRESUMED = "presumed"
    UNKNOWN = "unknown"


LABELS = {
    Outcome.LEARNED: Text("learned", "学ぶ"),
    Outcome.VALIDATION: Text("kept for validation", "検証用に取り分け"),
    Outcome.TEST: Text("kept aside for the last test", "最後のテスト用に取り分け"),
    Outcome.CONTEXT: Text("context only", "文脈としてだけ使う"),
    Outcome.CORRECTED: Text("corrected by hand, then used", "手で直して使う"),
    Outcome.LEFT_OUT: Text("left out by hand", "手で除いた"),
    Outcome.UNANSWERED: Text("the persona did not answer", "人格の返事がない"),
    Outcome.NO_PERSONA: Text("a talk without the persona", "人格のいない会話"),
    Outcome.TOO_LONG: Text("does not fit the token budget", "トークン上限に入らない"),
    Outcome.OUTSIDE: Text("too far from a reply that is learned", "学ぶ返事から離れている"),
    Outcome.DUPLICATE: Text("the same long text again", "同じ長文のくり返し"),
    Outcome.NEAR_DUPLICATE: Text("nearly the same long text again", "ほぼ同じ長文のくり返し"),
    Outcome.FREQUENT: Text("a very frequent reply, beyond its share", "多すぎる決まった返事"),
    Outcome.UNAPPROVED: Text("a reply that nobody corrected or liked", "直しても「いいね」してもいない返事"),
    Outcome.EMPTY: Text("no words", "本文がない"),
    Outcome.MEDIA: Text("photo, video or file", "写真・動画・ファイル"),
    Outcome.STICKER: Text("sticker", "スタンプ"),
    Outcome.CALL: Text("call", "通話"),
    Outcome.UNSENT: Text("unsent", "送信取り消し"),
    Outcome.SYSTEM: Text("system notice", "システムの通知"),
    Outcome.PRESUMED: Text("presumably the app's own sentence", "アプリ自身の文とみられる"),
    Outcome.UNKNOWN: Text("not understood", "読み取れない"),
}
OF_KIND = {
    Kind.MEDIA: Outcome.MEDIA,
    Kind.STICKER: Outcome.STICKER,
    Kind.CALL: Outcome.CALL,
    Kind.UNSENT: Outcome.UNSENT,
    Kind.SYSTEM: Outcome.SYSTEM,
    Kind.PRESUMED: Outcome.PRESUMED,
    Kind.UNKNOWN: Outcome.UNKNOWN,
}


@dataclass(frozen=True)
class Ledger:
    """The outcome of each message of a log; None for one that nothing accounted for."""

    messages: int
    """Messages in the log, counted there."""
    outcomes: tuple[Outcome | None, ...]
    """By position in the log's messages, as the steps of preparing reported them."""

    @property
    def counts(self) -> dict[Outcome, int]:
        """Messages by outcome, in the order of Outcome; outcomes without a message are left out."""
        counted = Counter(self.outcomes)
        return {outcome: counted[outcome] for outcome in Outcome if counted[outcome]}

    def examples(self, most: int = 3) -> dict[Outcome, tuple[int, ...]]:
        """For each outcome, where the first `most` messages that have it stand in the log."""
        found: dict[Outcome, list[int]] = {}
        for position, outcome in enumerate(self.outcomes):
            if outcome is not None and len(kept := found.setdefault(outcome, [])) < most:
                kept.append(position)
        return {outcome: tuple(found[outcome]) for outcome in Outcome if outcome in found}

    @property
    def missing(self) -> int:
        """Messages without a outcome: 0, or one was lost on the way."""
        return self.messages - sum(self.counts.values())


class LedgerBuilder:
    """Where the steps of preparing write outcomes down. A message that gets two is an error in the code."""

    def __init__(self, messages: int) -> None:
        self._outcomes: list[Outcome | None] = [None] * messages

    def enter(self, positions: Iterable[int], outcome: Outcome) -> None:
        """Give the messages at `positions` their outcome."""
        for position in positions:
            if self._outcomes[position] is not None:
                raise ValueError(f"message {position} is {self._outcomes[position]} and cannot be {outcome} too")
            self._outcomes[position] = outcome

    def start(self, position: int) -> bool:
        """Whether the message has no outcome yet."""
        return self._outcomes[position] is None

    def close(self, messages: int) -> Ledger:
        """The ledger of a log with `messages` messages."""
        return Ledger(messages, tuple(self._outcomes))
