"""Dialogues as data sets: the same code as for logs, in the variants that the user's own run compared.

The dialogues become a log with a conversation each. Whatever the persona said before the user's first words is always
the same, and is left out of the rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from core.data.io.export import Export, preamble_text
from core.data.io.store import DataSetInfo, info_of
from core.data.made import MADE
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe, RowShape
from core.data.rows import Row, RowCounter
from core.data.variants import CountTokens, Statistics, statistics, with_preamble
from core.errors import InputError
from core.logs.log import Format, LineCount, Log
from core.messages import Message
from core.synth.records import DialogueRecord
from core.text import Text

DialogueWindows = Literal["all", "first"]
PersonaPreamble = Literal["none", "address", "statement", "system"]
NINE: tuple[tuple[DialogueWindows, int], ...] = (("all", 2), ("first", 2), ("first", 4))
PREAMBLES: tuple[PersonaPreamble, ...] = ("none", "address", "statement")
FORMAT = Format("synth", Text("Dialogues made by models", "モデルどうしの対話"))
VALIDATION_SHARE, TEST_SHARE = 0.1, 0.2  # of the dialogues


@dataclass(frozen=True)
class DialogueVariant:
    """One way to make rows of dialogues."""

    windows: DialogueWindows
    """all: a row for every reply of the persona. first: one row, of the beginning."""
    utterances: int
    """Of a row: 2 or 4."""
    preamble_kind: PersonaPreamble
    preamble: str
    """As it is written; of "system", the persona's description."""
    prepared: Prepared = field(repr=False)
    """Its rows, with the preamble in them."""
    statistics: Statistics
    cells: tuple[str, ...] = field(repr=False)
    """The dialogues that it holds."""
    models: frozenset[str] = frozenset()
    """Who spoke in them."""

    @property
    def name(self) -> str:
        """Short and fit for a data set: "all-2-address"."""
        return f"{self.windows}-{self.utterances}-{self.preamble_kind}"

    def info(self, name: str, description: str, model: str) -> DataSetInfo:
        """What there is to say of it as a data set. Only "system" is asked with the persona's description."""
        system = description if self.preamble_kind == "system" else ""
        info = info_of(name, self.prepared, description=system, model=model)
        figures = {name: round(value, 2) for name, value in self.statistics.named().items()}
        return replace(info, recipe={**info.recipe, MADE: {"share": 1.0, "by": sorted(self.models), **figures}})


def dialogue_log(
    records: Sequence[DialogueRecord], *, utterances: int = 0, name: str = ""
) -> tuple[Log, Mapping[int, None]]:
    """The dialogues as a log, a conversation each, and which of its messages are in no row.

    `utterances`: how many of each, from the user's first on; 0 for all.
    """
    messages: list[Message] = []
    left_out: dict[int, None] = {}
    for part, record in enumerate(records):
        user = record.user if record.user != record.persona else f"{record.user} (user)"
        first = next((n for n, turn in enumerate(record.turns) if turn.side == "user"), len(record.turns))
        end = first + utterances if utterances else len(record.turns)
        for number, turn in enumerate(record.turns[:end]):
            sender = record.persona if turn.side == "persona" else user
            for text in turn.messages:
                if number < first:
                    left_out[len(messages)] = None
                messages.append(Message(sender, text, line=part + 1, part=part))
    lines = LineCount(len(records), len(records))
    return Log(FORMAT, messages, lines, file_name=name), left_out


def dialogue_variants(
    records: Sequence[DialogueRecord], *, counter: RowCounter, budget: int, count: CountTokens, who: str = "",
    description: str = "", shapes: Sequence[tuple[DialogueWindows, int]] = NINE,
    preambles: Sequence[PersonaPreamble] = PREAMBLES, language: str | None = None, name: str = "",
) -> Iterator[DialogueVariant]:  # fmt: skip
    """The variants of some dialogues, all over the same splits. `counter`, `budget` and `count` as for a log's.

    `who` says in a few words who the persona is, for the statement; `description` is the system text. Raises
    InputError where there is no dialogue.
    """
    if not records:
        raise InputError(
            "There is no dialogue to make rows of. Run the plan, or lower the threshold.",
            "行にする対話がありません。計画を実行するか、残す点を下げてください。",
        )
    persona, cells = records[0].persona, tuple(record.cell for record in records)
    models = frozenset(name for record in records for name in record.models.values())
    for windows, utterances in shapes:
        prepared = _prepared(records, windows, utterances, counter, budget, name)
        for kind in preambles:
            text = description if kind == "system" else preamble_text(kind, persona, who, language=language)
            rows: tuple[Row, ...] = (*prepared.train, *prepared.validation, *prepared.test)
            figures = statistics(rows, Export("instruction", text), count)
            own = prepared if kind == "system" else with_preamble(prepared, text, counter)
            yield DialogueVariant(windows, utterances, kind, text, own, figures, cells, models)


def _prepared(
    records: Sequence[DialogueRecord], windows: DialogueWindows, utterances: int, counter: RowCounter, budget: int,
    name: str,
) -> Prepared:  # fmt: skip
    log, left_out = dialogue_log(records, utterances=utterances if windows == "first" else 0, name=name)
    shape: RowShape = "pair" if utterances == 2 else "conversation" if windows == "first" else "window"
    turns = 0 if utterances == 2 else utterances
    recipe = Recipe(shape=shape, turns=turns, validation_share=VALIDATION_SHARE, test_share=TEST_SHARE)
    made = prepare(log, records[0].persona, counter=counter, budget=budget, recipe=recipe, edits=left_out)
    return replace(made, source=name)
