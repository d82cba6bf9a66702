"""A tokenizer made of one's own text: BPE, Unigram or WordPiece, watched as its vocabulary grows.

The library tells nothing while it trains, so a tokenizer is trained anew at growing sizes, each twice the one before:
together they take about twice as long as the last.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from core.errors import InputError
from core.models.loading import LoadedModel
from core.prompt.token_text import PARTIAL
from core.tokens.trained import SPECIAL

if TYPE_CHECKING:
    from tokenizers import Tokenizer, pre_tokenizers
    from transformers import PreTrainedTokenizerBase

TokenizerKind = Literal["bpe", "unigram", "wordpiece"]
KINDS: tuple[TokenizerKind, ...] = get_args(TokenizerKind)
SMALLEST, LARGEST = 300, 64_000  # pieces
LEAST = 2_000  # characters to train on
MOST = 5_000_000
STAGES = 5  # sizes, each twice the one before
VALIDATION = 10  # every tenth line measures
NEWEST = 24  # pieces that a stage shows
LONGEST = 16  # characters of a piece
SPACE, CONTINUES = "▁", "##"
BYTES = tuple(f"<0x{n:02X}>" for n in range(256))
BYTE_SCORE = -100.0  # of a byte in Unigram: below every piece that was learned


@dataclass(frozen=True)
class TrainingText:
    """Lines to train on, and lines that only measure."""

    train: tuple[str, ...] = field(repr=False)
    validation: tuple[str, ...] = field(repr=False)

    @property
    def characters(self) -> int:
        """Of the lines to train on."""
        return sum(map(len, self.train))


@dataclass(frozen=True)
class Fertility:
    """What a tokenizer makes of the validation text."""

    characters_per_token: float
    unknown: float
    """Share of its tokens that are unknown."""
    characters_per_second: float


@dataclass(frozen=True)
class TrainingStage:
    """The tokenizer at one size of its vocabulary."""

    size: int
    """Pieces that were asked for."""
    pieces: int
    """Pieces that there are: a short text gives fewer."""
    newest: tuple[str, ...]
    """Pieces that the size before did not have: of Unigram the likeliest, else those that were merged last."""
    fertility: Fertility
    seconds: float
    """To train it."""
    tokenizer: "Tokenizer" = field(repr=False)


@dataclass(frozen=True)
class ReplacementCost:
    """What it would take to give a model this tokenizer in the place of its own, besides training it again."""

    known: int
    """Pieces that the model's tokenizer has as well: their embeddings could be copied."""
    new: int
    """Pieces whose embeddings would begin at random."""
    parameters: int
    """Weights of these embeddings, input and output."""
    share: float
    """Of all weights of the model."""
    gained: float
    """How many times as much text fits into a token."""


def split_text(lines: Sequence[str]) -> TrainingText:
    """Every VALIDATION-th line measures. Raises InputError for less text than LEAST; from MOST characters on lines are
    left out.
    """
    taken, size = [], 0
    for line in lines:
        if size >= MOST:
            break
        taken.append(line)
        size += len(line)
    if size < LEAST:
        raise InputError(
            f"A tokenizer learns from at least {LEAST:,} characters; this text has {size:,}. "
            "Open a longer log in Data.",
            f"トークナイザーの学習には {LEAST:,} 文字以上が必要です（いま {size:,} 文字）。"
            "「データ」でもっと長いトーク履歴を開いてください。",
        )
    train = tuple(line for k, line in enumerate(taken) if k % VALIDATION != VALIDATION - 1)
    return TrainingText(train, tuple(taken[VALIDATION - 1 :: VALIDATION]) or train)


