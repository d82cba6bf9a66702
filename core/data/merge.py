"""Merging a newer export of the same chat: what is new is added in its place, and nothing is there twice.

Messages are the same when sender, words and time agree; where one file's clock tells minutes only, to the minute.
The same words again in the same minute are matched one by one, in their order. Files without times are aligned as
two texts are. A merged log takes the better clock, so that the order of talking stays that of the files.
"""

import dataclasses
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from core.data.rows import clean
from core.logs.log import LineCount, Log
from core.messages import Kind, Message
from core.text import Text

MOST_COMPARED = 250_000  # pairs of messages that are compared with each other
FEWEST_OVERLAPPING = 10  # messages that two pieces of a long chat share at least
DEEPEST = 20
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
    """Messages without times: what both files have, in order."""
    if len(ours) * len(theirs) <= MOST_COMPARED:
        pairs: Iterable[tuple[int, int]] = _longest_blocks(our_keys, their_keys)
    elif (overlap := _overlap(our_keys, their_keys)) >= FEWEST_OVERLAPPING:
        pairs = zip(range(len(ours) - overlap, len(ours)), range(overlap), strict=True)
    else:
        pairs = _common(our_keys, their_keys, range(len(ours)), range(len(theirs)), DEEPEST)
    return {theirs[b]: ours[a] for a, b in pairs}


def _common(ours: list[Key], theirs: list[Key], a: range, b: range, depth: int) -> Iterator[tuple[int, int]]:
    """Pairs of places in `a` and `b` with equal keys, in order: around those that both files hold just once.

    SequenceMatcher takes the square of two files that say the same thing over and over.
    """
    while a and b and ours[a[0]] == theirs[b[0]]:
        yield a[0], b[0]
        a, b = a[1:], b[1:]
    while a and b and ours[a[-1]] == theirs[b[-1]]:
        yield a[-1], b[-1]
        a, b = a[:-1], b[:-1]
    if not a or not b:
        return
    anchors = _anchors([ours[i] for i in a], [theirs[k] for k in b]) if depth else []
    if anchors:
        before_a, before_b = a.start, b.start
        for i, k in ((a[i], b[k]) for i, k in anchors):
            yield from _common(ours, theirs, range(before_a, i), range(before_b, k), depth - 1)
            yield i, k
            before_a, before_b = i + 1, k + 1
        yield from _common(ours, theirs, range(before_a, a.stop), range(before_b, b.stop), depth - 1)
    elif len(a) * len(b) <= MOST_COMPARED:
        for i, k in _longest_blocks([ours[i] for i in a], [theirs[k] for k in b]):
            yield a[i], b[k]
    else:
        places: dict[Key, list[int]] = defaultdict(list)
        for i in a:
            places[ours[i]].append(i)
        least = a.start
        for k in b:
            at = bisect_left(same := places.get(theirs[k], []), least)
            if at < len(same):
                yield same[at], k
                least = same[at] + 1


def _longest_blocks(ours: list[Key], theirs: list[Key]) -> Iterator[tuple[int, int]]:
    for i, k, size in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        yield from zip(range(i, i + size), range(k, k + size), strict=True)


def _overlap(ours: list[Key], theirs: list[Key]) -> int:
    """How many messages at the end of `ours` begin `theirs` (Knuth, Morris and Pratt)."""
    border = [0] * len(theirs)
    for place in range(1, len(theirs)):
        border[place] = _grown(theirs, border, border[place - 1], theirs[place])
    length = 0
    for key in ours:
        length = _grown(theirs, border, border[length - 1] if length == len(theirs) else length, key)
    return length


def _grown(theirs: list[Key], border: list[int], length: int, key: Key) -> int:
    while length and theirs[length] != key:
        length = border[length - 1]
    return length + (theirs[length] == key)


def _anchors(ours: list[Key], theirs: list[Key]) -> list[tuple[int, int]]:
    """The most places of keys that stand once in each list, rising in both."""
    once, other = _places_of_single(ours), _places_of_single(theirs)
    pairs = sorted((place, other[key]) for key, place in once.items() if key in other)
    ends: list[int] = []  # last place in `theirs` of the best chain of each length
    last: list[int] = []
    back: list[int] = []
    for number, (_, k) in enumerate(pairs):
        length = bisect_left(ends, k)
        back.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [k], [number]
    chain, number = [], last[-1] if last else -1
    while number >= 0:
        chain.append(pairs[number])
        number = back[number]
    return chain[::-1]


def _places_of_single(keys: list[Key]) -> dict[Key, int]:
    count = Counter(keys)
    return {key: place for place, key in enumerate(keys) if count[key] == 1}


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
