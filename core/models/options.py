"""How a model is to be loaded: in how many bits, and what a person allowed with a tick."""

from dataclasses import dataclass
from typing import Literal

Quantization = Literal["none", "8bit", "4bit"]


@dataclass(frozen=True)
class Trust:
    """What may run code of a stranger. Allowed by the person at this machine alone, for one model at a time."""

    pickles: bool = False
    """Weights in .bin files. They are pickles; torch reads them with weights_only, which refuses code it knows of."""
    code: bool = False
    """Program code of the model's repository: transformers' trust_remote_code."""

    def __bool__(self) -> bool:
        return self.pickles or self.code


NO_REMOTE_CODE = Trust()


@dataclass(frozen=True)
class LoadOptions:
    """What a person chose beside the model."""

    quantization: Quantization = "none"
    """bitsandbytes holds the weights in 8 or 4 bits; a model that is published quantised stays as it is."""
    trust: Trust = NO_REMOTE_CODE


DEFAULT_LOAD = LoadOptions()
