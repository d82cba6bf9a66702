"""JSON and JSON Lines: one message an object ({sender, text, time}), or one conversation an object
({messages: [{role, content}]}, and the same under other common names).

A conversation is a part of its own: nothing is joined across its border.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from core.errors import InputError
from core.logs.log import Format, Hints, LineCount, Log
from core.messages import Kind, Message

FORMAT = Format("json", "Messages in JSON or JSON Lines", "JSON・JSON Lines のメッセージ")
SENDER = ("sender", "role", "name", "speaker", "from", "author", "user")
TEXT = ("text", "content", "message", "value", "body")
TIME = ("time", "timestamp", "date", "datetime", "created_at")
CONVERSATION = ("messages", "conversations", "turns")
NOBODY = frozenset({"system", "developer", "tool", "function"})
KEYS = re.compile(rf'"(?:{"|".join((*SENDER, *CONVERSATION))})"\s*:')
MOST_BROKEN = 1000  # lines, before a file is given up that has few good ones
LATEST_SECONDS = 100_000_000_000  # a number above is in milliseconds

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


def score(lines: Sequence[str]) -> int:
    """A bracket in front and a key that we know: no other text looks like that."""
    first = next((line.lstrip("\ufeff \t") for line in lines if line.strip()), "")
    return 1_000_000 if first[:1] in ("{", "[") and any(KEYS.search(line[:20_000]) for line in lines) else 0


@dataclass(frozen=True, slots=True)
class _Item:
    """One value of the file and the lines it stands on, or a line that is no JSON (`broken`)."""

    value: Value
    line: int
    lines: int
    broken: str | None = None


def read(text: str, hints: Hints) -> Log:
    """Every message of every object; what is none of both is kept as UNKNOWN."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    messages: list[Message] = []
    clock = _Clock()
    read_lines = unread = parts = 0
    for item in _items(text):
        conversation = _conversation(item.value) if item.broken is None else None
        if conversation is not None:
            parts += 1
            made = [_message(entry, item.line, clock, parts) for entry in conversation]
        else:
            made = [] if item.broken is not None else [_message(item.value, item.line, clock, 0)]
        good = [message for message in made if message]
        if not good:
            raw = item.broken if item.broken is not None else json.dumps(item.value, ensure_ascii=False)
            messages.append(Message(None, raw, item.line, Kind.UNKNOWN))
        else:
            messages += [m or Message(None, "", item.line, Kind.UNKNOWN, part=parts) for m in made]
        read_lines += item.lines if good else 0
        unread += 0 if good else item.lines
        if unread > MOST_BROKEN and unread > 10 * read_lines:
            break
    return _log(messages, text, read_lines, unread)


def _log(messages: list[Message], text: str, read_lines: int, unread: int) -> Log:
    talk = sum(message.kind is not Kind.UNKNOWN for message in messages)
    if 2 * talk < len(messages):
        first = next(message for message in messages if message.kind is Kind.UNKNOWN)
        raise InputError(
            "This JSON holds no messages that can be read. Expected are objects with sender and text, or "
            f"conversations with role and content. Line {first.line} is: {first.text[:80]}",
            "この JSON にはメッセージが見つかりません。sender と text を持つオブジェクト、"
            f"または role と content の会話が必要です。{first.line} 行目: {first.text[:80]}",
        )
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    blank = sum(not line.strip() for line in lines)
    brackets = len(lines) - blank - read_lines - unread if text.lstrip("\ufeff \r\n\t").startswith("[") else 0
    return Log(FORMAT, tuple(messages), LineCount(len(lines), read_lines, brackets, blank, unread))


def _items(text: str) -> Iterator[_Item]:
    """The values in `text`: the elements of one array, or values one after another."""
    decoder, position, line = json.JSONDecoder(), 0, 1
    end = len(text)
    opened = False
    while position < end:
        character = text[position]
        if character in " \t\r\n\ufeff" or (opened and character in ",]"):
            line += character == "\n"
            position += 1
        elif character == "[" and not opened and line_is_array(text, position):
            opened = True
            position += 1
        else:
            try:
                value, stop = decoder.raw_decode(text, position)
            except (ValueError, RecursionError):
                stop = text.find("\n", position)
                stop = end if stop < 0 else stop
                yield _Item(None, line, 1, text[position:stop].strip())
            else:
                breaks = text.count("\n", position, stop)
                yield _Item(value, line, breaks + 1)
                line += breaks
            position = stop


def line_is_array(text: str, position: int) -> bool:
    """Whether the file is one array of objects: nothing but white space stands before the bracket."""
    return not text[:position].strip("\ufeff \t\r\n")


def _conversation(value: Value) -> list[Value] | None:
    if not isinstance(value, dict):
        return None
    return next((inner for key in CONVERSATION if isinstance(inner := value.get(key), list)), None)


def _message(value: Value, line: int, clock: "_Clock", part: int) -> Message | None:
    """The message in an object, or None when it has no text or nobody said it."""
    if not isinstance(value, dict):
        return None
    sender = next((str(value[key]) for key in SENDER if isinstance(value.get(key), str | int)), None)
    key = next((key for key in TEXT if key in value), None)
    text = _text(value[key]) if key else None
    if text is None or not sender or not sender.strip():
        return None
    time = clock.read(next((value[key] for key in TIME if key in value), None))
    kind = _kind(value)
    if kind is Kind.TEXT and "role" in value and sender in NOBODY:
        kind = Kind.SYSTEM
    return Message(None if kind is Kind.SYSTEM else sender.strip(), text, line, kind, time, part)


def _kind(value: Mapping[str, Value]) -> Kind:
    try:
        return Kind(str(value.get("kind", "text")))
    except ValueError:
        return Kind.TEXT


def _text(value: Value) -> str | None:
    """Words of a content: a string, a list of parts, or nothing (a call of a tool says nothing)."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [part if isinstance(part, str) else _words(part) for part in value]
        return "".join(parts)
    return None


def _words(part: Value) -> str:
    if not isinstance(part, dict):
        return ""
    return next((word for key in ("text", "value") if isinstance(word := part.get(key), str)), "")


class _Clock:
    """Times of one file as clocks on the wall: all in the zone of the first that names one."""

    def __init__(self) -> None:
        self._zone: tzinfo | None = None

    def read(self, value: Value) -> datetime | None:
        """ISO 8601 text or seconds or milliseconds since 1970; None for anything else."""
        try:
            if isinstance(value, bool):
                return None
            if isinstance(value, int | float):
                seconds = value / 1000 if abs(value) > LATEST_SECONDS else value
                moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
            elif isinstance(value, str):
                tidy = value.strip().replace("/", "-")
                moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", tidy))
            else:
                return None
            if moment.tzinfo is None:
                return moment
            self._zone = self._zone or moment.tzinfo
            return moment.astimezone(self._zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return None
