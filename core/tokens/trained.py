"""Tokenizers that an owner has trained, kept in their folder and usable wherever a folder with a tokenizer is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from core.errors import InputError
from core.files import disk_errors, new_folder, read_json, remove_folder, write_json
from core.limits import check_count
from core.stored import DamagedError, parse, readable, reading
from core.text import Text
from core.workspace import Workspace

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

ABOUT = "about.json"
FOLDER = "tokenizers"
WHAT = Text("tokenizers", "トークナイザー")
SPECIAL: Mapping[str, str] = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


@dataclass(frozen=True)
class TrainedTokenizerInfo:
    """What a tokenizer was made of, and what it is worth; `about.json`."""

    name: str
    kind: str
    """One of `core.tokens.training.KINDS`."""
    vocabulary: int
    byte_fallback: bool
    characters: int
    """Of the text that it was trained on."""
    characters_per_token: float
    """On the validation text."""
    unknown: float = 0.0
    """Share of the validation text's tokens that are unknown."""
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    """ISO 8601, UTC."""


@dataclass(frozen=True)
class TrainedTokenizers:
    """The folder of trained tokenizers of every owner."""

    workspace: Workspace

    def save(self, owner: str, info: TrainedTokenizerInfo, tokenizer: "Tokenizer") -> TrainedTokenizerInfo:
        """Keep it under `info.name` or the next free name. Raises InputError for a name that cannot be, and no room."""
        check_count(len(self.workspace.names(owner, FOLDER)), self.workspace.limits.datasets, WHAT)
        self.workspace.check_room(owner)
        name = self.workspace.free_name(owner, FOLDER, info.name)
        kept = replace(info, name=name)
        with disk_errors(), new_folder(self.workspace.place(owner, FOLDER, name)) as folder:
            as_pretrained(tokenizer).save_pretrained(folder)
            write_json(folder / ABOUT, asdict(kept))
        return kept

    def list_all(self, owner: str) -> tuple[TrainedTokenizerInfo, ...]:
        """All that can be read, newest first."""
        return tuple(readable(self.workspace.names(owner, FOLDER), lambda name: self.info(owner, name))[0])

    def damaged(self, owner: str) -> list[DamagedError]:
        """What `list_all` leaves out."""
        return readable(self.workspace.names(owner, FOLDER), lambda name: self.info(owner, name))[1]

    def info(self, owner: str, name: str) -> TrainedTokenizerInfo:
        """What is known of the tokenizer. Raises DamagedError, also of a folder without its description."""
        folder = self.workspace.place(owner, FOLDER, name)
        with reading(folder):
            try:
                return parse(TrainedTokenizerInfo, read_json(folder / ABOUT))
            except FileNotFoundError as error:
                raise ValueError(f"{ABOUT} is missing") from error

    def load(self, owner: str, name: str) -> "PreTrainedTokenizerFast":
        """The tokenizer called `name`. Raises InputError when there is none, or none that can be read."""
        from transformers import PreTrainedTokenizerFast

        folder = self.workspace.place(owner, FOLDER, name)
        if not folder.is_dir():
            raise gone(name)
        try:
            return PreTrainedTokenizerFast.from_pretrained(folder)
        except Exception as error:  # the Rust library raises plain Exceptions for what it cannot read
            raise DamagedError(folder, error) from error

    def delete(self, owner: str, name: str) -> None:
        """Remove it. Raises InputError when there is none."""
        folder = self.workspace.place(owner, FOLDER, name)
        if not folder.is_dir():
            raise gone(name)
        remove_folder(folder)


def as_pretrained(tokenizer: "Tokenizer") -> "PreTrainedTokenizerFast":
    """A tokenizer of the library as transformers uses them, with its special tokens named."""
    from transformers import PreTrainedTokenizerFast

    named = {name: text for name, text in SPECIAL.items() if tokenizer.token_to_id(text) is not None}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **named)


def gone(name: str) -> InputError:
    """Said where a tokenizer is not there any more."""
    return InputError(
        f"There is no trained tokenizer “{name}”. Choose one from the list, or train it again.",
        f"学習したトークナイザー「{name}」がありません。一覧から選ぶか、もう一度学習してください。",
    )
