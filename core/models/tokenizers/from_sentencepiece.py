"""A SentencePiece model as a fast tokenizer that gives the same token ids.

transformers converts such models by the class that tokenizer_config.json names, and drops what that class
does not expect: normalisation, byte fallback, whether spaces are kept. This goes by what the model says.

Where the two libraries differ, and what is done about it:
- The Rust normaliser reads a SentencePiece character map one letter at a time: of the 225,000 entries of
  nmt_nfkc it gets the 5,000 of one letter right and almost none of the longer ones (ｶﾞ). Unicode's NFKC before
  and after it leaves 36 wrong, all of Unicode 16.
- SentencePiece takes user-defined symbols before anything else. Added tokens do too, but they begin a new
  text, with its own prefix, so symbols are added tokens only where that changes nothing.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import (
        ModelProto,  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes it at import
    )
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerBase

SPACE = "▁"
# Noncharacters, which no text holds: the prefix while letters are mapped, and letters that NFKC must not see.
PREFIX, HIDDEN = "\ufdd4", "\ufdd5\ufdd6\ufdd7\ufdd8\ufdd9\ufdda"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6  # ModelProto.SentencePiece.Type
UNIGRAM, BPE = 1, 2  # TrainerSpec.ModelType
# A text that spells a byte's piece is not that byte.
SPELLED_BYTE = "<(?=0x[0-9A-F]{2}>)"


@dataclass(frozen=True)
class TokenizerSettings:
    """What a tokenizer's other files say about it."""

    options: dict[str, object] = field(default_factory=dict)
    """Arguments of PreTrainedTokenizerFast: names of special tokens, chat_template, padding_side and the like."""
    added: "dict[int, AddedToken]" = field(default_factory=dict)
    """Tokens by id: those behind the model's pieces, and pieces that got another name."""
    special: tuple[str, ...] = ()
    """More texts that are special tokens; they get the next ids where the model has no such piece."""


def convert(file: Path, settings: TokenizerSettings, *, nfkc: bool | None = None) -> "PreTrainedTokenizerBase":
    """A fast tokenizer of the SentencePiece model in `file`.

    `nfkc`: whether its character map is (about) Unicode's NFKC; None to go by its name. Raises ModelError
    where the model is of a kind that cannot be converted, or protobuf is not installed.
    """
    from tokenizers import Tokenizer, decoders
    from transformers import PreTrainedTokenizerFast

    proto = read_proto(file)
    kind, spec = proto.trainer_spec.model_type, proto.normalizer_spec
    if kind not in (UNIGRAM, BPE) or proto.trainer_spec.treat_whitespace_as_suffix:
        raise _cannot_convert(file, "it splits text in a way that fast tokenizers do not know")
    pieces = [settings.added[n].content if n in settings.added else p.piece for n, p in enumerate(proto.pieces)]
    tokenizer = Tokenizer((_unigram if kind == UNIGRAM else _bpe)(proto, pieces))
    tokenizer.normalizer = _normalizer(proto, "nfkc" in spec.name if nfkc is None else nfkc)
    tokenizer.pre_tokenizer = _pre_tokenizer(proto)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if spec.add_dummy_prefix or spec.remove_extra_whitespaces:
        steps.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(steps)
    _add_tokens(tokenizer, proto, file, settings)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **settings.options)


def read_proto(file: Path) -> "ModelProto":
    """The model in `file` with its settings. Raises ModelError without protobuf, and for any other file."""
    try:
        from sentencepiece import sentencepiece_model_pb2
    except ImportError as error:
        raise ModelError(
            f"The tokenizer of this model ({file.name}) can only be read with the package protobuf, which is not "
            "installed. Run: pip install sentencepiece protobuf",
            f"このモデルのトークナイザー（{file.name}）を読むには protobuf が必要ですが、入っていません。"
            "pip install sentencepiece protobuf を実行してください。",
        ) from error
    from google.protobuf.message import DecodeError

    proto = sentencepiece_model_pb2.ModelProto()  # pyright: ignore[reportAttributeAccessIssue]  # made at import
    try:
        proto.ParseFromString(file.read_bytes())
    except DecodeError as error:
        raise _cannot_convert(file, "it is damaged, or no SentencePiece model") from error
    return proto


def _unigram(proto: "ModelProto", pieces: list[str]) -> "models.Unigram":
    from tokenizers import models

    def score(piece: "ModelProto.SentencePiece") -> float:
        # Measured in SentencePiece 0.2.3: what it adds for a symbol, so that it wins over its letters.
        return 0.1 * (len(piece.piece.encode()) - 1) if piece.type == USER_DEFINED else piece.score

    scored = [(name, score(piece)) for name, piece in zip(pieces, proto.pieces, strict=True)]
    return models.Unigram(scored, proto.trainer_spec.unk_id, proto.trainer_spec.byte_fallback)


