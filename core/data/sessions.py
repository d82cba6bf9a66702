"""Sessions: stretches of talk without a long silence. Nothing is paired across their borders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from core.messages import Kind, Message

NOT_PEOPLE = (Kind.SYSTEM, Kind.UNKNOWN)  # a notice does not keep a talk going


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of talk. `positions` are places in the log's messages, in the order of talking."""

    number: int
    positions: tuple[int, ...]
    start: datetime | None = None


def talking_order(messages: Sequence[Message]) -> list[int]:
    """Positions by conversation, time and place in the file; a message without a time stays behind
    the one before it.
    """
    times: list[datetime] = []
    known, part = datetime.min, 0
    for message in messages:
        if message.part != part:
            known, part = datetime.min, message.part
        known = message.time or known
        times.append(known)
    return sorted(range(len(messages)), key=lambda i: (messages[i].part, times[i]))


def sessions(messages: Sequence[Message], gap_minutes: float) -> list[Session]:
    """Messages cut where people were silent for more than `gap_minutes`, and between conversations.

    Every message is in exactly one session. Without times there is one session a conversation.
    """
    groups: list[list[int]] = []
    part, last = None, None
    for i in talking_order(messages):
        message = messages[i]
        said = message.time if message.kind not in NOT_PEOPLE else None
        silent = said is not None and last is not None and (said - last).total_seconds() > gap_minutes * 60
        if message.part != part or silent:
            groups.append([])
            part, last = message.part, None
        groups[-1].append(i)
        last = said or last
    return [Session(n, tuple(group), _start(messages, group)) for n, group in enumerate(groups)]


def _start(messages: Sequence[Message], group: Sequence[int]) -> datetime | None:
    spoken = (messages[i].time for i in group if messages[i].kind not in NOT_PEOPLE and messages[i].time)
    return next(spoken, None)


def gaps_minutes(messages: Sequence[Message]) -> list[float]:
    """Minutes between neighbouring messages of people, for a histogram; none where there are no times."""
    ordered = (messages[i] for i in talking_order(messages))
    people = [(m.part, m.time) for m in ordered if m.time and m.kind not in NOT_PEOPLE]
    return [(b - a).total_seconds() / 60 for (part, a), (other, b) in pairwise(people) if part == other]
