"""The one way in: which format a file has, and the file read.

There are three families of readers. Text is known by its lines, JSON by its shape, and an archive of
files that belong together by their names. What no reader of JSON claims is looked at as text.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from core.errors import InputError
from core.logs.archives import joined
from core.logs.columns import NO_TIME, Columns
from core.logs.formats.ai_chats import json_messages
from core.logs.formats.discord import text as discord_text
from core.logs.formats.html import pages
from core.logs.formats.kakaotalk import chat as kakaotalk
from core.logs.formats.line import desktop as line_desktop
from core.logs.formats.line import phone as line_phone
from core.logs.formats.messengers import imessage, qq, sms_backup, wechat_text, zoom
from core.logs.formats.plain import dialogue as plain
from core.logs.formats.plain import irc
from core.logs.formats.signal import fields as signal_fields
from core.logs.formats.signal import text as signal_text
from core.logs.formats.tables import guess as csv_columns
from core.logs.formats.tables import known as csv_known
from core.logs.formats.whatsapp import chat as whatsapp
from core.logs.log import DateOrder, Format, Hints, Log
from core.logs.parsing.archive import Archive, chosen_log, is_archive, no_logs, opened, too_large
from core.logs.parsing.decode import SAMPLE_BYTES, decode, edges
from core.logs.parsing.doubtful import with_doubts
from core.logs.parsing.html_source import looks_like_html
from core.logs.parsing.json_source import JsonSource, looks_like_json
from core.logs.parsing.model_thoughts import without_thoughts
from core.logs.parsing.zones import in_zone
from core.logs.readers import ARCHIVE_READERS, JSON_READERS
from core.messages import Kind, Message
from core.text import Text, well_formed

INSTEAD_OF_PAGES = ("result.json", "message_[0-9]*.json")  # the same chats, better read
# Formats in which messages may well have no time.
TIMELESS = frozenset(
    ("plain", "irc", "csv", "json", "ooba", "agnai", "character-ai", "sillytavern", "omokage", "wechat-csv")
)
MAX_BYTES = 200_000_000
WHOLE = 1_000_000  # characters up to which every line is looked at
HEAD_LINES, WINDOW_LINES = 300, 200
WINDOWS = (0.2, 0.35, 0.5, 0.65, 0.8)


class Reader(Protocol):
    """What each module of a text format offers."""

    @property
    def FORMAT(self) -> Format:  # noqa: N802 - a module's constant, which is only read
        """Which format it is."""
        ...

    def score(self, lines: Sequence[str]) -> int:
        """How many of these sampled lines are in this format; 0 when it is surely another."""
        ...

    def read(self, text: str, hints: Hints) -> Log:
        """The whole text as a log."""
        ...


# The strict ones first: on equal hits the earlier reader wins. Plain text takes what no other does.
READERS: tuple[Reader, ...] = (
    *(
        json_messages,
        sms_backup,
        line_phone,
        kakaotalk,
        signal_text,
        signal_fields,
        imessage,
        discord_text,
        zoom,
        irc,
        qq,
        wechat_text,
        whatsapp,
    ),
    *(line_desktop, *csv_known.READERS, csv_columns),
)
FALLBACK: Reader = plain
FORMATS = tuple(
    dict.fromkeys(
        reader.FORMAT for reader in (*READERS, *JSON_READERS, *ARCHIVE_READERS, *pages.HTML_FORMATS, FALLBACK)
    )
)


def sample(text: str) -> list[str]:
    """Lines to know a format by: all of them, or the first of a long file and some from further down,
    as plays have long prefaces.
    """
    if len(text) <= WHOLE:
        lines = text.splitlines()
    else:
        lines = text[:SAMPLE_BYTES].splitlines()[:HEAD_LINES]
        for share in WINDOWS:
            start = int(len(text) * share)
            lines += text[start : start + SAMPLE_BYTES].splitlines()[1 : WINDOW_LINES + 1]
    return [line.removeprefix("\ufeff") for line in lines]


def detect(text: str) -> Reader:
    """The reader whose lines occur most often in `text`. Raises InputError when there is none."""
    lines = sample(text)
    best = max(READERS, key=lambda reader: reader.score(lines))
    if best.score(lines):
        return best
    if FALLBACK.score(lines):
        return FALLBACK
    first = edges(next((line for line in lines if line.strip()), ""))[:80]
    raise InputError(
        f"No chat format was recognised; {len(FORMATS)} were tried. The first line is: “{first}”. "
        "Was the chat exported by the app's own menu? Text of your own can be read as “Name: words”, a line each.",
        f"トークの形式がわかりませんでした（{len(FORMATS)} 種類を試しました）。最初の行：「{first}」。"
        "アプリの書き出し機能で保存したファイルですか？ 自分で書いた文なら「名前: 言葉」を 1 行ずつにすると読めます。",
    )


def read_log(
    path: Path,
    *,
    file_name: str | None = None,
    format: str | None = None,
    names: Sequence[str] | None = None,
    date_order: DateOrder | None = None,
    columns: Sequence[str] | None = None,
    conversations: Sequence[str] | None = None,
    presumed: Sequence[str] | None = None,
    zone: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Log:
    """A chat log from a file or a zip.

    `file_name` is what the person called it (exports carry the partner's name there). `format` is the
    id of one of FORMATS, instead of detection; `names`, `date_order`, `columns`, `conversations` and `presumed`
    are answers to the guesses of an earlier reading. `zone` is where people were, for files in UTC ("Asia/Tokyo").
    Raises InputError for a file that is empty, too large,
    no text, of no known format or without a message.
    """
    name = file_name or path.name
    hints = Hints(
        name,
        names=_tuple(names),
        date_order=date_order,
        columns=_tuple(columns),
        presumed=_tuple(presumed),
        zone=zone,
        conversations=_tuple(conversations),
    )
    if format and format not in {known.id for known in FORMATS}:
        raise _unknown_format(format)
    if path.stat().st_size > max_bytes:
        raise too_large(name, max_bytes)
    with _no_collection():
        if is_archive(path):
            with opened(path, max_bytes) as archive:
                log = _read_archive(archive, hints, format)
        else:
            log = _read_file(lambda: path.open("rb"), hints, format)
    if not any(message.kind is not Kind.UNKNOWN for message in log.messages):
        raise _no_message(name, log.format)
    messages, thoughts = without_thoughts(map(_well_formed, log.messages))
    return replace(log, messages=messages, file_name=name, notes=(*log.notes, *thoughts, *_untimed(log)))


def _well_formed(message: Message) -> Message:
    """`message` without lone surrogates, which JSON can spell and nothing can store."""
    text, sender = well_formed(message.text), well_formed(message.sender)
    same = text is message.text and sender is message.sender
    return message if same else replace(message, text=text, sender=sender)


def _tuple(answer: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if answer is None else tuple(answer)


def _read_file(open: Callable[[], BinaryIO], hints: Hints, format: str | None) -> Log:
    """One file: by its shape when it is JSON that a messenger writes, else by its lines."""
    wanted = [reader for reader in JSON_READERS if format in (None, reader.FORMAT.id)]
    with open() as file:
        head = file.read(4096)
    if wanted and looks_like_json(head):
        source = JsonSource(open, hints.file_name)
        reader = wanted[0] if format else next((one for one in wanted if one.claims(source.top)), None)
        if reader:
            log = in_zone(reader.read(source, hints), hints.zone)
            return replace(log, encoding=source.encoding, notes=(*source.notes, *log.notes))
    page = pages.format_of(open, format) if looks_like_html(head) else None
    if page:
        chat = PurePosixPath(hints.file_name).stem
        return in_zone(pages.read_pages(page, {chat: [open]}, hints), hints.zone)
    with open() as file:
        decoded = decode(file.read())
    if format:
        by_lines = next((reader for reader in (*READERS, FALLBACK) if reader.FORMAT.id == format), None)
        if by_lines is None:
            raise _no_message(hints.file_name, next(known for known in FORMATS if known.id == format))
    else:
        by_lines = detect(decoded.text)
    log = in_zone(with_doubts(by_lines.read(decoded.text, hints)), hints.zone)
    notes = (decoded.warning, *log.notes) if decoded.warning else log.notes
    return replace(log, encoding=decoded.encoding, notes=notes)


def _read_archive(archive: Archive, hints: Hints, format: str | None) -> Log:
    """An archive whose files belong together, or the one log in it, or each log as a conversation."""
    for reader in ARCHIVE_READERS:
        if format in (None, reader.FORMAT.id) and reader.claims_archive(archive):
            return in_zone(reader.read_archive(archive, hints), hints.zone)
    chats = None if archive.matching(*INSTEAD_OF_PAGES) else pages.chats_in(archive, format)
    if chats:
        return in_zone(pages.read_pages(*chats, hints), hints.zone)
    names = archive.logs()
    if not names:
        raise no_logs()
    one = chosen_log(names)
    if one:
        return _read_file(lambda: archive.open_file(one), _named(hints, one), format)
    logs: dict[str, Log] = {}
    failed: dict[str, InputError] = {}
    for name in names:
        try:
            logs[name] = _read_file(
                partial(archive.open_file, name), replace(_named(hints, name), conversations=None), format
            )
        except InputError as error:
            failed[name] = error
    return joined(logs, failed, hints)


def _named(hints: Hints, inner: str) -> Hints:
    """Hints with the name that may tell whose log it is: a zip's own says more than _chat.txt."""
    return hints if inner.endswith("_chat.txt") else replace(hints, file_name=PurePosixPath(inner).name)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cycle collector: messages hold no cycles, and with a million of them it takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _untimed(log: Log) -> tuple[Text, ...]:
    """A note where a messenger's export gives no time for its messages: silences then cut no talk."""
    if log.format.id in TIMELESS:
        return ()
    if isinstance(log.messages, Columns):
        untimed, every = log.messages.minutes.count(NO_TIME), len(log.messages)
    else:
        untimed, every = sum(message.time is None for message in log.messages), len(log.messages)
    if 2 * untimed <= every:
        return ()
    note = Text(
        f"{untimed:,} of {every:,} messages have no date, so that silences cut no talk there. "
        "Is the date line missing, or in a form that is not known?",
        f"{every:,} 件のうち {untimed:,} 件に日付がないため、そこでは間隔で会話を区切れません。"
        "日付の行が欠けているか、読めない形かもしれません。",
    )
    return (note,)


def _no_message(name: str, format: Format) -> InputError:
    return InputError(
        f"No message was found in “{name}” when read as {format.name.en}.",
        f"「{name}」を {format.name.ja} として読みましたが、メッセージがありませんでした。",
    )


def _unknown_format(format: str) -> InputError:
    known = ", ".join(one.id for one in FORMATS)
    return InputError(
        f"There is no format “{format}”. Known: {known}.",
        f"「{format}」という形式はありません。{known} から選んでください。",
    )
