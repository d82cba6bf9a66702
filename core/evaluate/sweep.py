"""A sweep: one training for each point of a grid, and the learning curve that shares of the rows draw."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from core.data.io.store import DataSetInfo, SavedDataSet, write_set
from core.data.rows import Row, read_rows
from core.errors import InputError
from core.evaluate.leaderboard import Leaderboard
from core.evaluate.measure import SPLITS
from core.train.config.train_config import TrainConfig

SHARES = (10, 25, 50, 100)  # per cent of the training rows
MOST_RUNS = 64
LONGEST_STEM = 24  # letters of a data set's name in the name of an adapter
FEWEST_POINTS = 3  # shares that make a curve


@dataclass(frozen=True)
class SweepPoint:
    """One training of a sweep."""

    dataset: str
    share: int
    """Per cent of the training rows."""
    rank: int
    learning_rate: float
    seed: int

    @property
    def name(self) -> str:
        """What its adapter is called: what it has of its own, in short."""
        rate = f"{self.learning_rate:.0e}".replace("e-0", "e-")
        return f"{self.dataset[:LONGEST_STEM]}-{self.share}p-r{self.rank}-{rate}-s{self.seed}"

    def config(self, like: TrainConfig) -> TrainConfig:
        """Its settings; all others are those of `like`. Raises InputError for a value that cannot be."""
        return replace(like, rank=self.rank, learning_rate=self.learning_rate, seed=self.seed)


@dataclass(frozen=True)
class SweepGrid:
    """What is tried, each with each."""

    datasets: tuple[str, ...]
    shares: tuple[int, ...] = (100,)
    ranks: tuple[int, ...] = (16,)
    rates: tuple[float, ...] = (2e-4,)
    seeds: int = 1
    """How many seeds, from 0."""

    def points(self) -> list[SweepPoint]:
        """All of them, small shares first, which are done soonest. Raises InputError for none or too many."""
        axes = (sorted(self.shares), self.datasets, self.ranks, self.rates, range(self.seeds))
        found = [SweepPoint(dataset, share, rank, rate, seed) for share, dataset, rank, rate, seed in product(*axes)]
        if not found:
            raise InputError("Choose at least one of each.", "それぞれ 1 つ以上選んでください。")
        if len(found) > MOST_RUNS:
            raise InputError(
                f"That makes {len(found)} trainings; {MOST_RUNS} are the most. Choose fewer values.",
                f"学習が {len(found)} 回になります。{MOST_RUNS} 回までなので、値を減らしてください。",
            )
        return found


def share_of(rows: Sequence[Row], share: int) -> list[Row]:
    """About `share` per cent of the rows, by whole conversations; a smaller share is a part of every larger one."""
    if share >= 100:
        return list(rows)
    sessions = sorted({row.session for row in rows}, key=lambda one: hashlib.sha256(f"{one}".encode()).digest())
    kept, wanted, held = set[int](), len(rows) * share / 100, 0
    for session in sessions:
        size = sum(row.session == session for row in rows)
        if held and held + size / 2 > wanted:
            break
        kept.add(session)
        held += size
    return [row for row in rows if row.session in kept]


@contextmanager
def shared_set(saved: SavedDataSet, share: int, folder: Path) -> Iterator[SavedDataSet]:
    """The data set with a share of its training rows and all of its validation rows, in `folder` for a moment."""
    if share >= 100:
        yield saved
        return
    validation, train = (list(read_rows(saved.file(split))) for split in SPLITS)
    kept = share_of(train, share)
    info: DataSetInfo = replace(saved.info, train_rows=len(kept))
    target = folder / saved.folder.name
    target.mkdir()
    write_set(target, info, {"train": kept, "validation": validation})
    yield SavedDataSet(info, target)


def learning_rates(rates: str, recommended: float) -> tuple[float, ...]:
    """Learning rates as a person types them; "" is the recommended one, and ×0.5 a multiple of it.

    >>> learning_rates("1e-4, ×2", 1e-3), learning_rates("", 1e-3)
    ((0.0001, 0.002), (0.001,))
    """
    found = []
    for part in re.split(r"[,、，\s]+", rates.strip()):
        try:
            times = part.startswith(("×", "x", "X", "*"))
            if part:
                found.append(float(part[1:]) * recommended if times else float(part))
        except ValueError as error:
            raise InputError(
                f"“{part[:40]}” is no learning rate. Write numbers such as 1e-4, or multiples such as ×2.",
                f"「{part[:40]}」は学習率として読めません。1e-4 や ×2 のように書いてください。",
            ) from error
    return tuple(dict.fromkeys(found)) or (recommended,)


@dataclass(frozen=True)
class SharePoint:
    """Trainings on as many rows, seeds together."""

    rows: int
    value: float
    """Bits a byte, the mean over seeds."""
    low: float
    high: float
    """The ends of its 95 % interval; the widest of its seeds'."""


def learning_curve(board: Leaderboard) -> list[SharePoint]:
    """The curve of those candidates that differ in rows and seed alone: the most, the fewest rows first.

    Empty where fewer than three numbers of rows were trained.
    """
    groups: dict[tuple, dict[int, list]] = {}
    for line in board.lines:
        settings = dict(line.measured.settings)
        rows, _ = settings.pop("rows", ""), settings.pop("seed", "")
        if line.ranked and rows.isdecimal():
            groups.setdefault(tuple(sorted(settings.items())), {}).setdefault(int(rows), []).append(line.ranked)
    best = max(groups.values(), key=len, default={})
    if len(best) < FEWEST_POINTS:
        return []
    return [
        SharePoint(rows, sum(one.value for one in held) / len(held), min(one.low for one in held),
                   max(one.high for one in held))
        for rows, held in sorted(best.items())
    ]  # fmt: skip


def would_more_help(curve: Sequence[SharePoint]) -> bool | None:
    """Whether more rows would help: True while the curve still falls, None where the steps are within the intervals."""
    if len(curve) < FEWEST_POINTS:
        return None
    before, last = curve[-2:]
    gain, first = before.value - last.value, curve[0].value - curve[-1].value
    if last.high < before.value:
        return True
    return False if gain < first / 10 else None
