"""A model's tokenizer, loaded and held against its own SentencePiece model: the one way to get a tokenizer here.

transformers 5 reads some tokenizers wrongly without a word: rinna's lose spaces and newlines, and rare letters
become `<s>`. So a tokenizer whose folder holds a SentencePiece model has to give the same ids on PROBES, or it
is rebuilt from that model. What was found is a sentence for the page.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import ModelError
from core.models.model_errors import cannot_load
from core.models.tokenizers.files import TokenizerFiles, find_files, settings
from core.models.tokenizers.from_sentencepiece import convert
from core.text import Text

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)
PROBES = (
    "こんにちは、元気ですか？", "鬱蒼とした薔薇と𠮷野家", "🎉👩\u200d👩\u200d👧\u200d👦👍🏽", "a  b   c    d",
    "一行目\n二行目\n\n四行目", "\t字下げ\r\n次", "①㍻ｶﾞｷﾞ", "Ａｂｃ１２３", " 先頭の空白", "末尾の空白 ",
    "\u3000全角の空白\u3000", "  ", "え〜っ、まじ～！？ｗｗｗ", "「はい」…—と言った。", "か\u3099 e\u0301", "#<NL>b",
    "x▁▁y", "12345 0.5", "İstanbul 각 ﷺ", "\u200bzero\u200d", "<0x0A>", "",
)  # fmt: skip
SYMBOLS = 32  # user-defined symbols that are tried too, at most
SAME_VOCABULARY = 0.9  # of the pieces; a folder may hold the tokenizer.model of the model it grew from
# What transformers and tokenizers raise for files that they cannot make sense of.
UNREADABLE = (OSError, ValueError, LookupError, ImportError, TypeError, AttributeError, RuntimeError)

Verdict = Literal["no sentencepiece", "right", "rebuilt", "wrong", "other vocabulary", "unchecked"]


@dataclass(frozen=True)
class TokenizerCheck:
    """What was found, for the page and for scripts."""

    verdict: Verdict
    text: Text
    file: str = ""
    """Name of the SentencePiece model."""
    repo: str = ""
    """The repository that the tokenizer came from, where it is not the model's."""
    differing: tuple[str, ...] = ()
    """Probes that the tokenizer as transformers loads it reads otherwise."""


NOT_CHECKED = TokenizerCheck(
    "unchecked", Text("The tokenizer has not been checked.", "トークナイザーはまだ確かめていません。")
)


@dataclass(frozen=True, eq=False)
class CheckedTokenizer:
    """A tokenizer that may be used, and what its check found."""

    tokenizer: "PreTrainedTokenizerBase"
    check: TokenizerCheck


def load_tokenizer(base: str | Path, revision: str | None = None) -> "PreTrainedTokenizerBase":
    """The tokenizer of the model `base`, as `load_checked` gives it. Raises AppError if there is none."""
    try:
        return load_checked(base, revision).tokenizer
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load(str(base), error) from error


def load_checked(base: str | Path, revision: str | None = None, *, code: bool = False) -> CheckedTokenizer:
    """The tokenizer of the model `base`, a folder or a Hub id, rebuilt where transformers reads it wrongly.

    `code`: the person allowed the repository's own code (`core.models.options.Trust`).

    Raises AppError with what to do, and what AutoTokenizer raises where there is no SentencePiece model.
    """
    files = find_files(base, revision)
    checked = _load(files, code)
    checked.tokenizer.name_or_path = str(base)  # the template goes by the model's name
    log.info("tokenizer of %s: %s", base, checked.check.text.en)
    return checked


def _load(files: TokenizerFiles, code: bool) -> CheckedTokenizer:
    found = _sentencepiece(files)
    try:
        loaded = _load_as_it_is(files, code)
    except UNREADABLE as error:
        if found is None:
            raise
        log.warning("transformers cannot load the tokenizer in %s: %s", files.folder, error)
        loaded = None
    if found is None:
        assert loaded is not None, "what could not be read was raised"
        return CheckedTokenizer(loaded, _no_sentencepiece(files))
    return _checked(files, *found, loaded)


def differing(tokenizer: "PreTrainedTokenizerBase", raw: "SentencePieceProcessor") -> tuple[str, ...]:
    """The probes that `tokenizer` encodes to other ids than the SentencePiece model does.

    Texts of special and of later added tokens are left out: SentencePiece does not know them.
    """
    foreign = []
    for token in tokenizer.added_tokens_decoder.values():
        n = raw.piece_to_id(token.content)
        if n == raw.unk_id() or raw.is_control(n):
            foreign.append(token.content)
    probes = [*PROBES, *(f"a{symbol.replace('▁', ' ')}b" for symbol in _symbols(raw))]
    return tuple(
        text
        for text in probes
        if not any(mark in text for mark in foreign)
        and tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] != raw.encode(text)
    )


def _symbols(raw: "SentencePieceProcessor") -> list[str]:
    """User-defined symbols: pieces that were not learned, so without a score."""
    found = []
    for n in range(raw.get_piece_size()):
        if raw.get_score(n) == 0 and not (raw.is_control(n) or raw.is_byte(n) or raw.is_unknown(n) or raw.is_unused(n)):
            found.append(raw.id_to_piece(n))
            if len(found) == SYMBOLS:
                break
    return found


