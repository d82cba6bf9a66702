"""A JSON or JSON Lines file that is never parsed whole: a look at its top, and streams of what it holds."""

import json
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import BinaryIO, NamedTuple, TypeVar
from zipfile import BadZipFile

import ijson

from core.logs.parsing.json_text import (
    LAYOUT,
    TooDeepError,
    decoded,
    encoding_of,
    repaired,
    shallow,
    split_lines,
    without_assignment,
)
from core.text import Text, well_formed

JsonValue = str | int | float | Decimal | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
Record = dict[str, JsonValue]
T = TypeVar("T")

TOP_BYTES = 1 << 20
TOP_PATHS = 5000
DEEPEST = 12
LONGEST_KEPT = 2000
STARTS, ENDS = ("start_map", "start_array"), ("end_map", "end_array")
NO_VALUE = (*ENDS, "map_key")
STREAM_ERRORS = (ijson.JSONError, ValueError, ArithmeticError, EOFError, BadZipFile, zlib.error, TooDeepError)


class JsonItem(NamedTuple):
    """One value of a stream. `place` is its line in JSON Lines; elsewhere its ordinal, from 1.

    `raw` is the text of a line that is no JSON; `value` is None then.
    """

    place: int
    value: JsonValue
    raw: str | None = None


@dataclass(frozen=True)
class Top:
    """What the beginning of a file shows: each path met (`messages.item.text`) with its first scalar.

    Lists and objects have None. The records of JSON Lines are under `item`, as those of an array.
    """

    paths: Mapping[str, JsonValue]
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
        with open() as file:
            self.encoding, self._warning = encoding_of(file.read(1 << 16))
        self._broken: Text | None = None

    @property
    def notes(self) -> tuple[Text, ...]:
        """What a person should know about how the file was read."""
        return tuple(note for note in (self._warning, self._broken) if note)

    @cached_property
    def top(self) -> Top:
        """The shape of the first megabyte; empty for a file that is no JSON."""
        if self._is_lines():
            paths: dict[str, JsonValue] = {}
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

    def items(self, path: str) -> Iterator[JsonItem]:
        """Every value at `path`, as ijson writes it: `messages.item` is each element of `messages`."""
        with closing(self._text()) as text:
            for place, value in enumerate(self._guarded(ijson.items(_Stream(text), path)), 1):
                yield JsonItem(place, value)

    def records(self) -> Iterator[JsonItem]:
        """The elements of the one array, the lines of JSON Lines, or the one object."""
        if self.top.lines:
            yield from self._lines()
        else:
            yield from self.items("item" if "item" in self.top.paths else "")

    def first(self, path: str) -> JsonValue:
        """The first value at `path`, or None. Reads up to it only."""
        return next((item.value for item in self.items(path)), None)

    def grouped(self, outer: str, inner: str) -> Iterator[tuple[int, Record, JsonItem]]:
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
                    yield group, head, JsonItem(place, done)
                else:
                    head[key[below:]] = done

    def _guarded(self, stream: Iterable[T]) -> Iterator[T]:
        try:
            yield from stream
        except STREAM_ERRORS as error:
            first = str(error).strip().split("\n")[0][:120]
            self._broken = Text(
                f"“{self.name}” is damaged or cut off: nothing behind the damage could be read ({first}).",
                f"「{self.name}」は壊れているか途中で切れているため、その先は読めませんでした（{first}）。",
            )

    def _text(self, limit: int | None = None) -> Generator[str, None, None]:
        """The file as text that a JSON parser takes, in pieces; of the first `limit` bytes."""
        with self._open() as file:
            yield from shallow(repaired(without_assignment(decoded(file, self.encoding, limit))))

    def _is_lines(self) -> bool:
        """Whether the first line is an object of its own and another follows."""
        lines = split_lines(self._text(TOP_BYTES))
        try:
            written = (line for line in map(_bare, lines) if line)
            first, second = next(written, ""), next(written, "")
        except STREAM_ERRORS:
            return False
        finally:
            lines.close()
        return first.startswith("{") and second.startswith("{") and isinstance(_parse(first), dict)

    def _lines(self, limit: int | None = None) -> Iterator[JsonItem]:
        with closing(self._text(limit)) as text:
            for number, bare in enumerate(map(_bare, self._guarded(split_lines(text))), 1):
                if bare:
                    value = _parse(bare)
                    yield JsonItem(number, value, bare if value is None else None)


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


def _bare(line: str) -> str:
    return line.strip(LAYOUT)


def _parse(text: str) -> JsonValue:
    """The value in a line; None when it is no JSON."""
    try:
        value = json.loads(text, strict=False)
        text.encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value


def _outline(value: JsonValue, path: str, paths: dict[str, JsonValue]) -> None:
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


def as_record(value: JsonValue) -> Record:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: JsonValue) -> list[JsonValue]:
    """`value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: JsonValue) -> str:
    """`value` when it is text, a whole number as its digits (ids are either), else nothing."""
    if isinstance(value, str):
        return well_formed(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def as_json(value: JsonValue) -> str:
    """`value` as one line, for a record that is kept because it was not understood."""
    return json.dumps(value, ensure_ascii=False, default=str)[:LONGEST_KEPT]
