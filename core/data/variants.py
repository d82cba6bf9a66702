"""Variants: the same log as several data sets, with the figures by which they are compared.

The grid is exchanges per sample × preamble × bursts × cleaned or raw. Change one thing at a time and let a
measure on the same validation talks decide; the figures only tell how large and how long the samples are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product

from core.data.edits import EditedWords
from core.data.io.export import Export, ExportFormat, PreambleKind, exchanges, preamble_text, sample_of
from core.data.prepare import DEFAULT_RECIPE, Prepared, prepare
from core.data.recipe import Burst, Recipe
from core.data.rows import Row, RowCounter
from core.errors import InputError
from core.logs.log import Log
from core.messages import Turn
from core.workspace import SPLIT_FILES

CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class VariantGrid:
    """What is varied. Every combination is a variant."""

    exchanges: tuple[int, ...] = (1, 2, 4)
    """Most exchanges of a sample: what was said, and the reply."""
    preambles: tuple[PreambleKind, ...] = ("none", "address", "statement")
    bursts: tuple[Burst, ...] = ("newline", "each")
    cleaned: tuple[bool, ...] = (False, True)

    def __len__(self) -> int:
        return len(self.exchanges) * len(self.preambles) * len(self.bursts) * len(self.cleaned)


@dataclass(frozen=True)
class Statistics:
    """The figures of one variant, over all its splits. Tokens are those of the samples as they are exported."""

    dialogues: int
    """Talks that samples come from."""
    samples: int
    tokens: int
    """Of all samples."""
    longest: int
    """Tokens of a sample."""
    shortest: int
    user_tokens: int
    """Of the other side's words, in all samples."""
    persona_tokens: int
    """Of the persona's words, in all samples."""

    def named(self) -> dict[str, float]:
        """All figures, those that are worked out from others too."""
        means = {"mean": self.mean, "user_mean": self.user_mean, "persona_mean": self.persona_mean}
        return {**asdict(self), **means}

    @property
    def mean(self) -> float:
        """Tokens of a sample."""
        return self.tokens / max(self.samples, 1)

    @property
    def user_mean(self) -> float:
        """Tokens of the other side's words in a sample."""
        return self.user_tokens / max(self.samples, 1)

    @property
    def persona_mean(self) -> float:
        """Tokens of the persona's words in a sample."""
        return self.persona_tokens / max(self.samples, 1)


@dataclass(frozen=True)
class Variant:
    """One point of the grid."""

    exchanges: int
    preamble_kind: PreambleKind
    burst: Burst
    cleaned: bool
    preamble: str
    """The preamble as it is written."""
    prepared: Prepared = field(repr=False)
    """Its rows, without the preamble; `with_preamble` puts it in. Variants that differ only in it share them."""
    statistics: Statistics = field(repr=False)

    @property
    def name(self) -> str:
        """Short and fit for a data set: "2-address-newline-raw"."""
        return f"{self.exchanges}-{self.preamble_kind}-{self.burst}-{'clean' if self.cleaned else 'raw'}"


def variants(
    log: Log,
    persona: str,
    *,
    counter: RowCounter,
    budget: int,
    count: CountTokens,
    grid: VariantGrid | None = None,
    base: Recipe = DEFAULT_RECIPE,
    description: str = "",
    language: str | None = None,
    export_format: ExportFormat = "instruction",
    edits: EditedWords | None = None,
) -> Iterator[Variant]:
    """The variants of a log, one after the other as they are asked for.

    `base` is the recipe but for what is varied; `budget` and `counter` as for `prepare`, and the preamble comes on
    top of the budget. `count` counts the tokens of a text. `description` says who the persona is, for the
    statement; `language` ("ja", "en") is that of the lines, else they follow the name. Raises InputError for
    a grid without any variant, and what `prepare` raises.
    """
    grid = VariantGrid() if grid is None else grid
    if not len(grid) or min(grid.exchanges) < 1:
        raise InputError(
            "The grid has no variant. Choose at least one value for each of its sides, and 1 exchange or more.",
            "組み合わせがありません。それぞれ 1 つ以上選び、やりとりの数は 1 以上にしてください。",
        )
    counted = _remembering(count)
    for most, burst, cleaned in product(grid.exchanges, grid.bursts, grid.cleaned):
        recipe = replace(base, burst=burst, clean=cleaned, **_shape(most, burst))
        prepared = prepare(log, persona, counter=counter, budget=budget, recipe=recipe, edits=edits)
        rows = (*prepared.train, *prepared.validation, *prepared.test)
        for kind in grid.preambles:
            preamble = preamble_text(kind, persona, description, language=language)
            figures = statistics(rows, Export(export_format, preamble), counted)
            yield Variant(most, kind, burst, cleaned, preamble, prepared, figures)


def _shape(most: int, burst: Burst) -> Mapping[str, str | int]:
    if most == 1:
        return {"shape": "pair", "turns": 0}
    return {"shape": "window" if burst == "each" else "conversation", "turns": 2 * most}


def statistics(rows: Sequence[Row], export: Export, count: CountTokens) -> Statistics:
    """The figures of `rows` written as `export` says."""
    sizes, user, persona = [], 0, 0
    for row in rows:
        sizes.append(sum(map(count, _texts(sample_of(row, export)))))
        for one in exchanges(row, export):
            user += count(one.asked) if one.asked else 0
            persona += count(one.answer)
    dialogues = len({row.session for row in rows})
    return Statistics(
        dialogues, len(sizes), sum(sizes), max(sizes, default=0), min(sizes, default=0), user, persona
    )  # fmt: skip


def with_preamble(prepared: Prepared, preamble: str, counter: RowCounter) -> Prepared:
    """The same rows with `preamble` before the other side's first words, as a data set is saved and trained on."""
    if not preamble:
        return prepared
    splits = {
        name: tuple(_with_preamble(row, preamble, counter) for row in getattr(prepared, name)) for name in SPLIT_FILES
    }
    return replace(prepared, **splits)


def _with_preamble(row: Row, preamble: str, counter: RowCounter) -> Row:
    first = row.turns[0]
    if first.role == "user":
        said = replace(
            first, messages=(f"{preamble}{' ' * preamble.isascii()}{first.messages[0]}", *first.messages[1:])
        )
        return replace(row, turns=(said, *row.turns[1:]), tokens=(counter.turn(said), *row.tokens[1:]))
    said = Turn("user", (preamble,))
    return replace(
        row, turns=(said, *row.turns), positions=((), *row.positions), tokens=(counter.turn(said), *row.tokens),
    )  # fmt: skip


def _texts(value: object) -> Iterator[str]:
    """The words in a sample; of its structure only those that are words too."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner) if name not in ("role", "from") else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _remembering(count: CountTokens) -> CountTokens:
    """Counts each text once: the variants of a log hold mostly the same words."""
    known: dict[str, int] = {}

    def counted(text: str) -> int:
        size = known.get(text)
        if size is None:
            size = known[text] = count(text)
        return size

    return counted
