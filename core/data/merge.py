"""Merging a newer export of the same chat: what is new is added in its place, and nothing is there twice.

Messages are the same when sender, words and time agree; where one file's clock tells minutes only, to the minute.
The same words again in the same minute are matched one by one, in their order. Files without times are aligned as
two texts are. A merged log takes the better clock, so that the order of talking stays that of the files.
"""

import dataclasses
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from core.data.rows import clean
from core.logs.log import LineCount, Log
from core.messages import Kind, Message
from core.text import Text

Key = tuple[str | None, Kind, str, datetime | None]


@dataclass(frozen=True)
class Merged:
    """A log that holds all messages of two exports once."""

    log: Log
    added: tuple[int, ...]
    """Where the messages that only the newer file holds stand in `log`."""
    known: int
    """Messages of the newer file that were there already."""


def merge(old: Log, newer: Log) -> Merged:
    """`old` with what only `newer` holds. A conversation is matched with the one it has most in common with.

    `line` of an added message is its line in the newer file.
    """
    minutes = not (_tells_seconds(old) and _tells_seconds(newer))
    old_keys, new_keys = _keys(old.messages, minutes), _keys(newer.messages, minutes)
    parts = _parts(old.messages, old_keys, newer.messages, new_keys)
    match = _matched(old.messages, old_keys, newer.messages, new_keys, parts)
    order = _order(len(old.messages), len(newer.messages), match, newer.messages)
    place = {source: k for k, source in enumerate(order)}
    where = [place[0, match[i]] if i in match else place[1, i] for i in range(len(newer.messages))]
    back = {o: i for i, o in match.items()}
    messages: list[Message] = []
    for side, i in order:
        message = old.messages[i] if side == 0 else newer.messages[i]
        if side == 0:
            reply = place[0, message.reply_to] if message.reply_to is not None else None
            time = _better(message.time, newer.messages[back[i]].time if i in back else None)
            message = dataclasses.replace(message, reply_to=reply, time=time)
        else:
            reply = where[message.reply_to] if message.reply_to is not None else None
            time = _not_before(message.time, messages[-1] if messages else None, parts[message.part])
            message = dataclasses.replace(message, part=parts[message.part], reply_to=reply, time=time)
        messages.append(message)
    added = tuple(k for k, (side, _) in enumerate(order) if side == 1)
    return Merged(_log(old, newer, messages, len(added)), added, len(match))


def _tells_seconds(log: Log) -> bool:
    return any(m.time and m.time.second for m in log.messages)


def _keys(messages: Sequence[Message], minutes: bool) -> list[Key]:
    """What makes two messages the same. The marks that apps write for photos and calls differ by language."""
    keys = []
    for m in messages:
        time = (
            m.time.replace(second=0, microsecond=0) if minutes and m.time else m.time and m.time.replace(microsecond=0)
        )
        words = "".join(clean(m.text).split()) if m.kind in (Kind.TEXT, Kind.UNKNOWN, Kind.SYSTEM) else ""
        keys.append((m.sender, m.kind, words, time))
    return keys


def _parts(
    old: Sequence[Message], old_keys: Sequence[Key], newer: Sequence[Message], new_keys: Sequence[Key]
) -> dict[int, int]:
    """For each conversation of the newer file, the one of the old that it is; a new number where it is none."""
    home: dict[Key, set[int]] = defaultdict(set)
    for message, key in zip(old, old_keys, strict=True):
        home[key].add(message.part)
    common: dict[int, Counter[int]] = {message.part: Counter() for message in newer}
    for message, key in zip(newer, new_keys, strict=True):
        common[message.part].update(home.get(key, ()))
    free, taken, parts = max((m.part for m in old), default=-1) + 1, set(), {}
    for part, counted in sorted(common.items(), key=lambda item: -max(item[1].values(), default=0)):
        best = next((q for q, _ in counted.most_common() if q not in taken), None)
        parts[part] = free if best is None else best
        free += best is None
        taken.add(parts[part])
    return parts


def _matched(
    old: Sequence[Message], old_keys: Sequence[Key], newer: Sequence[Message], new_keys: Sequence[Key],
    parts: dict[int, int],
) -> dict[int, int]:  # fmt: skip
    """Place in the newer file → place in the old one, of the same messages."""
    match: dict[int, int] = {}
    waiting: dict[tuple[int, Key], deque[int]] = defaultdict(deque)
    for i, message in enumerate(old):
        if message.time:
            waiting[message.part, old_keys[i]].append(i)
    for i, message in enumerate(newer):
        same = waiting.get((parts[message.part], new_keys[i])) if message.time else None
        if same:
            match[i] = same.popleft()
    for part, home in parts.items():
        theirs = [i for i, m in enumerate(newer) if m.part == part and not m.time]
        ours = [i for i, m in enumerate(old) if m.part == home and not m.time]
        if theirs and ours:
            match |= _aligned(ours, [old_keys[i] for i in ours], theirs, [new_keys[i] for i in theirs])
    return match


def _aligned(ours: list[int], our_keys: list[Key], theirs: list[int], their_keys: list[Key]) -> dict[int, int]:
    """Messages without times: the longest stretches that both files have, in order."""
    blocks = SequenceMatcher(None, our_keys, their_keys, autojunk=False).get_matching_blocks()
    return {theirs[b + k]: ours[a + k] for a, b, size in blocks for k in range(size)}


def _order(old: int, newer: int, match: dict[int, int], messages: Sequence[Message]) -> list[tuple[int, int]]:
    """(0, place in the old file) and (1, place in the newer one): each new message behind the known one before it.

    What comes before the first known one of its conversation goes before that; a new conversation goes to the end.
    """
    behind: dict[int, list[int]] = defaultdict(list)
    before: dict[int, list[int]] = defaultdict(list)
    last: dict[int, int] = {}
    early: dict[int, list[int]] = defaultdict(list)
    for i in range(newer):
        part = messages[i].part
        if i in match:
            before[match[i]] += early.pop(part, [])
            last[part] = match[i]
        elif part in last:
            behind[last[part]].append(i)
        else:
            early[part].append(i)
    order: list[tuple[int, int]] = []
    for i in range(old):
        order += [(1, k) for k in before[i]] + [(0, i)] + [(1, k) for k in behind[i]]
    return order + [(1, k) for rest in early.values() for k in rest]


def _better(time: datetime | None, other: datetime | None) -> datetime | None:
    """The clock of the two that tells seconds, where they agree otherwise."""
    if time and other and not time.second and other.second:
        return other
    return time


def _not_before(time: datetime | None, last: Message | None, part: int) -> datetime | None:
    """A clock that tells minutes only does not put a message before the one it follows in the same minute."""
    if time and last and last.time and last.part == part and not time.second and time < last.time:
        return last.time if (last.time - time).total_seconds() < 60 else time
    return time


def _log(old: Log, newer: Log, messages: Sequence[Message], added: int) -> Log:
    lines = LineCount(*(a + b for a, b in zip(_numbers(old.lines), _numbers(newer.lines), strict=True)))
    note = Text(
        f"{added:,} messages of “{newer.file_name}” were new and were added.",
        f"「{newer.file_name}」の新しいメッセージ {added:,} 件を加えました。",
    )
    return dataclasses.replace(old, messages=tuple(messages), lines=lines, notes=(*old.notes, note))


def _numbers(lines: LineCount) -> list[int]:
    return [getattr(lines, field.name) for field in dataclasses.fields(lines)]
