"""Chats of this app as it hands them over to be learned (.jsonl): one message a line, with who wrote it."""

from core.logs.formats.ai_chats.sillytavern import moment
from core.logs.log import Format, Hints, Log
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("omokage", Text("chats of Omokage (.jsonl)", "面影の会話（.jsonl）"))
BY_MODEL = "model"


def claims(top: Top) -> bool:
    """Lines that name their chat of this app."""
    return top.lines and top.has("item.omokage_chat", "item.sender", "item.text")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every message; a note names those whose words a model wrote."""
    chats: dict[str, LogConversation] = {}
    by_model: dict[str, int] = {}
    for item in source.records():
        value = as_record(item.value)
        entry = _entry(item)
        if value.get("written_by") == BY_MODEL and entry.sender:
            by_model[entry.sender] = by_model.get(entry.sender, 0) + 1
        chat = as_text(value.get("omokage_chat"))
        chats.setdefault(chat, LogConversation(as_text(value.get("title")))).entries.append(entry)
    return assemble(FORMAT, chats.values(), hints, notes=_notes(by_model))


def _entry(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    sender, words = as_text(value.get("sender")), value.get("text")
    if not sender or not isinstance(words, str):
        return unread(item)
    kind = Kind.TEXT if words.strip() else Kind.MEDIA
    return LogEntry(sender, words, item.place, kind, moment(value.get("time")))


def _notes(by_model: dict[str, int]) -> tuple[Text, ...]:
    if not by_model:
        return ()
    n, en, ja = sum(by_model.values()), ", ".join(by_model), "、".join(by_model)
    note = Text(
        f"A model wrote {n:,} of these messages, those of {en}. A persona that learns its own words repeats its own "
        "mistakes and turns of phrase: learn from what you corrected or liked, or from real logs.",
        f"このうち {n:,} 件（{ja}）は AI が書いたものです。自分の返事をそのまま学ぶと、間違いや口ぐせが強まります。"
        "直した返事や「いいね」の返事か、本物の記録から学ぶのがおすすめです。",
    )
    return (note,)
