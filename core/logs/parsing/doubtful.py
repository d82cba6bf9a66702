"""Lines inside messages that look like the head of one: a message may have been joined to another there.

A reader cannot tell them from what people write, as "10:30 the bus leaves"; so they stay where they are, are
counted, and the first of them are shown.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.logs.columns import Columns
from core.logs.log import Log
from core.logs.parsing.decode import EDGE_MARKS
from core.messages import Kind, Message
from core.text import Text

_CLOCK = r"\d{1,2}[:：]\d{2}(?::\d{2})?"
_DATED = r"[\[(]?\D{0,14}\d{1,4}[./年년-] ?\d{1,2}[./月월-] ?\d{1,4}\D{1,16}\d{1,2}[:.]\d{2}[^\n]{0,16}?[\])–:,-] ?\S"
_NAMED = r"[\[(]?[^\W\d_]{3,12}\.? \d{1,2},? \d{4}\D{1,6}\d{1,2}:\d{2}"
_BRACKETS = rf"\[[^\n]{{1,80}}?\] ?\[\D{{0,12}}{_CLOCK}\D{{0,8}}\]"
_TABBED = rf"\D{{0,12}}{_CLOCK}\D{{0,12}}\t"
_SPACED = rf"\D{{0,4}}{_CLOCK}[ \u3000]\S"
HEADS = {
    name: re.compile("|".join(forms))
    for name, forms in {
        "whatsapp": (_DATED, _NAMED), "line": (_TABBED,), "line-desktop": (_SPACED,),
        "kakaotalk": (_BRACKETS, _DATED, _NAMED), "signal-text": (_DATED,), "discord-text": (_DATED,), "qq": (_DATED,),
        "wechat-text": (_DATED,), "imessage": (_NAMED,), "irc": (rf"[\[(]?{_CLOCK}[\])]? ?[<*]",),
    }.items()
}  # fmt: skip
SHOWN, LONGEST = 3, 60


def with_doubts(log: Log) -> Log:
    """`log` with such lines counted, and a note that shows the first."""
    head = HEADS.get(log.format.id)
    if head is None:
        return log
    found = [
        (line + number, words)
        for line, text in _of_several_lines(log.messages)
        for number, words in enumerate(text.split("\n"))
        if number and head.match(words.lstrip(EDGE_MARKS + " "))
    ]
    if not found:
        return log
    return replace(log, lines=replace(log.lines, doubtful=len(found)), notes=(*log.notes, _note(found)))


def _of_several_lines(messages: Sequence[Message]) -> Iterable[tuple[int, str]]:
    """(line, text) of each message of several lines that somebody wrote."""
    if isinstance(messages, Columns):
        pairs = zip(messages.lines, messages.texts, strict=True)
        return ((line, text) for line, text in pairs if "\n" in text)
    return ((m.line, m.text) for m in messages if "\n" in m.text and m.kind is not Kind.UNKNOWN)


def _note(found: Sequence[tuple[int, str]]) -> Text:
    shown = [(line, words.strip()[:LONGEST]) for line, words in found[:SHOWN]]
    en = ", ".join(f"“{words}” (line {line:,})" for line, words in shown)
    ja = "、".join(f"「{words}」（{line:,} 行目）" for line, words in shown)
    more, more_ja = (" …", "など") if len(found) > SHOWN else ("", "")
    return Text(
        f"{len(found):,} lines inside messages look like the beginning of another message but could not be read as "
        f"one; they are kept as words of the message above: {en}{more}.",
        f"メッセージの途中に、別のメッセージの始まりに見えて読み取れない行が {len(found):,} 行あり、上のメッセージの"
        f"言葉として残しました：{ja}{more_ja}。",
    )
