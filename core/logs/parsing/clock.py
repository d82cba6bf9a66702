"""Times as exports write them, as clocks on the wall: naive, to the second."""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal

EPOCH = datetime(1970, 1, 1)
ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[T ](?P<clock>\d{2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)
LATEST_SECONDS = 100_000_000_000  # the year 5138; a number above counts parts of seconds


def written(text: object) -> datetime | None:
    """The clock in ISO 8601 text as written, whatever zone follows it; None for anything else.

    Fractions of any length are taken: Python 3.10 itself reads three or six digits only.
    """
    match = ISO.match(text.strip()) if isinstance(text, str) else None
    try:
        return datetime.fromisoformat(f"{match['day']}T{match['clock']}") if match else None
    except ValueError:
        return None


def utc(number: object) -> datetime | None:
    """Seconds since 1970 (or milliseconds, microseconds and finer where they would be too many), on the clock of UTC.

    Takes numbers and text of digits; keeps fractions, which put messages of one second in order.
    """
    try:
        count = Decimal(number) if isinstance(number, str) else number
        if isinstance(count, bool) or not isinstance(count, int | float | Decimal):
            return None
        parts = 1
        while parts < 10**9 and abs(count) > LATEST_SECONDS * parts:
            parts *= 1000
        return EPOCH + timedelta(
            microseconds=int(count * 1_000_000 / parts if parts < 10**6 else count // (parts // 10**6))
        )
    except (ValueError, ArithmeticError):
        return None


def utc_of(text: object) -> datetime | None:
    """The moment in ISO 8601 text, moved from the zone behind it to the clock of UTC; None for anything else."""
    moment = written(text)
    zone = _zone(text.strip()) if isinstance(text, str) else None
    if moment is None or zone is None:
        return moment
    try:
        return moment.replace(tzinfo=zone).astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def is_utc(text: object) -> bool:
    """Whether ISO 8601 text names UTC as its zone."""
    return isinstance(text, str) and text.rstrip().endswith(("Z", "+00:00", "+0000"))


class Clock:
    """Times of one file on one clock: the zone of the first that names one."""

    def __init__(self) -> None:
        self._zone: tzinfo | None = None

    def read(self, value: object) -> datetime | None:
        """ISO 8601 text or seconds or milliseconds since 1970; None for anything else."""
        if not isinstance(value, str):
            moment = utc(value)
            zone: tzinfo | None = timezone.utc
        else:
            tidy = value.strip().replace("/", "-")
            moment = written(tidy)
            zone = _zone(tidy)
        if moment is None or zone is None:
            return moment or _date(value)
        self._zone = self._zone or zone
        try:
            return moment.replace(tzinfo=zone).astimezone(self._zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return None


def _zone(text: str) -> tzinfo | None:
    match = ISO.match(text)
    zone = match["zone"] if match else None
    if not zone:
        return None
    if zone == "Z":
        return timezone.utc
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        return None
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1))


def _date(value: object) -> datetime | None:
    """A day without a clock."""
    try:
        return datetime.strptime(value.strip().replace("/", "-"), "%Y-%m-%d") if isinstance(value, str) else None
    except ValueError:
        return None
