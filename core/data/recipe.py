"""The recipe: every choice that decides how a log becomes rows. Saved with a data set, so that it can be made again."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from core.errors import InputError

RowShape = Literal["conversation", "window", "pair"]
Burst = Literal["newline", "separator", "each"]
RecipeJson = dict[str, float | int | str | bool | list[str]]

MOST_TURNS = 200
WINDOW_TURNS = 9  # of a sliding window where `turns` is 0: eight turns and the reply


@dataclass(frozen=True)
class Recipe:
    """How rows are made. The defaults are what suits most logs.

    Raises InputError for a value that makes no sense.
    """

    gap_minutes: float = 60.0
    """A silence longer than this begins a new talk; nothing is joined across it."""
    shape: RowShape = "conversation"
    """conversation: a stretch of talk, all of the persona's turns in it learned. window: a row for each turn of the
    persona, with the turns before it as context. pair: what was said since the persona last spoke, and its reply."""
    turns: int = 0
    """Most turns a row may have, the reply included; 0: as many as fit (in a window: 9). Of no effect on pairs."""
    context: int = 0
    """Turns from before that a conversation row begins with, as context, where the talk goes on from an earlier row."""
    burst: Burst = "newline"
    """Several messages in a row: newline keeps them apart, each on a line of its own; separator writes them as one
    message; each makes a row for every message of the persona, with those before it as context."""
    separator: str = "、"
    """Between the messages of one turn, where `burst` is separator."""
    validation_share: float = 0.1
    """Of the talks, the latest before the test ones: kept aside to measure with while training."""
    test_share: float = 0.0
    """Of the talks, the latest: kept aside for one last measure."""
    clean: bool = False
    """Leave out copied texts and placeholders; let very frequent replies count less."""
    private: bool = False
    """Replace what tells who somebody is (`core.data.privacy.replace`)."""
    names: tuple[str, ...] = ()
    """Names to replace, where `private`: "花子", or "花子=さくら" to choose what stands in its place."""
    seed: int = 0
    """Of what is drawn: which of the frequent replies count, and the order of stand-ins."""

    def __post_init__(self) -> None:
        for name, choices in (("shape", get_args(RowShape)), ("burst", get_args(Burst))):
            if getattr(self, name) not in choices:
                raise _wrong(name, getattr(self, name), ", ".join(choices))
        if not (_is_number(self.gap_minutes) and self.gap_minutes > 0):
            raise InputError(
                f"The gap between talks must be more than 0 minutes, not {self.gap_minutes}.",
                f"会話の区切りは 0 分より長くしてください（{self.gap_minutes}）。",
            )
        for name, least in (("turns", 0), ("context", 0), ("seed", 0)):
            most = MOST_TURNS if name != "seed" else 2**32
            if type(getattr(self, name)) is not int or not least <= getattr(self, name) <= most:
                raise _wrong(name, getattr(self, name), f"{least}–{most}")
        if self.turns == 1:
            raise _wrong("turns", 1, f"0, 2–{MOST_TURNS}")
        for name in ("validation_share", "test_share"):
            if not (_is_number(getattr(self, name)) and 0 <= getattr(self, name) <= 0.5):
                raise _wrong(name, getattr(self, name), "0–0.5")
        if not isinstance(self.separator, str) or not self.separator or len(self.separator) > 40:
            raise _wrong("separator", self.separator, "1–40 letters")

    @property
    def most_turns(self) -> int:
        """Turns a row may have; a number that no row reaches where there is no limit."""
        unset = WINDOW_TURNS if self.shape == "window" or self.burst == "each" else 10**9
        return self.turns or unset

    def to_json(self) -> RecipeJson:
        """Plain values, as in `dataset.json`."""
        return asdict(self) | {"names": list(self.names)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Recipe":
        """The inverse of `to_json`; keys of later versions are ignored. Raises InputError if it is invalid."""
        known: dict[str, Any] = {field.name: value[field.name] for field in fields(cls) if field.name in value}
        names = known.get("names", ())
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise _wrong("names", names, "a list of texts")
        known["names"] = tuple(names)
        return cls(**known)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(name: str, value: object, allowed: str) -> InputError:
    return InputError(
        f"“{name}” of the recipe is {value!r:.60}; it has to be one of: {allowed}.",
        f"作り方の「{name}」が {value!r:.60} になっています。使える値：{allowed}。",
    )
