"""A text as the tokens that one tokenizer makes of it, each with its place in the text and what kind of piece it is."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from core.errors import InputError
from core.prompt.token_text import GLYPHS, MOST_CHARACTERS, PARTIAL, decode, split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")

PieceKind = Literal["plain", "byte", "unknown", "special"]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A token, and the characters `start` to `end` of the text that it stands for.

    A character that takes several tokens belongs to the first; the others have "" and `continues` set.
    """

    id: int
    text: str
    start: int
    end: int
    kind: PieceKind = "plain"
    continues: bool = False

    @property
    def shown(self) -> str:
        """The text with visible glyphs for newline, tab and spaces."""
        return self.text.translate(GLYPHS)


def pieces_of(text: str, tokenizer: "PreTrainedTokenizerBase") -> tuple[TextPiece, ...]:
    """The tokens of a plain text, in order; together they cover it. No template's tokens are added.

    Raises InputError for a text of more than MOST_CHARACTERS characters.
    """
    if not tokenizer.is_fast or len(text) > MOST_CHARACTERS:
        return _spelled(text, tokenizer)
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    kinds = PieceKinds(tokenizer)
    found: list[TextPiece] = []
    at = 0
    for (_, end), run in groupby(zip(coded["input_ids"], coded["offset_mapping"], strict=True), key=_span):
        ids = [token for token, _ in run]
        end = max(min(end, len(text)), at)
        for place, token in enumerate(ids):
            start = at if place == 0 else end
            found.append(TextPiece(token, text[start:end], start, end, kinds.of(token), place > 0 or start == end))
        at = end
    if found and at < len(text):  # what a normalizer drops at the end belongs to the last token
        last = found[-1]
        found[-1] = TextPiece(last.id, last.text + text[at:], last.start, len(text), last.kind, last.continues)
    return tuple(found)


def lines_of(text: str, pieces: Sequence[TextPiece]) -> list[list[TextPiece]]:
    """The pieces of each line of `text`; one that reaches over a line's end belongs to the line it begins in."""
    starts = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\n")]
    lines: list[list[TextPiece]] = [[] for _ in starts]
    for piece in pieces:
        lines[bisect_right(starts, piece.start if not piece.continues else max(piece.end - 1, 0)) - 1].append(piece)
    return lines


class PieceKinds:
    """Which tokens stand for bytes of a character, for what the vocabulary lacks, or for a mark of the template."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._special = set(tokenizer.all_special_ids)
        self._known: dict[int, PieceKind] = {}

    def of(self, token: int) -> PieceKind:
        """The kind of the token with this id."""
        if token not in self._known:
            self._known[token] = self._look(token)
        return self._known[token]

    def _look(self, token: int) -> PieceKind:
        if token == self._tokenizer.unk_token_id:
            return "unknown"
        if token in self._special:
            return "special"
        (written,) = self._tokenizer.convert_ids_to_tokens([token])
        if BYTE.fullmatch(written) or PARTIAL in decode([token], self._tokenizer):
            return "byte"
        return "plain"


def _span(coded: tuple[int, tuple[int, int]]) -> tuple[int, int]:
    return coded[1]


def _spelled(text: str, tokenizer: "PreTrainedTokenizerBase") -> tuple[TextPiece, ...]:
    """The same of a tokenizer that does not tell where its tokens began."""
    kinds, at, found = PieceKinds(tokenizer), 0, []
    for token in split(text, tokenizer):
        end = min(at + len(token.text), len(text))
        found.append(TextPiece(token.id, token.text, at, end, kinds.of(token.id), token.continues))
        at = end
    return tuple(found)


def check_text(text: str) -> str:
    """`text` where there is any. Raises InputError for an empty one."""
    if not text.strip():
        raise InputError(
            "There is no text to look at. Type or paste one above, or take the open log.",
            "文章がありません。上の欄に書くか貼るか、開いているトーク履歴を選んでください。",
        )
    return text