def train_stages(
    text: TrainingText, kind: TokenizerKind, size: int, *, byte_fallback: bool = True,
    report: Callable[[int], None] = lambda size: None,
) -> Iterator[TrainingStage]:  # fmt: skip
    """The tokenizer at growing sizes, the last of `size` pieces.

    `report` gets each size before it is trained; what it raises ends the training. Raises InputError for an unknown
    kind or a size out of bounds.
    """
    if kind not in KINDS or not SMALLEST <= size <= LARGEST:
        raise InputError(
            f"A vocabulary has {SMALLEST:,} to {LARGEST:,} pieces, and a kind is one of {', '.join(KINDS)}; "
            f"not {size:,} of “{kind}”.",
            f"語彙は {SMALLEST:,} から {LARGEST:,}、種類は {'・'.join(KINDS)} のどれかです（いま {kind}、{size:,}）。",
        )
    known: set[str] = set()
    for now in sizes(size):
        report(now)
        began = time.perf_counter()
        tokenizer, order = _trained(text.train, kind, now, byte_fallback=byte_fallback and kind != "wordpiece")
        took = time.perf_counter() - began
        newest = tuple(piece for piece in order if piece not in known)
        known |= set(order)
        shown = newest[:NEWEST] if kind == "unigram" else newest[-NEWEST:]
        yield TrainingStage(now, tokenizer.get_vocab_size(), shown, fertility(text, tokenizer), took, tokenizer)


def sizes(size: int) -> list[int]:
    """Sizes of the vocabulary that are shown on the way to `size`.

    >>> sizes(8000)
    [500, 1000, 2000, 4000, 8000]
    """
    return [n for n in (size >> k for k in reversed(range(STAGES))) if n >= SMALLEST] or [size]


def fertility(text: TrainingText, tokenizer: "Tokenizer") -> Fertility:
    """Measured on the validation lines."""
    lines = list(text.validation)
    began = time.perf_counter()
    coded = tokenizer.encode_batch_fast(lines, add_special_tokens=False)
    took = max(time.perf_counter() - began, 1e-9)
    tokens, size = sum(map(len, coded)), sum(map(len, lines))
    unknown = tokenizer.token_to_id(SPECIAL["unk_token"])
    lost = 0 if unknown is None else sum(one.ids.count(unknown) for one in coded)
    return Fertility(size / max(tokens, 1), lost / max(tokens, 1), size / took)


def replacement_cost(tokenizer: "Tokenizer", loaded: LoadedModel, text: TrainingText) -> ReplacementCost:
    """What giving `tokenizer` to the loaded model would take; its text is compared on the validation lines."""
    theirs, (width, tied) = loaded.tokenizer, embeddings_of(loaded)
    own = {_plain(piece) for piece in tokenizer.get_vocab()}
    new = len(own - {_decoded(theirs, token) for token in range(len(theirs))})
    weights, parameters = new * width * (1 if tied else 2), loaded.model.num_parameters()
    lines = list(text.validation)
    before = sum(len(ids) for ids in theirs(lines, add_special_tokens=False, verbose=False)["input_ids"])
    after = sum(map(len, tokenizer.encode_batch_fast(lines, add_special_tokens=False)))
    return ReplacementCost(len(own) - new, new, weights, weights / max(parameters, 1), before / max(after, 1))


def embeddings_of(loaded: LoadedModel) -> tuple[int, bool]:
    """(numbers in an embedding, whether input and output share them) of a model."""
    if loaded.gguf:
        header = loaded.gguf.header
        return header.number("embedding_length") or 0, "output.weight" not in header.tensors
    config = loaded.pretrained.config.get_text_config()
    return config.hidden_size, bool(config.tie_word_embeddings)


def _plain(piece: str) -> str:
    return piece.removeprefix(CONTINUES).replace(SPACE, " ")


def _decoded(tokenizer: "PreTrainedTokenizerBase", token: int) -> str:
    """The text of a token, "" for half a character."""
    (written,) = tokenizer.convert_ids_to_tokens([token])
    if written is None:
        return ""
    if written.startswith("<0x") or written.isascii():
        return written.replace("Ġ", " ")
    text = cast(str, tokenizer.decode([token]))
    return "" if PARTIAL in text else _plain(f" {text}" if written.startswith(SPACE) and text[:1] != " " else text)


