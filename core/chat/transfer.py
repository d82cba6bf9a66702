"""Chats in and out: SillyTavern's JSONL with its versions of replies, OpenAI-style messages, and plain text."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timezone
from typing import Literal

from core.chat.builder import ConversationBuilder
from core.chat.conversation import LONGEST_NOTE, AuthorsNote, Conversation, Node
from core.errors import InputError
from core.files import parse_json
from core.messages import Role, to_chat_messages
from core.thoughts import marks_thought, split_thoughts

TransferFormat = Literal["jsonl", "json", "txt"]
TRANSFER_FORMATS: tuple[TransferFormat, ...] = ("jsonl", "json", "txt")
LARGEST = 20_000_000  # bytes of a file that is read
LONGEST_NAME = 200  # characters


def export(conversation: Conversation, form: TransferFormat, *, persona: str, user: str) -> str:
    """The conversation on the page as a file's text; `persona` and `user` are the names in it.

    "jsonl" is SillyTavern's form and holds the versions of every reply as its swipes.
    """
    if form == "json":
        return json.dumps({"messages": to_chat_messages(conversation.turns)}, ensure_ascii=False, indent=1) + "\n"
    names = {"assistant": persona, "user": user}
    if form == "txt":
        said = [f"{turn.name or names[turn.role]}: {text}" for turn in conversation.turns for text in turn.messages]
        return "\n".join(said) + "\n"
    time = _written(conversation.changed)
    grouped = bool(conversation.group)  # SillyTavern names nobody in the header of a group's chat
    header = {
        "user_name": "unused" if grouped else user,
        "character_name": "unused" if grouped else persona,
        "create_date": time,
        "chat_metadata": _metadata(conversation),
    }
    lines = [header, *(line for node in conversation.path for line in _lines(conversation, node, names, time))]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _metadata(conversation: Conversation) -> dict[str, object]:
    """The author's note, as SillyTavern keeps it with a chat."""
    note = conversation.note
    if not note.text:
        return {}
    return {"note_prompt": note.text, "note_depth": note.depth, "note_position": 1, "note_interval": 1, "note_role": 0}


def _note_in(header: Mapping) -> AuthorsNote:
    metadata = header.get("chat_metadata")
    text, depth = (metadata.get(f"note_{name}") if isinstance(metadata, Mapping) else None
                   for name in ("prompt", "depth"))  # fmt: skip
    if not isinstance(text, str) or not text.strip():
        return AuthorsNote()
    return AuthorsNote(text.strip()[:LONGEST_NOTE], depth if type(depth) is int and 0 <= depth < 1000 else 4)


def _written(time: float) -> str:
    return datetime.fromtimestamp(time, timezone.utc).isoformat(timespec="seconds")


def _lines(conversation: Conversation, node: Node, names: Mapping[str, str], time: str) -> Iterable[dict[str, object]]:
    """A line a message; the versions stand with a node of one message, where SillyTavern can show them."""
    versions = [v for v in conversation.children(node.parent) if (v.role, v.name) == (node.role, node.name)]
    by_user = node.role == "user" and not node.name
    for text in node.messages:
        line = {"name": node.name or names[node.role], "is_user": by_user, "is_system": False,
                "send_date": _written(node.time) if node.time else time, "mes": text, "extra": {}}  # fmt: skip
        if conversation.group and not by_user:
            line |= {"original_avatar": f"{line['name']}.png"}  # by which SillyTavern finds who it was
        if len(versions) > 1 and len(node.messages) == 1 and not by_user:
            line |= {"swipes": ["\n".join(v.messages) for v in versions], "swipe_id": versions.index(node)}
        yield line


def read(data: bytes, into: Conversation, *, persona: str, user: str) -> Conversation:
    """`into` with the chat of a file in any of the forms. In plain text, lines that begin with one of the
    names begin a message. In a chat of a group, the persona says what stands under its name, the user what is the
    user's, and everybody else keeps their name. Raises InputError when there is no chat in it.
    """
    if len(data) > LARGEST:
        raise InputError(f"The file has {len(data):,} bytes; a chat may have {LARGEST:,}.",
                         f"ファイルが {len(data):,} バイトあります。会話は {LARGEST:,} バイトまでです。")  # fmt: skip
    text = data.decode("utf-8-sig", errors="replace")
    values = _values(text)
    found = _of_values(values, into, persona) if values else _of_text(text, into, persona, user)
    if not found.nodes:
        raise InputError(
            "No chat was found in this file. SillyTavern's JSONL, a JSON list of messages with role and content, and "
            f"text with lines such as “{persona}: …” can be read.",
            "このファイルに会話が見つかりませんでした。SillyTavern の JSONL、role と content のある JSON、"
            f"「{persona}: …」のような行のテキストを読み込めます。",
        )
    return found


