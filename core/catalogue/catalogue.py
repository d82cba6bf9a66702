"""The models people come for: data and nothing else.

The facts are in catalogue.json, each with where it was found; what could not be found is null and is
shown as unknown. Any other model can be loaded as well. Nothing here imports torch.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.text import Text

DATA = Path(__file__).with_name("catalogue.json")

# What a newcomer is shown first, from small to large: made to follow instructions, and good at Japanese.
SUGGESTED = (
    "Qwen/Qwen3-0.6B", "sbintuitions/sarashina2.2-1b-instruct-v0.1", "llm-jp/llm-jp-3-1.8b-instruct",
    "google/gemma-2-2b-jpn-it", "rinna/japanese-gpt-neox-3.6b-instruction-ppo", "Qwen/Qwen3-4B",
)  # fmt: skip

Loading = Literal["native", "project", "remote"]
Bits = Literal[4, 8, 16, 32]
BITS: tuple[Bits, ...] = (16, 8, 4)


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue. None is "not known", never "no"."""

    id: str
    name: str
    architecture: str | None
    parameters: int | None
    layers: int | None
    width: int | None
    kv_width: int | None
    """Width of the keys, and of the values, of one token in one layer."""
    vocabulary: int | None
    tied: bool | None
    """Input and output embeddings are the same weights."""
    stored_bits: int | None
    """Bits a weight of its layers takes as published, where that is not 16."""
    context: int | None
    """Tokens it was made for."""
    licence: str | None
    gated: bool | None
    """Its terms have to be accepted on the Hub before it can be downloaded."""
    format: str | None
    """The template of `prompt_templates/` for it; "model" is the chat template it brings."""
    loading: Loading
    """By transformers itself, by an implementation of this project, or only by code of its repository."""
    instead: str | None
    """What to load where it cannot be loaded."""
    notes: Text
    """What to know before choosing it."""
    sources: tuple[str, ...]

    @property
    def tried(self) -> Text:
        """What was tried with it and what could not be.

        "A stand-in" is a tiny random model of its architecture with a tokenizer of its kind, which
        tests/models/test_architectures.py takes from a Hub to a trained adapter and back.
        """
        if self.loading == "remote":
            return Text(
                "Not tried: its architecture needs code of its own repository.",
                "試していません。リポジトリ独自のコードが必要な構造です。",
            )
        if self.id == "omokage-mini":
            return Text("Tried with its real weights.", "本物の重みで試しています。")
        untried = Text("its published weights", "公開された重みそのもの")
        if self.stored_bits:
            untried = Text("neither its published weights nor their packed form", "公開された重みと、その詰めた形式")
        en = "could be" if self.stored_bits else "could not be"
        return Text(f"Tried with a random stand-in of its architecture; {untried.en} {en}.",
                f"同じ構造の小さなランダムモデルで確認しました。{untried.ja}は未確認です。")  # fmt: skip


@lru_cache(maxsize=1)
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries, in the order to show them."""
    entries = json.loads(DATA.read_text(encoding="utf-8"))
    return tuple(
        CatalogueEntry(**entry | {"notes": Text(**entry["notes"]), "sources": tuple(entry["sources"])})
        for entry in entries
    )


def suggested() -> tuple[CatalogueEntry, ...]:
    """What a newcomer is shown first, from small to large."""
    return tuple(entry for entry_id in SUGGESTED for entry in catalogue() if entry.id == entry_id)


def model_name(model: str) -> str:
    """The model's own name in a Hub id, a folder, or a folder of the Hub's cache."""
    parts = [part for part in re.split(r"[\\/]+", model) if part]
    cached = next((part for part in reversed(parts) if part.startswith("models--")), None)
    return cached.split("--")[-1] if cached else parts[-1] if parts else ""


def entry_of(model: str) -> CatalogueEntry | None:
    """The entry of a Hub id or of a folder that carries the model's name; None for any other model."""
    name = model_name(model).lower()
    return next((entry for entry in catalogue() if model_name(entry.id).lower() == name), None)
