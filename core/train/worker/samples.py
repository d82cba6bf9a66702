"""What the model answers while it learns: a few openings of validation rows, always the same, answered greedily.

Imports transformers: only the training process imports this module.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback
from transformers import TrainerControl as Control
from transformers import TrainerState as State
from transformers import TrainingArguments as Args

from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn
from core.models.generate import decode_reply, generate
from core.models.sampling import Sampling
from core.prompt import PromptConfig, render, stop_criteria
from core.thoughts import split_thoughts
from core.train.events import Sample, append
from core.train.spec import RunFolder
from core.train.worker import attention

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

LONGEST = 64  # tokens of a sample reply: enough to hear the voice, and soon done


@dataclass(frozen=True)
class Opening:
    """How a row begins, up to where the persona answers for the first time."""

    prompt: tuple[int, ...]
    """Token ids, exactly as the chat would ask."""
    asked: str
    real: str
    """What the persona answered in the row."""


def openings(
    rows: Iterable[Row | Sequence[Turn]],
    prompt_config: PromptConfig,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    count: int,
) -> tuple[Opening, ...]:
    """`count` openings, or as many as there are, evenly from the first row to the last; no question twice."""
    room = replace(prompt_config, reply_reserve=min(LONGEST, prompt_config.context_window // 2))
    found: dict[str, Opening] = {}
    for row in rows:
        turns, asked_with = (row.turns, room.with_system(row.system)) if isinstance(row, Row) else (row, room)
        opening_turns = list(takewhile(lambda turn: not _answers(turn), turns))
        if len(opening_turns) == len(turns) or not opening_turns or opening_turns[-1].role != "user":
            continue
        try:
            prompt = render(asked_with, opening_turns, tokenizer)
        except InputError:  # longer than the window
            continue
        asked = prompt_config.separator.join(opening_turns[-1].messages)
        found.setdefault(
            asked, Opening(prompt.ids, asked, prompt_config.separator.join(turns[len(opening_turns)].messages))
        )
    all_of_them = tuple(found.values())
    step = max(len(all_of_them) / count, 1) if count else 1
    return tuple(all_of_them[int(n * step)] for n in range(min(count, len(all_of_them))))


def _answers(turn: Turn) -> bool:
    return turn.role == "assistant" and turn.trained


@torch.no_grad()
def answers(
    model: "PeftModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompt_config: PromptConfig,
    asked: Sequence[Opening],
    *,
    longest: int = LONGEST,
    temperature: float = 0.0,
) -> list[str]:
    """What the model says to each opening, in at most `longest` tokens. Leaves the model as it was.

    At temperature 0 it draws no random number.
    """
    stop = stop_criteria(prompt_config, tokenizer)
    sampling = Sampling(
        temperature=temperature, top_p=1, min_p=0, repetition_penalty=1, max_new_tokens=longest
    )  # fmt: skip
    with _answering(model):
        said = generate(model, tokenizer, [opening.prompt for opening in asked], stop, sampling)
    return [split_thoughts(decode_reply(tokenizer, row, stop.strings)).words for row in said.ids]


@contextmanager
def _answering(model: "PeftModel") -> Iterator[None]:
    """Evaluation mode, with an attention that can read a cache and left padding."""
    training = model.training
    base: Any = model.get_base_model()
    blocked = base.config._attn_implementation == attention.NAME
    model.eval()
    if blocked:
        base.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.train(training)
        if blocked:
            base.set_attn_implementation(attention.NAME)


@dataclass
class Samples(TrainerCallback):
    """Tells what the model answers before the first step, at regular intervals, and after the last."""

    folder: RunFolder
    tokenizer: "PreTrainedTokenizerBase"
    prompt_config: PromptConfig
    openings: tuple[Opening, ...]
    every: int
    """Steps between two looks."""
    _told: int = field(default=-1, init=False)

    def on_train_begin(self, args: Args, state: State, control: Control, **about: Any) -> None:
        if state.global_step == 0:
            self._tell(0, about["model"])

    def on_step_end(self, args: Args, state: State, control: Control, **about: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self._tell(state.global_step, about["model"])

    def _tell(self, step: int, model: "PeftModel") -> None:
        if not self.openings or step == self._told:
            return
        self._told = step
        said = answers(model, self.tokenizer, self.prompt_config, self.openings)
        for number, (opening, words) in enumerate(zip(self.openings, said, strict=True)):
            append(self.folder.events, Sample(step, number, opening.asked, words, opening.real))
