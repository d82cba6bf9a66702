"""How many bits each token of a text tells the loaded model: which words carry information, and which it expected."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.adapters.attach import activate_adapter
from core.errors import InputError
from core.messages import Message
from core.models import caches
from core.models.loading import LoadedModel, ModelStore
from core.tokens.pieces import TextPiece, check_text, pieces_of

if TYPE_CHECKING:
    import torch

MOST_TOKENS = 4_096  # of a text
WINDOW = 1_024  # tokens that are read together, the model's own context where that is shorter
STEP = 64  # tokens whose logits are held at once: 67 MB with a vocabulary of 262,144
BLOCK, BLOCKS = 1_200, 12  # characters of talk that are read together, and how many such places of a log
LEAST, LISTED = 2, 12  # times that a word occurs, and words in a list
WORD = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’-]*|[㐀-鿿々〆ヶ]+[ぁ-ん]{0,2}|[ァ-ヺ][ァ-ヺー]+|[ぁ-ん][ぁ-んー]+")


@dataclass(frozen=True)
class PieceBits:
    """A token and its surprisal; None for the very first, which nothing comes before."""

    piece: TextPiece
    bits: float | None


@dataclass(frozen=True)
class Surprisal:
    """A text with what each of its tokens told the model."""

    model: str
    text: str = field(repr=False)
    pieces: tuple[PieceBits, ...] = field(repr=False)

    @property
    def bits(self) -> float:
        """Of the whole text, but for a first token that could not be measured."""
        return sum(one.bits or 0.0 for one in self.pieces)

    @property
    def bits_per_token(self) -> float:
        """0.0 where nothing was measured."""
        measured = sum(one.bits is not None for one in self.pieces)
        return self.bits / measured if measured else 0.0

    @property
    def bits_per_byte(self) -> float:
        """UTF-8 bytes: comparable between models."""
        size = len(self.text.encode("utf-8", "surrogatepass"))
        return self.bits / size if size else 0.0


@dataclass(frozen=True)
class WordBits:
    """A word, how often it occurs, and what it tells each time, on average."""

    text: str
    count: int
    bits: float


@dataclass(frozen=True)
class WordSurprise:
    """The words of one speaker that the model expected least and most."""

    speaker: str
    words: int
    """Different words that occur often enough."""
    most: tuple[WordBits, ...]
    least: tuple[WordBits, ...]
    bits_per_byte: float
    """Of everything that was read of the speaker."""


def surprisal(
    store: ModelStore, loaded: LoadedModel, text: str, *, given: str = "", whose: str = "",
    report: Callable[[float], None] = lambda share: None,
) -> Surprisal:  # fmt: skip
    """The bits of each token of `text` behind `given`, by the base model without an adapter.

    `report` gets the share that is read; what it raises ends it. Raises InputError for no text, one of more than
    MOST_TOKENS tokens, and for a model that llama.cpp runs.
    """
    model = loaded.pretrained
    pieces = pieces_of(check_text(text), loaded.tokenizer)
    if len(pieces) > MOST_TOKENS:
        raise InputError(
            f"The text has {len(pieces):,} tokens; {MOST_TOKENS:,} can be read. Use a shorter piece.",
            f"文章が {len(pieces):,} トークンあります。読めるのは {MOST_TOKENS:,} トークンまでです。短くしてください。",
        )
    assert model is not None
    before = [piece.id for piece in pieces_of(given, loaded.tokenizer)] if given else []
    start = loaded.tokenizer.bos_token_id
    lead = ([start] if isinstance(start, int) else []) + before
    ids = [*lead, *(piece.id for piece in pieces)]
    bits: list[float | None] = [None] * len(ids)
    for first, scored, end in windows(len(ids), min(WINDOW, loaded.context), len(lead)):
        found = store.run(_bits, loaded, ids[first:end], scored - first, whose=whose).result()
        bits[scored:end] = found
        report(end / len(ids))
    return Surprisal(loaded.name, text, tuple(map(PieceBits, pieces, bits[len(lead) :])))


def windows(length: int, window: int, scored: int = 0) -> Iterator[tuple[int, int, int]]:
    """(first token read, first one scored, end) of stretches that score tokens `scored` to `length` once each.

    All but the first read up to half a window before what they score; the first scores nothing before token 1.
    """
    at = max(scored, 1)
    while at < length:
        first = max(0, at - window // 2) if at > window // 2 else 0
        end = min(first + window, length)
        yield first, at, end
        at = end


def _bits(loaded: LoadedModel, ids: Sequence[int], scored: int) -> list[float]:
    """Runs in the model's thread: bits of tokens `scored` to the end, each behind all before it."""
    import torch
    from transformers import DynamicCache

    activate_adapter(loaded, None)
    model, found = loaded.pretrained, list[float]()
    row = torch.tensor([list(ids)], device=loaded.device)
    cache = DynamicCache(config=model.config)
    with torch.inference_mode():
        for start in range(0, len(ids) - 1, STEP):
            end = min(start + STEP, len(ids) - 1)
            logits = model(input_ids=row[:, start:end], use_cache=True, **{caches.keyword(): cache}).logits[0]
            skip = max(scored - 1 - start, 0)
            if skip < end - start:
                found += _surprise(logits[skip:], row[0, start + 1 + skip : end + 1])
    return found


