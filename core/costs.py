"""What the machine costs that the app runs on: by its price per hour, which only the person who pays it knows."""

import time
from dataclasses import dataclass, field
from functools import lru_cache

HOURS_OF_A_MONTH = 730.0


@lru_cache(maxsize=1)
def machine_began() -> float:
    """When this machine, or this container, was started: seconds since 1970."""
    import psutil

    try:
        return psutil.Process(1).create_time()
    except psutil.Error:
        return psutil.boot_time()


@dataclass(frozen=True)
class MachineCosts:
    """A price per hour, and what follows from it."""

    price: float = 0.0
    """Per hour; 0 is not known, and then nothing is shown."""
    currency: str = "$"
    warn_at: float = 0.0
    """The sum from which the page warns; 0 is none."""
    began: float = field(default_factory=machine_began)

    def so_far(self, now: float | None = None) -> float:
        return self.price * max(0.0, (time.time() if now is None else now) - self.began) / 3600.0

    @property
    def a_month(self) -> float:
        """What a month costs in which the machine is never stopped."""
        return self.price * HOURS_OF_A_MONTH

    def is_over(self, now: float | None = None) -> bool:
        return bool(self.warn_at) and self.so_far(now) >= self.warn_at

    def amount(self, value: float) -> str:
        """With its currency: a sign before it, a word behind.

        >>> MachineCosts(currency="$").amount(12.345), MachineCosts(currency="円").amount(12345.6)
        ('$12.35', '12,346円')
        >>> MachineCosts(currency="EUR").amount(3)
        '3.00 EUR'
        """
        number = f"{value:,.2f}" if value < 1000 else f"{value:,.0f}"
        if self.currency in ("$", "€", "£", "¥", "￥"):
            return f"{self.currency}{number}"
        return f"{number}{'' if self.currency == '円' else ' '}{self.currency}"
