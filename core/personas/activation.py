"""Which entries of a character book the next reply should know, and why: a pure function of the book and the talk.

What stays for some messages, or stays away, is found by going through the replies so far; so every branch of a talk
has its own, and a reply that is drawn again knows what the first one knew.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from core.messages import Turn
from core.personas.key_match import Patterns, contains
from core.personas.lorebook import FOREVER, Lorebook, LorebookEntry
from core.text import normalize_for_match

ROUNDS = 10  # of recursive scanning
SCANNED = 20_000  # characters of the newest messages that are searched
REPLAYED = 200  # newest replies that are gone through for what stays or stays away

Why = Literal["constant", "keyword", "recursion", "sticky"]


@dataclass(frozen=True)
class Activated:
    """An entry that comes in, why, and the key that brought it up ("" where none did)."""

    entry: LorebookEntry
    why: Why
    key: str = ""


def activated_entries(book: Lorebook, turns: Sequence[Turn], *, seed: str = "") -> tuple[Activated, ...]:
    """What comes in for the reply to `turns`, oldest turn first; in the order in which it is to stand.

    Chance is drawn by `seed` (the conversation's), the number of messages and the entry.
    """
    heard = Heard(tuple(text for turn in turns for text in turn.messages), _replies(turns), seed)
    found = _one_reply(book, heard, _timers(book, turns, seed), Patterns())
    return tuple(sorted(found.values(), key=lambda one: one.entry.order))


def within_budget(found: Iterable[Activated], size: Callable[[str], int], budget: int | None) -> tuple[Activated, ...]:
    """Those that fit in `budget` tokens (all for None), the most important kept; the order stays."""
    found, kept, left = tuple(found), set(), budget
    if left is None:
        return found
    for place in sorted(range(len(found)), key=lambda at: -found[at].entry.priority):
        tokens = size(found[place].entry.content)
        if tokens <= left:
            kept.add(place)
            left -= tokens
    return tuple(one for place, one in enumerate(found) if place in kept)


@dataclass(frozen=True)
class Heard:
    """The talk that entries are looked for in."""

    messages: tuple[str, ...]
    replies: int
    """Of the persona."""
    seed: str

    def newest(self, depth: int, activated: Sequence[str]) -> "Scanned":
        """The text of the newest `depth` messages, and the contents of activated entries."""
        return Scanned("\n".join([*(self.messages[-depth:] if depth > 0 else ()), *activated])[-SCANNED:])

    def chance(self, what: object) -> random.Random:
        """The same for the same place in the talk."""
        return random.Random(f"{self.seed}/{len(self.messages)}/{what}")


@dataclass(frozen=True)
class Scanned:
    """A text that keys are looked for in."""

    text: str

    @cached_property
    def normalized(self) -> str:
        return normalize_for_match(self.text)


@dataclass
class _Timers:
    """By an entry's place in the book: until how many messages it stays, and until how many it stays away."""

    stays: dict[int, int]
    away: dict[int, int]

    def came_in(self, place: int, entry: LorebookEntry, messages: int) -> None:
        """Start the timers of an entry, unless it is there because it stays."""
        if self.stays.get(place, 0) > messages:
            return
        self.stays[place] = messages + entry.sticky
        self.away[place] = self.stays[place] + entry.cooldown


def _timers(book: Lorebook, turns: Sequence[Turn], seed: str) -> _Timers:
    timers = _Timers({}, {})
    timed = {place for place, entry in enumerate(book.entries) if entry.sticky or entry.cooldown}
    if not timed:
        return timers
    asked = [at for at, turn in enumerate(turns) if turn.role == "assistant" and at > 0][-REPLAYED:]
    messages = tuple(text for turn in turns for text in turn.messages)
    counts = [0]
    for turn in turns:
        counts.append(counts[-1] + len(turn.messages))
    patterns, longest = Patterns(), max([book.scan_depth, *(entry.scan_depth or 0 for entry in book.entries)])
    before = _replies(turns[: asked[0]]) if asked else 0
    only = None if book.recursive else timed
    for number, at in enumerate(asked):
        # Of the older messages only the number counts: they are not searched.
        older = max(counts[at] - longest, 0)
        heard = Heard(("",) * older + messages[older : counts[at]], before + number, seed)
        for place in _one_reply(book, heard, timers, patterns, only):
            if place in timed:
                timers.came_in(place, book.entries[place], counts[at])
    return timers


def _replies(turns: Sequence[Turn]) -> int:
    return sum(turn.role == "assistant" for turn in turns)


def _one_reply(
    book: Lorebook, heard: Heard, timers: _Timers, patterns: Patterns, only: set[int] | None = None
) -> dict[int, Activated]:
    """What comes in for one reply, by place in the book; of the places `only`."""
    found: dict[int, Activated] = {}
    waiting = [place for place in range(len(book.entries)) if only is None or place in only]
    waiting = [place for place in waiting if _may_come(book.entries[place], heard)]
    levels = sorted({book.entries[place].recursion_level for place in waiting} - {0})
    level = 0
    for number in range(ROUNDS):
        activated = [one.entry.content for one in found.values() if not one.entry.prevent_recursion]
        texts: dict[int, Scanned] = {}
        new: dict[int, Activated] = {}
        for place in waiting:
            entry = book.entries[place]
            if (number and entry.exclude_recursion) or entry.recursion_level > level:
                continue
            depth = book.scan_depth if entry.scan_depth is None else entry.scan_depth
            text = texts.get(depth) or texts.setdefault(depth, heard.newest(depth, activated))
            woken = _woken(place, entry, heard, text, timers, patterns, again=number > 0)
            if woken:
                new[place] = woken
        new = _one_of_each_group(new, found, heard)
        found |= new
        waiting = [place for place in waiting if place not in found]
        if not book.recursive:
            break
        if not new:
            if not levels or not found:
                break
            level = levels.pop(0)
        elif number == 0 and levels:
            level = levels.pop(0)
    return found


def _may_come(entry: LorebookEntry, heard: Heard) -> bool:
    return (
        entry.enabled and bool(entry.content.strip()) and heard.replies >= entry.not_before
        and len(heard.messages) >= entry.delay and heard.replies % max(entry.every, 1) == 0
    )  # fmt: skip


def _woken(
    place: int, entry: LorebookEntry, heard: Heard, text: Scanned, timers: _Timers, patterns: Patterns, *, again: bool
) -> Activated | None:
    """The entry as it comes in, or None; `again`: what other entries tell is searched, too."""
    if timers.stays.get(place, 0) > len(heard.messages):
        return Activated(entry, "sticky")
    if timers.away.get(place, 0) > len(heard.messages):
        return None
    if entry.probability < 100 and heard.chance(place).random() * 100 >= entry.probability:
        return None
    if entry.constant:
        return Activated(entry, "constant")

    def comes_up(key: str) -> bool:
        return contains(entry, key, text.text, text.normalized, patterns)

    key = next((key for key in entry.keys if comes_up(key)), None)
    if key is None or any(map(comes_up, entry.excluded)):
        return None
    if entry.secondary and not _holds(entry, [comes_up(other) for other in entry.secondary]):
        return None
    return Activated(entry, "recursion" if again else "keyword", key)


def _holds(entry: LorebookEntry, come_up: Sequence[bool]) -> bool:
    if entry.logic == "and_any":
        return any(come_up)
    if entry.logic == "and_all":
        return all(come_up)
    return not any(come_up) if entry.logic == "not_any" else not all(come_up)


def _one_of_each_group(new: dict[int, Activated], found: dict[int, Activated], heard: Heard) -> dict[int, Activated]:
    """`new` without those that lose against another entry of their group."""
    groups: dict[str, list[int]] = {}
    for place, one in new.items():
        for group in one.entry.groups:
            groups.setdefault(group, []).append(place)
    taken = {group for one in found.values() for group in one.entry.groups}
    left = dict(new)
    for group, places in groups.items():
        rivals = [place for place in places if place in left]
        wins = None if group in taken or not rivals else _winner(group, rivals, left, heard)
        for place in rivals:
            if place != wins:
                del left[place]
    return left


def _winner(group: str, rivals: Sequence[int], new: dict[int, Activated], heard: Heard) -> int:
    stays = [place for place in rivals if new[place].why == "sticky"]
    leads = [place for place in rivals if new[place].entry.group_override]
    if stays or leads:
        return max(stays or leads, key=lambda place: new[place].entry.order)
    weights = [min(max(new[place].entry.group_weight, 0), FOREVER) for place in rivals]
    return heard.chance(group).choices(rivals, weights if any(weights) else None)[0]
