"""Any table of messages: which columns hold sender, text and time is guessed, shown, and confirmed by a person."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.logs.formats.tables.table import DELIMITERS, Table, TableRow, parse_table, unique
from core.logs.log import Format, Guess, Hints, LineCount, Log
from core.logs.parsing.stamps import DATE, clocks
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("csv", Text("Table (CSV)", "表（CSV）"))
FIELDS = ("sender", "text", "time")
# Names of columns, the surest first. Compared without case, spaces, _ and -.
NAMES = {
    "sender": (
        *(
            "送信者名",
            "発言者",
            "送信者",
            "話者",
            "名前",
            "氏名",
            "ユーザー名",
            "ユーザー",
            "sendername",
            "sender",
            "speaker",
        ),
        *(
            "author",
            "username",
            "nickname",
            "displayname",
            "name",
            "fromname",
            "from",
            "user",
            "who",
            "role",
            "character",
        ),
        *("发送者", "发送人", "昵称", "傳送者", "보낸사람", "이름", "사용자"),
    ),
    "text": (
        *(
            "本文",
            "メッセージ内容",
            "メッセージ",
            "発言内容",
            "内容",
            "発言",
            "テキスト",
            "台詞",
            "セリフ",
            "text",
            "message",
        ),
        *("messagetext", "content", "body", "msg", "utterance", "line", "comment", "消息", "內容", "메시지", "내용"),
    ),
    "time": (
        *(
            "日時",
            "送信日時",
            "投稿日時",
            "送信日",
            "日付",
            "タイムスタンプ",
            "datetime",
            "timestamp",
            "date",
            "sentat",
        ),
        *("createdat", "createtime", "time", "时间", "時間", "日期", "날짜", "시간"),
    ),
    "clock": ("送信時刻", "時刻", "時間", "clock", "time"),
}
HEADER_DEPTH = 8  # rows above the header that some exports hold
PEEK, PEEK_CHARACTERS = 200, 100_000


def score(lines: Sequence[str]) -> int:
    """Rows among sampled lines, when the columns of sender and text are plain to see."""
    return len(lines) if _named_delimiter("\n".join(lines[:PEEK])) else 0


def read(text: str, hints: Hints) -> Log:
    """Every row as a message; the columns from `hints` or guessed. Rows without text are kept as UNKNOWN."""
    table = parse_table(text, _named_delimiter(text[:PEEK_CHARACTERS]))
    head = _header(table)
    body = table.rows[head.rows :]
    chosen = _chosen(head, body, hints)
    place = {name: i for i, name in enumerate(head.names)}
    sender, words, time = (place.get(name, -1) for name in chosen)
    clock = _clock_column(head, body, time)
    stamps = [_stamp(row, time, clock) for row in body]
    times = clocks(stamps, hints.date_order)
    messages: list[Message] = []
    read_lines = blank = unread = 0
    for row, stamp in zip(body, stamps, strict=True):
        name, text = _cell(row, sender).strip(), _cell(row, words)
        if row.blank:
            blank += row.lines
        elif not name or not text.strip():
            unread += row.lines
            messages.append(Message(None, table.delimiter.join(row.cells), row.line, Kind.UNKNOWN))
        else:
            read_lines += row.lines
            messages.append(Message(name, text, row.line, Kind.TEXT, times.moment(stamp, None)))
    above = table.rows[: head.rows]
    marks, blank = sum(r.lines for r in above if not r.blank), blank + sum(r.lines for r in above if r.blank)
    guess = _guess(chosen, head.names, hints.columns is not None)
    guesses = (guess, times.guess) if times.guess else (guess,)
    return Log(FORMAT, tuple(messages), LineCount(table.total, read_lines, marks, blank, unread), guesses)


@dataclass(frozen=True, slots=True)
class _Header:
    """The names of the columns, and how many rows stand above the first message."""

    names: tuple[str, ...]
    rows: int


def _named_delimiter(text: str) -> str | None:
    """The delimiter under which a row names sender and text and most rows below it are as wide; None for none."""
    for delimiter in DELIMITERS:
        table = parse_table(text, delimiter)
        head = _header(table)
        widths = [len(row.cells) for row in table.rows[head.rows :] if not row.blank]
        fitting = sum(width == len(head.names) for width in widths)
        if _named(head.names) and widths and 2 * fitting >= len(widths):
            return delimiter
    return None


def _header(table: Table) -> _Header:
    """The first row that names sender and text; else the first row, unless it holds a message itself."""
    for i, row in enumerate(table.rows[:HEADER_DEPTH]):
        names = unique(row.cells)
        if _named(names):
            return _Header(names, i + 1)
    first = next((i for i, row in enumerate(table.rows) if not row.blank), None)
    if first is None:
        return _Header((), 0)
    cells = table.rows[first].cells
    if any(re.search(rf"{DATE}|\d{{1,2}}:\d{{2}}", cell) for cell in cells):
        return _Header(unique([""] * len(cells)), first)
    return _Header(unique(cells), first + 1)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]", "", name).lower()


def _by_name(names: Sequence[str], field: str, taken: Sequence[str] = ()) -> str:
    """The column whose name says `field`, "" for none."""
    known = {_plain(name): name for name in reversed(names) if name not in taken}
    return next((known[name] for name in NAMES[field] if name in known), "")


def _named(names: Sequence[str]) -> bool:
    sender = _by_name(names, "sender")
    return bool(sender and _by_name(names, "text", (sender,)))


def _chosen(head: _Header, body: Sequence[TableRow], hints: Hints) -> tuple[str, str, str]:
    """The columns of sender, text and time: a person's answer, else by name, else by what they hold."""
    if hints.columns is not None:
        answer = (*hints.columns, "", "", "")[:3]
        return answer[0], answer[1], answer[2]
    sender = _by_name(head.names, "sender")
    text = _by_name(head.names, "text", (sender,))
    time = _by_name(head.names, "time", (sender, text))
    rows = [row for row in body[:PEEK] if not row.blank]
    columns = {name: [_cell(row, i) for row in rows] for i, name in enumerate(head.names)}
    if not time:
        dated = {name: sum(bool(re.search(DATE, cell)) for cell in cells) for name, cells in columns.items()}
        time = next((name for name, n in dated.items() if rows and n > 0.8 * len(rows)), "")
    rest = {name: cells for name, cells in columns.items() if name not in (sender, text, time)}
    if not text and rest:
        text = max(rest, key=lambda name: sum(map(len, rest[name])))
        rest.pop(text)
    if not sender and rest:  # people are few and repeat
        sender = min(rest, key=lambda name: (len(Counter(rest[name])), head.names.index(name)))
    return sender, text, time


def _clock_column(head: _Header, body: Sequence[TableRow], time: int) -> int:
    """The column of clocks beside one of mere dates, -1 for none."""
    first = next((cell for row in body if (cell := _cell(row, time).strip())), "")
    if time < 0 or not re.fullmatch(DATE, first):
        return -1
    name = _by_name(head.names, "clock", (head.names[time],))
    return head.names.index(name) if name else -1


def _stamp(row: TableRow, time: int, clock: int) -> str:
    stamp = _cell(row, time).strip()
    if clock >= 0:
        return f"{stamp} {_cell(row, clock).strip()}"
    return f"{stamp} 0:00" if re.fullmatch(DATE, stamp) else stamp


def _cell(row: TableRow, place: int) -> str:
    return row.cells[place] if 0 <= place < len(row.cells) else ""


def _guess(chosen: tuple[str, str, str], names: tuple[str, ...], certain: bool) -> Guess:
    sender, text, time = (name or "–" for name in chosen)
    note = Text(
        f"Columns read: sender “{sender}”, text “{text}”, time “{time}”. Correct them if they are wrong.",
        f"読み取った列：送信者「{sender}」・本文「{text}」・日時「{time}」。違っていれば直してください。",
    )
    return Guess("columns", chosen, names, certain, note)