def _trained(
    lines: Sequence[str], kind: TokenizerKind, size: int, *, byte_fallback: bool
) -> "tuple[Tokenizer, list[str]]":
    """A tokenizer of `size` pieces, and those that were learned, in order."""
    from tokenizers import Tokenizer, models, trainers

    unknown, room = SPECIAL["unk_token"], size - len(SPECIAL) - (len(BYTES) if byte_fallback else 0)
    common: dict[str, Any] = {"special_tokens": [unknown], "show_progress": False}
    alphabet = max(room // 2, 30)
    if kind == "bpe":
        raw = Tokenizer(models.BPE(unk_token=unknown))
        trainer: Any = trainers.BpeTrainer(vocab_size=room + 1, max_token_length=LONGEST, min_frequency=2, **common)
    elif kind == "unigram":
        raw = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(vocab_size=room + 1, unk_token=unknown, max_piece_length=LONGEST, **common)
    else:
        raw = Tokenizer(models.WordPiece(unk_token=unknown))
        trainer = trainers.WordPieceTrainer(vocab_size=room + 1, continuing_subword_prefix=CONTINUES, **common)
    raw.pre_tokenizer = _cuts()
    raw.train_from_iterator(_frequent(lines, alphabet), trainer)
    model = json.loads(raw.to_str())["model"]
    finished, order = _finished(kind, model, byte_fallback)
    return _with_cuts(Tokenizer(finished), kind, byte_fallback), order


def _frequent(lines: Sequence[str], alphabet: int) -> Sequence[str]:
    """The lines with a line's end for every letter that is not among the `alphabet` most frequent ones.

    Unigram keeps a piece for each letter that it sees, and refuses a vocabulary that has no room for them.
    """
    counts = Counter(letter for line in lines for letter in line)
    if len(counts) <= alphabet:
        return lines
    rare = dict.fromkeys(map(ord, counts.keys() - {letter for letter, _ in counts.most_common(alphabet)}), "\n")
    return [line.translate(rare) for line in lines]


def _finished(kind: TokenizerKind, model: dict[str, Any], byte_fallback: bool) -> tuple[Any, list[str]]:
    """The model with the special tokens first, then the bytes, then what was learned."""
    from tokenizers import models

    first = [*SPECIAL.values(), *(BYTES if byte_fallback else ())]
    unknown = SPECIAL["unk_token"]
    if kind == "unigram":
        learned = sorted(
            ((text, score) for text, score in model["vocab"] if text not in first), key=lambda one: -one[1]
        )
        lowest = min((score for _, score in learned), default=0.0)
        scored = [(text, 0.0 if text in SPECIAL.values() else lowest + BYTE_SCORE) for text in first]
        return models.Unigram([*scored, *learned], first.index(unknown), byte_fallback), [text for text, _ in learned]
    learned = sorted((text for text in model["vocab"] if text not in first), key=model["vocab"].__getitem__)
    vocabulary = {text: n for n, text in enumerate([*first, *learned])}
    if kind == "wordpiece":
        made = models.WordPiece(vocabulary, unk_token=unknown, continuing_subword_prefix=CONTINUES,
                                max_input_chars_per_word=10_000)  # fmt: skip
        return made, learned
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]
    made = models.BPE(vocabulary, merges, unk_token=unknown, fuse_unk=False, byte_fallback=byte_fallback)
    return made, ["".join(merge) for merge in merges]


def _cuts() -> "pre_tokenizers.PreTokenizer":
    """Borders that no piece reaches over: between scripts (kana and kanji are one), before spaces, around newlines."""
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(SPACE, prepend_scheme="never"),
        pre_tokenizers.Split("\n", "isolated"),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.UnicodeScripts(),
    ])  # fmt: skip


def _with_cuts(tokenizer: "Tokenizer", kind: TokenizerKind, byte_fallback: bool) -> "Tokenizer":
    from tokenizers import AddedToken, decoders

    tokenizer.pre_tokenizer = _cuts()
    steps: list[Any] = [decoders.Replace(CONTINUES, "")] if kind == "wordpiece" else []
    steps += [decoders.Replace(SPACE, " "), *([decoders.ByteFallback()] if byte_fallback else []), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL.values()])
    return tokenizer
