"""The one way in: which format a file has, and the file read."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from core.errors import InputError
from core.logs import json_messages, line_desktop, line_phone, plain, whatsapp
from core.logs.archive import read_zip, too_large
from core.logs.decode import SAMPLE_BYTES, decode, edges
from core.logs.log import DateOrder, Format, Hints, Log
from core.messages import Kind

MAX_BYTES = 200_000_000
WHOLE = 1_000_000  # characters up to which every line is looked at
HEAD_LINES, WINDOW_LINES = 300, 200
WINDOWS = (0.2, 0.35, 0.5, 0.65, 0.8)


class Reader(Protocol):
    """What each module of a format offers."""

    FORMAT: Format

    def score(self, lines: Sequence[str]) -> int:
        """How many of these sampled lines are in this format; 0 when it is surely another."""
        ...

    def read(self, text: str, hints: Hints) -> Log:
        """The whole text as a log."""
        ...


# The strict ones first: on equal hits the earlier reader wins. Plain text takes what no other does.
READERS: tuple[Reader, ...] = (json_messages, line_phone, whatsapp, line_desktop)
FALLBACK: Reader = plain
FORMATS = tuple(reader.FORMAT for reader in (*READERS, FALLBACK))


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
    tried, tried_ja = ", ".join(f.en for f in FORMATS), "、".join(f.ja for f in FORMATS)
    raise InputError(
        f"No chat format was recognised. Tried: {tried}. The first line is: “{first}”",
        f"トークの形式がわかりませんでした。試した形式：{tried_ja}。最初の行：「{first}」",
    )


def read_log(
    path: Path,
    *,
    file_name: str | None = None,
    format: str | None = None,
    names: Sequence[str] | None = None,
    date_order: DateOrder | None = None,
    max_bytes: int = MAX_BYTES,
) -> Log:
    """A chat log from a file, or from the one log in a zip.

    `file_name` is what the person called it (exports carry the partner's name there). `format` is the
    id of one of FORMATS, instead of detection; `names` and `date_order` are answers to the guesses of
    an earlier reading. Raises InputError for a file that is empty, too large, no text, of no known
    format or without a message.
    """
    name = file_name or path.name
    data, encoded_name = _bytes(path, name, max_bytes)
    decoded = decode(data)
    text = decoded.text
    reader = _chosen(format) if format else detect(text)
    hints = Hints(encoded_name, tuple(names) if names is not None else None, date_order)
    with _no_collection():
        log = reader.read(text, hints)
    if not any(message.kind is not Kind.UNKNOWN for message in log.messages):
        raise InputError(
            f"No message was found in “{name}” when read as {log.format.en}.",
            f"「{name}」を {log.format.ja} として読みましたが、メッセージがありませんでした。",
        )
    notes = (decoded.warning, *log.notes) if decoded.warning else log.notes
    return replace(log, file_name=name, encoding=decoded.encoding, notes=notes)


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


def _bytes(path: Path, name: str, max_bytes: int) -> tuple[bytes, str]:
    """The bytes of a log and the name that may tell whose it is (a zip's own name says more than _chat.txt)."""
    if path.stat().st_size > max_bytes:
        raise too_large(name, max_bytes)
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    if not zipped:
        return path.read_bytes(), name
    data, inner = read_zip(path, max_bytes)
    return data, name if inner.endswith("_chat.txt") else inner


def _chosen(format: str) -> Reader:
    for reader in (*READERS, FALLBACK):
        if reader.FORMAT.id == format:
            return reader
    known = ", ".join(f.id for f in FORMATS)
    raise InputError(
        f"There is no format “{format}”. Known: {known}.",
        f"「{format}」という形式はありません。{known} から選んでください。",
    )
