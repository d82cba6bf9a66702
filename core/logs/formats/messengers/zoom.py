"""Zoom: the chat of a meeting as text. A clock, who says it to whom, and the words behind it or on the lines below."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import split_records
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("zoom", Text("Zoom (chat of a meeting)", "Zoom（ミーティングのチャット）"))
HEAD = re.compile(
    r"(?P<when>(?:\d{4}-\d{2}-\d{2} )?\d{1,2}:\d{2}:\d{2})\s{1,4}(?:From|開始)\s{1,4}(?P<name>\S[^\n]{0,80}?)\s{0,4}"
    r"(?:\s(?:to|宛先)\s{1,4}(?P<to>[^\n:：]{1,80}?)\s{0,4})?[:：](?P<words>(?:\s.*)?)"
)
FILE = re.compile(r"\[File\] .{1,300}|\[ファイル\] .{1,300}")


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines."""
    return sum(bool(HEAD.fullmatch(line)) for line in lines)


def read(text: str, hints: Hints) -> Log:
    """Every message. A clock alone has no day: then the time is unknown."""
    records = split_records(text, HEAD.fullmatch)
    found = Collector(_join)
    for line, number in zip(records.texts, records.starts, strict=True):
        head = HEAD.fullmatch(line)
        if head is None:
            found.line(line, number)
            continue
        found.add(_kind_of(Message(head["name"].strip(), head["words"].strip(), number, time=_moment(head["when"]))))
    count = found.finish(records)
    messages = (one if one.text or one.kind is Kind.UNKNOWN else replace(one, kind=Kind.UNKNOWN)
                for one in found.messages)  # fmt: skip
    return Log(FORMAT, tuple(messages), count)


def _join(message: Message, more: Sequence[str]) -> Message:
    words = "\n".join([message.text, *(line.removeprefix("\t") for line in more)]).strip("\n")
    return _kind_of(replace(message, text=words))


def _kind_of(message: Message) -> Message:
    return replace(message, kind=Kind.MEDIA if FILE.fullmatch(message.text) else Kind.TEXT)


def _moment(when: str) -> datetime | None:
    try:
        return datetime.fromisoformat(when) if "-" in when else None
    except ValueError:
        return None
