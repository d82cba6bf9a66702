"""Which script a letter belongs to, and what tokens cost in each."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from core.data.profile import EMOJI
from core.tokens.pieces import pieces_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Script = Literal["kanji", "kana", "latin", "digits", "emoji", "other"]
SCRIPTS: tuple[Script, ...] = ("kanji", "kana", "latin", "digits", "emoji", "other")
PATTERNS: tuple[tuple[Script, str], ...] = (
    ("emoji", EMOJI.pattern),
    ("kanji", "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々〆ヶ]"),
    ("kana", "[\u3041-\u309f\u30a1-\u30ff\uff66-\uff9f]"),
    ("latin", "[A-Za-zＡ-Ｚａ-ｚÀ-ɏ]"),
    ("digits", "[0-9０-９]"),
)
_SCRIPT = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PATTERNS))


@dataclass(frozen=True)
class ScriptCost:
    """What letters of one script cost. A token that holds several scripts counts for each by its characters."""

    script: Script
    characters: int
    tokens: float

    @property
    def tokens_per_character(self) -> float:
        return self.tokens / self.characters if self.characters else 0.0


def scripts_in(text: str) -> list[Script]:
    """The script of each character; an emoji is one with everything that joins to it.

    >>> scripts_in("漢かA1。")
    ['kanji', 'kana', 'latin', 'digits', 'other']
    """
    found: list[Script] = ["other"] * len(text)
    for match in _SCRIPT.finditer(text):
        name: Any = match.lastgroup  # one of SCRIPTS
        found[match.start() : match.end()] = [name] * (match.end() - match.start())
    return found


def script_costs(texts: Iterable[str], tokenizer: "PreTrainedTokenizerBase") -> tuple[ScriptCost, ...]:
    """What each script that occurs costs, in the order of SCRIPTS."""
    characters: Counter[Script] = Counter()
    tokens: dict[Script, float] = dict.fromkeys(SCRIPTS, 0.0)
    for text in texts:
        scripts = scripts_in(text)
        characters.update(scripts)
        at = 0
        for piece in pieces_of(text, tokenizer):
            here = scripts[piece.start : piece.end] or scripts[max(at - 1, 0) : max(at, 1)]
            for script in here:
                tokens[script] += 1 / len(here)
            at = max(at, piece.end)
    return tuple(ScriptCost(one, characters[one], tokens[one]) for one in SCRIPTS if characters[one])
