"""How replies are drawn from the model."""

from dataclasses import dataclass

from core.errors import InputError


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. Raises InputError for a value out of bounds."""

    temperature: float = 0.6
    """0 is greedy."""
    top_p: float = 0.95
    min_p: float = 0.05
    repetition_penalty: float = 1.05
    max_new_tokens: int = 200
    top_k: int = 0
    """0 is off."""
    typical_p: float = 1.0
    """Locally typical sampling (Meister et al. 2022); 1 is off."""
    no_repeat_ngram: int = 0
    """A run of this many tokens appears at most once in a reply; 0 is off."""
    seed: int = -1
    """The same words get the same reply; -1 draws anew each time."""

    def __post_init__(self) -> None:
        for name, (kind, low, high) in BOUNDS.items():
            value = getattr(self, name)
            try:
                number = kind(value)
            except (TypeError, ValueError, OverflowError):
                number = float("nan")
            if not low <= number <= high:
                raise InputError(
                    f"{name} is {value}; it goes from {low} to {high}.",
                    f"{name} が {value} です。{low} から {high} の間にしてください。",
                )
            object.__setattr__(self, name, number)  # a 2 from a file or a slider is no temperature to transformers


BOUNDS = {
    "temperature": (float, 0, 2),
    "top_p": (float, 0.01, 1),
    "min_p": (float, 0, 1),
    "repetition_penalty": (float, 1, 2),
    "max_new_tokens": (int, 1, 4096),
    "top_k": (int, 0, 1000),
    "typical_p": (float, 0.01, 1),
    "no_repeat_ngram": (int, 0, 20),
    "seed": (int, -1, 2**31 - 1),
}

DRAWING = ("temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram")
"""The settings that a preset names."""
PRESETS = {
    "calm": Sampling(temperature=0.3, top_p=0.9),
    "balanced": Sampling(),
    "lively": Sampling(temperature=0.9, top_p=1.0, min_p=0.08),
}


def preset_of(sampling: Sampling) -> str:
    """The name of the preset that draws in this way, or ""."""
    same = (n for n, preset in PRESETS.items() if all(getattr(preset, d) == getattr(sampling, d) for d in DRAWING))
    return next(same, "")
