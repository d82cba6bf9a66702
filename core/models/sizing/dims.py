"""The sizes of a model, counted from its configuration alone: nothing of its weights is read. Imports torch late."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.catalogue.catalogue import CatalogueEntry
from core.models.options import NO_REMOTE_CODE, Trust

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


LARGEST_WINDOW = 4096  # tokens: more of a context is rarely worth the memory of a small machine


@dataclass(frozen=True)
class ModelDims:
    """What decides how much memory a model takes."""

    type: str
    """model_type of its configuration."""
    model_class: str
    native: bool
    """Implemented by transformers, not by this project or by the model's repository."""
    parameters: int
    layers: int
    width: int
    kv_width: int
    """Width of the keys, and of the values, of one token in one layer."""
    vocabulary: int
    tied: bool
    context: int | None
    """Tokens it was made for."""
    stored: str | None
    """How its weights are quantised as published: transformers' quant_method; None where they are not."""

    @property
    def embeddings(self) -> int:
        """Parameters outside the layers."""
        return self.vocabulary * self.width * (1 if self.tied else 2)

    @property
    def inner(self) -> int:
        """Width inside the MLP of a layer of four square matrices and three to that width and back, about."""
        body = (self.parameters - self.embeddings) / self.layers
        return int(max(self.width, (body - 4 * self.width**2) / (3 * self.width)))

    @classmethod
    def of_entry(cls, entry: CatalogueEntry) -> "ModelDims | None":
        """Of a model of the catalogue; None where that does not know enough."""
        if entry.parameters is None or entry.layers is None or entry.width is None or entry.vocabulary is None:
            return None
        return cls(
            entry.architecture or "", "", entry.loading == "native", entry.parameters, entry.layers, entry.width,
            entry.kv_width or entry.width, entry.vocabulary, bool(entry.tied), entry.context,
            str(entry.stored_bits) if entry.stored_bits else None,
        )  # fmt: skip

    @property
    def window(self) -> int:
        """Tokens of context that this app uses."""
        return min(self.context or 1024, LARGEST_WINDOW)

    def clipped(self, context: int | None) -> int:
        """`context` tokens, at most those it was made for; None is the window that this app uses."""
        return min(context or self.window, self.context or 1 << 30)


def model_dims(config: "PreTrainedConfig", trust: Trust = NO_REMOTE_CODE) -> ModelDims:
    """Count by building the model without memory. Raises what transformers does where it knows no such model."""
    import torch

    from core.models.auto import AutoModelForCausalLM

    text = config.get_text_config()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust.code)
    heads = getattr(text, "num_attention_heads", 0)  # none in a model that is recurrent throughout, as Mamba
    size = (getattr(text, "head_dim", None) or text.hidden_size // heads) if heads else 0
    stored = getattr(config, "quantization_config", None)
    return ModelDims(
        type=config.model_type,
        model_class=type(model).__name__,
        native=type(model).__module__.startswith("transformers.models."),
        parameters=model.num_parameters(),
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        kv_width=(getattr(text, "num_key_value_heads", None) or heads) * size,
        vocabulary=text.vocab_size,
        tied=bool(getattr(text, "tie_word_embeddings", False)),
        context=getattr(text, "max_position_embeddings", None),
        stored=str(stored["quant_method"] if isinstance(stored, dict) else stored.quant_method) if stored else None,
    )
