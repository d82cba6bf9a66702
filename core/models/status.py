"""How the model of this server stands, for the page: what is loaded, or how far its loading is."""

import time
from dataclasses import dataclass, field
from typing import Literal

from core.errors import AppError
from core.models.options import Quantization
from core.models.tokenizers.check import NOT_CHECKED, TokenizerCheck
from core.text import Text

LoadState = Literal["empty", "downloading", "loading", "ready", "failed"]
SURE_AFTER = 1.0  # seconds: before that, a speed is a guess


@dataclass(frozen=True)
class ModelStatus:
    """What the page shows of the model."""

    state: LoadState = "empty"
    name: str = ""
    """What is loaded, or what was to be."""
    fraction: float | None = None
    """Of the bytes while it is downloaded, of the weights while they are read; None where it is not known."""
    device: str = ""
    parameters: int = 0
    context: int = 0
    """Tokens of the window that chats and training may use."""
    error: AppError | None = None
    in_use: str = ""
    """After a failure: the model that is still there to talk with, "" for none."""
    seconds_left: float | None = None
    """Of the download, or of the reading."""
    quantization: Quantization = "none"
    precision_reason: Text | None = None
    """Which numbers it is held in and why, in English and in Japanese; None for a quantised model."""
    offloaded: float = 0.0
    """Share of the weights that did not fit on the GPU and wait in RAM, which makes replies slower."""
    tokenizer_check: TokenizerCheck = NOT_CHECKED
    reads_anew: bool = False
    """Whether every reply reads the whole talk again (`core.models.prefix_cache`)."""


@dataclass
class Pace:
    """Tells from how far it has come how long something takes yet."""

    _began: float = field(default_factory=time.monotonic)
    _first: float | None = None

    def seconds_left(self, fraction: float | None) -> float | None:
        """None until it has gone on for a while. What was there at the beginning says nothing of the speed."""
        if fraction is None:
            return None
        if self._first is None:
            self._began, self._first = time.monotonic(), fraction
        passed, come = time.monotonic() - self._began, fraction - self._first
        return passed * (1 - fraction) / come if passed > SURE_AFTER and come > 0 else None