def _bpe(proto: "ModelProto", pieces: list[str]) -> "models.BPE":
    from tokenizers import models

    known = {p.piece for p in proto.pieces if p.type == NORMAL}
    ranked = sorted((p for p in proto.pieces if p.type == NORMAL), key=lambda p: -p.score)
    merges = [
        (text[:cut], text[cut:])
        for text in (p.piece for p in ranked)
        for cut in range(1, len(text))
        if text[:cut] in known and text[cut:] in known
    ]
    return models.BPE(
        {name: n for n, name in enumerate(pieces)},
        merges,
        unk_token=pieces[proto.trainer_spec.unk_id],
        fuse_unk=True,
        byte_fallback=proto.trainer_spec.byte_fallback,
        ignore_merges=bool(_within_text(proto)),  # a symbol that was split off is a whole piece
    )


def _normalizer(proto: "ModelProto", nfkc: bool) -> "normalizers.Normalizer":
    from tokenizers import Regex, normalizers

    spec, steps = proto.normalizer_spec, []
    if spec.add_dummy_prefix and not spec.remove_extra_whitespaces:
        steps.append(normalizers.Prepend(PREFIX))
    if spec.precompiled_charsmap:
        steps += _charsmap(spec.precompiled_charsmap, nfkc, folds_case=spec.name.endswith("_cf"))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
        if spec.add_dummy_prefix:
            steps.append(normalizers.Prepend(PREFIX))
    return normalizers.Sequence([*steps, normalizers.Replace(Regex(f"[ {PREFIX}]"), SPACE)])


def _charsmap(compiled: bytes, nfkc: bool, *, folds_case: bool) -> "list[normalizers.Normalizer]":
    """Steps that together do what SentencePiece does with this character map."""
    from tokenizers import Regex, normalizers

    charsmap = normalizers.Precompiled(compiled)
    # The two are one letter to the Rust normaliser, which then reads the first alone.
    newline = normalizers.Replace(Regex(r"\r(?=\n)"), charsmap.normalize_str("\r"))
    if not nfkc:
        return [newline, charsmap]
    lower = [normalizers.Lowercase()] if folds_case else []
    steps = [newline, normalizers.NFKC(), *lower, charsmap, normalizers.NFKC()]
    whole = normalizers.Sequence(steps)
    kept = [c for c in _compatible_letters() if whole.normalize_str(c) != charsmap.normalize_str(c)]
    hidden = dict(zip(kept, HIDDEN, strict=False))  # nmt_nfkc: ～ alone, which NFKC would make ~
    return [
        *(normalizers.Replace(letter, stand_in) for letter, stand_in in hidden.items()),
        *steps,
        *(normalizers.Replace(stand_in, charsmap.normalize_str(letter)) for letter, stand_in in hidden.items()),
    ]


@lru_cache(maxsize=1)
def _compatible_letters() -> tuple[str, ...]:
    """Every letter of Unicode's first plane that NFKC may change."""
    return tuple(c for c in map(chr, range(0x80, 0x10000)) if unicodedata.decomposition(c))


def _pre_tokenizer(proto: "ModelProto") -> "pre_tokenizers.PreTokenizer":
    from tokenizers import Regex, pre_tokenizers

    steps = [pre_tokenizers.Split(Regex(SPELLED_BYTE), "merged_with_previous")]
    symbols = _within_text(proto)
    if symbols and proto.trainer_spec.model_type == BPE:
        spelled = sorted((text.replace(" ", SPACE) for text in symbols), key=len, reverse=True)
        pattern = "|".join("".join(f"\\x{{{ord(letter):X}}}" for letter in text) for text in spelled)
        steps.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
    return pre_tokenizers.Sequence(steps)


def _within_text(proto: "ModelProto") -> list[str]:
    """User-defined symbols that are found by the model itself; the others are added tokens."""
    spec = proto.normalizer_spec
    joined = spec.add_dummy_prefix or spec.remove_extra_whitespaces
    return [p.piece for p in proto.pieces if p.type == USER_DEFINED and (joined or SPACE in p.piece)]


def _add_tokens(tokenizer: "Tokenizer", proto: "ModelProto", file: Path, settings: TokenizerSettings) -> None:
    """Special tokens, user-defined symbols, and the tokens behind the model's pieces, each at its id."""
    from tokenizers import AddedToken

    within, tokens = set(_within_text(proto)), {}
    for n, piece in enumerate(proto.pieces):
        if piece.type in (UNKNOWN, CONTROL):
            tokens[n] = AddedToken(piece.piece, special=True, normalized=False)
        elif piece.type == USER_DEFINED and piece.piece not in within:
            tokens[n] = AddedToken(piece.piece, special=False, normalized=False)
    for n, token in sorted((tokens | settings.added).items()):
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
        if tokenizer.token_to_id(token.content) != n:
            raise _cannot_convert(file, f"the token {token.content!r} would not get its id, {n}")
    pieces = {p.piece for p in proto.pieces}
    for text in settings.special:
        if SPACE not in text or text not in pieces:  # a run of spaces would be left out when a reply is decoded
            tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False)])


def _cannot_convert(file: Path, reason: str) -> ModelError:
    reason = re.sub(r"\s+", " ", reason)
    return ModelError(
        f"The tokenizer in {file.name} cannot be used: {reason}. Fetch the model's files again, or choose another one.",
        f"{file.name} のトークナイザーを使えません（{reason}）。"
        "モデルのファイルを取り直すか、別のモデルを選んでください。",
    )
