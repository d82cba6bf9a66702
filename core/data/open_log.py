"""A log as somebody works on it: files read, a persona chosen, rows made by a recipe. Knows no page.

`open_log` is the way in; what was decided stands in LogChoices, which is kept on disk (`core.data.io.open_logs`).
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

from core.data.edits import EditedWords, edited_words
from core.data.gaps import GapHistogram
from core.data.io.export import PreambleKind, preamble_text
from core.data.io.reading import ANY_SIZE, MESSAGES, Reading
from core.data.io.store import prompt_config_for
from core.data.log_choices import LogChoices
from core.data.log_rows import LARGEST_BUDGET, CountingProgress, default_description, log_language, make_rows
from core.data.merge import merge
from core.data.prepare import Prepared
from core.data.recipe import Recipe
from core.data.rows import Row
from core.data.sessions import gaps_minutes
from core.data.variants import Statistics, VariantGrid, variants, with_preamble
from core.errors import AppError, InputError
from core.logs.log import DateOrder, Log, Speaker
from core.messages import Message, Turn
from core.models.loading import LoadedModel
from core.prompt import PromptConfig, token_counter
from core.prompt.encoder import encoder_for
from core.workspace import Split

SMALLEST_BUDGET = 64
LARGE = 100_000  # messages
SHOWN_EARLY = 5_000  # messages; the rows of fewer are there before somebody has read who speaks
MAX_EXAMPLES = 8  # new messages of a further file that are kept to be shown


@dataclass(frozen=True)
class Added:
    """What a further file added to a log."""

    name: str
    new: int
    known: int
    """Messages of it that were there already."""
    examples: tuple[Message, ...]


@dataclass(frozen=True)
class Compared:
    """A variant with its figures, and what to set to get its rows."""

    name: str
    exchanges: int
    preamble_kind: PreambleKind
    recipe: Recipe
    statistics: Statistics


@dataclass(frozen=True)
class OpenLog:
    """A log that was read, and what was made of it."""

    choices: LogChoices
    log: Log
    persona: str
    description: str
    histogram: GapHistogram
    budget: int
    """Tokens a row may have; 0 while no model is there to count them."""
    model: str = ""
    """Whose tokenizer counted."""
    prepared: Prepared | None = None
    plain: Prepared | None = None
    """The same rows without the preamble."""
    compared: tuple[Compared, ...] = ()
    """The variants of this log, where they were made."""
    problem: AppError | None = None
    """Why there are no rows."""
    added: tuple[Added, ...] = ()
    """By further files, in their order."""
    sizes: dict[Turn, int] = field(default_factory=dict, repr=False)
    """Tokens of the turns counted so far, for this model and persona."""
    saved: str = ""
    """The data set that was saved from exactly this."""
    edited: EditedWords = field(default_factory=dict)
    """Where the edits stand in this log."""

    @cached_property
    def speakers(self) -> list[Speaker]:
        """Who writes, counted once: a page asks several times, and a log may hold a million messages."""
        return self.log.speakers()

    def rows(self, split: Split) -> tuple[Row, ...]:
        """The rows of one split; none while there are none."""
        return getattr(self.prepared, split) if self.prepared else ()

    def variant(self, name: str | None) -> "Compared":
        """The variant of that name. Raises InputError when it is not there any more."""
        found = next((one for one in self.compared if one.name == name), None)
        if found is None:
            raise InputError(
                "Choose a variant in the list. If it is empty, compare them again: the log or the persona has changed.",
                "一覧から選んでください。空のときは、もう一度比べてください（記録か人格が変わりました）。",
            )
        return found

    @property
    def current_variant(self) -> str:
        """The name of the variant that the rows are; "" for none of them."""
        now = _varied(self.choices.recipe, self.choices.preamble_kind)
        return next((one.name for one in self.compared if _varied(one.recipe, one.preamble_kind) == now), "")


@dataclass(frozen=True)
class ReadingFile:
    """Work under way: a further file is read."""

    name: str


@dataclass(frozen=True)
class LogRead:
    """Work under way: a log of many messages was read, and its rows are made next."""

    opened: OpenLog


@dataclass(frozen=True)
class MakingRows:
    """Work under way: so much of the messages is in rows."""

    share: float


@dataclass(frozen=True)
class MakingVariants:
    """Work under way: how many of the variants are made."""

    made: int
    all: int


OpenStep = ReadingFile | LogRead | MakingRows | MakingVariants
StepReport = Callable[[OpenStep], None]


def open_log(
    choices: LogChoices, place: Callable[[str], Path], *, before: OpenLog | None, loaded: LoadedModel | None,
    report: StepReport, reading: Reading = ANY_SIZE,
) -> OpenLog:  # fmt: skip
    """Read the files, where `before` does not hold them already, and make the rows; they wait for a model.

    `place` tells where a file lies. Raises InputError for one that cannot be read, FileNotFoundError for one that is
    gone. Why no rows can be made is in `problem`. A log of many messages is reported as soon as it was read.
    """
    if before and before.choices.reading == choices.reading:
        log, histogram, added = before.log, before.histogram, before.added
    else:
        log, added = read_files(choices, place, report, reading)
        histogram = GapHistogram.of(gaps_minutes(log.messages))
        _spare_collector(log)
    names = [speaker.name for speaker in log.speakers() if speaker.texts]
    persona = choices.persona if choices.persona in names else log.suggested_persona() or ""
    described = choices.descriptions.get(persona)
    if described is None:
        described = default_description(log, persona)
    edited = edited_words(choices.edits, log.messages)
    opened = OpenLog(choices, log, persona, described, histogram, choices.budget, added=added, edited=edited)
    if loaded is None:
        return opened
    opened = replace(opened, model=loaded.name, budget=min(choices.budget or LARGEST_BUDGET, loaded.context))
    if before and before.log is log and (before.model, before.persona) == (opened.model, persona):
        opened = replace(opened, sizes=before.sizes)
        if _of_variants(before) == _of_variants(opened):
            opened = replace(opened, compared=before.compared)
    if len(log.messages) >= SHOWN_EARLY and not (before and before.log is log):
        report(LogRead(opened))
    return _with_rows(opened, loaded, report)


def read_files(
    choices: LogChoices, place: Callable[[str], Path], report: StepReport, reading: Reading = ANY_SIZE
) -> tuple[Log, tuple[Added, ...]]:  # fmt: skip
    """The log in the files, and what each further one added: what the ones before it do not hold."""
    log, added = _read(choices, place(choices.file), choices.name, reading), []
    for file, name in choices.more:
        report(ReadingFile(name))
        with _naming(name):
            newer = _read(choices, place(file), name, reading)
        merged = merge(log, newer)
        reading.check_number(len(merged.log.messages), MESSAGES)
        # What is new stands apart from the notes, which are warnings.
        log = replace(merged.log, notes=tuple(dict.fromkeys((*log.notes, *newer.notes))))
        new = tuple(log.messages[at] for at in merged.added[:MAX_EXAMPLES])
        added.append(Added(name, len(merged.added), merged.known, new))
    return log, tuple(added)


def _read(choices: LogChoices, path: Path, name: str, reading: Reading) -> Log:
    return reading.log(
        path, file_name=name, format=choices.format or None, names=choices.names or None,
        date_order=cast(DateOrder | None, choices.date_order or None), columns=choices.columns or None,
        conversations=choices.conversations or None, presumed=choices.presumed, zone=choices.zone or None,
    )  # fmt: skip


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which of several files it was."""
    try:
        yield
    except InputError as error:
        raise InputError(f"“{name}”: {error.en}", f"「{name}」: {error.ja}") from error


