"""HTML that a messenger exports, read in one pass: what a reader asks for is captured, all else is forgotten."""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import BinaryIO

from core.errors import InputError

HEAD_BYTES = 400_000  # style sheets stand in front of the messages
CHUNK_BYTES = 1_000_000
LONGEST_TAG = 8_000_000  # characters that may wait for the end of a tag, before the file counts as damaged
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
BLOCKS = frozenset(("blockquote", "div", "li", "p", "pre", "tr", "ul", "ol"))
SPACES = re.compile(r"[ \t\r\n\f]+")
OPENING = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,200}(?:<!--|<!doctype html|<html|<head|<body)", re.IGNORECASE)
LINE_END, BLOCK_END = "\0", "\1"
DEEPEST = 400  # elements in each other; what is deeper is read as if it were not there

Attributes = Mapping[str, str]


def looks_like_html(head: bytes) -> bool:
    """Whether a file with this beginning is a page."""
    return bool(OPENING.match(head))


def head_of(open: Callable[[], BinaryIO]) -> str:
    """The first part of a page, to know its format by."""
    with open() as file:
        return file.read(HEAD_BYTES).decode("utf-8", errors="replace")


class PageParser(HTMLParser):
    """Knows where in the page it is. A reader overrides `opened`, `captured` and, where it wants to know, `closed`.

    `capture` collects the text of the element that has just opened, until it closes; of captures in each other
    the inner one gets the text. Line ends are those of the markup: `<br>` and blocks, not the file's own, unless
    the capture is `verbatim`.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._stack: list[tuple[str, frozenset[str]]] = []
        self._captures: list[tuple[int, str, list[str], bool]] = []

    def opened(self, tag: str, classes: frozenset[str], attributes: Attributes) -> None:
        """An element begins, or stands alone as an image does."""

    def closed(self, tag: str, classes: frozenset[str]) -> None:
        """An element ends."""

    def captured(self, name: str, text: str) -> None:
        """What `capture(name)` collected."""

    def inside(self, cls: str) -> bool:
        """Whether an element with this class is open."""
        return any(cls in classes for _, classes in self._stack)

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._stack)

    def capture(self, name: str, *, verbatim: bool = False) -> None:
        """Collect the text of the element that `opened` was called for."""
        self._captures.append((len(self._stack), name, [], verbatim))

    def write(self, text: str) -> None:
        """Add to what is being captured, as for an emoji that is a picture."""
        if self._captures:
            self._captures[-1][2].append(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        classes = frozenset(attributes.get("class", "").split())
        if tag == "br" or tag in BLOCKS:
            self.write(LINE_END if tag == "br" else BLOCK_END)
        if tag in VOID or len(self._stack) >= DEEPEST:
            self.opened(tag, classes, attributes)
            return
        self._stack.append((tag, classes))
        self.opened(tag, classes, attributes)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not any(name == tag for name, _ in self._stack):
            return
        while self._stack:
            name, classes = self._stack[-1]
            while self._captures and self._captures[-1][0] >= len(self._stack):
                _, wanted, parts, verbatim = self._captures.pop()
                self.captured(wanted, _text("".join(parts), verbatim=verbatim))
            self._stack.pop()
            self.closed(name, classes)
            if name == tag:
                if tag in BLOCKS:
                    self.write(BLOCK_END)
                return

    def handle_data(self, data: str) -> None:
        if self._captures:
            self._captures[-1][2].append(data)

    def read(self, open: Callable[[], BinaryIO]) -> None:
        """Go through a whole page. Raises InputError for one whose markup never ends."""
        with open() as file:
            for text in _decoded(file):
                self.feed(text)
                if len(self.rawdata) > LONGEST_TAG:
                    raise InputError(
                        "This page is damaged: one of its tags never ends. Export it again.",
                        "この HTML は壊れています（閉じていないタグがあります）。もう一度書き出してください。",
                    )
        self.close()
        while self._stack:
            self.handle_endtag(self._stack[-1][0])


def _decoded(file: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    while data := file.read(CHUNK_BYTES):
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def _text(written: str, *, verbatim: bool) -> str:
    """Text with the line ends of its markup; blocks that hold blocks end one line only."""
    if not verbatim:
        written = SPACES.sub(" ", written)
    blocks = [block for part in written.split(BLOCK_END) if (block := part.strip(" \t\r\n"))]
    lines = [line if verbatim else line.strip(" ") for block in blocks for line in block.split(LINE_END)]
    return "\n".join(lines).strip("\n ")