def _checked(
    files: TokenizerFiles, path: Path, raw: "SentencePieceProcessor", loaded: "PreTrainedTokenizerBase | None"
) -> CheckedTokenizer:
    """The loaded tokenizer where it is right, else one made from the SentencePiece model."""
    before = differing(loaded, raw) if loaded is not None else ()
    if loaded is not None and not before and not files.elsewhere:
        return CheckedTokenizer(loaded, _right(path.name))
    if loaded is not None and (files.folder / "tokenizer.json").is_file() and not _same_vocabulary(loaded, raw):
        return CheckedTokenizer(loaded, _other_vocabulary(path.name))
    wanted, best = settings(files, raw), None
    for nfkc in (None, True, False):
        made = convert(path, wanted, nfkc=nfkc)
        left = differing(made, raw)
        if best is None or len(left) < len(best[1]):
            best = made, left
        if not left:
            break
    made, left = best
    if left and loaded is not None and len(before) <= len(left):
        made, left = loaded, before
    return CheckedTokenizer(made, _rebuilt(files, path.name, before, left, loaded=loaded is not None))


def _load_as_it_is(files: TokenizerFiles, code: bool) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(files.folder, trust_remote_code=code)


def _sentencepiece(files: TokenizerFiles) -> "tuple[Path, SentencePieceProcessor] | None":
    try:
        return files.sentencepiece
    except ImportError as error:
        if (files.folder / "tokenizer.json").is_file() or not any(files.folder.glob("*.model")):
            return None
        raise ModelError(
            "The tokenizer of this model can only be read with the package sentencepiece, which is not installed. "
            "Run: pip install sentencepiece protobuf",
            "このモデルのトークナイザーを読むには sentencepiece が必要ですが、入っていません。"
            "pip install sentencepiece protobuf を実行してください。",
        ) from error


def _same_vocabulary(tokenizer: "PreTrainedTokenizerBase", raw: "SentencePieceProcessor") -> bool:
    ids = list(range(raw.get_piece_size()))
    tokens = tokenizer.convert_ids_to_tokens([n for n in ids if n < len(tokenizer)])
    return sum(map(str.__eq__, tokens, raw.id_to_piece(ids))) >= SAME_VOCABULARY * len(ids)


def _no_sentencepiece(files: TokenizerFiles) -> TokenizerCheck:
    if any(files.folder.glob("*.model")) and not _installed():
        return TokenizerCheck(
            "unchecked",
            Text(
                "The tokenizer could not be held against the model's SentencePiece file: the package sentencepiece is "
                "not installed. Run: pip install sentencepiece protobuf",
                "sentencepiece が入っていないため、トークナイザーを元の SentencePiece と比べられませんでした。"
                "pip install sentencepiece protobuf を実行してください。",
            ),
        )
    return TokenizerCheck(
        "no sentencepiece",
        Text(
            "The model brings no SentencePiece file; its tokenizer is used as it is.",
            "SentencePiece のファイルはありません。トークナイザーをそのまま使います。",
        ),
    )


def _installed() -> bool:
    from importlib.util import find_spec

    return find_spec("sentencepiece") is not None


def _right(file: str) -> TokenizerCheck:
    return TokenizerCheck(
        "right",
        Text(
            f"The tokenizer gives the same tokens as the model's own {file}.",
            f"トークナイザーの結果は、モデル付属の {file} と一致しています。",
        ),
        file,
    )


def _other_vocabulary(file: str) -> TokenizerCheck:
    return TokenizerCheck(
        "other vocabulary",
        Text(
            f"{file} in the model's folder has another vocabulary than its tokenizer.json, which is used as it is.",
            f"フォルダーの {file} は tokenizer.json と語彙が異なるため、tokenizer.json をそのまま使います。",
        ),
        file,
    )


def _rebuilt(
    files: TokenizerFiles, file: str, before: tuple[str, ...], left: tuple[str, ...], *, loaded: bool
) -> TokenizerCheck:
    if left:
        return TokenizerCheck(
            "wrong",
            Text(
                f"The tokenizer differs from {file} in {len(left)} test texts, such as “{_shown(left[0])}”, and "
                "could not be rebuilt. The model may answer less well than it could.",
                f"トークナイザーの結果が {file} と {len(left)} 件のテスト文（「{_shown(left[0])}」など）で異なり、"
                "作り直しもできませんでした。モデル本来の力が出ないことがあります。",
            ),
            file, files.elsewhere.repo if files.elsewhere else "", before,
        )  # fmt: skip
    if before:
        en = f"transformers reads this tokenizer wrongly (“{_shown(before[0])}” and {len(before) - 1} more test texts)"
        ja = f"transformers はこのトークナイザーを正しく読めません（「{_shown(before[0])}」など {len(before)} 件）"
    elif not loaded:
        en, ja = "transformers cannot load this tokenizer", "transformers はこのトークナイザーを読み込めません"
    else:
        en, ja = "This tokenizer takes more special tokens", "このトークナイザーには特殊トークンを加えます"
    en = f"{en}, so it was rebuilt from {file}: all test texts match now."
    ja = f"{ja}。{file} から作り直し、テスト文はすべて一致しました。"
    if files.elsewhere:
        added = ", ".join(files.elsewhere.special)
        en = f"The tokenizer is that of {files.elsewhere.repo}, with {added} added, as the model's authors say. {en}"
        ja = f"作者の指定どおり {files.elsewhere.repo} のトークナイザーに {added} を加えて使います。{ja}"
    return TokenizerCheck("rebuilt", Text(en, ja), file, files.elsewhere.repo if files.elsewhere else "", before)


def _shown(probe: str) -> str:
    """The probe on one line."""
    return probe.encode("unicode_escape").decode("ascii") if not probe.isprintable() or not probe.strip() else probe
