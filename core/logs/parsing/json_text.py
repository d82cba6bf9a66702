"""The text of a JSON file in pieces, as a strict parser takes it.

Exports are not always proper JSON. What stands in the way of reading them is put right on the fly:
byte order marks, UTF-16, a script's `name = ` in front, escapes like `\\x1F`, halves of characters.
"""

import codecs
import re
from collections.abc import Generator, Iterator
from typing import BinaryIO

from core.logs.parsing.decode import LEGACY
from core.text import Text

CHUNK = 1 << 17
LONGEST_HELD = 1 << 22
LAYOUT = " \t\r\n\ufeff"
DEEPEST_NESTING = 100
MOST_DIGITS = 4_000  # of one number: Python reads 4,300 at most, and ijson 3.6 ends the process where it refuses
DIGITS = bytes.maketrans(b"123456789", b"000000000")
TOO_MANY_DIGITS = b"0" * (MOST_DIGITS + 1)
BRACKETS = bytes.maketrans(b"[]{}", b"()()")
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# A pair of backslashes is matched first, so that the others are known to begin an escape.
ESCAPE = re.compile(
    r"\\(?:\\|x(?P<byte>[0-9A-Fa-f]{2})|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9A-Fa-f]{2}))"
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
ASSIGNMENT = re.compile(r"[\w.$\[\]'\"]{1,200}\s*=\s*")


class TooDeepError(ValueError):
    """Raised inside a stream of text, which ends there."""


def encoding_of(head: bytes) -> tuple[str, Text | None]:
    """The encoding of a file that begins with `head`, and what to say where it is not a usual one."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", None
    if head[:1] in (b"{", b"[") and head[1:2] == b"\0":
        return "utf-16-le", None
    if head[:1] == b"\0" and head[1:2] in (b"{", b"["):
        return "utf-16-be", None
    for encoding in ("utf-8-sig", *LEGACY):
        try:
            codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        return encoding, _read_as(encoding) if encoding in LEGACY else None
    return "utf-8-sig", None


def decoded(file: BinaryIO, encoding: str, limit: int | None) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    left = limit
    while data := file.read(CHUNK if left is None else min(CHUNK, left)):
        left = None if left is None else left - len(data)
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def without_assignment(pieces: Iterator[str]) -> Iterator[str]:
    """Without a script's `name = ` in front and its `;` behind."""
    first = next(pieces, "").lstrip(LAYOUT)
    match = ASSIGNMENT.match(first)
    if match is None:
        yield first
        yield from pieces
        return
    waiting = first[match.end() :]
    for piece in pieces:
        if piece.strip(LAYOUT):
            yield waiting
            waiting = piece
    yield re.sub(r";\s*$", "", waiting)


def repaired(pieces: Iterator[str]) -> Iterator[str]:
    """With escapes that no JSON parser takes written properly. No escape is ever cut in two: pieces
    end behind a comma or a quotation mark, which no escape has inside.
    """
    held = ""
    for piece in pieces:
        text = held + piece
        cut = max(text.rfind(","), text.rfind('"')) + 1
        if not cut and len(text) > LONGEST_HELD:
            cut = len(text)
        held = text[cut:]
        yield _repair(text[:cut])
    yield _repair(held)


def shallow(pieces: Iterator[str]) -> Iterator[str]:
    """The same pieces. Raises TooDeepError for what no chat holds: a parser that keeps the path to each of
    100,000 nested lists takes gigabytes, and numbers of very many digits end the process.
    """
    depth, inside, before = 0, 0, b""
    for piece in pieces:
        bare = piece.replace("\\\\", "").replace('\\"', "") if "\\" in piece else piece
        quoted = bare.split('"')
        unquoted = "".join(quoted[inside::2]).encode("ascii", "replace")
        inside ^= (len(quoted) - 1) & 1
        numbers = before + unquoted.translate(DIGITS)
        if TOO_MANY_DIGITS in numbers:
            raise TooDeepError(f"a number of more than {MOST_DIGITS} digits")
        before = numbers[-MOST_DIGITS:]
        brackets = unquoted.translate(BRACKETS, NO_BRACKETS)
        for _ in range(DEEPEST_NESTING):  # takes the innermost pairs away, all at once
            if b"()" not in brackets:
                break
            brackets = brackets.replace(b"()", b"")
        depth += brackets.count(b"(")
        if depth > DEEPEST_NESTING or b"()" in brackets:
            raise TooDeepError(f"lists in lists, deeper than {DEEPEST_NESTING}")
        depth -= brackets.count(b")")
        yield piece


def _repair(text: str) -> str:
    if "\\x" in text or "\\ud" in text or "\\uD" in text:
        text = ESCAPE.sub(_proper, text)
    return CONTROL.sub(_escaped, text) if CONTROL.search(text) else text


def _proper(match: re.Match[str]) -> str:
    if match["byte"]:
        return f"\\u00{match['byte']}"
    return "\\ufffd" if match["half"] else match[0]


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def split_lines(pieces: Iterator[str]) -> Generator[str, None, None]:
    held: list[str] = []
    for piece in pieces:
        head, *more = piece.split("\n")
        held.append(head)
        for line in more:
            yield "".join(held)
            held = [line]
    yield "".join(held)


def _read_as(encoding: str) -> Text:
    return Text(
        f"Read as {encoding}. If the letters look wrong, save the file as UTF-8 and load it again.",
        f"{encoding} として読みました。文字化けしている場合は UTF-8 で保存し直してください。",
    )
