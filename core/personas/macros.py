"""The macros of character cards, replaced: {{char}}, {{user}} and the others of the card specification.

https://github.com/kwaroran/character-card-spec-v3 names them. What is no macro of it stays as it was written.
"""

import random
import re
from collections.abc import Callable

OLD = re.compile(r"<(user|bot)>", re.IGNORECASE)
UNESCAPED_COMMA = re.compile(r"(?<!\\),")
LARGEST_ROLL = 10**9
DEEPEST = 4
LONGEST_TEXT = 1_000_000


def expand(text: str, *, char: str, user: str, seed: str) -> str:
    """`text` with its macros replaced, up to DEEPEST inside one another. The same seed draws the same.

    Macros that would make the text longer than LONGEST_TEXT characters stay as they were written.
    """
    names = {"char": char, "bot": char, "user": user}
    chance = random.Random(f"{seed}/{text}")

    def replaced(written_as: str) -> str:
        inner = written_as.strip()
        if (name := inner.lower()) in names:
            return names[name]
        if inner.startswith("//"):
            return ""
        word, colon, rest = inner.partition(":")
        made_by = WRITTEN.get(word.strip().lower()) if colon else None
        return f"{{{{{written_as}}}}}" if made_by is None else made_by(rest.removeprefix(":"), chance)

    for _ in range(DEEPEST):
        before, text = text, _innermost_replaced(text, replaced)
        if text == before:
            break
    if len(text) + text.count("<") * max(len(char), len(user)) > LONGEST_TEXT:
        return text
    return OLD.sub(lambda match: names[match[1].lower()], text)


def _innermost_replaced(text: str, replaced: Callable[[str], str]) -> str:
    """One pass over the macros that hold no other. Each character is searched once, so that the time is linear."""
    parts: list[str] = []
    start, length = 0, len(text)
    while (end := text.find("}}", start)) >= 0:
        opening = text.rfind("{{", start, end)
        if opening >= 0:
            new = replaced(text[opening + 2 : end])
            length += len(new) - (end + 2 - opening)
            if length > LONGEST_TEXT:
                break
            parts += (text[start:opening], new)
        else:
            parts.append(text[start : end + 2])
        start = end + 2
    return "".join(parts) + text[start:]


def _drawn(rest: str, chance: random.Random) -> str:
    choices = rest.split("::") if "::" in rest else UNESCAPED_COMMA.split(rest)
    return chance.choice(choices).strip().replace("\\,", ",")


def _rolled(rest: str, chance: random.Random) -> str:
    sides = rest.strip().lower().removeprefix("d")
    if not sides.isdecimal():
        return "1"
    # int() refuses more than 4,300 digits.
    largest = LARGEST_ROLL if len(sides) > len(str(LARGEST_ROLL)) else min(int(sides), LARGEST_ROLL)
    return str(chance.randint(1, max(largest, 1)))


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