def _surprise(logits: "torch.Tensor", targets: "torch.Tensor") -> list[float]:
    import torch

    nats = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    return (nats / math.log(2)).tolist()


def word_surprise(
    store: ModelStore, loaded: LoadedModel, messages: Sequence[Message], speaker: str, *, whose: str = "",
    report: Callable[[float], None] = lambda share: None,
) -> WordSurprise:  # fmt: skip
    """What the words of `speaker` tell the model, read in their talk at places from all over the log.

    Raises InputError where the speaker says nothing there.
    """
    told: dict[str, list[float]] = defaultdict(list)
    bits = size = 0.0
    places = blocks(messages, speaker)
    for number, block in enumerate(places):
        text, own = _as_text(block, speaker)
        found = surprisal(store, loaded, text, whose=whose)
        for start, end in own:
            inside = [one for one in found.pieces if start <= one.piece.start < end]
            bits += sum(one.bits or 0.0 for one in inside)
            size += len(text[start:end].encode("utf-8", "surrogatepass"))
            for word, told_bits in words_bits(text[start:end], start, inside):
                told[word].append(told_bits)
        report((number + 1) / len(places))
    if not size:
        raise InputError(
            f"“{speaker}” says nothing in this log. Choose another persona in Data.",
            f"この記録に「{speaker}」の発言がありません。「データ」で別の人を選んでください。",
        )
    often = [WordBits(word, len(all_), sum(all_) / len(all_)) for word, all_ in told.items() if len(all_) >= LEAST]
    ranked = sorted(often, key=lambda word: (-word.bits, word.text))
    half = len(ranked) // 2
    most, least = ranked[: min(LISTED, len(ranked) - half)], ranked[::-1][: min(LISTED, half)]
    return WordSurprise(speaker, len(ranked), tuple(most), tuple(least), bits / size)


def words_bits(text: str, start: int, pieces: Sequence[PieceBits]) -> Iterator[tuple[str, float]]:
    """Each word of `text`, which begins at character `start`, with the bits of its characters' tokens.

    A token that reaches over a word's border gives each side its share.
    """
    per_character = [0.0] * len(text)
    for one in pieces:
        a, b = max(one.piece.start - start, 0), min(one.piece.end - start, len(text))
        for at in range(a, b) or range(max(a - 1, 0), a):
            per_character[at] += (one.bits or 0.0) / max(b - a, 1)
    for match in WORD.finditer(text):
        yield match[0].lower(), sum(per_character[match.start() : match.end()])


def blocks(messages: Sequence[Message], speaker: str) -> list[Sequence[Message]]:
    """Stretches of neighbouring messages of about BLOCK characters, at most BLOCKS, in which `speaker` speaks."""
    found: list[list[Message]] = []
    size = BLOCK
    for message in messages:
        if size >= BLOCK or (found and found[-1] and found[-1][-1].part != message.part):
            found.append([])
            size = 0
        found[-1].append(message)
        size += len(message.text)
    spoken = [block for block in found if any(message.sender == speaker for message in block)]
    step = max(len(spoken) / BLOCKS, 1.0)
    return [spoken[int(k * step)] for k in range(min(BLOCKS, len(spoken)))]


def _as_text(block: Sequence[Message], speaker: str) -> tuple[str, list[tuple[int, int]]]:
    """The talk as lines with names, and where the words of `speaker` stand in it."""
    text, own = "", []
    for message in block:
        text += f"{message.sender or ''}: "
        start = len(text)
        text += message.text[:BLOCK]
        if message.sender == speaker:
            own.append((start, len(text)))
        text += "\n"
    return text, own
