"""Rows of a data set as token ids and labels, through the one prompt function.

A data set is cut into rows for one tokenizer. Where another one makes a row longer than the window,
the row is cut again by whole turns, so that every word of the persona is still learned once; words that
fit no window at all are counted and told.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn
from core.prompt import Prompt, PromptConfig, TokenCounter, render, token_counter
from core.train.config.train_config import LossOn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from core.train.worker.encoded import StoredExamples

MOST_MEASURES = 64  # system texts whose tokens are counted at once
IGNORED = -100  # the label that PyTorch's cross entropy leaves out


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One row as the model sees it."""

    ids: array
    """Token ids, as 32-bit integers: a list of Python integers would take nine times the memory."""
    labels: array
    """`ids` where a token carries loss, IGNORED elsewhere."""
    words: int
    """UTF-8 bytes of the learned words, for bits per byte."""
    weights: array | None = None
    """What the loss of each token counts, 32-bit floats; None where it is 1 for every label."""

    @property
    def loss_tokens(self) -> int:
        """How many tokens are learned in full. The first token of a row never is: nothing comes before it."""
        if self.weights is not None:
            return sum(weight == 1 for weight in self.weights[1:])
        return sum(label != IGNORED for label in self.labels[1:])


class Examples(tuple[Example, ...]):
    """Rows in memory."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(example.ids) for example in self]

    @property
    def loss_tokens(self) -> int:
        return sum(example.loss_tokens for example in self)

    @property
    def loss_bytes(self) -> int:
        """UTF-8 bytes of the learned words."""
        return sum(example.words for example in self)


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """A file of rows, encoded."""

    examples: "Examples | StoredExamples"
    truncated: int = 0
    """Rows that were longer than the window and became several."""
    too_long: int = 0
    """Turns of the persona that fit no window and are not learned."""

    @property
    def loss_tokens(self) -> int:
        return self.examples.loss_tokens


class RowEncoder:
    """Rows to examples of at most `max_length` tokens; rows without words of the persona give none.

    Counts what it cuts. Validation rows are measured on every reply and on nothing else, whatever is trained on.
    """

    def __init__(
        self, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", *,
        max_length: int, loss_on: LossOn = "every_reply", context_weight: float = 0.0,
    ) -> None:  # fmt: skip
        self.prompt_config, self.tokenizer = replace(prompt_config, context_window=max_length), tokenizer
        self.loss_on: LossOn = loss_on
        self.context_weight = context_weight
        self.cut = self.too_long = 0
        """As Encoded says it, of the rows so far."""
        self._measures: dict[str, TokenCounter] = {}

    def __call__(self, row: Row | Sequence[Turn]) -> list[Example]:
        """The examples of a row, or of its turns alone; a row with a system text of its own is asked with that."""
        if isinstance(row, Row):
            turns, prompt_config = list(row.turns), self.prompt_config.with_system(row.system)
        else:
            turns, prompt_config = list(row), self.prompt_config
        if prompt_config.description not in self._measures:
            if len(self._measures) >= MOST_MEASURES:
                self._measures.clear()
            self._measures[prompt_config.description] = token_counter(prompt_config, self.tokenizer)
        measure = self._measures[prompt_config.description]
        prompts, lost = _fit(turns, prompt_config, self.tokenizer, measure)
        self.cut += len(prompts) > 1
        self.too_long += lost
        found = (example(prompt, self.loss_on, self.context_weight) for prompt in prompts)
        return [one for one in found if one.loss_tokens]


def encode(
    rows: Iterable[Row | Sequence[Turn]], prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", *,
    max_length: int, loss_on: LossOn = "every_reply", context_weight: float = 0.0,
) -> EncodedRows:  # fmt: skip
    """All of `rows` as an Encoder gives them, in memory."""
    encoder = RowEncoder(
        prompt_config, tokenizer, max_length=max_length, loss_on=loss_on, context_weight=context_weight
    )
    examples = Examples(example for row in rows for example in encoder(row))
    return EncodedRows(examples, encoder.cut, encoder.too_long)


def example(prompt: Prompt, loss_on: LossOn = "every_reply", context_weight: float = 0.0) -> Example:
    """A rendered row with what each of its tokens counts."""
    weights = [float(learned) for learned in prompt.loss_mask]
    if loss_on == "last_reply":
        start = _last_reply(prompt)
        weights[:start] = [0.0] * start
    said = [piece for piece in prompt.segments if piece.part in ("turns", "examples") and piece.end > piece.start]
    words = sum(len(piece.text.encode()) for piece in said if piece.part == "turns" and weights[piece.start])
    for piece in said if context_weight else ():
        if not weights[piece.start]:
            weights[piece.start : piece.end] = [context_weight] * (piece.end - piece.start)
    labels = array("i", (token if weight else IGNORED for token, weight in zip(prompt.ids, weights, strict=True)))
    return Example(array("i", prompt.ids), labels, words, array("f", weights) if context_weight else None)


def _last_reply(prompt: Prompt) -> int:
    """Where the persona's last reply begins: behind the last words before it that are not learned."""
    words = [p for p in prompt.segments if p.part in ("turns", "examples") and p.end > p.start]
    while words and not prompt.loss_mask[words[-1].start]:
        words.pop()
    return next((piece.end for piece in reversed(words) if not prompt.loss_mask[piece.start]), 0)


def _fit(
    turns: list[Turn], prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", measure: TokenCounter
) -> tuple[list[Prompt], int]:
    """Prompts that hold every turn of the persona in `turns` that fits, and how many do not."""
    if not any(turn.role == "assistant" for turn in turns):
        return [], 0
    try:
        prompt = render(prompt_config, turns, tokenizer, training=True)
    except InputError:
        prompt = None  # not even the last two turns fit
    if prompt and not any(turn.role == "assistant" for turn in turns[: prompt.turns_left_out]):
        return [prompt], 0
    exchanges = _exchanges(turns)
    if len(exchanges) > 1:
        parts = _packed(exchanges, prompt_config.context_window - measure.prefix_tokens, measure)
        fitted = [_fit(part, prompt_config, tokenizer, measure) for part in parts]
        return [p for prompts, _ in fitted for p in prompts], sum(lost for _, lost in fitted)
    if len(turns) > 1:  # what was said to the persona is too long: its own words alone
        return _fit(turns[-1:], prompt_config, tokenizer, measure)
    return [], 1


def _exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Turns cut behind each turn of the persona; what follows the last one teaches nothing."""
    exchanges: list[list[Turn]] = [[]]
    for turn in turns:
        exchanges[-1].append(turn)
        if turn.role == "assistant":
            exchanges.append([])
    return exchanges[:-1]


def _packed(exchanges: Sequence[list[Turn]], room: int, measure: TokenCounter) -> list[list[Turn]]:
    """Neighbouring exchanges put together while they fit in `room` tokens: at least two parts."""
    sizes = [sum(measure.turn(turn) for turn in exchange) for exchange in exchanges]
    if sum(sizes) <= room:  # the opening that a template may need is not in the counter
        middle = len(exchanges) // 2
        return [[t for e in half for t in e] for half in (exchanges[:middle], exchanges[middle:])]
    parts, used = [list(exchanges[0])], sizes[0]
    for exchange, size in zip(exchanges[1:], sizes[1:], strict=True):
        if used + size <= room:
            parts[-1] += exchange
            used += size
        else:
            parts.append(list(exchange))
            used = size
    return parts
