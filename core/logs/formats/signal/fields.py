"""Signal as sigtop writes it (text): blocks of fields (From, Type, Sent), a blank line, the words."""

import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise

from core.logs.log import Format, Hints, LineCount, Log
from core.logs.parsing.decode import split_records
from core.logs.parsing.quotes import linked
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("sigtop", Text("Signal (text of sigtop)", "Signal（sigtop のテキスト）"))
FROM = re.compile(r"From: (?P<name>.{1,200}?)(?: \(\+?[\d\s()-]{1,40}\))?\s{0,9}")
FIELD = re.compile(
    r"(?P<name>From|Type|Sent|Received|Edited|Attachment|Reaction|Quote|Version|Expires): ?(?P<value>.*)"
)
CONVERSATION = re.compile(r"Conversation: (?P<name>.{1,200}?)(?: \(.{0,200}\))?\s{0,9}")


def score(lines: Sequence[str]) -> int:
    """Lines that begin a block, counted with the fields below them."""
    heads = [i for i, line in enumerate(lines) if _begins(lines, i)]
    return sum(bool(FIELD.fullmatch(line)) for line in lines) if heads else 0


def read(text: str, hints: Hints) -> Log:
    """Every block as a message; edits and quotes are marked in the export and taken out of the words."""
    records = split_records(text, lambda line: False)
    lines = records.texts
    begins = [i for i in range(len(lines)) if _begins(lines, i)]
    messages: list[Message] = []
    used = marks = blank = unread = 0
    partner = None
    for i in range(begins[0] if begins else len(lines)):
        named = CONVERSATION.fullmatch(lines[i])
        partner = named["name"] if named else partner
        if named:
            marks += 1
        elif not lines[i].strip():
            blank += 1
        else:
            unread += 1
            messages.append(Message(None, lines[i], i + 1, Kind.UNKNOWN))
    for start, end in pairwise([*begins, len(lines)]):
        while end > start and not lines[end - 1].strip():
            end -= 1
            blank += 1
        used += end - start
        messages.append(_message(lines[start:end], start + 1))
    speakers = {message.sender for message in messages}
    count = LineCount(records.total, used, marks, blank, unread)
    return Log(FORMAT, linked(messages), count, partner=partner if partner in speakers else None)


def _begins(lines: Sequence[str], i: int) -> bool:
    """A From line, with Type or Sent right below."""
    below = lines[i + 1] if i + 1 < len(lines) else ""
    return bool(FROM.fullmatch(lines[i])) and below.startswith(("Type: ", "Sent: "))


def _message(block: Sequence[str], number: int) -> Message:
    body = next((i for i, line in enumerate(block) if not FIELD.fullmatch(line)), len(block))
    fields = [match for line in block[:body] if (match := FIELD.fullmatch(line))]
    values = {match["name"]: match["value"] for match in fields}
    begins = FROM.fullmatch(block[0])
    name = begins["name"] if begins else ""
    words = "\n".join(line for line in block[body:] if not line.startswith("|")).strip("\n")
    kind = Kind.TEXT if words else Kind.MEDIA if "Attachment" in values else Kind.SYSTEM
    if values.get("Type", "").strip() not in ("", "incoming", "outgoing"):
        kind = Kind.CALL if "call" in values["Type"] else Kind.SYSTEM
    return Message(
        name if kind is not Kind.SYSTEM else None,
        words or values.get("Attachment", ""),
        number,
        kind,
        _time(values.get("Sent", "")),
    )


def _time(sent: str) -> datetime | None:
    """The clock on the wall of `Mon, 2 Jan 2006 15:04:05 -0700`."""
    try:
        return parsedate_to_datetime(sent).replace(tzinfo=None)
    except (ValueError, TypeError, IndexError):
        return None
