"""Conversations as structured readers find them, and how they become one Log.

A reader says who (by an id that never changes, where the export has one), what, when and which
message is answered. Here names are given, the order of time is restored where an export is newest
first, links become positions, and a person's choice among several conversations is kept.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.logs.log import Format, Guess, Hints, LineCount, Log
from core.logs.parsing.json_source import JsonItem, JsonValue, as_json
from core.messages import Kind, Message
from core.text import Text


@dataclass(slots=True)
class LogEntry:
    """One record of an export. `sender` is an id or a name; `id` and `answers` link messages."""

    sender: str | None
    text: str
    place: int
    kind: Kind = Kind.TEXT
    time: datetime | None = None
    id: str | None = None
    answers: str | None = None


@dataclass(slots=True)
class LogConversation:
    """A chat of an export with its entries, in the order of the file."""

    name: str
    entries: list[LogEntry] = field(default_factory=list)
    partner: str | None = None
    """The id or name of the other person of a one-to-one chat, where known."""


def unread(item: JsonItem, value: JsonValue = None) -> LogEntry:
    """A record, or the part `value` of it, that is kept because it was not understood."""
    return LogEntry(None, item.raw if item.raw is not None else as_json(value or item.value), item.place, Kind.UNKNOWN)


def assemble(
    format: Format,
    conversations: Iterable[LogConversation],
    hints: Hints,
    *,
    names: Mapping[str, str] | None = None,
    by_time: bool = False,
    in_utc: bool = False,
    notes: tuple[Text, ...] = (),
) -> Log:
    """One log of all conversations, or of those that `hints` choose; each is a part.

    `names` are people's names by id (an id without one shows as it is); two people of one name are
    told apart. `by_time` puts each conversation in the order of time, for exports that are newest
    first or unordered; `in_utc` says that the times are those of UTC. The lines of the log count records.
    """
    known = _titled([one for one in conversations if one.entries])
    chosen = _chosen(list(known), hints.conversations)
    shown = _distinct(names or {}, [known[title] for title in chosen])
    guesses = (_guess(known, chosen),) if len(known) > 1 else ()
    messages: list[Message] = []
    for number, title in enumerate(chosen, 1):
        _add(messages, known[title], number if len(known) > 1 else 0, shown, by_time)
    unread = sum(message.kind is Kind.UNKNOWN for message in messages)
    partner = known[chosen[0]].partner if len(chosen) == 1 else None
    partner = shown.get(partner, partner) if partner else None
    if partner and not any(message.sender == partner for message in messages):
        partner = None
    return Log(
        format,
        tuple(messages),
        LineCount(len(messages), len(messages) - unread, unread=unread),
        guesses,
        notes,
        partner=partner,
        in_utc=in_utc,
        parts=tuple(chosen) if len(known) > 1 else (),
    )


def _titled(conversations: list[LogConversation]) -> dict[str, LogConversation]:
    """Conversations by a name of their own, in their order."""
    titled: dict[str, LogConversation] = {}
    for one in conversations:
        title, copy = one.name.strip() or "?", 1
        while (title if copy == 1 else f"{title} ({copy})") in titled:
            copy += 1
        titled[title if copy == 1 else f"{title} ({copy})"] = one
    return titled


def _chosen(titles: list[str], wanted: tuple[str, ...] | None) -> list[str]:
    """The wanted titles, in the order of the file; all where nothing known is wanted."""
    return [title for title in titles if wanted is not None and title in wanted] or titles


def _guess(known: Mapping[str, LogConversation], chosen: list[str]) -> Guess:
    largest_first = sorted(known, key=lambda title: -len(known[title].entries))
    n, m = len(chosen), len(known)
    note = Text(
        f"The file holds {m:,} conversations; {n:,} of them are used. They are never joined.",
        f"ファイルに会話が {m:,} 件あり、{n:,} 件を使います。会話どうしをつなげることはありません。",
    )
    return Guess("conversations", tuple(chosen), tuple(largest_first), True, note)


def _distinct(names: Mapping[str, str], conversations: list[LogConversation]) -> dict[str, str]:
    """The name to show for each sender's id; a second person of one name is “Name (2)”."""
    counts: Counter[str] = Counter()
    for one in conversations:
        counts.update(entry.sender for entry in one.entries if entry.sender is not None)
    shown: dict[str, str] = {}
    taken: set[str] = set()
    for sender, _ in counts.most_common():
        name = (names.get(sender) or sender).strip() or "?"
        title, copy = name, 1
        while title in taken:
            copy += 1
            title = f"{name} ({copy})"
        taken.add(title)
        shown[sender] = title
    return shown


def _add(messages: list[Message], one: LogConversation, part: int, shown: Mapping[str, str], by_time: bool) -> None:
    """Messages of all entries, which are given up one by one: a million of each takes half a gigabyte."""
    entries = in_order_of_time(one.entries) if by_time else one.entries
    one.entries = []
    start = len(messages)
    answered = {entry.answers for entry in entries if entry.answers is not None}
    positions = {entry.id: position for position, entry in enumerate(entries, start) if entry.id in answered}
    entries.reverse()
    for position in range(start, start + len(entries)):
        entry = entries.pop()
        link = positions.get(entry.answers) if entry.answers is not None else None
        messages.append(
            Message(
                None if entry.sender is None else shown[entry.sender],
                entry.text,
                entry.place,
                entry.kind,
                entry.time.replace(microsecond=0) if entry.time and entry.time.microsecond else entry.time,
                part,
                link if link != position else None,
            )
        )


def in_order_of_time(entries: list[LogEntry]) -> list[LogEntry]:
    """Oldest first. Entries of one moment keep their order, or are turned round with a file that
    runs backwards; an entry without a time stays behind the one before it.
    """
    timed = [entry.time for entry in entries if entry.time]
    backwards = bool(timed) and timed[0] > timed[-1]
    ordered = entries[::-1] if backwards else entries
    last = datetime.min
    keys = []
    for entry in ordered:
        last = entry.time or last
        keys.append(last)
    return [ordered[i] for i in sorted(range(len(ordered)), key=keys.__getitem__)]
