"""The macros of character cards, replaced: {{char}}, {{user}} and the others of the card specification.

https://github.com/kwaroran/character-card-spec-v3 names them. What is no macro of it stays as it was written.
"""

import random
import re
from collections.abc import Callable

MACRO = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
OLD = re.compile(r"<(user|bot)>", re.IGNORECASE)
UNESCAPED_COMMA = re.compile(r"(?<!\\),")
LARGEST_ROLL = 10**9


def expand(text: str, *, char: str, user: str, seed: str) -> str:
    """`text` with its macros replaced. The same seed draws the same, so that a prompt stays as it was."""
    names = {"char": char, "bot": char, "user": user}
    chance = random.Random(f"{seed}/{text}")

    def replaced(match: re.Match[str]) -> str:
        inner = match[1].strip()
        if (name := inner.lower()) in names:
            return names[name]
        if inner.startswith("//"):
            return ""
        word, colon, rest = inner.partition(":")
        written = WRITTEN.get(word.strip().lower()) if colon else None
        return match[0] if written is None else written(rest.removeprefix(":"), chance)

    # Twice: a drawn alternative may hold {{char}}.
    for _ in range(2):
        text = MACRO.sub(replaced, text)
    return OLD.sub(lambda match: names[match[1].lower()], text)


def _drawn(rest: str, chance: random.Random) -> str:
    choices = rest.split("::") if "::" in rest else UNESCAPED_COMMA.split(rest)
    return chance.choice(choices).strip().replace("\\,", ",")


def _rolled(rest: str, chance: random.Random) -> str:
    sides = rest.strip().lower().removeprefix("d")
    return str(chance.randint(1, min(int(sides), LARGEST_ROLL))) if sides.isdecimal() and int(sides) > 0 else "1"


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
