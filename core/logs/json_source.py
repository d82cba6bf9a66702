"""A JSON or JSON Lines file that is never parsed whole: a look at its top, and streams of what it holds.

Exports are not always proper JSON. What stands in the way of reading them is put right on the fly:
byte order marks, UTF-16, a script's `name = ` in front, escapes like `\\x1F`, halves of characters.
"""

import codecs
import json
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import BinaryIO, NamedTuple
from zipfile import BadZipFile

import ijson

from core.logs.decode import LEGACY
from core.logs.log import Note

Value = str | int | float | Decimal | bool | None | list["Value"] | dict[str, "Value"]
Record = dict[str, Value]

CHUNK = 1 << 17
TOP_BYTES = 1 << 20
TOP_PATHS = 5000
DEEPEST = 12
STARTS, ENDS = ("start_map", "start_array"), ("end_map", "end_array")
NO_VALUE = (*ENDS, "map_key")
LONGEST_KEPT = 2000
LONGEST_HELD = 1 << 22
LAYOUT = " \t\r\n\ufeff"
DEEPEST_NESTING = 100
BRACKETS = bytes.maketrans(b"[]{}", b"()()")
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class _TooDeepError(ValueError):
    """Raised inside a stream, which ends there."""


STREAM_ERRORS = (ijson.JSONError, UnicodeError, EOFError, BadZipFile, zlib.error, _TooDeepError)
# A pair of backslashes is matched first, so that the others are known to begin an escape.
ESCAPE = re.compile(
    r"\\(?:\\|x(?P<byte>[0-9A-Fa-f]{2})|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9A-Fa-f]{2}))"
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
ASSIGNMENT = re.compile(r"[\w.$\[\]'\"]{1,200}\s*=\s*")


class Item(NamedTuple):
    """One value of a stream. `place` is its line in JSON Lines; elsewhere its ordinal, from 1.

    `raw` is the text of a line that is no JSON; `value` is None then.
    """

    place: int
    value: Value
    raw: str | None = None


@dataclass(frozen=True)
class Top:
    """What the beginning of a file shows: each path met (`messages.item.text`) with its first scalar.

    Lists and objects have None. The records of JSON Lines are under `item`, as those of an array.
    """

    paths: Mapping[str, Value]
    lines: bool = False

    def has(self, *paths: str) -> bool:
        """Whether every one of `paths` was met."""
        return all(path in self.paths for path in paths)

    def any(self, *paths: str) -> bool:
        """Whether one of `paths` was met."""
        return any(path in self.paths for path in paths)

    def records_have(self, *keys: str) -> bool:
        """Whether the records (of an array, of JSON Lines, or the one object) have every one of `keys`."""
        return self.has(*(f"item.{key}" for key in keys)) or self.has(*keys)


class JsonSource:
    """A file of JSON; `open` gives its bytes from the start, as often as it is asked.

    A stream ends without an error where the file is damaged: what stands before the damage is good,
    and `notes` say that something is missing. They are complete once a stream has been read.
    """

    def __init__(self, open: Callable[[], BinaryIO], name: str = "") -> None:
        self._open = open
        self.name = name
        self.encoding, self._warning = self._find_encoding()
        self._broken: Note | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a person should know about how the file was read."""
        return tuple(note for note in (self._warning, self._broken) if note)

    @cached_property
    def top(self) -> Top:
        """The shape of the first megabyte; empty for a file that is no JSON."""
        if self._is_lines():
            paths: dict[str, Value] = {}
            for item in self._lines(TOP_BYTES):
                _outline(item.value, "item", paths)
            return Top(paths, lines=True)
        paths = {}
        try:
            for prefix, event, value in ijson.parse(_Stream(self._text(TOP_BYTES))):
                if len(paths) >= TOP_PATHS:
                    break
                if event not in NO_VALUE and prefix.count(".") < DEEPEST and paths.get(prefix) is None:
                    paths[prefix] = value  # None for the start of a list or object
        except STREAM_ERRORS:
            pass  # the look ends in the middle of the file, as a rule
        return Top(paths)

    def items(self, path: str) -> Iterator[Item]:
        """Every value at `path`, as ijson writes it: `messages.item` is each element of `messages`."""
        with closing(self._text()) as text:
            for place, value in enumerate(self._guarded(ijson.items(_Stream(text), path)), 1):
                yield Item(place, value)

    def records(self) -> Iterator[Item]:
        """The elements of the one array, the lines of JSON Lines, or the one object."""
        if self.top.lines:
            yield from self._lines()
        else:
            yield from self.items("item" if "item" in self.top.paths else "")

    def first(self, path: str) -> Value:
        """The first value at `path`; None where there is none. Reads up to it only."""
        return next((item.value for item in self.items(path)), None)

    def grouped(self, outer: str, inner: str) -> Iterator[tuple[int, Record, Item]]:
        """Every value at `inner` of every object at `outer`: (number of the object, its other fields, value).

        `inner` is relative to `outer` and ends in `.item`. Fields that stand behind the values in the
        file are added to the same dict once they have been read.
        """
        path, below = f"{outer}.{inner}", len(outer) + 1
        group, place, head = 0, 0, Record()
        builder, depth, key = None, 0, ""
        with closing(self._text()) as text:
            for prefix, event, value in self._guarded(ijson.parse(_Stream(text))):
                if builder is None:
                    if prefix == outer and event == "start_map":
                        group, head = group + 1, {}
                    if event in NO_VALUE or len(prefix) < below or not prefix.startswith(outer):
                        continue
                    if prefix != path and path.startswith(f"{prefix}."):
                        continue  # a list or object on the way to the values
                    builder, depth, key = ijson.ObjectBuilder(), 0, prefix
                builder.event(event, value)
                depth += (event in STARTS) - (event in ENDS)
                if depth:
                    continue
                done, builder = builder.value, None
                if key == path:
                    place += 1
                    yield group, head, Item(place, done)
                else:
                    head[key[below:]] = done

    def _guarded(self, stream: Iterator[Value]) -> Iterator[Value]:
        try:
            yield from stream
        except STREAM_ERRORS as error:
            first = str(error).strip().split("\n")[0][:120]
            self._broken = Note(
                f"“{self.name}” is damaged or cut off: nothing behind the damage could be read ({first}).",
                f"「{self.name}」は壊れているか途中で切れているため、その先は読めませんでした（{first}）。",
            )

    def _text(self, limit: int | None = None) -> Generator[str, None, None]:
        """The file as text that a JSON parser takes, in pieces; of the first `limit` bytes."""
        with self._open() as file:
            yield from _shallow(_repaired(_without_assignment(_decoded(file, self.encoding, limit))))

    def _find_encoding(self) -> tuple[str, Note | None]:
        with self._open() as file:
            head = file.read(1 << 16)
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

    def _is_lines(self) -> bool:
        """Whether the first line is an object of its own and another follows."""
        lines = _split_lines(self._text(TOP_BYTES))
        try:
            written = (line for line in map(_bare, lines) if line)
            first, second = next(written, ""), next(written, "")
        except STREAM_ERRORS:
            return False
        finally:
            lines.close()
        return first.startswith("{") and second.startswith("{") and isinstance(_parse(first), dict)

    def _lines(self, limit: int | None = None) -> Iterator[Item]:
        with closing(self._text(limit)) as text:
            for number, bare in enumerate(map(_bare, self._guarded(_split_lines(text))), 1):
                if bare:
                    value = _parse(bare)
                    yield Item(number, value, bare if value is None else None)


class _Stream:
    """Pieces of text as the readable bytes that ijson asks for."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            piece = next(self._text, None)
            if piece is None:
                return b""
            self._rest = piece.encode("utf-8", errors="replace")
        if size < 0 or size >= len(self._rest):
            given, self._rest = self._rest, b""
            return given
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def _decoded(file: BinaryIO, encoding: str, limit: int | None) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    left = limit
    while data := file.read(CHUNK if left is None else min(CHUNK, left)):
        left = None if left is None else left - len(data)
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def _without_assignment(pieces: Iterator[str]) -> Iterator[str]:
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


def _repaired(pieces: Iterator[str]) -> Iterator[str]:
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


def _shallow(pieces: Iterator[str]) -> Iterator[str]:
    """The same pieces. Raises _TooDeepError for what no chat holds: a parser that keeps the path to each of
    100,000 nested lists takes gigabytes.
    """
    depth, inside = 0, 0
    for piece in pieces:
        bare = piece.replace("\\\\", "").replace('\\"', "") if "\\" in piece else piece
        quoted = bare.split('"')
        brackets = "".join(quoted[inside::2]).encode("ascii", "ignore").translate(BRACKETS, NO_BRACKETS)
        inside ^= (len(quoted) - 1) & 1
        for _ in range(DEEPEST_NESTING):  # takes the innermost pairs away, all at once
            if b"()" not in brackets:
                break
            brackets = brackets.replace(b"()", b"")
        depth += brackets.count(b"(")
        if depth > DEEPEST_NESTING or b"()" in brackets:
            raise _TooDeepError(f"lists in lists, deeper than {DEEPEST_NESTING}")
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


def _split_lines(pieces: Iterator[str]) -> Generator[str, None, None]:
    held: list[str] = []
    for piece in pieces:
        head, *more = piece.split("\n")
        held.append(head)
        for line in more:
            yield "".join(held)
            held = [line]
    yield "".join(held)


def _bare(line: str) -> str:
    return line.strip(LAYOUT)


def _parse(text: str) -> Value:
    """The value in a line; None when it is no JSON."""
    try:
        value = json.loads(text, strict=False)
        text.encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value


def _outline(value: Value, path: str, paths: dict[str, Value]) -> None:
    """Note the paths of `value`, as the events of a stream would."""
    todo = [(path, value)]
    while todo and len(paths) < TOP_PATHS:
        path, value = todo.pop()
        if paths.get(path) is None:
            paths[path] = None if isinstance(value, list | dict) else value
        if path.count(".") >= DEEPEST:
            continue
        if isinstance(value, dict):
            todo += [(f"{path}.{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            todo += [(f"{path}.item", inner) for inner in value[:20]]


def looks_like_json(head: bytes) -> bool:
    """Whether a file that begins so may be JSON, or a script that holds nothing but JSON."""
    bare = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return bare.startswith((b"{", b"[", b"window."))


def as_record(value: Value) -> Record:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Value) -> list[Value]:
    """`value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Value) -> str:
    """`value` when it is text, a whole number as its digits (ids are either), else nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def as_json(value: Value) -> str:
    """`value` as one line, for a record that is kept because it was not understood."""
    return json.dumps(value, ensure_ascii=False, default=str)[:LONGEST_KEPT]


def _read_as(encoding: str) -> Note:
    return Note(
        f"Read as {encoding}. If the letters look wrong, save the file as UTF-8 and load it again.",
        f"{encoding} として読みました。文字化けしている場合は UTF-8 で保存し直してください。",
    )
