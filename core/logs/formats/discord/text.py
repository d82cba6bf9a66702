"""Discord as plain text (DiscordChatExporter): `[date and time] name`, and the words on the lines below."""

import re
from collections.abc import Sequence
from dataclasses import replace

from core.logs.formats.discord.kinds import service_kind
from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import split_records
from core.logs.parsing.stamps import clocks
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format(
    "discord-text", Text("Discord (text of DiscordChatExporter)", "Discord（DiscordChatExporter のテキスト）")
)
HEAD = re.compile(
    r"\[(?P<when>(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}-[^\W\d_]{3,9}\.?-\d{2,4})"
    r",? \d{1,2}[:.]\d{2}(?::\d{2})?(?:[ \u202f]?[AP]M)?)\]"
    r" (?P<name>(?:(?!: ).){1,80}?)(?: \(pinned\))?\s{0,9}"
)
PREAMBLE = re.compile(r"(?:Guild|Channel|Topic|After|Before): .*|={10,}|Exported [\d,. ]+ message\(s\)\s*")
BLOCK = re.compile(
    r"\{(?P<what>Attachments|Embed|Stickers|Reactions|Forwarded Message|Inline Emojis|Invite|Mentions)\}\s*"
)
WINDOW = 12  # lines in which the preamble is looked for


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines: a head with words below it. WhatsApp writes the words on the same line."""
    heads = [i for i, line in enumerate(lines) if HEAD.fullmatch(line)]
    followed = sum(i + 1 < len(lines) and not lines[i + 1].startswith("[") for i in heads)
    stamped = sum(line.startswith("[") for line in lines)
    return len(heads) if heads and 2 * followed > len(heads) and 2 * len(heads) > stamped else 0


def read(text: str, hints: Hints) -> Log:
    """Every message; day and month by the whole file unless `hints` settle it."""
    records = split_records(text, HEAD.fullmatch)
    heads = [HEAD.fullmatch(line) for line in records.texts]
    times = clocks((head["when"] for head in heads if head), hints.date_order)
    found = Collector(_join)
    for i, (line, number, head) in enumerate(zip(records.texts, records.starts, heads, strict=True)):
        if head:
            found.add(Message(head["name"].removesuffix("#0000"), "", number, time=times.moment(head["when"], None)))
        elif PREAMBLE.fullmatch(line) and ((i < WINDOW and not found.messages) or _ends(records.texts, i)):
            found.mark(line.count("\n") + 1)
        else:
            found.line(line, number)
    count = found.finish(records)
    messages = tuple(replace(m, kind=Kind.MEDIA) if m.sender and not m.text else m for m in found.messages)
    return Log(FORMAT, messages, count, (times.guess,) if times.guess else ())


def _ends(lines: Sequence[str], i: int) -> bool:
    """Whether line `i` is among the last, where the number of messages stands."""
    return i + 4 >= len(lines)


def _join(message: Message, more: Sequence[str]) -> Message:
    """The words of a message; attachments and the like below it are no words."""
    blocks = [(i, match["what"]) for i, line in enumerate(more) if (match := BLOCK.fullmatch(line))]
    words = "\n".join(more[: blocks[0][0]] if blocks else more).strip("\n")
    if words:
        kind = service_kind(words)
        return replace(message, text=words, kind=kind or Kind.TEXT, sender=None if kind else message.sender)
    only = blocks[0][1] if blocks else ""
    return replace(message, text="\n".join(more).strip("\n"), kind=Kind.STICKER if only == "Stickers" else Kind.MEDIA)
