"""The macros of character cards, replaced: {{char}}, {{user}} and the others of the card specification.

https://github.com/kwaroran/character-card-spec-v3 names them; time and variables are SillyTavern's. What is no macro
of these stays as it was written.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial

from core.text import is_japanese

OLD = re.compile(r"<(user|bot)>", re.IGNORECASE)
UNESCAPED_COMMA = re.compile(r"(?<!\\),")
BRACES = re.compile(r"\{+|\}\}")
DICE = re.compile(r"(\d{0,3})d?(\d+)([+-]\d{1,9})?")
LARGEST_ROLL = 10**9
MOST_DICE = 100
DEEPEST = 4
LONGEST_TEXT = 1_000_000
LONGEST_VALUE = 10_000  # characters of a variable
WEEKDAYS = ("月", "火", "水", "木", "金", "土", "日")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


@dataclass
class Macros:
    """Replaces the macros of one persona's texts, which share their variables. The same seed draws the same."""

    char: str
    user: str
    seed: str
    now: datetime = field(default_factory=lambda: datetime.now().astimezone())
    """The clock of {{time}} and {{date}}."""
    idle: timedelta = timedelta(0)
    """How long the user was silent, for {{idle_duration}}."""
    persona: str = ""
    """What the user says of themselves, for {{persona}}, as SillyTavern calls it."""
    variables: dict[str, str] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """`text` with its macros replaced, up to DEEPEST inside one another, from left to right and from the inside.

        Macros that would make the text longer than LONGEST_TEXT characters stay as they were written.
        """
        if "{{" in text:
            text = self._expanded(text)
        names = {"bot": self.char, "user": self.user}
        if len(text) + text.count("<") * max(len(self.char), len(self.user)) > LONGEST_TEXT:
            return text
        return OLD.sub(lambda match: names[match[1].lower()], text)

    def _expanded(self, text: str) -> str:
        """Each character is copied once for every macro around it that is replaced, so that the time is linear."""
        chance, japanese = random.Random(f"{self.seed}/{text}"), is_japanese(text)
        pieces: list[str] = []
        opened: list[list[int]] = []  # [place of its "{{" among the pieces, how deep the macros in it go]
        copied, at = len(text), 0
        for braces in BRACES.finditer(text):
            pieces.append(text[at : braces.start()])
            at = braces.end()
            if braces[0] != "}}":
                pieces.append("{" * (len(braces[0]) % 2))
                opened += [[len(pieces) + n, 0] for n in range(len(braces[0]) // 2)]
                pieces += ["{{"] * (len(braces[0]) // 2)
            elif not opened:
                pieces.append("}}")
            else:
                place, height = opened.pop()
                if opened:
                    opened[-1][1] = max(opened[-1][1], height + 1)
                if height >= DEEPEST or copied > LONGEST_TEXT:
                    pieces.append("}}")
                    continue
                inner = "".join(pieces[place + 1 :])
                new = self._replaced(inner, chance, japanese)
                copied += len(new)
                if copied > LONGEST_TEXT:
                    pieces.append("}}")
                else:
                    pieces[place:] = [new]
        return "".join(pieces) + text[at:]

    def _replaced(self, written: str, chance: random.Random, japanese: bool) -> str:
        inner = written.strip()
        name = inner.lower()
        if name in ("char", "bot"):
            return self.char
        if name == "user":
            return self.user
        if name == "persona":
            return self.persona
        if inner.startswith("//"):
            return ""
        if name in CLOCK:
            return CLOCK[name](self.now, japanese)
        if name == "idle_duration":
            return duration(self.idle, japanese)
        if name in PLAIN:
            return PLAIN[name]
        word, colon, rest = inner.partition(":")
        word, rest = word.strip().lower(), rest.removeprefix(":")
        if colon and (word in VARIABLES):
            return self._variable(VARIABLES[word], rest)
        if word.startswith("time_utc"):
            return _elsewhere(self.now, word.removeprefix("time_utc") + colon + rest, japanese) or f"{{{{{written}}}}}"
        made_by = WRITTEN.get(word) if colon else None
        return f"{{{{{written}}}}}" if made_by is None else made_by(rest, chance)

    def _variable(self, does: str, rest: str) -> str:
        """One of set, get, add, inc and dec: what it prints."""
        name, _, value = (part.strip() for part in rest.partition("::"))
        before = self.variables.get(name, "")
        if does == "get":
            return before
        if does in ("inc", "dec"):
            does, value = "", _sum(before or "0", "1" if does == "inc" else "-1")
        elif does == "add":
            value = _sum(before or "0", value) if _is_number(before or "0") and _is_number(value) else before + value
        self.variables[name] = value[:LONGEST_VALUE]
        return "" if does else self.variables[name]


def expand(text: str, *, char: str, user: str, seed: str) -> str:
    """`Macros.expand` for a text on its own."""
    return Macros(char, user, seed).expand(text)


def duration(idle: timedelta, japanese: bool) -> str:
    """A length of time in its largest unit, as people say it."""
    seconds = max(int(idle.total_seconds()), 0)
    for size, english, kanji in (
        (365 * 86400, "year", "年"), (30 * 86400, "month", "か月"), (86400, "day", "日"), (3600, "hour", "時間"),
        (60, "minute", "分"),
    ):  # fmt: skip
        if count := seconds // size:
            return f"{count}{kanji}" if japanese else f"{count} {english}{'s' * (count > 1)}"
    return "ついさっき" if japanese else "just now"


def _time(now: datetime, japanese: bool) -> str:
    return f"{now:%H:%M}" if japanese else f"{now.hour % 12 or 12}:{now:%M} {'AM' if now.hour < 12 else 'PM'}"


def _date(now: datetime, japanese: bool) -> str:
    return f"{now.year}年{now.month}月{now.day}日" if japanese else f"{MONTHS[now.month - 1]} {now.day}, {now.year}"


def _weekday(now: datetime, japanese: bool) -> str:
    return f"{WEEKDAYS[now.weekday()]}曜日" if japanese else DAYS[now.weekday()]


def _elsewhere(now: datetime, hours: str, japanese: bool) -> str:
    """The time in the zone `hours` east of UTC; "" if that is invalid."""
    try:
        return _time(now.astimezone(timezone(timedelta(hours=int(hours)))), japanese) if len(hours) < 4 else ""
    except ValueError:
        return ""


CLOCK: dict[str, Callable[[datetime, bool], str]] = {
    "time": _time,
    "date": _date,
    "weekday": _weekday,
    "isotime": lambda now, _: f"{now:%H:%M}",
    "isodate": lambda now, _: f"{now:%Y-%m-%d}",
}
PLAIN = {"newline": "\n", "noop": "", "trim": "", "original": ""}
VARIABLES = {f"{does}{kind}var": does for does in ("set", "get", "add", "inc", "dec") for kind in ("", "global")}


def _is_number(value: str) -> bool:
    try:
        return abs(float(value)) < LARGEST_ROLL
    except ValueError:
        return False


def _sum(one: str, other: str) -> str:
    total = sum(float(value) for value in (one, other) if _is_number(value))
    return str(int(total)) if total == int(total) else str(round(total, 9))


def _drawn(rest: str, chance: random.Random) -> str:
    choices = rest.split("::") if "::" in rest else UNESCAPED_COMMA.split(rest)
    return chance.choice(choices).strip().replace("\\,", ",")


def _rolled(rest: str, chance: random.Random) -> str:
    """The sum of dice such as 20, d6 or 2d6+1."""
    dice = DICE.fullmatch(rest.strip().lower())
    if not dice:
        return "1"
    count = min(int(dice[1] or 1), MOST_DICE) if "d" in rest.lower() else 1
    sides = dice[2] if "d" in rest.lower() else dice[1] + dice[2]
    # int() refuses more than 4,300 digits.
    largest = LARGEST_ROLL if len(sides) > len(str(LARGEST_ROLL)) else min(int(sides), LARGEST_ROLL)
    rolled = partial(chance.randint, 1, max(largest, 1))
    return str(sum(rolled() for _ in range(count)) + int(dice[3] or 0))


def _nothing(_rest: str, _chance: random.Random) -> str:
    return ""


WRITTEN: dict[str, Callable[[str, random.Random], str]] = {
    "random": _drawn,
    "pick": _drawn,
    "roll": _rolled,
    "hidden_key": _nothing,
    "comment": _nothing,
    "reverse": lambda rest, _: rest[::-1],
}
