"""LINE talk history saved on a computer: dates like 2024.03.31 日曜日, then time, name and text between spaces.

Names may hold spaces, so one line alone does not say where the name ends. The names are worked out
from the whole file; a person can correct them and read again.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from core.logs.formats.line.banner import DEPTH, is_banner, partner_of
from core.logs.formats.line.dates import HALVES, DateHeaders, at, looks_like_header, minutes
from core.logs.formats.line.kinds import EVENT, STICKERS, UNSENT, classify, join_talk
from core.logs.log import Format, Guess, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import edges, split_records
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("line-desktop", Text("LINE (saved on a computer)", "LINE（パソコンで保存）"))
HEAD = re.compile(rf"((?:{HALVES})?\s?\d{{1,2}}:\d{{2}}(?:\s?[AaPp]\.?[Mm]\.?|\s?น\.)?)[ \u3000]+(\S.*)", re.DOTALL)
# Desktop exports write their marks without brackets.
_MEDIA = (
    "写真", "画像", "動画", "ファイル", "音声", "ボイスメッセージ", "連絡先", "位置情報", "アルバム", "ノート",
    "Photo", "Photos", "Image", "Images", "Video", "Videos", "Audio", "File", "Files", "Contact", "Location",
    "照片", "圖片", "图片", "影片", "视频", "檔案", "文件", "語音訊息", "语音信息", "聯絡資訊", "位置訊息",
    "相簿", "記事本", "รูป", "รูปภาพ", "วิดีโอ", "ไฟล์", "ข้อความเสียง", "อัลบั้ม", "โน้ต")  # fmt: skip
_CALLS = ("通話", "通话", "Call", "不在着信", "未接來電", "未接来电")
_KINDS = ((STICKERS, Kind.STICKER), (_MEDIA, Kind.MEDIA), (_CALLS, Kind.CALL))
MARKS: dict[str, Kind] = {mark: kind for marks, kind in _KINDS for mark in marks}
MOST_NAME_WORDS = 4
OTHER_WAY = re.compile(r"[^:：\s][^:：\n]{0,39}[:：]|<[^<>\n]{1,40}>|【")


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines: time and words. Other logs begin lines like that too, so a date line is
    required, and most lines must not say who speaks in a way of their own ("14:20 花子: …").
    """
    if not any(map(looks_like_header, lines)):
        return 0
    rests = [match[2] for line in lines if (match := HEAD.match(line))]
    return 0 if 2 * sum(map(bool, map(OTHER_WAY.match, rests))) > len(rests) else len(rests)


@dataclass(frozen=True, slots=True)
class _Head:
    """A line that begins with a time: minutes since midnight, and the rest (name and text)."""

    minute: int
    rest: str


def read(text: str, hints: Hints) -> Log:
    """Every record of a desktop export, with the names in `hints` or those worked out."""
    records = split_records(text, HEAD.match)
    lines = records.texts
    heads = [_head(line) for line in lines]
    headers = DateHeaders(lambda: lines, HEAD.match, hints.date_order)
    partner = partner_of(lines[:DEPTH], hints.file_name)
    guessed = hints.names is None
    chosen = guess_names([head.rest for head in heads if head], partner) if hints.names is None else hints.names
    names = _KnownNames(chosen)
    found, day, last = Collector(join_talk), None, 0
    singles: list[str] = []
    for i, (line, head) in enumerate(zip(lines, heads, strict=True)):
        new_day = None if head else headers.date_of(line, partial(_around, lines, i))
        message = _message(head, names, records.starts[i], day) if head else None
        if head and not message and guessed and _fits_clock(heads, i, last, names):
            single = head.rest.split(" ")[0]
            singles.append(single)
            names = _KnownNames((*chosen, *singles))
            message = _message(head, names, records.starts[i], day)
        if message and head:
            found.add(message, line.count("\n") + 1)
            last = head.minute
        elif new_day or (i < DEPTH and is_banner(line)):
            found.mark(line.count("\n") + 1)
            day, last = new_day or day, 0
        else:
            found.line(line, records.starts[i])
    used = (*chosen, *singles)
    guesses = (_names_guess(used, heads, guessed),)
    return Log(FORMAT, tuple(found.messages), found.finish(records), guesses, partner=partner)


def _around(lines: Sequence[str], i: int) -> tuple[str, str]:
    """The line above line `i`, and the next below that is not blank."""
    return lines[i - 1] if i else "", next((line for line in lines[i + 1 : i + 21] if line.strip()), "")


