"""How much one visitor, one address, and all of them together may use of a server that strangers reach."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from core.errors import InputError
from core.text import Text, format_bytes


@dataclass(frozen=True)
class Limits:
    """0 is no limit. Each can be set: OMOKAGE_LIMIT_ and the field's name in capitals (`limits_in`)."""

    disk_mb: int = 0
    """Of one visitor's things."""
    disk_mb_total: int = 0
    """Of everybody's."""
    uploads_per_hour: int = 0
    uploads_per_hour_total: int = 0
    datasets: int = 0
    """That one visitor keeps."""
    messages: int = 0
    """Of one log; and rows of one data set."""
    reading_seconds: int = 600
    """For one log or data set."""
    reading_mb: int = 0
    """Of memory for that; 0 is half of what is free."""
    trainings: int = 0
    """Of one visitor that wait or run at once."""
    trainings_total: int = 0
    training_minutes: int = 0
    """A day, of one visitor; a run that reaches it stops and keeps its adapter."""
    training_minutes_total: int = 0
    dialogues: int = 0
    """That models make with each other, of one plan."""
    replies_per_minute: int = 30
    replies_per_minute_total: int = 0
    expire_days: int = 0
    """After so long without a sign of a visitor, all of theirs is removed."""


def limits_in(env: Mapping[str, str]) -> dict[str, int]:
    """What OMOKAGE_LIMIT_… sets, by field. Raises InputError for a name or a value that is none."""
    known = {f"OMOKAGE_LIMIT_{one.name.upper()}": one.name for one in fields(Limits)}
    found = {}
    for name, value in env.items():
        if not name.startswith("OMOKAGE_LIMIT_"):
            continue
        if name not in known:
            raise InputError(f"There is no limit {name}. There are: {', '.join(known)}.",
                             f"{name} という上限はありません。あるのは {'、'.join(known)} です。")  # fmt: skip
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise InputError(f"{name} is “{value[:40]}”; it has to be a whole number, 0 for no limit.",
                             f"{name} が「{value[:40]}」です。0 以上の整数にしてください（0 は無制限）。")  # fmt: skip
        found[known[name]] = int(value)
    return found


LOCAL = Limits()
"""For the person at this machine: only what protects from a runaway script."""
PUBLIC = Limits(
    disk_mb=2_000, disk_mb_total=20_000, uploads_per_hour=60, uploads_per_hour_total=1_000, datasets=50,
    messages=200_000, reading_seconds=60, reading_mb=1_500, trainings=3,
    trainings_total=20, training_minutes=120, training_minutes_total=720, dialogues=20, replies_per_minute_total=120,
    expire_days=30,
)  # fmt: skip


class TooOftenError(InputError):
    """Something was done too often; `seconds` until it may be done again."""

    def __init__(self, en: str, ja: str, seconds: float) -> None:
        super().__init__(en, ja)
        self.seconds = seconds


@dataclass
class Counter:
    """How often something may be done in `seconds`: by one visitor or from one address, and by all together."""

    what: Text
    """As in "30 {what} are allowed here": "replies a minute", "1 分間の返事"."""
    each: int
    total: int = 0
    seconds: float = 60.0
    _done: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, owner: str, address: str = "") -> None:
        """Count one. Raises TooOftenError when it is one too many; then nothing is counted.

        `address` is "" where nobody can vouch for it, as behind a tunnel: then the sum has to do.
        """
        now = time.monotonic()
        wanted = [(f"owner {owner}", self.each), ("total", self.total)]
        wanted += [(f"address {address}", self.each)] if address else []
        with self._lock:
            for name in [name for name, times in self._done.items() if times[-1] < now - self.seconds]:
                del self._done[name]
            for name, most in wanted:
                times = self._done.get(name, ())
                if most and len(times) >= most and (wait := times[-most] + self.seconds - now) > 0:
                    raise self._too_many(most, wait)
            for name, most in wanted:
                if most:
                    self._done.setdefault(name, deque(maxlen=most)).append(now)

    def _too_many(self, most: int, wait: float) -> TooOftenError:
        return TooOftenError(
            f"{most} {self.what.en} are allowed here. Go on in {wait:.0f} seconds.",
            f"ここでは{self.what.ja}は {most} 回までです。あと {wait:.0f} 秒待ってください。",
            wait,
        )


def uploads_counter(each: int, total: int = 0) -> Counter:
    """Counts uploads an hour."""
    return Counter(Text("uploads an hour", "1 時間のアップロード"), each, total, seconds=3600.0)


def check_room(used: int, total: int, more: int, limits: Limits) -> None:
    """Raises InputError where `more` bytes beside the `used` ones of a visitor and the `total` of all are too many."""
    for have, most, whose in (
        (used, limits.disk_mb, Text("your things", "あなたのファイル")),
        (total, limits.disk_mb_total, Text("everybody's things", "全員のファイル")),
    ):
        if most and have + more > most * 1_000_000:
            sizes = format_bytes(have), format_bytes(more), format_bytes(most * 1_000_000)
            raise InputError(
                f"There is no room for this: {whose.en} take {sizes[0]}, this is {sizes[1]}, and {sizes[2]} are "
                "allowed here. Delete what you no longer need.",
                f"空きがありません。{whose.ja}が {sizes[0]}、これが {sizes[1]} で、ここの上限は {sizes[2]} です。"
                "いらないものを削除してください。",
            )


def check_count(have: int, most: int, what: Text) -> None:
    """Raises InputError where there are `most` already; 0 is no limit."""
    if most and have >= most:
        raise InputError(
            f"{most} {what.en} are allowed here, and there are {have}. Delete one, or wait.",
            f"ここでは{what.ja}は {most} 件までで、今 {have} 件あります。削除するか、待ってからにしてください。",
        )
