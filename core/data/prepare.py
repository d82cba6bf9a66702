"""From a log and a persona to rows and a ledger: the one entry for the page and for scripts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.data.chunking import RowBuilder
from core.data.edits import AS_CONTEXT, EditedWords
from core.data.filtering import FilterResult, filter_messages
from core.data.ledger import OF_KIND, Ledger, LedgerBuilder, Outcome
from core.data.privacy.replace import Masked, Pseudonyms
from core.data.recipe import Recipe
from core.data.rows import Row, RowCounter, clean
from core.data.sessions import Session, sessions
from core.data.split import Splits, divide
from core.errors import InputError
from core.logs.log import Log
from core.messages import Kind, Message

DEFAULT_RECIPE = Recipe()
DEFAULT_GAP_MINUTES = DEFAULT_RECIPE.gap_minutes


@dataclass(frozen=True)
class Prepared:
    """Rows made of one log for one persona, and what became of every message."""

    persona: str
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    """To measure with while training (dev)."""
    ledger: Ledger
    sessions: int
    gap_minutes: float
    budget: int
    """Tokens a row may have in all."""
    source: str
    """Name of the log's file."""
    format: str
    """Id of the log's format."""
    test: tuple[Row, ...] = ()
    """For one last measure."""
    recipe: Recipe = DEFAULT_RECIPE
    masked: Mapping[int, Masked] = field(default_factory=dict)
    """Messages in which something was replaced, by position in the log."""


def prepare(
    log: Log, persona: str, *, counter: RowCounter, budget: int, gap_minutes: float | None = None,
    recipe: Recipe = DEFAULT_RECIPE, edits: EditedWords | None = None,
) -> Prepared:  # fmt: skip
    """Make rows of at most `budget` tokens from `log`, with `persona` as the side that is learned.

    `gap_minutes` goes before the recipe's; `edits` are messages corrected or left out by hand.
    Raises InputError when nobody speaks besides the persona, when the persona writes nothing, or when the gap or the
    budget leaves no room. A log that yields no row is no error: the ledger says why.
    """
    if gap_minutes is not None:
        recipe = replace(recipe, gap_minutes=gap_minutes)
    edits = edits or {}
    unapproved = dict.fromkeys((i for i, text in edits.items() if text == AS_CONTEXT), Outcome.UNAPPROVED)
    edits = {i: text for i, text in edits.items() if i not in unapproved}
    messages = log.messages[:]  # made now, where the log makes them when they are asked for
    _check(log, persona)
    room = budget - counter.prefix_tokens
    if room < 1:
        raise InputError(
            f"A row of {budget} tokens has no room for a turn: the prompt around it takes {counter.prefix_tokens}. "
            "Choose a longer row or a shorter persona text.",
            f"1 行 {budget} トークンでは会話が入りません（前置きだけで {counter.prefix_tokens} トークン）。"
            "行を長くするか、人格の説明を短くしてください。",
        )
    builder = LedgerBuilder(len(messages))
    words = _words(messages, builder, edits)
    filtered = (
        filter_messages(messages, words, persona, seed=recipe.seed) if recipe.clean else FilterResult({}, frozenset())
    )
    for position, outcome in filtered.skipped.items():
        builder.enter((position,), outcome)
        words[position] = None
    stand_ins = Pseudonyms(recipe.names, recipe.seed) if recipe.private else None
    masked = _masked(words, stand_ins) if stand_ins else {}
    rename = stand_ins.name if stand_ins else str
    row_builder = RowBuilder(
        messages, words, persona, recipe, counter, room, _groups(messages), rename=rename,
        not_learned=dict.fromkeys(filtered.frequent, Outcome.FREQUENT) | unapproved,
    )  # fmt: skip
    talks = sessions(messages, recipe.gap_minutes)
    parts = _divided([row for talk in talks for row in row_builder.rows(talk)], talks, recipe)
    _enter(builder, parts, edits)
    for position, outcome in row_builder.skipped.items():
        if builder.start(position):
            builder.enter((position,), outcome)
    return Prepared(
        persona=persona,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        ledger=builder.close(len(messages)),
        sessions=len(talks),
        gap_minutes=recipe.gap_minutes,
        budget=budget,
        source=log.file_name,
        format=log.format.id,
        recipe=recipe,
        masked=masked,
    )


def _words(messages: Sequence[Message], builder: LedgerBuilder, edits: EditedWords) -> list[str | None]:
    """The words of each message as they are learned; None for one that is left out, with its outcome in `builder`."""
    words: list[str | None] = []
    for i, message in enumerate(messages):
        outcome = OF_KIND.get(message.kind)
        if outcome is None and edits.get(i, "") is None:
            outcome = Outcome.LEFT_OUT
        text = None if outcome else clean(edits.get(i) or message.text) or None
        words.append(text)
        if text is None:
            builder.enter((i,), outcome or Outcome.EMPTY)
    return words


def _masked(words: list[str | None], stand_ins: Pseudonyms) -> dict[int, Masked]:
    """Replace in `words` what tells who somebody is; what was replaced, by position."""
    masked: dict[int, Masked] = {}
    for i, text in enumerate(words):
        if text and (found := stand_ins.mask(text)).replaced:
            masked[i] = found
            words[i] = found.after
    return masked


def _groups(messages: Sequence[Message]) -> frozenset[int]:
    """The conversations in which more than two people write."""
    writers = {(m.part, m.sender) for m in messages if m.kind is Kind.TEXT and m.sender is not None}
    return frozenset(part for part, n in Counter(part for part, _ in writers).items() if n > 2)


def _divided(rows: list[Row], talks: Iterable[Session], recipe: Recipe) -> Splits:
    starts = {talk.number: talk.start for talk in talks}
    return divide(rows, starts, validation_share=recipe.validation_share, test_share=recipe.test_share)


def _enter(builder: LedgerBuilder, parts: Splits, edits: EditedWords) -> None:
    """The outcome of what the rows hold: first all that is learned, for a message may be context elsewhere.

    What was corrected by hand and is in a row has a outcome of its own.
    """
    held = {i for rows in (parts.train, parts.validation, parts.test) for row in rows for turn in row.positions
            for i in turn} if edits else set()  # fmt: skip
    builder.enter(sorted(held & edits.keys()), Outcome.CORRECTED)
    split = ((parts.train, Outcome.LEARNED), (parts.validation, Outcome.VALIDATION), (parts.test, Outcome.TEST))
    for rows, outcome in split:
        for row in rows:
            for k, positions in enumerate(row.positions):
                if row.is_trained(k):
                    builder.enter((i for i in positions if i not in edits), outcome)
    for rows, _ in split:
        for row in rows:
            for k, positions in enumerate(row.positions):
                if not row.is_trained(k):
                    builder.enter(filter(builder.start, positions), Outcome.CONTEXT)


def _check(log: Log, persona: str) -> None:
    writers = {m.sender for m in log.messages if m.sender is not None and m.kind is Kind.TEXT}
    shown = [speaker.name for speaker in log.speakers()][:10]
    if len(writers) < 2:
        only = next(iter(writers), "")
        raise InputError(
            f"Only “{only}” writes in this log, so there is nobody to answer. Load a talk between two or more people, "
            "or correct the names that were read.",
            f"このログで話しているのは「{only}」だけで、返事の相手がいません。"
            "2 人以上のトークを読み込むか、読み取った名前を直してください。",
        )
    if persona not in writers:
        raise InputError(
            f"“{persona}” writes nothing in this log. Those who do: {', '.join(shown)}.",
            f"「{persona}」の発言がこのログにはありません。話している人：{'、'.join(shown)}。",
        )