def _head(line: str) -> _Head | None:
    match = HEAD.fullmatch(line)
    minute = minutes(match[1]) if match else None
    return _Head(minute, match[2]) if match and minute is not None else None


class _KnownNames:
    """Splits "name text" at the longest name that is known."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_first: dict[str, list[str]] = {}
        for name in sorted(filter(None, map(edges, names)), key=len, reverse=True):
            self._by_first.setdefault(name.split(" ")[0], []).append(name)

    def split(self, rest: str) -> tuple[str, str] | None:
        """(name, text), or None when no known name stands at the beginning."""
        first = re.split(r"[ \n\t\u3000]", rest, maxsplit=1)[0]
        for name in self._by_first.get(first, ()):
            if rest == name or rest.startswith((name + " ", name + "\n", name + "\t", name + "\u3000")):
                return name, rest[len(name) + 1 :]
        return None


def _message(head: _Head, names: _KnownNames, line: int, day: date | None) -> Message | None:
    time = at(day, head.minute) if day else None
    split = names.split(head.rest)
    if split is None:
        if UNSENT.fullmatch(head.rest):
            return Message(None, head.rest, line, Kind.UNSENT, time)
        return Message(None, head.rest, line, Kind.SYSTEM, time) if EVENT.fullmatch(head.rest) else None
    name, body = split
    kind, body = classify(body, name)
    return Message(name, body, line, MARKS.get(body.strip(), kind), time)


def _fits_clock(heads: Sequence[_Head | None], i: int, last: int, names: _KnownNames) -> bool:
    """Whether head `i`, of no known name, stands between its neighbours in time and has text: then
    somebody who wrote once, not a time of day inside a message ("10:30 集合").
    """
    head = heads[i]
    if head is None or " " not in head.rest or head.minute < last:
        return False
    later = next((h for h in heads[i + 1 : i + 50] if h and names.split(h.rest)), None)
    return later is None or head.minute <= later.minute or later.minute < last


def guess_names(rests: Sequence[str], partner: str | None) -> tuple[str, ...]:
    """Names by what lines begin with, the most frequent first.

    A name grows by a word where at least nine in ten of its lines (and three or more) go on with
    words that repeat, as in "H Village"; "Bob I …" does not, for Bob also writes other words.
    """
    plain = [rest for rest in rests if not UNSENT.fullmatch(rest) and not EVENT.fullmatch(rest)]
    known = [partner] if partner and any(rest.startswith(partner + " ") for rest in plain) else []
    plain = [rest for rest in plain if not any(rest.startswith(name + " ") for name in known)]
    prefixes: Counter[str] = Counter()
    for rest in plain:
        words = re.split(r"[ \n]", rest, maxsplit=MOST_NAME_WORDS + 1)
        for n in range(1, min(len(words), MOST_NAME_WORDS + 1)):
            prefixes[" ".join(words[:n])] += 1
    children: dict[str, list[str]] = {}
    for prefix in prefixes:
        stem, _, word = prefix.rpartition(" ")
        if word:
            children.setdefault(stem, []).append(prefix)
    last_words = {" ".join(rest.split(" ")[:-1]) for rest in plain if rest.split(" ")[-1] in MARKS}
    names = list(known)
    for prefix in [p for p, n in prefixes.most_common() if " " not in p and n >= 2]:
        names += _grown(prefix, prefixes, children, last_words)
    return tuple(names)


def _grown(prefix: str, prefixes: Counter[str], children: dict[str, list[str]], ends: set[str]) -> list[str]:
    longer = [child for child in children.get(prefix, []) if prefixes[child] >= 3]
    covered = sum(prefixes[child] for child in longer)
    few = len(longer) <= max(1, prefixes[prefix] // 5)
    if prefix in ends or not longer or covered < 0.9 * prefixes[prefix] or not few:
        return [prefix]
    return [name for child in longer for name in _grown(child, prefixes, children, ends)]


def _names_guess(names: tuple[str, ...], heads: Sequence[_Head | None], guessed: bool) -> Guess:
    firsts = Counter(head.rest.split(" ")[0] for head in heads if head)
    choices = tuple(dict.fromkeys((*names, *(word for word, _ in firsts.most_common(30)))))
    shown, shown_ja = ", ".join(names[:12]), "・".join(names[:12])
    note = Text(
        f"Names read: {shown}. This export does not say where a name ends; correct them if they are wrong.",
        f"読み取った名前：{shown_ja}。この形式では名前の区切りが決まらないため、違っていれば直してください。",
    )
    return Guess("names", names, choices, not guessed, note)
