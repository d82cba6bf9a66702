"""Whether a key of a character book comes up in a text: words in any script, or a pattern within its time."""

import re
import time
from functools import lru_cache

import regex

from core.personas.lorebook import LorebookEntry
from core.text import normalize_for_match

REGEX_SECONDS = 0.05  # for one pattern
REGEX_SECONDS_OF_A_TURN = 0.1  # for all patterns of a book together; those left over find nothing
LONGEST_PATTERN = 1000  # characters
DELIMITED = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-z]*)", re.DOTALL)
# Scripts that put no space between words, or hang endings on them as Korean does.
WITHOUT_BORDERS = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}ー々〆\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
)


class Patterns:
    """Strangers' patterns, searched within one budget of time for a whole turn."""

    def __init__(self) -> None:
        self._left = REGEX_SECONDS_OF_A_TURN

    def find(self, key: str, text: str) -> bool:
        """Whether a pattern is found; one that is no pattern, or for which no time is left, finds nothing."""
        if self._left <= 0:
            return False
        started = time.perf_counter()
        try:
            pattern = _compiled(key)
            return pattern is not None and pattern.search(text, timeout=min(REGEX_SECONDS, self._left)) is not None
        except TimeoutError:
            return False
        finally:
            self._left -= time.perf_counter() - started


def contains(entry: LorebookEntry, key: str, text: str, normalized: str, patterns: Patterns) -> bool:
    """Whether `key` of `entry` comes up in `text`, whose `normalize_for_match` is `normalized`."""
    key = key.strip()
    if entry.is_regex or is_pattern(key):
        return patterns.find(key, text)
    within, key = (text, key) if entry.case_sensitive else (normalized, normalize_for_match(key))
    if not key:
        return False
    # As in SillyTavern, a key of several words is matched literally.
    if not entry.whole_words or len(key.split()) > 1:
        return key in within
    return _stands_alone(key, within)


def is_pattern(key: str) -> bool:
    """Whether a key is a pattern by itself: /…/ with flags behind it."""
    return key.startswith("/") and DELIMITED.fullmatch(key) is not None


def _stands_alone(key: str, text: str) -> bool:
    """Whether `key` is somewhere in `text` with no letter of a script with spaces at those of its own."""
    at = text.find(key)
    while at >= 0:
        before, behind = text[at - 1 : at] if at else "", text[at + len(key) : at + len(key) + 1]
        if not (_joins(before, key[0]) or _joins(key[-1], behind)):
            return True
        at = text.find(key, at + len(key))
    return False


def _joins(one: str, other: str) -> bool:
    """Whether two neighbours belong to one word."""
    return all(
        letter != "" and (letter.isalnum() or letter == "_") and not WITHOUT_BORDERS.match(letter)
        for letter in (one, other)
    )


@lru_cache(maxsize=2048)
def _compiled(key: str) -> "regex.Pattern[str] | None":
    if len(key) > LONGEST_PATTERN:
        return None
    match = DELIMITED.fullmatch(key.strip())
    pattern, letters = (match["pattern"], match["flags"]) if match else (key, "")
    flags = sum(flag for letter, flag in (("i", regex.I), ("m", regex.M), ("s", regex.S)) if letter in letters)
    try:
        return regex.compile(pattern, flags)
    except (regex.error, RecursionError, MemoryError, OverflowError):
        return None
