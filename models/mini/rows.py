"""Dialogues as rows of token ids, printed by the same function as every chat of the app."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import InputError
from core.messages import Turn
from core.prompt import render
from core.prompt.config import PromptConfig
from core.prompt.stop import token_id
from models.mini.corpora import Dialogue
from models.mini.tokenizer import CONTEXT, ROLES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BURSTS = 0.1  # of one side of the dialogues: the sentences of a turn as messages of their own
SENTENCE = re.compile(r"(?<=[。！？!?])(?=[^。！？!?」）)])")


@dataclass(frozen=True)
class Row:
    """One dialogue seen from one side. `learned` marks the words and end marks of both speakers' turns."""

    ids: np.ndarray
    """int32 of [tokens]."""
    learned: np.ndarray
    """bool of [tokens]: what the loss is taken on."""
    replies: np.ndarray
    """bool of [tokens]: the persona's words and end marks alone, which validation measures are taken on."""
    reply_bytes: int
    """UTF-8 bytes of the persona's words."""
    language: str


def rows_of(
    dialogues: Iterable[Dialogue], tokenizer: "PreTrainedTokenizerBase", sides: str = "AB", *, vary: int | None = None
) -> list[Row]:
    """A row for each dialogue and each of `sides` as the persona; what nobody replies to is left out.

    `vary` is a seed for what training rows vary: the order and number of persona sentences, and bursts.
    """
    made = []
    for dialogue in dialogues:
        for side in sides:
            draw = random.Random(f"{vary} {dialogue.id} {side}") if vary is not None else None
            if row := _row(dialogue, side, tokenizer, draw):
                made.append(row)
    return made


def contract_for(persona: Sequence[str], examples: tuple[Turn, ...] = ()) -> PromptConfig:
    """What a reply is asked with: the persona's sentences, a line each."""
    return PromptConfig("", "\n".join(persona), examples=examples, context_window=CONTEXT, reply_reserve=0)


def turns_of(dialogue: Dialogue, side: str) -> list[Turn]:
    """The dialogue's turns with `side` as the persona."""
    return [Turn("assistant" if who == side else "user", messages) for who, messages in dialogue.turns]


def _row(dialogue: Dialogue, side: str, tokenizer: "PreTrainedTokenizerBase", draw: random.Random | None) -> Row | None:
    persona, turns = list(dialogue.personas[side]), turns_of(dialogue, side)
    if draw:
        draw.shuffle(persona)
        persona = persona[: draw.randint((len(persona) + 1) // 2, len(persona))]
        turns = _with_bursts(turns, draw)
    if not any(turn.role == "assistant" for turn in turns):
        return None
    try:
        prompt = render(contract_for(persona, dialogue.examples), turns, tokenizer, training=True)
    except InputError:  # two turns longer than the window
        return None
    ids = np.array(prompt.ids, np.int32)
    system, user, assistant = (token_id(role, tokenizer) for role in ROLES)
    speaks = np.isin(ids, (user, assistant))
    kept = turns[prompt.turns_left_out :]
    size = sum(len("\n".join(turn.messages).encode()) for turn in kept if turn.role == "assistant")
    talk = np.arange(len(ids)) >= next(piece.start for piece in prompt.segments if piece.part == "turns")
    learned = talk & ~speaks & (ids != system)
    return Row(ids, learned, np.array(prompt.loss_mask), size, dialogue.language)


def _with_bursts(turns: list[Turn], draw: random.Random) -> list[Turn]:
    role = draw.choice(("user", "assistant")) if draw.random() < 2 * BURSTS else None
    return [
        Turn(turn.role, tuple(part for text in turn.messages for part in SENTENCE.split(text)))
        if turn.role == role else turn
        for turn in turns
    ]  # fmt: skip
