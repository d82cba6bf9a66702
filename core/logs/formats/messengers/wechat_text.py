"""WeChat as text, as WeFlow writes it: a time and a name in quotes, and the words on the lines below."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import split_records
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("wechat-text", Text("WeChat (text of WeFlow)", "WeChat（WeFlow のテキスト）"))
HEAD = re.compile(r"(?P<when>\d{4}-\d{2}-\d{2} \d{1,2}:\d{2}(?::\d{2})?) '(?P<name>[^\n]{0,80})'\s{0,3}")
STICKER = re.compile(r"\[(?:表情|动画表情|表情包)(?:[:：][^\n]{0,60})?\]")
CALL = re.compile(r"\[(?:语音通话|视频通话|通话|音视频通话)(?:[:：，][^\n]{0,40})?\]")
MEDIA = re.compile(
    r"\[(?:图片|照片|语音|语音消息|视频|文件|位置|链接|名片|小程序|转账|红包|聊天记录|合并转发|音乐|视频号|公众号)"
    r"(?:[:：][^\n]{0,200})?\]"
)
NOTICE = re.compile(r"\[系统(?:消息|通知)?\].{0,400}|.{1,60}撤回了一条消息|.{0,60}拍了拍.{0,60}")
SYSTEM_NAMES = ("系统", "系统消息", "系統", "")


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines."""
    return sum(bool(HEAD.fullmatch(line)) for line in lines)


def read(text: str, hints: Hints) -> Log:
    """Every message."""
    records = split_records(text, HEAD.fullmatch)
    found = Collector(_join)
    for line, number in zip(records.texts, records.starts, strict=True):
        head = HEAD.fullmatch(line)
        if head is None:
            found.line(line, number)
            continue
        name = head["name"].strip()
        sender = None if name in SYSTEM_NAMES else name
        found.add(Message(sender, "", number, Kind.TEXT if sender else Kind.SYSTEM, _moment(head["when"])))
    count = found.finish(records)
    messages = (replace(m, kind=Kind.UNKNOWN) if m.kind is Kind.TEXT and not m.text else m for m in found.messages)
    return Log(FORMAT, tuple(messages), count)


def _join(message: Message, more: Sequence[str]) -> Message:
    words = "\n".join(more).strip("\n")
    if message.sender is None or NOTICE.fullmatch(words):
        unsent = words.rstrip("。").endswith("撤回了一条消息")
        return replace(message, text=words, sender=None, kind=Kind.UNSENT if unsent else Kind.SYSTEM)
    for kind, pattern in ((Kind.STICKER, STICKER), (Kind.CALL, CALL), (Kind.MEDIA, MEDIA)):
        if pattern.fullmatch(words):
            return replace(message, text=words, kind=kind)
    return replace(message, text=words)


def _moment(when: str) -> datetime | None:
    try:
        return datetime.fromisoformat(when)
    except ValueError:
        return None
