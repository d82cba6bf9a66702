"""JSON and JSON Lines: one message an object ({sender, text, time}), or one conversation an object:
OpenAI's {messages: [{role, content}]}, ShareGPT's {conversations: [{from, value}]}, and Alpaca's
{instruction, input, output, system, history}, which becomes a `user` and an `assistant`.

A conversation is a part of its own: nothing is joined across its border. Conversations whose roles do
not take turns, or that end with the person, are read as they are and reported.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.errors import InputError
from core.logs.log import Format, Hints, LineCount, Log
from core.logs.parsing.clock import Clock
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("json", Text("Messages in JSON or JSON Lines", "JSON・JSON Lines のメッセージ"))
SENDER = ("sender", "role", "name", "speaker", "from", "author", "user")
TEXT = ("text", "content", "message", "value", "body")
TIME = ("time", "timestamp", "date", "datetime", "created_at")
CONVERSATION = ("messages", "conversations", "turns")
NOBODY = frozenset({"system", "developer", "tool", "function"})
WRAPPERS = ("data", "train", "examples")
INSTRUCTION, ANSWER = ("instruction", "prompt"), ("output", "response", "completion")
PEOPLE, ASSISTANTS = frozenset({"user", "human"}), frozenset({"assistant", "gpt", "bot", "model"})
KEYS = re.compile(rf'"(?:{"|".join((*SENDER, *CONVERSATION, *INSTRUCTION))})"\s*:')
MOST_BROKEN = 1000  # lines, before a file is given up that has few good ones

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
    """Every message of every object; anything else is kept as UNKNOWN."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    messages: list[Message] = []
    clock = Clock()
    read_lines = unread = parts = 0
    for item in _unwrapped(_items(text)):
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
    count = LineCount(len(lines), read_lines, brackets, blank, unread)
    return Log(FORMAT, tuple(messages), count, notes=_role_notes(messages))


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


def _unwrapped(items: Iterator[_Item]) -> Iterator[_Item]:
    """The elements of a list that one object holds as `data`, in its place; their lines are the object's."""
    for item in items:
        value = item.value if isinstance(item.value, dict) else {}
        inner = next((found for key in WRAPPERS if isinstance(found := value.get(key), list)), None)
        if inner and all(isinstance(one, dict) for one in inner) and _conversation(value) is None:
            for k, one in enumerate(inner):
                yield _Item(one, item.line, item.lines if k == 0 else 0)
        else:
            yield item


def _conversation(value: Value) -> list[Value] | None:
    """The messages in an object; None where it holds no conversation."""
    if not isinstance(value, dict):
        return None
    held = next((inner for key in CONVERSATION if isinstance(inner := value.get(key), list)), None)
    return _instructed(value) if held is None else held


def _instructed(value: Mapping[str, Value]) -> list[Value] | None:
    """An instruction and its answer as messages, behind those that its history holds."""
    asked = next((value[key] for key in INSTRUCTION if isinstance(value.get(key), str)), None)
    answer = next((value[key] for key in ANSWER if isinstance(value.get(key), str)), None)
    if asked is None or answer is None:
        return None
    system, more, history = (value.get(key) for key in ("system", "input", "history"))
    pairs = [pair for pair in history if isinstance(pair, list)] if isinstance(history, list) else []
    question = f"{asked}\n{more}" if isinstance(more, str) and more.strip() else asked
    said = [("system", system)] if isinstance(system, str) and system else []
    said += [one for pair in pairs for one in zip(("user", "assistant"), pair, strict=False)]
    return [{"role": role, "content": words} for role, words in (*said, ("user", question), ("assistant", answer))]


def _role_notes(messages: Sequence[Message]) -> tuple[Text, ...]:
    """How many conversations of roles have two of one side in a row, or end with the person."""
    sides: dict[int, list[str]] = {}
    for message in messages:
        if message.part and message.sender and message.kind is Kind.TEXT:
            sides.setdefault(message.part, []).append(message.sender)
    talks = [talk for talk in sides.values() if {*talk} <= PEOPLE | ASSISTANTS]
    doubled = sum(any(a == b for a, b in pairwise(talk)) for talk in talks)
    open_ended = sum(talk[-1] in PEOPLE for talk in talks)
    if not doubled and not open_ended:
        return ()
    return (
        Text(
            f"Of {len(talks):,} conversations {doubled:,} have one side twice in a row and {open_ended:,} end with "
            "the user.",
            f"会話 {len(talks):,} 件のうち、同じ側の発言が続くもの {doubled:,} 件、"
            f"ユーザーの発言で終わるもの {open_ended:,} 件があります。",
        ),
    )


def _message(value: Value, line: int, clock: Clock, part: int) -> Message | None:
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
    if kind is Kind.TEXT and ("role" in value or "from" in value) and sender in NOBODY:
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
