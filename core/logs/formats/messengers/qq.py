"""QQ as text: `2019-07-16 18:15:05 name(number)`, and the words on the lines below.

A chat of two has names without numbers; there only the preamble tells that it is QQ.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import split_records
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("qq", Text("QQ", "QQ"))
HEAD = re.compile(
    r"(?P<when>\d{4}-\d{2}-\d{2} (?:[上下]午 ?)?\d{1,2}:\d{2}:\d{2}) (?P<name>[^\n]{0,60}?)"
    r"(?:\((?P<number>\d{4,12})\)|<(?P<mail>[^<>\s]{3,60})>)\s*"
)
PRIVATE = re.compile(r"(?P<when>\d{4}-\d{2}-\d{2} (?:[上下]午 ?)?\d{1,2}:\d{2}:\d{2}) (?P<name>[^\s'][^\n]{0,59})")
PREAMBLE = re.compile(r"消息记录（.*|={10,}|消息(?:分组|对象)[:：].*")
TITLE = re.compile(r"消息记录（.*|消息(?:分组|对象)[:：].*")
PARTNER = re.compile(r"消息对象[:：](.+)")
MEDIA = re.compile(r"(?:\[(?:图片|视频|语音|文件|闪照|群文件|分享|位置)\]\s*)+")
STICKER = re.compile(r"(?:\[(?:表情|动画表情|[^\[\]\n]{1,8}表情)\]\s*)+")
NOTICE = re.compile(r".{1,40}(?:撤回了一条消息|加入(?:了)?本群|退出(?:了)?本群|已被.{1,40}移出本群)。?")
SYSTEM_NUMBER = "10000"
WINDOW = 14  # lines in which the preamble is looked for


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines; names without a number count below a preamble."""
    numbered = sum(bool(HEAD.fullmatch(line)) for line in lines)
    if any(TITLE.fullmatch(line) for line in lines[:WINDOW]):
        return numbered + sum(bool(PRIVATE.fullmatch(line)) for line in lines if not HEAD.fullmatch(line))
    return numbered


def read(text: str, hints: Hints) -> Log:
    """Every message. A number is a person: the name that it had first is kept."""
    private = any(TITLE.fullmatch(line) for line in text[:4000].splitlines()[:WINDOW])
    match_head = _head_or_private if private else HEAD.fullmatch
    records = split_records(text, match_head)
    found, names, partner = Collector(_join), {}, None
    for i, (line, number) in enumerate(zip(records.texts, records.starts, strict=True)):
        head = match_head(line)
        if head:
            key = head["number"] or head["mail"] if head.re is HEAD else head["name"].strip()
            name = names.setdefault(key, head["name"].strip() or key)
            sender = None if key == SYSTEM_NUMBER else name
            kind = Kind.TEXT if sender else Kind.SYSTEM
            found.add(Message(sender, "", number, kind, _moment(head["when"])))
        elif i < WINDOW and not found.messages and PREAMBLE.fullmatch(line):
            named = PARTNER.fullmatch(line)
            partner = named[1].strip() if named else partner
            found.mark()
        else:
            found.line(line, number)
    count, messages = found.finish(records), tuple(found.messages)
    speakers = {message.sender for message in messages}
    return Log(FORMAT, messages, count, partner=partner if partner in speakers and len(speakers) <= 3 else None)


def _head_or_private(line: str) -> re.Match[str] | None:
    return HEAD.fullmatch(line) or PRIVATE.fullmatch(line)


def _join(message: Message, more: Sequence[str]) -> Message:
    words = "\n".join(more).strip("\n")
    if message.sender is None or NOTICE.fullmatch(words):
        unsent = words.rstrip("。").endswith("撤回了一条消息")
        return replace(message, text=words, sender=None, kind=Kind.UNSENT if unsent else Kind.SYSTEM)
    kind = Kind.MEDIA if MEDIA.fullmatch(words) else Kind.STICKER if STICKER.fullmatch(words) else Kind.TEXT
    return replace(message, text=words, kind=kind)


def _moment(when: str) -> datetime | None:
    half = re.search(r"[上下]午 ?", when)
    try:
        moment = datetime.strptime(when.replace(half[0], "") if half else when, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    return moment.replace(hour=moment.hour % 12 + 12 * half[0].startswith("下")) if half else moment
