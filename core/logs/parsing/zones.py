"""Times that an export gives in UTC, put on the clocks of the place where people talked."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import InputError
from core.logs.log import Guess, Log
from core.text import Text

UTC = "UTC"


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name. Raises InputError for one that is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"There is no time zone “{name[:60]}”. Write it as “Asia/Tokyo” or “Europe/Berlin”, or “UTC”.",
            f"「{name[:60]}」というタイムゾーンはありません。「Asia/Tokyo」のように書くか、「UTC」としてください。",
        ) from error


def in_zone(log: Log, name: str | None) -> Log:
    """`log` on the clocks of the zone `name`, with a guess that says so. Only a log in UTC has anything to move."""
    if not log.in_utc or not any(message.time for message in log.messages):
        return log
    zone = zone_of(name) if name else None
    guess = Guess("zone", (name or UTC,), (), name is not None, _note(name))
    if zone is None:
        return replace(log, guesses=(*log.guesses, guess))

    @lru_cache(maxsize=1024)
    def offset(hour: datetime) -> timedelta:
        return hour.replace(tzinfo=timezone.utc).astimezone(zone).utcoffset() or timedelta()

    def moved(time: datetime) -> datetime:
        try:
            return time + offset(time.replace(minute=time.minute // 15 * 15, second=0, microsecond=0))
        except OverflowError:
            return time

    messages = tuple(replace(m, time=moved(m.time)) if m.time else m for m in log.messages)
    return replace(log, messages=messages, guesses=(*log.guesses, guess))


def _note(name: str | None) -> Text:
    if name and name != UTC:
        return Text(
            f"The file gives its times in UTC; they are shown on the clocks of {name}.",
            f"ファイルの時刻は UTC です。{name} の時刻に直しました。",
        )
    return Text(
        "The file gives its times in UTC. Choose where people were, so that days, hours and dates are theirs.",
        "ファイルの時刻は UTC です。日付や時間帯を正しくするには、会話した場所のタイムゾーンを選んでください。",
    )
