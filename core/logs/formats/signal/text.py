"""Signal as text: sigtop (text-short), signal-export (Markdown) and signal-backup, one message a line."""

import re
from collections.abc import Sequence
from dataclasses import replace

from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import split_records
from core.logs.parsing.quotes import linked
from core.logs.parsing.stamps import clocks
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("signal-text", Text("Signal (text, one message a line)", "Signal（1 行 1 件のテキスト）"))
BRACKET = re.compile(
    r"\[(?P<when>\d{4}-\d\d-\d\d(?:, \d\d:\d\d| \d\d:\d\d:\d\d))\] (?P<name>[^:\n]{1,60}): ?(?P<words>.*)", re.DOTALL
)
SHORT = re.compile(
    r"(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d) (?P<name>[^:\n\[\]]{1,60}): "
    r"(?:\[(?P<flags>(?:reply to|edited|\d+ (?:attachment|reaction|edit)|group|call|view)[^\]\n]*)\] ?)?(?P<words>.*)",
    re.DOTALL,
)
# What WhatsApp marks its own words with; Signal's exports never hold it.
WHATSAPP = re.compile("\u200e|end-to-end encrypt|エンドツーエンド")
REACTIONS = re.compile(r"\(- (?P<list>[^()\n]+) -\)\Z")
ATTACHMENT = re.compile(r"(?:!?\[[^\]\n]*\]\([^)\n]*\)\s*)+")
REPLY = re.compile(r"reply to (?P<name>.{1,60}?)(?: on (?P<when>\d{4}-\d\d-\d\d \d\d:\d\d))?(?:,|$)")


def match_head(line: str) -> re.Match[str] | None:
    """The head of a record, in either shape."""
    return BRACKET.match(line) or SHORT.match(line)


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines; none where WhatsApp's marks stand. A date and a name alone are plain text."""
    heads = sum(bool(BRACKET.match(line)) for line in lines)
    if not heads:
        short = [match for line in lines if (match := SHORT.match(line))]
        heads = len(short) if any(match["flags"] for match in short) else 0
    return 0 if heads and any(map(WHATSAPP.search, lines)) else heads


def read(text: str, hints: Hints) -> Log:
    """Every message. Quotes are taken out of the words that answer them, and linked where their message is found."""
    records = split_records(text, match_head)
    heads = [match_head(line) for line in records.texts]
    times = clocks((head["when"] for head in heads if head), "ymd")
    found, replies = Collector(_join), {}
    for line, number, head in zip(records.texts, records.starts, heads, strict=True):
        if head is None:
            found.line(line, number)
            continue
        flags = head.groupdict().get("flags") or ""
        reply = REPLY.search(flags)
        if reply:
            replies[len(found.messages)] = (reply["name"], times.moment(reply["when"] or "", None))
        message = Message(head["name"].strip(), head["words"], number, time=times.moment(head["when"], None))
        kind = Kind.MEDIA if "attachment" in flags and not head["words"].strip() else Kind.TEXT
        found.add(replace(_words(message), kind=kind) if kind is Kind.MEDIA else _words(message), line.count("\n") + 1)
    count = found.finish(records)
    return Log(FORMAT, linked(found.messages, replies), count)


def _join(message: Message, more: Sequence[str]) -> Message:
    return _words(replace(message, text="\n".join((message.text, *more))))


def _words(message: Message) -> Message:
    """Without reactions; MEDIA when only attachments are left."""
    words = message.text.strip()
    reactions = REACTIONS.search(words)
    if reactions and all(": " in one for one in reactions["list"].split(", ")):
        words = words[: reactions.start()].rstrip()
    return replace(message, text=words, kind=Kind.MEDIA if words and ATTACHMENT.fullmatch(words) else Kind.TEXT)
