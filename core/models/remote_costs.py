"""What an owner's talks with other servers take a month: tokens and, by the prices they have filled in, money.

Kept in `usage/usage.json` of the owner, so that a limit outlives the process. Prices hold no currency: they, the limit
and the sums are in whatever the person counts in.
"""

import math
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from core.errors import InputError
from core.files import read_json, write_json
from core.models.remote import RemoteModel
from core.stored import parse, reading
from core.workspace import Workspace

MILLION = 1_000_000
DEAREST = 1_000_000.0


@dataclass(frozen=True)
class Price:
    """Of a million tokens."""

    prompt: float = 0.0
    reply: float = 0.0


FREE = Price()


@dataclass(frozen=True)
class MonthlyUsage:
    """What was used in one month, by UTC."""

    replies: int = 0
    """Requests, with those whose reply was not kept."""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class OwnUsage:
    """All that is kept of one owner."""

    limit: float = 0.0
    """Most that a month may cost; 0: no limit."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By `model_key`."""
    months: Mapping[str, MonthlyUsage] = field(default_factory=dict)
    """By name, as in "2026-11"."""

    @property
    def this_month(self) -> MonthlyUsage:
        """What was used since the month began."""
        return self.months.get(month_now(), MonthlyUsage())


def month_now() -> str:
    """The month by UTC, as in "2026-11"."""
    return datetime.now(timezone.utc).strftime("%Y-%m")


def model_key(model: RemoteModel) -> str:
    """What the price of a model is filed under."""
    return f"{model.server.url} {model.name}"


@dataclass(frozen=True)
class RemoteCosts:
    """Every owner's prices, limit and sums."""

    workspace: Workspace
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def of(self, owner: str) -> OwnUsage:
        """What is kept of an owner. Raises DamagedError when it cannot be read: a limit is not forgotten in silence."""
        file = self._file(owner)
        if not file.is_file():
            return OwnUsage()
        with reading(file):
            return parse(OwnUsage, read_json(file))

    def price(self, owner: str, model: RemoteModel) -> Price:
        """What the owner has filled in for a model; FREE without."""
        return self.of(owner).prices.get(model_key(model), FREE)

    def set_price(self, owner: str, model: RemoteModel, price: Price, limit: float) -> None:
        """Keep the price of a model, and the most that a month may cost (0: no limit).

        Raises InputError for an invalid amount, and for a limit that could never hold, as nothing costs anything.
        """
        for name, ja, value in (
            ("price", "料金", price.prompt),
            ("price", "料金", price.reply),
            ("limit", "上限", limit),
        ):
            if not (math.isfinite(value) and 0 <= value <= DEAREST):
                raise InputError(
                    f"The {name} is {value}; it goes from 0 to {DEAREST:,.0f}.",
                    f"{ja}が {value} です。0 から {DEAREST:,.0f} の間にしてください。",
                )
        with self._lock:
            kept = self.of(owner)
            prices = {**kept.prices, model_key(model): price}
            if limit and not any(one.prompt or one.reply for one in prices.values()):
                raise InputError(
                    "A limit needs a price: fill in what a million tokens of this model cost.",
                    "上限を使うには料金が必要です。このモデルの 100 万トークンあたりの料金を入れてください。",
                )
            self._write(owner, replace(kept, limit=limit, prices=prices))

    def check(self, owner: str) -> None:
        """Raise InputError when this month has cost as much as the owner's limit."""
        kept = self.of(owner)
        if kept.limit and kept.this_month.cost >= kept.limit:
            cost, limit = f"{kept.this_month.cost:,.4g}", f"{kept.limit:,.4g}"
            raise InputError(
                f"This month's replies from other servers have cost {cost}, and your limit is {limit}. Raise the "
                "limit, or go back to this machine's model.",
                f"今月、ほかのサーバーの返事にかかった料金は {cost} で、上限は {limit} です。"
                "上限を上げるか、このコンピューターのモデルに戻ってください。",
            )

    def add(self, owner: str, model: RemoteModel, prompt: int, reply: int) -> float:
        """Add one request to this month's; returns what it cost."""
        with self._lock:
            kept = self.of(owner)
            price, before = kept.prices.get(model_key(model), FREE), kept.this_month
            cost = (prompt * price.prompt + reply * price.reply) / MILLION
            now = MonthlyUsage(
                before.replies + 1, before.prompt_tokens + prompt, before.reply_tokens + reply, before.cost + cost
            )
            self._write(owner, replace(kept, months={**kept.months, month_now(): now}))
        return cost

    def _write(self, owner: str, usage: OwnUsage) -> None:
        write_json(self._file(owner), asdict(usage))

    def _file(self, owner: str) -> Path:
        return self.workspace.place(owner, "usage", "usage.json")
