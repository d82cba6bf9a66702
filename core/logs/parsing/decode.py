"""Bytes to text, and text to records, before any format is known.

Messengers write UTF-8. Other encodings come from a person who opened and saved the file again, so
strict decoders are tried in a fixed order: statistics on a short Japanese file mislead.
"""

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.text import Text

SAMPLE_BYTES = 65_536
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LEGACY = ("cp932", "cp949", "gb18030", "cp1252")
# Tab, line feed, form feed, return, escape: the control characters that text files do hold.
TEXT_CONTROLS = bytes((9, 10, 12, 13, 27))
CONTROLS = bytes(set(range(32)) - set(TEXT_CONTROLS))
EDGE_MARKS = "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with its line ends as they were, the encoding it was read as, and a warning if unsure."""

    text: str
    encoding: str
    warning: Text | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """A file cut into records. `starts[i]` is the line number on which `texts[i]` begins.

    A record of a `mixed` file may hold line breaks; `total` counts lines, not records.
    """

    texts: Sequence[str]
    starts: Sequence[int]
    total: int
    mixed: bool = False


def decode(data: bytes) -> Decoded:
    """The text in `data`. Raises InputError when it is empty or no text at all."""
    if not data.strip():
        raise InputError("The file is empty.", "ファイルが空です。")
    for bom, encoding in BOMS:
        if data.startswith(bom):
            text = data.decode(encoding, errors="replace")
            return Decoded(text, encoding, _damaged(encoding) if "\ufffd" in text else None)
    wide = _utf16_without_bom(data[:SAMPLE_BYTES])
    if wide:
        return Decoded(data.decode(wide, errors="replace"), wide)
    _refuse_binary(data[:SAMPLE_BYTES])
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        return _decode_other(data, error.start)


def _decode_other(data: bytes, bad: int) -> Decoded:
    """Not strict UTF-8: either a damaged UTF-8 file or an older encoding."""
    around = data[max(0, bad - SAMPLE_BYTES) : bad + SAMPLE_BYTES].decode("utf-8", errors="replace")
    foreign = sum(not character.isascii() for character in around)
    if around.count("\ufffd") < 0.1 * foreign:
        return Decoded(data.decode("utf-8", errors="replace"), "utf-8", _damaged("utf-8"))
    for encoding in LEGACY:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        warning = Text(
            f"Read as {encoding}. If the letters look wrong, save the file as UTF-8 and load it again.",
            f"{encoding} として読みました。文字化けしている場合は UTF-8 で保存し直してください。",
        )
        return Decoded(text, encoding, warning)
    return Decoded(data.decode("utf-8", errors="replace"), "utf-8", _damaged("utf-8"))


def _damaged(encoding: str) -> Text:
    return Text(
        f"Some bytes are no valid {encoding}; they show as \ufffd.",
        f"{encoding} として読めないバイトがあり、\ufffd で示しています。",
    )


def _utf16_without_bom(head: bytes) -> str | None:
    """UTF-16 of mostly Latin text or with plain line ends: NULs on one side of the pairs only."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) // 20 or min(even, odd) > max(even, odd) // 50:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = head[: len(head) // 2 * 2].decode(encoding, errors="replace")
    return encoding if "\n" in text and text.count("\ufffd") <= 1 else None


def _refuse_binary(head: bytes) -> None:
    controls = len(head) - len(head.translate(None, CONTROLS))
    if b"\0" in head or controls > len(head) // 100 or head.startswith((b"%PDF", b"{\\rtf")):
        raise InputError(
            f"This is no text file (it begins with {head[:8]!r}). Export the chat as text and load that.",
            f"テキストファイルではありません（先頭は {head[:8]!r}）。トークをテキストで書き出して読み込んでください。",
        )


def edges(text: str) -> str:
    """`text` without white space and invisible direction marks at both ends."""
    return text.strip(EDGE_MARKS + " \t\u00a0\u3000")


def split_records(text: str, is_head: Callable[[str], object]) -> Records:
    """Cut `text` into records; `is_head` tells whether a line begins one.

    Several exporters end a record with CRLF and keep a bare LF for line breaks inside a message.
    So where both kinds occur and most heads follow a CRLF, only CRLF ends a record. Where they
    follow a bare LF the file was edited or joined, and every line end counts.
    """
    crlf, bare = text.count("\r\n"), text.count("\n")
    bare -= crlf
    if crlf and bare:
        pieces = text.split("\r\n")
        inner = [line for piece in pieces if "\n" in piece for line in piece.split("\n")[1:]]
        if sum(map(bool, map(is_head, pieces))) > sum(map(bool, map(is_head, inner))):
            return _numbered(pieces, count_lines(text))
    if crlf:
        text = text.replace("\r\n", "\n")
    elif not bare:
        text = text.replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return Records(lines, range(1, len(lines) + 1), count_lines(text))


def _numbered(pieces: list[str], total: int) -> Records:
    if pieces[-1]:
        pieces[-1] = pieces[-1].removesuffix("\n")
    else:
        pieces.pop()
    starts, line = [], 1
    for piece in pieces:
        starts.append(line)
        line += piece.count("\n") + 1
    return Records(pieces, starts, total, mixed=True)


def count_lines(text: str) -> int:
    """Lines as an editor counts them; a last line end begins no new line."""
    end = "\n" if "\n" in text else "\r"
    return text.count(end) + bool(text and not text.endswith(end))
