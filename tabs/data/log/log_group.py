"""The people of a group's log one by one: each with the rows in which theirs are the words that are learned."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from core.chat.group import MOST_MEMBERS
from core.data.log_choices import LogChoices
from core.data.open_log import OpenLog
from core.data.prepare import Prepared
from core.text import normalize_for_match

ChoicesReader = Callable[[LogChoices], OpenLog]
"""Reads the open log with other choices."""


@dataclass(frozen=True)
class LogVoice:
    """Somebody of the log with rows of their own."""

    opened: OpenLog
    prepared: Prepared

    @property
    def name(self) -> str:
        return self.opened.persona


def is_group(opened: OpenLog) -> bool:
    """Whether more than two people write in a log."""
    return len(speakers(opened)) > 2


def speakers(opened: OpenLog) -> list[str]:
    """Who says something in the log, the most words first."""
    return [speaker.name for speaker in opened.speakers if speaker.texts]


def voices(opened: OpenLog, user: str, read: ChoicesReader) -> Iterator[LogVoice]:
    """Everybody with rows, at most as many as a group has; without `user`, who talks with them."""
    mine, found = normalize_for_match(user), 0
    for name in speakers(opened):
        if found == MOST_MEMBERS or (mine and normalize_for_match(name) == mine):
            continue
        one = opened if name == opened.persona else read(replace(opened.choices, persona=name))
        if one.prepared and one.prepared.train:
            found += 1
            yield LogVoice(one, one.prepared)
