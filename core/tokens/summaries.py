"""A compression study: a long text cut at equal numbers of tokens, each piece summarised, and what was kept of it."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from core.chat.engine import Engine
from core.errors import InputError
from core.messages import Turn
from core.models.loading import LoadedModel, ModelStore
from core.models.remote import RemoteModel, stream
from core.models.sampling import Sampling
from core.prompt import PromptConfig, render, stop_criteria
from core.text import is_japanese, normalize_for_match
from core.thoughts import split_thoughts
from core.tokens.figure_table import FigureTable
from core.tokens.pieces import check_text, pieces_of
from core.tokens.surprisal import surprisal

SMALLEST = 32  # tokens of a piece
MOST = 40  # pieces
LENGTHS = (8, 400)  # tokens of a summary
ASKED = {
    "ja": "次の文章を、大事な名前・数・できごとを残して、{n} 文字くらいの短い文にまとめてください。"
    "まとめだけを書いてください。",
    "en": "Summarise the following text in about {n} words. Keep names, numbers and what happened. "
    "Write the summary only.",
}
CONTENT = re.compile(r"[㐀-鿿々]{2,}|[ァ-ヺ][ァ-ヺー]+|[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’-]{3,}|\d+")
# The commonest words of four letters and more that carry no content.
COMMON = frozenset((
    "that", "this", "with", "from", "have", "will", "would", "could", "should", "been", "were", "they", "them", "their",
    "there", "then", "than", "what", "which", "when", "where", "your", "yours", "about", "into", "over", "also", "some",
    "such", "only", "very", "just", "more", "most", "does", "doing", "being", "because", "these", "those", "here",
    "shall", "must", "might", "each", "other", "upon", "unto",
))  # fmt: skip

Writer = Callable[[str, int], Iterator[str]]
"""(piece, most tokens) → the summary as it grows."""


@dataclass(frozen=True)
class PieceSummary:
    """One piece and what was made of it."""

    original: str
    summary: str
    tokens_before: int
    tokens_after: int
    kept: tuple[str, ...]
    """Content words of the piece that the summary has as well."""
    lost: tuple[str, ...]
    bits: float | None = None
    """Of the original to the loaded model; None where it cannot be asked."""
    bits_given: float | None = None
    """The same once the model has read the summary."""

    @property
    def recall(self) -> float:
        """Share of the content words that were kept; 1.0 where there are none."""
        words = len(self.kept) + len(self.lost)
        return len(self.kept) / words if words else 1.0


@dataclass(frozen=True)
class SummaryStudy:
    """All pieces, in order."""

    model: str
    """Who wrote the summaries."""
    pieces: tuple[PieceSummary, ...] = field(repr=False)

    @property
    def tokens_before(self) -> int:
        return sum(piece.tokens_before for piece in self.pieces)

    @property
    def tokens_after(self) -> int:
        return sum(piece.tokens_after for piece in self.pieces)

    @property
    def recall(self) -> float:
        """Share of the content words of all pieces that were kept."""
        kept = sum(len(piece.kept) for piece in self.pieces)
        words = kept + sum(len(piece.lost) for piece in self.pieces)
        return kept / words if words else 1.0

    @property
    def bits_per_byte(self) -> tuple[float, float] | None:
        """UTF-8 bytes: (of the originals alone, of the originals once their summary was read)."""
        size = sum(len(piece.original.encode("utf-8", "surrogatepass")) for piece in self.pieces)
        measured = [(piece.bits, piece.bits_given) for piece in self.pieces]
        alone, given = [a for a, _ in measured if a is not None], [b for _, b in measured if b is not None]
        if not size or len(alone) < len(measured) or len(given) < len(measured):
            return None
        return sum(alone) / size, sum(given) / size

    @property
    def joined(self) -> str:
        """The summaries, one after the other."""
        return "\n".join(piece.summary for piece in self.pieces)

    def table(self, heads: Sequence[str]) -> FigureTable:
        """A line for each piece: number, tokens before and after, recall, bits alone and given, original, summary."""
        rows = tuple(
            (n, one.tokens_before, one.tokens_after, round(one.recall, 3),
             "" if one.bits is None else one.bits, "" if one.bits_given is None else one.bits_given,
             one.original, one.summary)
            for n, one in enumerate(self.pieces, start=1)
        )  # fmt: skip
        return FigureTable("summaries", tuple(heads), rows)


@dataclass(frozen=True)
class StudyStep:
    """A study under way."""

    done: tuple[PieceSummary, ...]
    of: int
    growing: str = ""
    """The summary that is being written."""


def cut_text(text: str, loaded: LoadedModel, tokens: int) -> list[str]:
    """`text` in pieces of `tokens` tokens each, the last perhaps shorter; a character is never cut.

    Raises InputError for a piece that is too short, or too long for the model to read twice, and for too many.
    """
    largest = loaded.context // 2
    if not SMALLEST <= tokens <= largest:
        raise InputError(
            f"A piece has {SMALLEST} to {largest} tokens with this model, not {tokens}.",
            f"このモデルでは、ひとかけらは {SMALLEST} から {largest} トークンです（いま {tokens}）。",
        )
    placed = pieces_of(check_text(text), loaded.tokenizer)
    starts = [placed[at].start for at in range(0, len(placed), tokens)]
    cuts = [*dict.fromkeys(starts), len(text)]
    found = [text[a:b] for a, b in pairwise(cuts) if text[a:b].strip()]
    if len(found) > MOST:
        raise InputError(
            f"The text has {len(found)} pieces of {tokens} tokens; {MOST} can be studied at once. Use longer pieces or "
            "less text.",
            f"{tokens} トークンずつだと {len(found)} 個になります。一度に調べられるのは {MOST} 個までです。"
            "もっと長く切るか、文章を短くしてください。",
        )
    return found


def study(
    text: str, store: ModelStore, loaded: LoadedModel, write: Writer, writer: str, *, tokens: int, length: int,
    whose: str = "", report: Callable[[StudyStep], None] = lambda step: None,
) -> SummaryStudy:  # fmt: skip
    """Cut `text`, let `write` summarise each piece in at most `length` tokens, and see what was kept.

    `report` is told while a summary grows; what it raises ends the study. Raises InputError for numbers out of bounds,
    and what the writer raises.
    """
    low, high = LENGTHS
    if not low <= length <= high:
        raise InputError(f"A summary has {low} to {high} tokens, not {length}.",
                         f"要約は {low} から {high} トークンです（いま {length}）。")  # fmt: skip
    done: list[PieceSummary] = []
    originals = cut_text(text, loaded, tokens)
    for original in originals:
        report(StudyStep(tuple(done), len(originals)))
        summary = ""
        for summary in write(original, length):
            report(StudyStep(tuple(done), len(originals), summary))
        done.append(_seen(original, summary.strip(), store, loaded, whose))
    return SummaryStudy(writer, tuple(done))


def content_words(text: str) -> list[str]:
    """Words that carry content, each once, in their order: kanji and katakana words, longer Latin words, numbers.

    >>> content_words("Socrates met Phaedrus at noon; 東京で3人が会議をした")
    ['Socrates', 'Phaedrus', 'noon', '東京', '3', '会議']
    """
    return list(dict.fromkeys(word for word in CONTENT.findall(text) if word.lower() not in COMMON))


def local_writer(store: ModelStore, loaded: LoadedModel, whose: str) -> Writer:
    """Summaries by the loaded model, greedily."""
    return partial(_write_here, Engine(store), loaded, whose)


def remote_writer(model: RemoteModel) -> Writer:
    """Summaries by a model elsewhere."""
    return partial(_write_there, model)


def _seen(original: str, summary: str, store: ModelStore, loaded: LoadedModel, whose: str) -> PieceSummary:
    words = content_words(original)
    there = normalize_for_match(summary)
    kept = tuple(word for word in words if normalize_for_match(word) in there)
    lost = tuple(word for word in words if word not in kept)
    before, after = (len(pieces_of(one, loaded.tokenizer)) if one else 0 for one in (original, summary))
    bits = given = None
    if not loaded.gguf:
        bits = surprisal(store, loaded, original, given="\n", whose=whose).bits
        given = surprisal(store, loaded, original, given=f"{summary}\n", whose=whose).bits
    return PieceSummary(original, summary, before, after, kept, lost, bits, given)


def _asked(piece: str, length: int) -> str:
    """What the writer is told: the length in what people count."""
    language = "ja" if is_japanese(piece) else "en"
    units = length * 1.3 if language == "ja" else length * 0.7  # characters or words of so many tokens, roughly
    return f"{ASKED[language].format(n=max(int(units), 5))}\n\n{piece.strip()}"


def _write_here(engine: Engine, loaded: LoadedModel, whose: str, piece: str, length: int) -> Iterator[str]:
    config = PromptConfig("Assistant", context_window=loaded.context, reply_reserve=length)
    prompt = render(config, [Turn("user", (_asked(piece, length),))], loaded.tokenizer)
    stop, ending = threading.Event(), stop_criteria(config, loaded.tokenizer)
    sampling = Sampling(temperature=0, repetition_penalty=1.1, max_new_tokens=length)
    try:
        for reply in engine.stream(loaded, prompt.ids, sampling, ending, stop=stop, owner=whose):
            yield reply.text
    finally:
        stop.set()


def _write_there(model: RemoteModel, piece: str, length: int) -> Iterator[str]:
    stop = threading.Event()
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=length)
    asked = [{"role": "user", "content": _asked(piece, length)}]
    try:
        for now in stream(model, asked, sampling, (), stop=stop):
            yield split_thoughts(now.text).words
    finally:
        stop.set()
