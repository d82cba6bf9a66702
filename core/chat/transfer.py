"""Chats in and out: SillyTavern's JSONL with its versions of replies, OpenAI-style messages, and plain text."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Literal

from core.chat.conversation import Conversation, ConversationBuilder, Node
from core.errors import InputError
from core.files import parse_json
from core.messages import Role, to_chat_messages

TransferFormat = Literal["jsonl", "json", "txt"]
TRANSFER_FORMATS: tuple[TransferFormat, ...] = ("jsonl", "json", "txt")
LARGEST = 20_000_000  # bytes of a file that is read


def export(conversation: Conversation, form: TransferFormat, *, persona: str, user: str) -> str:
    """The conversation on the page as a file's text; `persona` and `user` are the names in it.

    "jsonl" is SillyTavern's form and holds the versions of every reply as its swipes.
    """
    if form == "json":
        return json.dumps({"messages": to_chat_messages(conversation.turns)}, ensure_ascii=False, indent=1) + "\n"
    names = {"assistant": persona, "user": user}
    if form == "txt":
        said = [f"{names[turn.role]}: {text}" for turn in conversation.turns for text in turn.messages]
        return "\n".join(said) + "\n"
    time = datetime.fromtimestamp(conversation.changed, timezone.utc).isoformat(timespec="seconds")
    header = {"user_name": user, "character_name": persona, "create_date": time, "chat_metadata": {}}
    lines = [header, *(line for node in conversation.path for line in _lines(conversation, node, names, time))]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _lines(conversation: Conversation, node: Node, names: Mapping[str, str], time: str) -> Iterable[dict[str, object]]:
    """A line a message; the versions stand with a node of one message, where SillyTavern can show them."""
    versions = [v for v in conversation.children(node.parent) if v.role == node.role == "assistant"]
    for text in node.messages:
        line = {"name": names[node.role], "is_user": node.role == "user", "is_system": False, "send_date": time,
                "mes": text, "extra": {}}  # fmt: skip
        if len(versions) > 1 and len(node.messages) == 1:
            line |= {"swipes": ["\n".join(v.messages) for v in versions], "swipe_id": versions.index(node)}
        yield line


def read(data: bytes, into: Conversation, *, persona: str, user: str) -> Conversation:
    """`into` with the chat of a file in any of the forms. In plain text, lines that begin with one of the
    names begin a message. Raises InputError when there is no chat in it.
    """
    if len(data) > LARGEST:
        raise InputError(f"The file has {len(data):,} bytes; a chat may have {LARGEST:,}.",
                         f"ファイルが {len(data):,} バイトあります。会話は {LARGEST:,} バイトまでです。")  # fmt: skip
    text = data.decode("utf-8-sig", errors="replace")
    try:
        values = [parse_json(text)]
    except ValueError:
        try:
            values = [parse_json(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            values = []
    found = _of_values(values, into) if values else _of_text(text, into, persona, user)
    if not found.nodes:
        raise InputError(
            "No chat was found in this file. SillyTavern's JSONL, a JSON list of messages with role and content, and "
            f"text with lines such as “{persona}: …” can be read.",
            "このファイルに会話が見つかりませんでした。SillyTavern の JSONL、role と content のある JSON、"
            f"「{persona}: …」のような行のテキストを読み込めます。",
        )
    return found


def _of_values(values: list[object], into: Conversation) -> Conversation:
    if len(values) == 1:
        value = values[0]
        messages = value.get("messages") if isinstance(value, Mapping) else value
        values = messages if isinstance(messages, list) else [value]
    talk = ConversationBuilder(into)
    for value in values:
        if not isinstance(value, Mapping):
            continue
        if isinstance(value.get("mes"), str):
            _add_line(talk, value)
        elif value.get("role") in ("user", "assistant"):
            talk.say(value["role"], *_texts(value.get("content")))
    return talk.build()


def _texts(content: object) -> list[str]:
    """The words of an OpenAI-style message: a text, or a list of parts of which those of text count."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return [text for text in texts if isinstance(text, str)]


def _add_line(talk: ConversationBuilder, line: Mapping) -> None:
    """A message of SillyTavern's, its swipes as versions; what the system says is no part of a chat."""
    if line.get("is_system"):
        return
    if line.get("is_user"):
        talk.say("user", line["mes"])
        return
    swipes = [text for text in line.get("swipes") or () if isinstance(text, str) and text.strip()]
    if len(swipes) < 2 or talk.last_role == "assistant":
        talk.say("assistant", line["mes"])
    else:
        chosen = [n for n, text in enumerate(swipes) if text.strip() == line["mes"].strip()]
        talk.say_versions("assistant", swipes, chosen[-1] if chosen else -1)


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
