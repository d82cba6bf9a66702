"""From a log to rows, for the page and for scripts: who is described how, and counting that tells how far it is."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from core.data.edits import EditedWords
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.data.rows import RowCounter
from core.logs.log import Log
from core.messages import Kind, Turn
from core.prompt import PromptConfig, token_counter
from core.text import Text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KANA = re.compile(r"[\u3041-\u30ff]")
LARGEST_BUDGET = 1024  # tokens of a row, unless somebody asks for more: memory grows with the longest
TELL_EVERY = 0.3  # seconds


def make_rows(
    log: Log, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, budget: int,
    counting: "Callable[[RowCounter], RowCounter] | None" = None, edits: EditedWords | None = None,
) -> tuple[Prepared, RowCounter]:  # fmt: skip
    """The rows of the config's persona, each of at most `budget` tokens, and what counted them.

    `counting` may wrap the counter, to follow the work; `edits` are made by hand. Raises InputError where no rows can
    be made.
    """
    counter: RowCounter = token_counter(prompt_config, tokenizer)
    counter = counting(counter) if counting else counter
    prepared = prepare(log, prompt_config.persona, counter=counter, budget=budget, recipe=recipe, edits=edits)
    return prepared, counter


@dataclass
class CountingProgress:
    """Counts like `counter`, keeps what it counted in `sizes`, and tells how many messages it has come to."""

    counter: RowCounter
    sizes: dict[Turn, int]
    tell: Callable[[int], None]
    _messages: int = 0
    _told: float = field(default_factory=time.monotonic)

    @property
    def prefix_tokens(self) -> int:
        """Tokens of a row before its first turn."""
        return self.counter.prefix_tokens

    def turn(self, turn: Turn) -> int:
        """Tokens that `turn` adds, at most."""
        size = self.sizes.get(turn)
        if size is None:
            size = self.sizes[turn] = self.counter.turn(turn)
        self._messages += len(turn.messages)
        if time.monotonic() - self._told > TELL_EVERY:
            self._told = time.monotonic()
            self.tell(self._messages)
        return size


def log_language(log: Log) -> str:
    """ "ja" when a third of the first messages hold kana (many short ones do without), else "en"."""
    texts = list(islice((m.text for m in log.messages if m.kind is Kind.TEXT), 300))
    return "ja" if sum(bool(KANA.search(text)) for text in texts) * 3 > len(texts) else "en"


def default_description(log: Log, persona: str) -> str:
    """A plain first description of the persona, in the language of the log."""
    others = [speaker.name for speaker in log.speakers() if speaker.texts and speaker.name != persona]
    other = others[0] if len(others) == 1 else ""
    return Text(
        f"You are {persona}, talking with {other or 'the others'}.",
        f"あなたは{persona}です。{other or 'みんな'}と話しています。",
    ).in_language(log_language(log))
