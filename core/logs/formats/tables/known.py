"""Tables known by their header: KakaoTalk on a Mac, Discord (DiscordChatExporter), WeChat (WeClone)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.logs.formats.discord.kinds import service_kind
from core.logs.formats.kakaotalk.kinds import INVITED, NOTICE
from core.logs.formats.kakaotalk.kinds import classify as kakao_kind
from core.logs.formats.tables.table import TableRow, parse_rows, parse_table
from core.logs.log import Format, Hints, LineCount, Log
from core.logs.parsing.decode import edges
from core.logs.parsing.stamps import clocks
from core.messages import Kind, Message
from core.text import Text

Cells = dict[str, str]


@dataclass(frozen=True)
class KnownTable:
    """The reader of one kind of table. `message` makes one message of one row, its columns by lower-case name."""

    FORMAT: Format
    columns: tuple[str, ...]
    message: Callable[[Cells, int, datetime | None], Message]
    time_column: str
    replies: Callable[[list[Message]], list[Message]] = list

    def score(self, lines: Sequence[str]) -> int:
        """All lines when the first is the header of this table."""
        first = next((line for line in lines if line.strip()), "")
        header = next(parse_rows(first, "\t" if "\t" in first else ","), None)
        return len(lines) if header and self._is_header(header) else 0

    def read(self, text: str, hints: Hints) -> Log:
        """Every row below the header; rows without a word or a place are kept as UNKNOWN."""
        first = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
        table = parse_table(text, "\t" if "\t" in first else ",")
        names: tuple[str, ...] = ()
        heads = marks = blank = unread = 0
        body: list[tuple[TableRow, Cells]] = []
        messages: list[Message] = []
        for row in table.rows:
            if row.blank:
                blank += row.lines
            elif not names and self._is_header(row):
                names = tuple(edges(cell).lower() for cell in row.cells)
                marks += row.lines
            else:
                body.append((row, dict(zip(names, row.cells, strict=False))))
        times = clocks((cells.get(self.time_column, "") for _, cells in body), hints.date_order)
        for row, cells in body:
            stamp = cells.get(self.time_column, "")
            message = self.message(cells, row.line, times.moment(stamp, None))
            if len(row.cells) < len(names) - 1 or message.kind is Kind.UNKNOWN:
                message = Message(None, ",".join(row.cells), row.line, Kind.UNKNOWN)
                unread += row.lines
            else:
                heads += row.lines
            messages.append(message)
        count = LineCount(table.total, heads, marks, blank, unread)
        guesses = (times.guess,) if times.guess else ()
        return Log(self.FORMAT, tuple(self.replies(messages)), count, guesses)

    def _is_header(self, row: TableRow) -> bool:
        names = {edges(cell).lower() for cell in row.cells}
        return names.issuperset(self.columns)


def _kakaotalk(cells: Cells, line: int, time: datetime | None) -> Message:
    name, words = cells.get("user", "").strip(), cells.get("message", "")
    invited = INVITED.fullmatch(words)
    if not name or NOTICE.fullmatch(words) or (invited and invited[1] == name):
        return Message(None, words, line, Kind.SYSTEM, time)
    return Message(name, words, line, kakao_kind(words), time)


def _discord(cells: Cells, line: int, time: datetime | None) -> Message:
    name, words = cells.get("author", "").strip(), cells.get("content", "")
    name = name.removesuffix("#0000")
    kind = service_kind(words)
    if kind:
        return Message(None, words, line, kind, time)
    if not words.strip():
        return Message(name or None, cells.get("attachments", ""), line, Kind.MEDIA, time)
    return Message(name or None, words, line, Kind.TEXT if name else Kind.UNKNOWN, time)


WECHAT_KINDS: dict[str, Kind] = {
    "文本": Kind.TEXT, "引用回复": Kind.TEXT, "动画表情": Kind.STICKER, "表情": Kind.STICKER,
    "语音通话": Kind.CALL, "视频通话": Kind.CALL, "音视频通话": Kind.CALL, "系统通知": Kind.SYSTEM,
}  # fmt: skip
QUOTED = re.compile(r"\[引用\]\((?P<when>[^)\n]{1,40})\)(?P<name>[^:：\n]{0,60})[:：](?P<words>.*)", re.DOTALL)
SELF_ZH = "我"


def _wechat(cells: Cells, line: int, time: datetime | None) -> Message:
    kind = WECHAT_KINDS.get(cells.get("type_name", "").strip(), Kind.MEDIA)
    words, name = cells.get("msg", ""), cells.get("talker", "").strip()
    if cells.get("is_sender", "").strip() == "1":
        name = SELF_ZH
    if kind is Kind.SYSTEM:
        unsent = "<revokemsg>" in words or "撤回了" in words
        return Message(None, words, line, Kind.UNSENT if unsent else Kind.SYSTEM, time)
    return Message(name or None, words, line, kind if name else Kind.UNKNOWN, time)


def _wechat_replies(messages: list[Message]) -> list[Message]:
    """Quotes taken out of the words that answer them, and linked to the message quoted."""
    last: dict[str, int] = {}
    result = []
    for place, message in enumerate(messages):
        quote = QUOTED.search(message.text) if message.kind is Kind.TEXT and "[引用](" in message.text else None
        if quote:
            words = message.text[: quote.start()].rstrip()
            answered = last.get(quote["words"].strip())
            message = Message(message.sender, words, message.line, message.kind, message.time, reply_to=answered)
        last[message.text.strip()] = place
        result.append(message)
    return result


KAKAOTALK_MAC = KnownTable(
    Format("kakaotalk-mac", Text("KakaoTalk (CSV of a Mac)", "カカオトーク（Mac の CSV）")),
    ("date", "user", "message"),
    _kakaotalk,
    "date",
)
DISCORD = KnownTable(
    Format("discord-csv", Text("Discord (CSV of DiscordChatExporter)", "Discord（DiscordChatExporter の CSV）")),
    ("authorid", "author", "date", "content"),
    _discord,
    "date",
)
WECHAT = KnownTable(
    Format("wechat", Text("WeChat (CSV of WeClone)", "WeChat（WeClone の CSV）")),
    ("type_name", "is_sender", "msg", "createtime"),
    _wechat,
    "createtime",
    _wechat_replies,
)
READERS = (KAKAOTALK_MAC, DISCORD, WECHAT)
