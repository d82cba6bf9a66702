"""What each side of a dialogue is asked: the persona as in a chat, the simulated user as a persona of its own.

Each side sees itself as the assistant and the other as the user. Both prompts are made by `core.prompt.render`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING, Literal

from core.adapters.store import Adapter
from core.chat.context import resolve_prompt_config
from core.messages import Turn
from core.personas import Persona, Sampling
from core.personas.placing import known_entries, known_texts
from core.prompt import Prompt, PromptConfig, RetrievedContext, render
from core.prompt.encoder import encoder_for
from core.prompt.sandbox import TEMPLATES
from core.synth.people import TRAITS, SimulatedUser, TraitValue
from core.synth.plan import USER_SAMPLING, Cell, Plan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Side = Literal["persona", "user"]
DEGREES = {"short": 0.0, "medium": 0.5, "long": 1.0}
SIDES: tuple[Side, Side] = ("persona", "user")


@dataclass(frozen=True)
class SpokenTurn:
    """One turn of a dialogue."""

    side: Side
    messages: tuple[str, ...]


@dataclass(frozen=True)
class SideOfCell:
    """One side of one dialogue: who it is, and how it is drawn."""

    persona: Persona
    """With its macros expanded."""
    sampling: Sampling
    seed: str
    """Of the macros and of the character book."""

    def prompt(
        self, prompt_config: PromptConfig, turns: Sequence[Turn], tokenizer: "PreTrainedTokenizerBase"
    ) -> Prompt:
        """The prompt for its next turn, with what its character book knows. Raises InputError, ModelError."""
        entries = known_entries(self.persona.book, turns, encoder_for(tokenizer).size, seed=self.seed)
        known = known_texts(self.persona.placed, entries)
        background = RetrievedContext(knowledge=known.knowledge)
        return render(prompt_config, turns, tokenizer, background=background, placed=known.placed)


def side_of_cell(plan: Plan, cell: Cell, side: Side) -> SideOfCell:
    """Who speaks for `side` in a cell."""
    if side == "persona":
        expanded = plan.persona.with_macros_expanded(cell.id)
        return SideOfCell(expanded, expanded.sampling, cell.id)
    played = Persona(
        cell.user.name, description_of(cell.user, plan.persona.name, plan.language), user=plan.persona.name
    )  # fmt: skip
    return SideOfCell(played, replace(USER_SAMPLING, temperature=cell.temperature), cell.id)


def prompt_config_of(
    side: SideOfCell, context: int, adapter: Adapter | None = None, *, template: str = "auto"
) -> PromptConfig:
    """The prompt config of a side on a model with that window (tokens), as a chat would have it."""
    own = replace(side.persona, sampling=side.sampling)
    if template != "auto":
        return own.prompt_config(context, template=template)
    return resolve_prompt_config(own, adapter, context)[0]


def given_turns(plan: Plan, cell: Cell) -> tuple[SpokenTurn, ...]:
    """What is said before any model speaks: the persona's greeting where it begins, and the opening question."""
    opening = SpokenTurn("user", (cell.opening.text,))
    if plan.first == "user":
        return (opening,)
    return SpokenTurn("persona", messages_of(side_of_cell(plan, cell, "persona").persona.greeting)), opening


def messages_of(text: str) -> tuple[str, ...]:
    """A turn's text as its messages: a line each."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def seen_by(side: Side, turns: Sequence[SpokenTurn]) -> tuple[Turn, ...]:
    """The dialogue as `side` sees it: its own words are the assistant's."""
    return tuple(Turn("assistant" if turn.side == side else "user", turn.messages) for turn in turns)


def description_of(user: SimulatedUser, persona: str, language: str) -> str:
    """Who a simulated user is, how they talk, and that they play no one else, in words for a model."""
    texts = _texts()[language]
    names = {"name": user.name, "description": user.description, "persona": persona}
    lines = [Template(texts["who"]).safe_substitute(names)]
    lines += [
        Template(texts["trait"]).safe_substitute(label=texts["labels"][trait], value=said)
        for trait in TRAITS
        if (said := _said(texts["degrees"].get(trait), user.traits.get(trait)))
    ]
    return "\n".join((*lines, Template(texts["rules"]).safe_substitute(names)))


def _said(degrees: Sequence[str] | None, value: TraitValue | None) -> str:
    """A trait in words; a degree from 0 to 1, yes and no, or one of DEGREES, as one of `degrees`."""
    value = DEGREES.get(value, value) if isinstance(value, str) and degrees else value
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if not degrees:
        return ""
    return degrees[min(len(degrees) - 1, max(0, int(float(value) * len(degrees))))]


@lru_cache(maxsize=1)
def _texts() -> dict:
    return json.loads((TEMPLATES / "synth" / "simulated_user.json").read_text(encoding="utf-8"))
