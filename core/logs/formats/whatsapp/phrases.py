"""The sentences that WhatsApp writes in a person's place, in the languages for which a public source gives them.

`phrases.tsv` has a line a language and kind: the language, the kind, the sources (see docs/whatsapp_phrases.md)
and the phrases between `|`. `%` stands for a name. A phrase with `*` is also something that people write: it
counts only inside `<…>` or behind WhatsApp's mark.
"""

import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

from core.logs.parsing.decode import EDGE_MARKS
from core.messages import Kind

TABLE = Path(__file__).with_name("phrases.tsv")
KINDS = {
    "deleted": Kind.UNSENT, "media": Kind.MEDIA, "sticker": Kind.STICKER, "call": Kind.CALL, "place": Kind.MEDIA,
    "notice": Kind.SYSTEM, "unreadable": Kind.UNKNOWN,
}  # fmt: skip
CUT = " <>.。।۔؟!،," + EDGE_MARKS
STEM = 5  # first characters that set most messages apart from a notice
WHOLLY_KNOWN = ("en", "ja")
LIVELY = re.compile(r"[?!？！…:/]|\d|[\u2600-\u27bf\U0001f000-\U0001faff]")
ALIKE, SHORTEST_NEAR, LONGEST_NEAR, LONGEST_SPACELESS = 0.85, 5, 70, 30
LONG_WORD, LONG_STRETCH = 5, 3
LONGEST = 160  # characters of a sentence that is looked up


def fold(text: str) -> str:
    """`text` as phrases are compared: small (with one i for Turkish), composed, without brackets and the full stop."""
    if text.isascii():
        return text.casefold().strip(CUT)
    small = unicodedata.normalize("NFC", text).casefold()
    return small.replace("ı", "i").replace("i\u0307", "i").strip(CUT)


def _rows(kind: str) -> Iterator[tuple[str, str]]:
    """(language, phrase) for every phrase of one kind, with its star."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        language, of, _, phrases = line.split("\t")
        if of == kind:
            yield from ((language, phrase) for phrase in phrases.split("|"))


@lru_cache(maxsize=1)
def _whole() -> dict[str, tuple[Kind, bool]]:
    """Folded phrase → its kind, and whether it is also something that people write."""
    found: dict[str, tuple[Kind, bool]] = {}
    for kind in ("place", "call", "sticker", "media", "deleted", "unreadable", "notice"):
        for _, phrase in _rows(kind):
            if "%" not in phrase:
                found[fold(phrase.removesuffix("*"))] = (KINDS[kind], phrase.endswith("*"))
    return found


@lru_cache(maxsize=1)
def _beginnings() -> tuple[str, ...]:
    """How WhatsApp's longer notices begin, in every language."""
    of = [phrase for kind in ("notice", "unreadable") for _, phrase in _rows(kind)]
    return tuple(fold(phrase) for phrase in of if "%" not in phrase and not phrase.endswith("*"))


@lru_cache(maxsize=1)
def _stems() -> frozenset[str]:
    """How every notice begins that does not begin with a name."""
    of = [phrase for kind in ("deleted", "notice", "unreadable") for _, phrase in _rows(kind)]
    return frozenset(fold(phrase)[:STEM] for phrase in of if "%" not in phrase[:STEM])


@lru_cache(maxsize=1)
def _with_names() -> re.Pattern[str]:
    """Sentences that name somebody."""
    forms = [
        (kind, r"[^\n]{1,60}".join(map(re.escape, fold(phrase).split("%"))))
        for kind in ("deleted", "notice")
        for _, phrase in _rows(kind)
        if "%" in phrase
    ]
    groups = (f"(?P<{kind}>{'|'.join(form for of, form in forms if of == kind)})" for kind in ("deleted", "notice"))
    return re.compile("|".join(groups))


@lru_cache(maxsize=1)
def edited() -> frozenset[str]:
    """Folded notes that a message was edited."""
    return frozenset(fold(phrase) for _, phrase in _rows("edited"))


def is_nearly_deleted(text: str) -> bool:
    """Whether a message reads like the note of a deleted one, in wording that the table does not have.

    Versions of WhatsApp differ by a word, as in “U hebt” and “Je hebt dit bericht verwijderd”. In English and
    Japanese all are known, and people write sentences that are close to them.
    """
    if not SHORTEST_NEAR <= len(text) <= LONGEST_NEAR:
        return False
    folded, known = fold(text), _deleted_by_key()
    keys = _keys(folded)
    if known.keys().isdisjoint(keys) or "\n" in text or LIVELY.search(text):
        return False
    near = {phrase for key in keys for phrase in known.get(key, ())}
    return any(SequenceMatcher(None, folded, phrase, autojunk=False).ratio() >= ALIKE for phrase in near)


@lru_cache(maxsize=1)
def _deleted_by_key() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for language, phrase in _rows("deleted"):
        if language not in WHOLLY_KNOWN and "%" not in phrase:
            for key in _keys(fold(phrase)):
                found.setdefault(key, set()).add(fold(phrase))
    return found


def _keys(folded: str) -> set[str]:
    """By what a sentence is looked up: its longer words, or stretches of letters where words are not parted."""
    if " " in folded:
        return {word for word in folded.split(" ") if len(word) >= LONG_WORD}
    if folded.isascii() or len(folded) > LONGEST_SPACELESS:
        return set()
    return {folded[i : i + LONG_STRETCH] for i in range(len(folded) - LONG_STRETCH + 1)}


def words_for(kind: str) -> str:
    """An alternation of all phrases of one kind, the longest first."""
    phrases = {phrase.removesuffix("*") for _, phrase in _rows(kind)}
    return "|".join(map(re.escape, sorted(phrases, key=lambda phrase: (-len(phrase), phrase))))


def kind_of(text: str, *, sure: bool) -> Kind | None:
    """What a whole body is that WhatsApp wrote; None for one that is no phrase of its.

    `sure`: brackets or WhatsApp's mark say already that nobody typed it.
    """
    if len(text) > LONGEST:
        return _notice(fold(text[:LONGEST]), sure=sure)
    folded = fold(text)
    kind, typed = _whole().get(folded, (None, False))
    if kind is not None:
        return kind if sure or not typed else None
    return _notice(folded, sure=sure)


def _notice(folded: str, *, sure: bool) -> Kind | None:
    if folded[:STEM] not in _stems() and not sure:
        return None
    if folded.startswith(_beginnings()):
        return Kind.UNKNOWN if folded.startswith(_waiting()) else Kind.SYSTEM
    match = _with_names().match(folded)
    return KINDS[match.lastgroup] if match and match.lastgroup else None


@lru_cache(maxsize=1)
def _waiting() -> tuple[str, ...]:
    return tuple(fold(phrase) for _, phrase in _rows("unreadable"))
