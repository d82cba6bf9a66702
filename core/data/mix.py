"""Mixing: a new data set of a main one and shares of others, such as general talk against forgetting.

All of the main set's rows stay as they are. Rows of the others come behind them, drawn by seed, each asked with its
own set's description. What is measured with stays the main set's, and nothing of it is ever trained on.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone

from core.data.io.store import DataSetInfo, DataSets, SavedDataSet
from core.data.made import mixed_share
from core.data.rows import Row
from core.errors import InputError
from core.text import Text, is_japanese
from core.workspace import SPLIT_FILES, Split

MOST_SHARE = 0.9  # of the mix that may come from the other sets
MIXED_FROM = "mixed_from"
"""The key of what a set was mixed from, in its recipe."""

Rows = Mapping[Split, Sequence[Row]]
SaidAndAnswered = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Ingredient:
    """A data set that goes into a mix."""

    info: DataSetInfo
    rows: Rows
    share: float = 0.0
    """Of the mix's rows to train on, above 0; of no meaning for the main set, which is the rest."""


@dataclass(frozen=True)
class MixedPart:
    """What became of one set in a mix."""

    name: str
    persona: str
    description: str
    """What its rows are asked with, where they bring no system text of their own."""
    asked_share: float
    """0 for the main set."""
    rows: int
    of: int
    """Rows to train on that the set has."""
    held_out: int = 0
    """Rows that were not drawn from, since they hold what is measured with."""

    def to_json(self) -> dict[str, object]:
        """Plain values, as in `dataset.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Mix:
    """A mixed data set, for `DataSets.import_rows`."""

    info: DataSetInfo
    rows: Rows
    parts: tuple[MixedPart, ...]
    """The main set first; of one that is a mix itself, what that was mixed from."""


def planned(main: int, others: Sequence[tuple[int, float]]) -> tuple[int, ...]:
    """How many rows each of `others`, (rows it has, share of the mix), gives beside `main` rows.

    A set that has fewer than its share asks for gives all. Raises InputError for shares that leave too little.

    >>> planned(80, [(500, 0.2)]), planned(80, [(5, 0.2)])
    ((20,), (5,))
    """
    total = sum(share for _, share in others)
    if not others or min(share for _, share in others) <= 0 or total > MOST_SHARE + 1e-9:
        raise InputError(
            f"The shares of the other sets add up to {total:.0%}. Give each more than 0%, together at most "
            f"{MOST_SHARE:.0%}: the rest is the main set's.",
            f"ほかのデータセットの割合の合計が {total:.0%} です。それぞれ 0% より大きく、合計 {MOST_SHARE:.0%} 以下に"
            "してください（残りが主なデータセットになります）。",
        )
    return tuple(min(rows, round(main * share / (1 - total))) for rows, share in others)


def mix(name: str, main: Ingredient, others: Sequence[Ingredient], *, seed: int = 0) -> Mix:
    """A set called `name`: all of `main`, and of each of `others` its share of the rows to train on.

    Validation and test rows are the main set's. Raises InputError for shares as `planned` does, and where a set has
    no rows to train on.
    """
    for one in (main, *others):
        if not one.rows.get("train"):
            raise InputError(
                f"“{one.info.name}” has no rows to train on, so there is nothing to mix.",
                f"「{one.info.name}」には学習に使う行がなく、混ぜられません。",
            )
    measured = {
        pair for split in ("validation", "test") for row in main.rows.get(split, ()) for pair in _exchanges(row)
    }
    usable = [[row for row in one.rows["train"] if measured.isdisjoint(_exchanges(row))] for one in others]
    kept = list(main.rows["train"])
    main_rows = len(kept)
    counts = planned(main_rows, [(len(rows), one.share) for rows, one in zip(usable, others, strict=True)])
    plain = MixedPart(main.info.name, main.info.persona, main.info.description, 0.0, len(kept), len(kept))
    parts = [*(parts_of(main.info.recipe) or (plain,))]
    session = max((row.session for rows in main.rows.values() for row in rows), default=0) + 1
    for number, (one, rows, count) in enumerate(zip(others, usable, counts, strict=True)):
        drawn = sorted(random.Random(f"{seed}/{number}").sample(range(len(rows)), count))
        description = one.info.description or _plain_description(one)
        mine = [replace(rows[k], system=rows[k].system or description) for k in drawn]
        kept += _with_own_sessions(mine, session)
        session += len({row.session for row in mine})
        all_of_it = len(one.rows["train"])
        held_out = all_of_it - len(rows)
        parts.append(MixedPart(one.info.name, one.info.persona, description, one.share, count, all_of_it, held_out))
    split_rows: dict[Split, Sequence[Row]] = {split: main.rows.get(split, ()) for split in SPLIT_FILES}
    split_rows["train"] = tuple(kept)
    recipe = {**main.info.recipe, MIXED_FROM: [part.to_json() for part in parts], "mix_seed": seed}
    recipe |= mixed_share([(one.info.recipe, n) for one, n in zip((main, *others), (main_rows, *counts), strict=True)])
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Mix(replace(main.info, name=name, recipe=recipe, created=now), split_rows, tuple(parts))


def mix_saved(
    sets: DataSets, owner: str, name: str, main: str, shares: Mapping[str, float], *, seed: int = 0
) -> tuple[SavedDataSet, Mix]:
    """Mix saved sets of an owner, each of `shares` with its share, into a new one called `name` or the next free name.

    Raises InputError for what `mix` does, for a set that is not there, and where there is no room.
    """
    one, *others = (
        Ingredient(sets.get(owner, each).info, {split: sets.read_rows(owner, each, split) for split in SPLIT_FILES},
                   shares.get(each, 0.0))
        for each in (main, *shares)
    )  # fmt: skip
    mixed = mix(name, one, others, seed=seed)
    return sets.import_rows(owner, mixed.info, mixed.rows), mixed


def parts_of(recipe: Mapping[str, object]) -> tuple[MixedPart, ...]:
    """What a saved set was mixed from, as its recipe says; () for one that is no mix, or says it in no known way."""
    given = recipe.get(MIXED_FROM)
    found = []
    for part in given if isinstance(given, list) else ():
        try:
            found.append(MixedPart(**{name: part[name] for name in MixedPart.__dataclass_fields__}))
        except (TypeError, KeyError):
            return ()
    return tuple(found)


def _exchanges(row: Row) -> Iterator[SaidAndAnswered]:
    """What is said and answered in a row, the words alone; replies that are context only do not count."""
    for k, turn in enumerate(row.turns):
        if row.is_trained(k):
            yield (row.turns[k - 1].messages if k else (), turn.messages)


def _plain_description(one: Ingredient) -> str:
    """Who the others are asked to be, where their set does not say: never the persona of the main set."""
    first = next((text for row in one.rows["train"] for turn in row.turns for text in turn.messages), "")
    persona = one.info.persona
    return Text(f"You are {persona}.", f"あなたは{persona}です。").in_language("ja" if is_japanese(first) else "en")


def _with_own_sessions(rows: Sequence[Row], start: int) -> Iterator[Row]:
    """The rows with sessions numbered from `start`, so that those of two sets are never taken for one."""
    numbers: dict[int, int] = {}
    for row in rows:
        yield replace(row, session=numbers.setdefault(row.session, start + len(numbers)))
