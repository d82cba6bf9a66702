"""A short talk to show who has not talked yet: recorded with a real model, or written, and it says which."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.messages import Turn
from core.stored import parse

EXAMPLES = Path(__file__).parents[2] / "datasets" / "example_talks"


@dataclass(frozen=True)
class ExampleTalk:
    """A talk with a built-in persona."""

    persona: str
    """Its id."""
    turns: tuple[Turn, ...]
    model: str = ""
    """Which model really said the persona's words; "" where a person wrote them."""
    settings: str = ""
    """How they were drawn."""


@lru_cache
def example_talk(language: str) -> ExampleTalk:
    """The example in a language, "ja" or "en"."""
    return parse(ExampleTalk, json.loads((EXAMPLES / f"{language}.json").read_text(encoding="utf-8")))
