"""From a file and choices to rows: reading, the persona's description, and counting that tells how far it is."""

import gc
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice

from core.data.io.export import PreambleKind, preamble_text
from core.data.io.store import prompt_config_for
from core.data.prepare import prepare
from core.data.recipe import Recipe
from core.data.rows import RowCounter
from core.data.sessions import gaps_minutes
from core.data.variants import with_preamble
from core.errors import AppError, InputError
from core.logs.log import Log
from core.messages import Kind, Turn
from core.models.loading import LoadedModel
from core.personas import LONGEST_DESCRIPTION
from core.prompt import PromptConfig, token_counter
from tabs.data.gaps import Histogram
from tabs.data.open_log import LogChoices, OpenLog, OpenLogs
from tabs.data.reading import read
from tabs.ui.text import t

KANA = re.compile(r"[\u3041-\u30ff]")
LARGEST_BUDGET = 1024  # tokens of a row, unless somebody asks for more: memory grows with the longest
SMALLEST_BUDGET = 64
LARGE = 100_000  # messages
TELL_EVERY = 0.3  # seconds


def open_log(
    logs: OpenLogs, owner: str, choices: LogChoices, *, loaded: LoadedModel | None, language: str,
    report: Callable[[str], None],
) -> OpenLog:  # fmt: skip
    """Read the file, where that was not done yet, and make its rows; without a model it waits for one.

    Raises InputError for a file that cannot be read. That no rows can be made is told in `problem`.
    """
    before = logs.get(owner)
    if before and before.choices.reading == choices.reading:
        log, histogram, added = before.log, before.histogram, before.added
    else:
        reading = read(logs, owner, choices, lambda name: report(t(language, "data.reading", name=name)))
        log, added = reading.log, reading.added
        histogram = Histogram.of(gaps_minutes(log.messages))
        _spare_collector(log)
    names = [speaker.name for speaker in log.speakers() if speaker.texts]
    persona = choices.persona if choices.persona in names else log.suggested_persona() or ""
    described = choices.descriptions.get(persona)
    if described is None:
        described = description_of(log, persona)
    opened = OpenLog(choices, log, persona, described, histogram, choices.budget, added=added)
    if loaded is None:
        return opened
    opened = replace(opened, model=loaded.name, budget=min(choices.budget or LARGEST_BUDGET, loaded.context))
    if before and before.log is log and (before.model, before.persona) == (opened.model, persona):
        opened = replace(opened, sizes=before.sizes)
        if (before.budget, before.description, _base(before)) == (opened.budget, described, _base(opened)):
            opened = replace(opened, compared=before.compared)
    return _with_rows(opened, loaded, language, report)


def prompt_config_of(opened: OpenLog, loaded: LoadedModel) -> PromptConfig:
    """What the rows are rendered with, here as in training."""
    return prompt_config_for(
        None, context_window=loaded.context, persona=opened.persona, description=opened.description
    )


def description_of(log: Log, persona: str) -> str:
    """A plain first description of the persona, in the language of the log."""
    language = "ja" if is_japanese(log) else "en"
    others = [s.name for s in log.speakers() if s.texts and s.name != persona]
    several = t(language, "data.everyone")
    other = others[0] if len(others) == 1 else several
    return t(language, "data.description_default", persona=persona, other=other)


def is_japanese(log: Log) -> bool:
    """Whether a third of the first messages hold kana: many short ones do without."""
    texts = list(islice((m.text for m in log.messages if m.kind is Kind.TEXT), 300))
    return sum(bool(KANA.search(text)) for text in texts) * 3 > len(texts)


def check_description(text: str) -> str:
    """`text` without white ends. Raises InputError when it is too long to be one."""
    if len(text) > LONGEST_DESCRIPTION:
        raise InputError(
            f"The description has {len(text):,} characters; {LONGEST_DESCRIPTION:,} are allowed.",
            f"説明が {len(text):,} 文字あります。{LONGEST_DESCRIPTION:,} 文字までにしてください。",
        )
    return text.strip()


@dataclass
class CountingProgress:
    """Counts like `meter`, keeps what it counted in `sizes`, and tells how many messages it has come to."""

    meter: RowCounter
    sizes: dict[Turn, int]
    tell: Callable[[int], None]
    _messages: int = 0
    _told: float = field(default_factory=time.monotonic)

    @property
    def prefix_tokens(self) -> int:
        """Tokens of a row before its first turn."""
        return self.meter.prefix_tokens

    def turn(self, turn: Turn) -> int:
        """Tokens that `turn` adds, at most."""
        size = self.sizes.get(turn)
        if size is None:
            size = self.sizes[turn] = self.meter.turn(turn)
        self._messages += len(turn.messages)
        if time.monotonic() - self._told > TELL_EVERY:
            self._told = time.monotonic()
            self.tell(self._messages)
        return size


def _with_rows(opened: OpenLog, loaded: LoadedModel, language: str, report: Callable[[str], None]) -> OpenLog:
    total = max(len(opened.log.messages), 1)
    try:
        prompt_config = prompt_config_of(opened, loaded)
        counting = CountingProgress(
            token_counter(prompt_config, loaded.tokenizer), opened.sizes,
            lambda n: report(t(language, "data.making", percent=f"{n / total:.0%}")),
        )  # fmt: skip
        choices = opened.choices
        plain = prepare(opened.log, opened.persona, meter=counting, budget=opened.budget, recipe=choices.recipe)
        prepared = with_preamble(plain, line_of(opened), counting)
    except AppError as error:
        return replace(opened, problem=error)
    _spare_collector(opened.log)
    return replace(opened, prepared=prepared, plain=plain)


def _base(opened: OpenLog) -> Recipe:
    """The recipe but for what variants vary."""
    return replace(opened.choices.recipe, shape="conversation", turns=0, burst="newline", clean=False)


def line_of(opened: OpenLog, kind: PreambleKind | None = None) -> str:
    """What is said to the persona first, in the log's language; "" for nothing."""
    language = "ja" if is_japanese(opened.log) else "en"
    text = opened.description if opened.persona in opened.choices.descriptions else ""
    return preamble_text(kind or opened.choices.line, opened.persona, text, language=language)


def _spare_collector(log: Log) -> None:
    """Take what is there out of the cycle collector's sight: a look at a million messages stops the page for a second.

    They hold no cycles, so they go as soon as nobody holds them.
    """
    if len(log.messages) >= LARGE:
        gc.freeze()