def prompt_config_of(opened: OpenLog, loaded: LoadedModel) -> PromptConfig:
    """What the rows are rendered with, here as in training."""
    return prompt_config_for(
        None, context_window=loaded.context, persona=opened.persona, description=opened.description,
        template=opened.choices.template,
    )  # fmt: skip


def _with_rows(opened: OpenLog, loaded: LoadedModel, report: StepReport) -> OpenLog:
    total = max(len(opened.log.messages), 1)
    try:
        plain, counter = make_rows(
            opened.log, prompt_config_of(opened, loaded), loaded.tokenizer, opened.choices.recipe, opened.budget,
            lambda counter: CountingProgress(counter, opened.sizes, lambda n: report(MakingRows(n / total))),
            opened.edited,
        )  # fmt: skip
        prepared = with_preamble(plain, preamble_of(opened), counter)
    except AppError as error:
        return replace(opened, problem=error)
    _spare_collector(opened.log)
    return replace(opened, prepared=prepared, plain=plain)


def preamble_of(opened: OpenLog, kind: PreambleKind | None = None) -> str:
    """What is said to the persona first, in the log's language; "" for nothing."""
    text = opened.description if opened.persona in opened.choices.descriptions else ""
    return preamble_text(kind or opened.choices.preamble_kind, opened.persona, text, language=log_language(opened.log))


def compare_variants(opened: OpenLog, loaded: LoadedModel, report: StepReport) -> tuple[Compared, ...]:
    """All variants of the log with their figures."""
    grid, made = VariantGrid(), []
    counter = token_counter(prompt_config_of(opened, loaded), loaded.tokenizer)
    described = opened.description if opened.persona in opened.choices.descriptions else ""
    for one in variants(
        opened.log, opened.persona, counter=CountingProgress(counter, opened.sizes, lambda _: None),
        budget=opened.budget, count=encoder_for(loaded.tokenizer).size, grid=grid, base=opened.choices.recipe,
        description=described, language=log_language(opened.log), edits=opened.edited,
    ):  # fmt: skip
        made.append(Compared(one.name, one.exchanges, one.preamble_kind, one.prepared.recipe, one.statistics))
        report(MakingVariants(len(made), len(grid)))
    return tuple(made)


def _varied(recipe: Recipe, preamble_kind: PreambleKind) -> tuple:
    """What variants vary."""
    return recipe.shape, recipe.turns if recipe.shape != "pair" else 0, recipe.burst, recipe.clean, preamble_kind


def _of_variants(opened: OpenLog) -> tuple:
    """What the variants of a log hang on: all but what they vary."""
    recipe = replace(opened.choices.recipe, shape="conversation", turns=0, burst="newline", clean=False)
    return opened.budget, opened.description, recipe, opened.edited


def _spare_collector(log: Log) -> None:
    """Take what is there out of the cycle collector's sight: a look at a million messages stops a page for a second.

    They hold no cycles, so they go as soon as nobody holds them.
    """
    if len(log.messages) >= LARGE:
        gc.freeze()
