"""Preference tuning: which pairs of replies are learned from, and how they become token ids.

An adapter is shown two replies to the same words and learns to make the better one likelier, measured
against itself as it was before (direct preference optimisation, Rafailov et al. 2023, arXiv:2305.18290). The pairs
are a person's corrections, and the persona's real replies against what the adapter itself says in
their place (DITTO, Shaikh et al. 2024, arXiv:2406.00888).
"""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import TYPE_CHECKING, Any

from core.data.preferences import Pair, words
from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn
from core.prompt import Prompt, render
from core.prompt.config import PromptConfig
from core.text import wording_similarity
from core.train.config.train_config import TrainConfig
from core.train.worker.rows import IGNORED, Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SLOWER = 20  # times: 1e-5 after 2e-4


@dataclass(frozen=True)
class PreferenceConfig:
    """What preference tuning does beside `TrainConfig`. Raises InputError for values that cannot be used."""

    beta: float = 0.1
    """How strongly the adapter is held to what it was before: smaller lets it move further."""
    own_replies: int = 200
    """Places in the data set where the adapter answers by itself; its replies are the worse ones. 0 for none."""
    similarity: float = 0.8
    """Own replies that are this like the real one (share of characters) are no worse and are left out."""
    temperature: float = 1.0
    """Of the adapter's own replies."""

    def __post_init__(self) -> None:
        bounds = {"beta": (0.001, 10), "own_replies": (0, 20_000), "similarity": (0.1, 1), "temperature": (0.1, 2)}
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high):
                raise InputError(
                    f"{name} = {value!r} cannot be used; it goes from {low:g} to {high:g}.",
                    f"{name} = {value!r} は使えません。{low:g} 以上 {high:g} 以下にしてください。",
                )

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PreferenceConfig":
        """The inverse of `to_json`; unknown keys of later versions are left aside."""
        return cls(**{f.name: value[f.name] for f in fields(cls) if f.name in value})


def settings_after(config: TrainConfig) -> TrainConfig:
    """Settings for preference tuning of an adapter that was trained with `config`.

    One epoch, a twentieth of the learning rate, and none of what makes the same row look different twice.
    """
    return replace(
        config, learning_rate=config.learning_rate / SLOWER, epochs=1, batch_size=8, dropout=0.0, neftune_alpha=0.0,
        loraplus_ratio=0.0, prompt_loss_weight=0.0, patience=0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PairExample:
    """Two replies after one prompt, as the model sees them: the prompt's ids are the same in both."""

    chosen: Example
    rejected: Example
    reference: tuple[float, float] = (0.0, 0.0)
    """Log-probability of either reply, in nats, under the adapter as it was before."""

    @property
    def ids(self) -> array:
        """The tokens of both, as they go through the model."""
        return self.chosen.ids + self.rejected.ids

    @property
    def longest(self) -> int:
        """Tokens of the longer one."""
        return max(len(self.chosen.ids), len(self.rejected.ids))

    @property
    def loss_tokens(self) -> int:
        """Tokens whose probability is moved."""
        return self.chosen.loss_tokens + self.rejected.loss_tokens


def encode_pairs(
    pairs: Iterable[Pair], prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", *, max_length: int
) -> tuple[list[PairExample], int]:
    """Pairs as examples of at most `max_length` tokens a reply, and how many do not fit at all.

    Old turns are left out for both replies alike, so that both answer the same words.
    """
    prompt_config = replace(prompt_config, context_window=max_length)
    examples: list[PairExample] = []
    too_long = 0
    for pair in pairs:
        try:
            examples.append(_example(pair, prompt_config.with_system(pair.system), tokenizer))
        except InputError:
            too_long += 1
    return examples, too_long


def _example(pair: Pair, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase") -> PairExample:
    """Raises InputError when a reply does not fit."""
    context = tuple(replace(turn, trained=False) for turn in pair.context)
    while True:
        both = [
            render(prompt_config, (*context, Turn("assistant", reply)), tokenizer, training=True)
            for reply in (pair.chosen, pair.rejected)
        ]
        examples, turns = ({prompt.left_out.get(part, 0) for prompt in both} for part in ("examples", "turns"))
        if len(examples) > 1:
            prompt_config = replace(prompt_config, examples=())
        elif len(turns) > 1:
            context = context[max(turns) :]
        else:
            chosen, rejected = map(_reply, both)
            return PairExample(chosen, rejected)


def _reply(prompt: Prompt) -> Example:
    labels = array("i", (i if learned else IGNORED for i, learned in zip(prompt.ids, prompt.loss_mask, strict=True)))
    learned = [i for i, label in enumerate(labels) if label != IGNORED]
    # What follows the end mark is the template's: it would differ in place, never in what is learned.
    end = learned[-1] + 1 if learned else len(labels)
    return Example(array("i", prompt.ids[:end]), labels[:end], words=0)


@dataclass(frozen=True)
class PreferencePlace:
    """A place of a conversation where the persona really answered."""

    context: tuple[Turn, ...]
    reply: tuple[str, ...]
    system: str = ""
    """The system text of its row, where that has its own."""


def places(rows: Iterable[Row | Sequence[Turn]], *, most: int, seed: int) -> list[PreferencePlace]:
    """At most `most` places where the persona answers the user, drawn evenly from all rows; each place once."""
    found: dict[tuple[str, str], PreferencePlace] = {}
    for row in rows:
        turns, system = (row.turns, row.system) if isinstance(row, Row) else (row, "")
        for number, turn in enumerate(turns):
            answers = turn.role == "assistant" and turn.trained and number and turns[number - 1].role == "user"
            if answers and words(turn.messages):
                asked = words(turns[number - 1].messages)
                found.setdefault(
                    (asked, words(turn.messages)), PreferencePlace(tuple(turns[:number]), turn.messages, system)
                )
    everywhere = list(found.values())
    return Random(f"places/{seed}").sample(everywhere, min(most, len(everywhere)))


def pair_of(place: PreferencePlace, said: str, separator: str, *, similarity: float) -> Pair | None:
    """The real reply before the adapter's own; None where that is empty or as good as the real one."""
    own = tuple(part for part in said.split(separator) if part.strip()) if separator else (said,)
    if not words(own) or wording_similarity(words(place.reply), words(own)) > similarity:
        return None
    return Pair(place.context, place.reply, own, source="samples", system=place.system)