def speakers(data: bytes, *, persona: str) -> tuple[str, ...]:
    """Who speaks beside the user in the chat of a group, SillyTavern's or one of messages; nobody in any other file.

    The first is who says what `read` takes for the persona's words, if anybody does; then, the most words first.
    """
    said = _mappings(_values(data.decode("utf-8-sig", errors="replace")))
    counts = Counter(_name(line) or "?" for line in _lines_of(said) if not line.get("is_user"))
    counts.update(_name(value) for value in _spoken(said) if value["role"] == "assistant" and _name(value))
    known = _known_as(persona, said, set(counts)).casefold()
    names = sorted((name for name, _ in counts.most_common()), key=lambda name: name.casefold() != known)
    return tuple(names) if len(names) > 1 else ()


def _values(text: str) -> list[object]:
    """What stands in a file of JSON or of lines of it; nothing where it is neither."""
    try:
        return [parse_json(text)]
    except ValueError:
        try:
            return [parse_json(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return []


def _mappings(values: list[object]) -> list[Mapping]:
    if len(values) == 1:
        value = values[0]
        messages = value.get("messages") if isinstance(value, Mapping) else value
        values = messages if isinstance(messages, list) else [value]
    return [value for value in values if isinstance(value, Mapping)]


def _lines_of(said: Iterable[Mapping]) -> list[Mapping]:
    """Messages in SillyTavern's form. What the system says is no part of a chat."""
    return [value for value in said if isinstance(value.get("mes"), str) and not value.get("is_system")]


def _spoken(said: Iterable[Mapping]) -> list[Mapping]:
    """Messages in OpenAI's form."""
    return [value for value in said if value.get("role") in ("user", "assistant") and "mes" not in value]


def _known_as(persona: str, said: Sequence[Mapping], others: Set[str]) -> str:
    """Under which of the names the persona's words stand, or ""."""
    folded = {other.casefold() for other in others}
    return next((name for name in (persona, *map(_character, said[:1])) if name.casefold() in folded), "")


def _of_values(values: list[object], into: Conversation, persona: str) -> Conversation:
    talk, said = ConversationBuilder(into), _mappings(values)
    lines = _lines_of(said)
    # With one person beside the user, that is the persona by any name.
    others = {_name(line) for line in lines if not line.get("is_user")}
    spoken = _spoken(said)
    named = {role: len({_name(value) for value in spoken if value["role"] == role}) > 1
             for role in ("user", "assistant")}  # fmt: skip
    known_as = _known_as(persona, said, others)
    for line in lines:
        mine = len(others) < 2 or _name(line).casefold() == known_as.casefold()
        _add_line(talk, line, "" if mine else _name(line) or "?")
    for value in spoken:
        name = _name(value) if named[value["role"]] else ""
        texts = _texts(value.get("content"))
        talk.say(value["role"], *(texts if value["role"] == "user" else map(_said, texts)), name=name)
    noted = next((note for note in map(_note_in, said[:1]) if note.text), into.note)
    return replace(talk.build(), note=noted)


def _character(header: Mapping) -> str:
    """Whom a file's first line says that it is a chat with."""
    return str(header.get("character_name") or "")


def _name(value: Mapping) -> str:
    """Who says it, on one line."""
    return " ".join(str(value.get("name") or "").split())[:LONGEST_NAME]


def _texts(content: object) -> list[str]:
    """The words of an OpenAI-style message: a text, or a list of parts of which those of text count."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return [text for text in texts if isinstance(text, str)]


def _add_line(talk: ConversationBuilder, line: Mapping, name: str) -> None:
    """A message of SillyTavern's, its swipes as versions; `name`: of somebody who is not the persona."""
    role: Role = "user" if name else "assistant"
    if line.get("is_user"):
        talk.say("user", line["mes"])
        return
    said = _said(line["mes"])
    swipes = [_said(text) for text in line.get("swipes") or () if isinstance(text, str) and _said(text).strip()]
    if len(swipes) < 2 or talk.last_speaker == (role, name):
        talk.say(role, said, name=name)
    else:
        chosen = [n for n, text in enumerate(swipes) if text.strip() == said.strip()]
        talk.say_versions(role, swipes, chosen[-1] if chosen else -1, name=name)


def _said(text: str) -> str:
    """Words of a model without what it only thought."""
    return split_thoughts(text).words if marks_thought(text) else text


def _of_text(text: str, into: Conversation, persona: str, user: str) -> Conversation:
    begins = re.compile(rf"({re.escape(persona)}|{re.escape(user)})\s*[:：]\s?")
    said: list[tuple[Role, list[str]]] = []
    for row in text.splitlines():
        match = begins.match(row)
        if match:
            said.append(("assistant" if match[1] == persona else "user", [row[match.end() :]]))
        elif said:
            said[-1][1].append(row)
    talk = ConversationBuilder(into)
    for role, rows in said:
        talk.say(role, "\n".join(rows))
    return talk.build()
