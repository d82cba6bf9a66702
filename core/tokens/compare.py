"""One text through several tokenizers: how many tokens, how much each holds, and where their borders differ."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from core.errors import AppError, InputError
from core.prompt.token_text import MOST_CHARACTERS, TokenCount
from core.text import Text
from core.tokens.figure_table import FigureTable
from core.tokens.pieces import TextPiece, check_text, lines_of, pieces_of
from core.tokens.sources import NamedTokenizer

MOST = 14  # tokenizers at once
ROUNDS = 3  # timings, of which the shortest counts


@dataclass(frozen=True)
class TokenizedText:
    """What one tokenizer makes of the text."""

    name: str
    vocabulary: int
    count: TokenCount
    unknown: int
    """Tokens for what the vocabulary lacks: these characters are lost."""
    byte_pieces: int
    """Tokens that are bytes of a character which the vocabulary lacks."""
    seconds: float
    """To tokenise the text, the fastest of some rounds."""
    lines: tuple[tuple[TextPiece, ...], ...] = field(repr=False)

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes; 0.0 for no tokens."""
        return self.count.utf8_bytes / self.count.tokens if self.count.tokens else 0.0

    @cached_property
    def spans(self) -> frozenset[tuple[int, int]]:
        """Where its tokens begin and end in the text."""
        return frozenset((piece.start, piece.end) for line in self.lines for piece in line if not piece.continues)


@dataclass(frozen=True)
class NotCompared:
    """A tokenizer that could not be had, and why."""

    name: str
    why: Text


@dataclass(frozen=True)
class TokenizerComparison:
    """The text in all tokenizers, in the order in which they were asked for."""

    text: str
    found: tuple[TokenizedText, ...]
    missing: tuple[NotCompared, ...] = ()

    @cached_property
    def common(self) -> frozenset[tuple[int, int]]:
        """Spans of the text that are one token of every tokenizer."""
        spans = [one.spans for one in self.found]
        return frozenset.intersection(*spans) if spans else frozenset()

    @property
    def fewest(self) -> int:
        """Tokens of the tokenizer that needs the fewest; 0 without one."""
        return min((one.count.tokens for one in self.found), default=0)

    def table(self, heads: Sequence[str]) -> FigureTable:
        """A line for each tokenizer. `heads` are for: name, vocabulary, tokens, characters per token, bytes per token,
        unknown tokens, byte pieces, milliseconds."""
        rows = tuple(
            (one.name, one.vocabulary, one.count.tokens, one.count.characters_per_token, one.bytes_per_token,
             one.unknown, one.byte_pieces, 1000 * one.seconds)
            for one in self.found
        )  # fmt: skip
        return FigureTable("tokenizers", tuple(heads), rows)


def tokenized(text: str, named: NamedTokenizer) -> TokenizedText:
    """`text` by one tokenizer, counted and timed."""
    tokenizer = named.tokenizer
    pieces = pieces_of(text, tokenizer)
    kinds = Counter(piece.kind for piece in pieces)
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        tokenizer(text, add_special_tokens=False, verbose=False)
        took.append(time.perf_counter() - began)
    size = TokenCount(len(pieces), len(text), len(text.encode("utf-8", "surrogatepass")))
    lines = tuple(map(tuple, lines_of(text, pieces)))
    return TokenizedText(named.name, len(tokenizer), size, kinds["unknown"], kinds["byte"], min(took), lines)


def compare(
    text: str, wanted: Sequence[str], opened: Callable[[str], NamedTokenizer],
    report: Callable[[str], None] = lambda name: None,
) -> TokenizerComparison:  # fmt: skip
    """`text` by each of `wanted`, which `opened` opens by name; what cannot be had is in `missing`.

    `report` gets each name before its turn; what it raises ends the comparison. Raises InputError for no text, a text
    that is too long, and for no or too many tokenizers.
    """
    names = list(dict.fromkeys(name.strip() for name in wanted))
    if not names or len(names) > MOST:
        raise InputError(
            f"Choose 1 to {MOST} tokenizers; {len(names)} are chosen.",
            f"トークナイザーを 1 個から {MOST} 個の間で選んでください（いま {len(names)} 個）。",
        )
    if len(check_text(text)) > MOST_CHARACTERS:
        raise InputError(
            f"The text has {len(text):,} characters; {MOST_CHARACTERS:,} can be compared. Use a shorter piece.",
            f"文章が {len(text):,} 文字あります。比べられるのは {MOST_CHARACTERS:,} 文字までです。短くしてください。",
        )
    found, missing = [], []
    for name in names:
        report(name)
        try:
            found.append(tokenized(text, opened(name)))
        except AppError as error:
            missing.append(NotCompared(name, error.text))
    return TokenizerComparison(text, tuple(found), tuple(missing))
