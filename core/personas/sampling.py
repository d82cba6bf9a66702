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
}
