"""Where the files of a model's tokenizer are, and what they say.

Most models bring them along. Japanese StableLM Alpha does not: its authors name another repository.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalogue.catalogue import model_name
from core.errors import HubError, ModelError
from core.files import read_json
from core.models.tokenizers.from_sentencepiece import SPACE, TokenizerSettings

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import AddedToken

SENTENCEPIECE = ("spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "spm.model", "sentencepiece.model")
OTHERS = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer_config.json", "tekken.json")
NAMED = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
KEPT = ("model_max_length", "padding_side", "truncation_side", "chat_template", "add_bos_token", "add_eos_token")
BEGIN_BY_DEFAULT = ("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer")


@dataclass(frozen=True)
class Elsewhere:
    """A tokenizer that is not in its model's repository."""

    repo: str
    special: tuple[str, ...] = ()
    """Special tokens that the model's authors add to it."""


ELSEWHERE = {"japanese-stablelm-alpha": Elsewhere("novelai/nerdstash-tokenizer-v1", special=("▁▁",))}
"""By model_type."""


@dataclass(frozen=True)
class TokenizerFiles:
    """The folder with a tokenizer, and what its model says about it."""

    folder: Path
    model_config: Mapping[str, object]
    elsewhere: Elsewhere | None = None
    """Set where the folder is not the model's."""

    @property
    def sentencepiece(self) -> "tuple[Path, SentencePieceProcessor] | None":
        """The SentencePiece model and what reads it, if there is one (tokenizer.model can be another kind)."""
        import sentencepiece

        named = [self.folder / name for name in SENTENCEPIECE]
        for path in [*named, *sorted(set(self.folder.glob("*.model")) - set(named))]:
            if path.is_file():
                try:
                    return path, sentencepiece.SentencePieceProcessor(model_file=str(path))
                except (RuntimeError, OSError, ValueError):
                    continue
        return None


def find_files(base: str | Path, revision: str | None = None) -> TokenizerFiles:
    """The tokenizer of the model `base`, a folder or a Hub id.

    From the Hub only the small text files are fetched; from its cache where the Hub cannot be reached.
    Raises HubError, and ModelError where the tokenizer is in another repository that cannot be had.
    """
    folder = Path(base) if Path(base).is_dir() else from_hub(str(base), revision)
    config = _object(folder / "config.json")
    other = ELSEWHERE.get(str(config.get("model_type")))
    own = any((folder / name).is_file() for name in OTHERS) or any(folder.glob("*.model"))
    if other is None or own:
        return TokenizerFiles(folder, config)
    try:
        return TokenizerFiles(from_hub(other.repo, cached=True), config, other)
    except HubError as error:
        name = model_name(str(base))
        raise ModelError(
            f"“{name}” has no tokenizer of its own: its authors use the one of {other.repo}, which cannot be had "
            f"now ({error.en}) Try again with the Hub in reach, or put its tokenizer.model into the model's folder.",
            f"「{name}」にはトークナイザーが付いておらず、作者は {other.repo} のものを使っていますが、"
            f"いま取得できません（{error.ja}）Hub につながるときにもう一度試すか、"
            "その tokenizer.model をモデルのフォルダーに置いてください。",
        ) from error


def from_hub(repo: str, revision: str | None = None, *, cached: bool = False, own_token: bool = True) -> Path:
    """The folder of `repo` in the Hub's cache, with its text files; `cached`: as it is, if it is there at all.

    `own_token`: for the person at this machine, with the token that `hf auth login` left here.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    from core.hub.client import login_token
    from core.hub.errors import hub_errors
    from core.models.download import FOLDERS, TEXTS

    wanted = {"revision": revision, "allow_patterns": list(TEXTS), "ignore_patterns": FOLDERS}
    if cached:
        try:
            return Path(snapshot_download(repo, local_files_only=True, **wanted))
        except LocalEntryNotFoundError:
            pass
    with hub_errors(repo):
        token = (login_token() if own_token else None) or False
        return Path(snapshot_download(repo, token=token, max_workers=4, **wanted))


def settings(files: TokenizerFiles, raw: "SentencePieceProcessor") -> TokenizerSettings:
    """What the files beside a SentencePiece model say: special tokens, added ones, the chat template."""
    said = _object(files.folder / "special_tokens_map.json") | _object(files.folder / "tokenizer_config.json")
    options: dict[str, object] = {name: said[name] for name in KEPT if said.get(name) is not None}
    template = files.folder / "chat_template.jinja"
    if template.is_file():
        options["chat_template"] = template.read_text(encoding="utf-8")
    options |= _named(said, files.model_config, raw)
    tokenizer_class = str(said.get("tokenizer_class", "")).removesuffix("Fast")
    options.setdefault("add_bos_token", tokenizer_class in BEGIN_BY_DEFAULT)
    special = [_content(token) for token in said.get("additional_special_tokens") or ()]
    special += files.elsewhere.special if files.elsewhere else ()
    options["additional_special_tokens"] = [text for text in special if not _run_of_spaces(text, raw)]
    return TokenizerSettings(options, _added(files.folder, said, raw), tuple(special))


def _named(said: dict, model_config: Mapping[str, object], raw: "SentencePieceProcessor") -> dict[str, str]:
    """Special tokens by name: as written, else by the ids that the model's configuration or the pieces give."""
    ids = {name: getattr(raw, f"{name}_id")() for name in ("bos", "eos", "unk", "pad")}
    for name in ("bos", "eos"):
        given = model_config.get(f"{name}_token_id")
        if isinstance(given, int) and 0 <= given < raw.get_piece_size():
            ids[name] = given
    found = {f"{name}_token": raw.id_to_piece(n) for name, n in ids.items() if n >= 0}
    return found | {name: _content(said[name]) for name in NAMED if said.get(name)}


def _added(folder: Path, said: dict, raw: "SentencePieceProcessor") -> "dict[int, AddedToken]":
    from tokenizers import AddedToken

    found: dict[int, dict] = {
        int(n): {"content": text, "special": False} for text, n in _object(folder / "added_tokens.json").items()
    }
    found |= {int(n): token for n, token in (said.get("added_tokens_decoder") or {}).items()}
    tokens = {}
    for n, token in found.items():
        text, special = token["content"], bool(token.get("special"))
        if n < raw.get_piece_size() and raw.id_to_piece(n) == text and (not special or _run_of_spaces(text, raw)):
            continue  # the model's own piece
        flags = {name: bool(token.get(name)) for name in ("lstrip", "rstrip", "single_word")}
        tokens[n] = AddedToken(text, special=special, normalized=False, **flags)
    return tokens


def _run_of_spaces(text: str, raw: "SentencePieceProcessor") -> bool:
    """Whether it is a piece with spaces, which would be lost in decoding if it were special."""
    return SPACE in text and raw.piece_to_id(text) != raw.unk_id()


def _content(token: object) -> str:
    return str(token["content"]) if isinstance(token, dict) else str(token)


def _object(path: Path) -> dict:
    """The JSON object in `path`; empty if it is missing or cannot be read."""
    try:
        value = read_json(path) if path.is_file() else {}
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
