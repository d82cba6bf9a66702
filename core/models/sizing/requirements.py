"""What a model would take, before any of its weights are fetched: from the catalogue, else from its configuration."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.catalogue.catalogue import BITS, Bits, CatalogueEntry, entry_of
from core.hub.client import check_open
from core.models.model_errors import cannot_load
from core.models.options import Quantization
from core.models.sizing.dims import ModelDims
from core.models.sizing.estimate import ROW, TrainingLoad, talking_memory, training_memory
from core.models.sizing.machine import FitRating, Machine, fits

QUANTIZATIONS: dict[Bits, Quantization] = {16: "none", 8: "8bit", 4: "4bit"}


@dataclass(frozen=True)
class ModelRequirements:
    """A model that might be loaded. At least one of `entry` and `dims` is set; the catalogue knows more."""

    name: str
    entry: CatalogueEntry | None = None
    dims: ModelDims | None = None
    stored_bits: Bits | None = None
    """Bits that a weight takes in its file, where it is held as it lies there and `entry` does not say."""

    @classmethod
    def of_entry(cls, entry: CatalogueEntry) -> "ModelRequirements":
        """Of a model of the catalogue."""
        return cls(entry.id, entry, ModelDims.of_entry(entry))

    @property
    def parameters(self) -> int | None:
        """None where it is not known."""
        known = self.entry or self.dims
        return known.parameters if known else None

    @property
    def context(self) -> int | None:
        """Tokens it was made for; None where it is not known."""
        known = self.entry or self.dims
        return known.context if known else None

    @property
    def quantised(self) -> bool:
        """Whether it is published in fewer bits, and stays in them."""
        return bool(self.entry.stored_bits if self.entry else self.dims and self.dims.stored)

    def memory(self, bits: Bits, *, training: bool = False, context: int | None = None) -> int | None:
        """Bytes to chat with a window of `context` tokens, or to train; None where it is not known.

        Training is counted as the Train page advises it where memory is short: gradient checkpointing, one row of
        at most ROW tokens at once. What is published in fewer bits is held in these, and is not trained.
        """
        stored = self.entry.stored_bits if self.entry else self.stored_bits
        if self.dims is None or (self.quantised and (training or not stored)):
            return None
        if not training:
            return talking_memory(self.dims, bits=stored or bits, context=context)
        row = self.dims.clipped(min(context or ROW, ROW))
        return training_memory(
            self.dims, TrainingLoad(tokens=row, length=row, held_bits=bits, gradient_checkpointing=True)
        )

    def best(self, machine: Machine) -> Quantization:
        """The most bits in which there is room to chat; as published where it is not known."""
        if self.quantised:
            return "none"
        held: list[Bits] = [bits for bits in BITS if fits(self.memory(bits), machine) in ("fits", "unknown")]
        return QUANTIZATIONS[held[0] if held else 4]


def ratings_of(model: ModelRequirements, machine: Machine, *, training: bool = False) -> dict[Bits, FitRating]:
    """Whether there is room, for each number of bits."""
    return {bits: fits(model.memory(bits, training=training), machine) for bits in BITS}


def fit_ratings(entry: CatalogueEntry, machine: Machine, *, training: bool = False) -> dict[Bits, FitRating]:
    """The rating of a model of the catalogue for each number of bits it can be held in."""
    return ratings_of(ModelRequirements.of_entry(entry), machine, training=training)


def inspect_model(name: str, *, local_folders: bool) -> ModelRequirements:
    """What is known of `name`, a Hub id or a folder; from the Hub its small text files alone are fetched.

    Without `local_folders` a stranger asks, who learns only what the Hub shows everybody.

    Raises InputError for what is neither, and ModelError or HubError where its configuration cannot be had.
    """
    if entry := entry_of(name):
        return ModelRequirements.of_entry(entry)
    from core.models.gguf.names import hub_file, names_gguf
    from core.models.loading import HUB_ID
    from core.models.model_errors import neither_id_nor_folder, no_config, not_looked_into
    from core.models.sizing.dims import model_dims
    from core.models.tokenizers.check import UNREADABLE
    from core.models.tokenizers.files import from_hub
    from core.models.weights import read_config

    folder = Path(name).expanduser()
    if local_folders and names_gguf(name) and os.path.isfile(folder):
        return requirements_of_file(folder)
    if found := hub_file(name):
        raise not_looked_into(*found)
    if not (local_folders and folder.is_dir()):
        if not HUB_ID.fullmatch(name):
            raise neither_id_nor_folder(name)
        if not local_folders:
            check_open(name)
        folder = from_hub(name, own_token=local_folders)
    if not (folder / "config.json").is_file():
        raise no_config(name)
    try:
        return ModelRequirements(name, dims=model_dims(read_config(folder)))
    except UNREADABLE as error:
        raise cannot_load(name, error, folder) from error


def requirements_of_file(path: Path) -> ModelRequirements:
    """Of a GGUF file of this machine, by what it says of itself. Raises ModelError for what is none."""
    from core.models.gguf.header import read_header

    header = read_header(path)
    layers, width = header.number("block_count") or 1, header.number("embedding_length") or 1
    heads = header.number("attention.head_count") or 1
    head = header.number("attention.key_length") or width // heads
    dims = ModelDims(
        type=header.architecture, model_class="", native=False, parameters=header.parameters, layers=layers,
        width=width, kv_width=head * (header.number("attention.head_count_kv") or heads),
        vocabulary=header.vocabulary, tied="output.weight" not in header.tensors,
        context=header.number("context_length"), stored="gguf",
    )  # fmt: skip
    per_weight = 8 * path.stat().st_size / max(1, header.parameters)
    nearest = min((*BITS, 32), key=lambda held: abs(held - per_weight))
    return ModelRequirements(path.name, dims=dims, stored_bits=nearest)
