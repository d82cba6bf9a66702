"""Which tokenizers can be looked at, and how each is opened: bundled, loaded, trained, on the Hub, in a folder."""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as BUNDLED
from core.catalogue.catalogue import catalogue, model_name
from core.errors import AppError, InputError, NotAllowedError
from core.models import model_errors
from core.models.gguf.names import hub_file, names_gguf
from core.models.gguf.tokenizer import load_gguf_tokenizer
from core.models.loading import HUB_ID, ModelStore
from core.models.tokenizers.check import load_tokenizer
from core.tokens.trained import TrainedTokenizers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# One model for each tokenizer that Japanese hobbyists choose between; the others of a family share it.
OFFERED = (
    "Qwen/Qwen3-0.6B", "sbintuitions/sarashina2.2-1b-instruct-v0.1", "llm-jp/llm-jp-3-1.8b-instruct",
    "google/gemma-2-2b-jpn-it", "rinna/japanese-gpt-neox-3.6b-instruction-ppo",
    "rinna/bilingual-gpt-neox-4b-instruction-sft", "line-corporation/japanese-large-lm-3.6b-instruction-sft",
    "stabilityai/japanese-stablelm-instruct-alpha-7b-v2", "stabilityai/japanese-stablelm-instruct-gamma-7b",
    "stabilityai/japanese-stablelm-3b-4e1t-instruct", "microsoft/bitnet-b1.58-2B-4T",
)  # fmt: skip
OWN = "own:"
KEPT = 6  # opened tokenizers; one of 262,144 pieces takes about 150 MB


@dataclass(frozen=True, eq=False)
class NamedTokenizer:
    """A tokenizer, and what it is called on the page."""

    name: str
    tokenizer: "PreTrainedTokenizerBase" = field(repr=False)


@dataclass
class TokenizerSources:
    """Opens tokenizers, and keeps those that were opened last."""

    models: ModelStore
    trained: TrainedTokenizers
    _kept: "OrderedDict[tuple[str, str], PreTrainedTokenizerBase]" = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def choices(self, owner: str) -> list[tuple[str, str]]:
        """(name for people, what `open_named` takes): the loaded one, the bundled, the owner's, the catalogue's."""
        names = {entry.id: entry.name for entry in catalogue()}
        status = self.models.status
        loaded = [(status.in_use or status.name, "")] if status.name and not self._is_bundled() else []
        own = [(info.name, f"{OWN}{info.name}") for info in self.trained.list_all(owner)]
        offered = [(names[one], one) for one in OFFERED] if not self.models.locked else []
        return [*loaded, (BUNDLED, BUNDLED), *own, *offered]

    def open_named(self, owner: str, wanted: str) -> NamedTokenizer:
        """The tokenizer called `wanted`: "" is the loaded model's, own:NAME one that the owner trained.

        Everything else is a Hub id, a folder or a GGUF file.

        Raises AppError with why it cannot be had.
        """
        wanted = wanted.strip()
        if not wanted:
            loaded = self.models.current()
            return NamedTokenizer(loaded.name, loaded.tokenizer)
        name = wanted.removeprefix(OWN) if wanted.startswith(OWN) else self._name(wanted)
        key = (owner if wanted.startswith(OWN) else "", wanted)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return NamedTokenizer(name, self._kept[key])
        tokenizer = self._opened(owner, wanted)
        with self._lock:
            self._kept[key] = tokenizer
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return NamedTokenizer(name, tokenizer)

    def forget(self, owner: str, name: str) -> None:
        """Open the owner's tokenizer of that name anew next time."""
        with self._lock:
            self._kept.pop((owner, f"{OWN}{name}"), None)

    def _is_bundled(self) -> bool:
        return self.models.status.name == BUNDLED

    def _name(self, wanted: str) -> str:
        return wanted if HUB_ID.fullmatch(wanted) and not Path(wanted).is_dir() else model_name(wanted)

    def _opened(self, owner: str, wanted: str) -> "PreTrainedTokenizerBase":
        if wanted == BUNDLED:
            return load_tokenizer(FOLDER)
        if wanted.startswith(OWN):
            return self.trained.load(owner, wanted.removeprefix(OWN))
        if not self.models.local_folders and self.models.locked:
            raise NotAllowedError(
                "This server compares its own tokenizers and those you train here. Run Omokage on your own machine to "
                "compare others.",
                "このサーバーで比べられるのは、付属のものとここで学習したものだけです。"
                "ほかのトークナイザーは、手元で Omokage を動かして比べてください。",
            )
        place = os.path.expanduser(wanted)
        if self.models.local_folders and (os.path.exists(place) or wanted.startswith((".", "/", "~"))):
            return _of_place(wanted, Path(place))
        if on_hub := hub_file(wanted):
            return load_gguf_tokenizer(_in_cache(*on_hub))
        if not HUB_ID.fullmatch(wanted):
            raise model_errors.neither_id_nor_folder(wanted)
        self.models.check_visitor_may_use(wanted)
        return _loaded(wanted, wanted)


def _of_place(wanted: str, place: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer in a folder or a GGUF file of this machine."""
    if names_gguf(wanted) and place.is_file():
        return load_gguf_tokenizer(place)
    if place.is_dir():
        return _loaded(wanted, place)
    raise InputError(
        f"There is no folder or GGUF file “{wanted[:120]}”. Write its whole path, or a Hub id.",
        f"「{wanted[:120]}」というフォルダーも GGUF ファイルもありません。パス全体か、Hub の ID を入れてください。",
    )


def _loaded(name: str, base: str | Path) -> "PreTrainedTokenizerBase":
    try:
        return load_tokenizer(base)
    except AppError:
        raise
    except Exception as error:  # whatever a strange file makes transformers raise becomes a sentence
        raise model_errors.cannot_load(name, error) from error


def _in_cache(repo: str, file: str) -> Path:
    """A GGUF file of the Hub that was downloaded before: its tokenizer lies among gigabytes of weights."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file)
    if isinstance(found, str):
        return Path(found)
    raise InputError(
        f"The tokenizer of {repo}/{file} lies inside the file with the weights, which is not on this machine. Load it "
        f"once in Chat, or name {repo} or the repository it was made from.",
        f"{repo}/{file} のトークナイザーは重みと同じファイルの中にあり、まだ手元にありません。"
        f"「話す」で一度読み込むか、{repo} か変換元のリポジトリ名を入れてください。",
    )
