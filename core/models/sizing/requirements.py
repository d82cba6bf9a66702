"""What a model would take, before any of its weights are fetched: from the catalogue, else from its configuration."""

from dataclasses import dataclass
from pathlib import Path

from core.catalogue.catalogue import BITS, Bits, CatalogueEntry, FitRating, Machine, entry_of, fits
from core.models.model_errors import cannot_load
from core.models.options import Quantization
from core.models.sizing.dims import ModelDims

QUANTIZATIONS: dict[Bits, Quantization] = {16: "none", 8: "8bit", 4: "4bit"}


@dataclass(frozen=True)
class ModelRequirements:
    """A model that might be loaded. One of the two is set; the catalogue knows more."""

    name: str
    entry: CatalogueEntry | None = None
    shape: ModelDims | None = None

    @property
    def parameters(self) -> int | None:
        """None where it is not known."""
        return self.entry.parameters if self.entry else self.shape.parameters

    @property
    def context(self) -> int | None:
        """Tokens it was made for; None where it is not known."""
        return self.entry.context if self.entry else self.shape.context

    @property
    def quantised(self) -> bool:
        """Whether it is published in fewer bits, and stays in them."""
        return bool(self.entry.stored_bits if self.entry else self.shape.stored)

    def memory(self, bits: Bits, *, training: bool = False) -> int | None:
        """Bytes to chat, or to train; None where it is not known."""
        if self.entry:
            return self.entry.memory(bits=bits, training=training)
        return None if self.shape.stored else self.shape.memory(bits=bits, training=training)

    def best(self, machine: Machine) -> Quantization:
        """The most bits in which there is room to chat; as published where it is not known."""
        found = (bits for bits in BITS if fits(self.memory(bits), machine) in ("fits", "unknown"))
        return QUANTIZATIONS[next(found, 4)] if not self.quantised else "none"


def ratings_of(prospect: ModelRequirements, machine: Machine, *, training: bool = False) -> dict[Bits, FitRating]:
    """Whether there is room, for each number of bits."""
    return {bits: fits(prospect.memory(bits, training=training), machine) for bits in BITS}


def inspect_model(name: str, *, local_folders: bool) -> ModelRequirements:
    """What is known of `name`, a Hub id or a folder; from the Hub its small text files alone are fetched.

    Raises InputError for what is neither, and ModelError or HubError where its configuration cannot be had.
    """
    if entry := entry_of(name):
        return ModelRequirements(name, entry=entry)
    from core.models.loading import HUB_ID
    from core.models.model_errors import neither_id_nor_folder, no_config
    from core.models.sizing.dims import model_dims
    from core.models.tokenizers.check import UNREADABLE
    from core.models.tokenizers.files import from_hub
    from core.models.weights import read_config

    folder = Path(name).expanduser()
    if not (local_folders and folder.is_dir()):
        if not HUB_ID.fullmatch(name):
            raise neither_id_nor_folder(name)
        folder = from_hub(name)
    if not (folder / "config.json").is_file():
        raise no_config(name)
    try:
        return ModelRequirements(name, shape=model_dims(read_config(folder)))
    except UNREADABLE as error:
        raise cannot_load(name, error, folder) from error
