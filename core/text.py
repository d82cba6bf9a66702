"""Text in two languages, which language a text is in, text as it is compared and shown, numbers with units."""

import io
import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple, TextIO, TypeVar

JAPANESE = re.compile("[぀-ヿ㐀-鿿々〆]")

# Katakana to hiragana: the two blocks lie 0x60 apart. ヷ to ヺ have no hiragana; ー and the marks stay.
_KANA = {code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
_UNSEEN: dict[int, None] = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x00AD))


class Text(NamedTuple):
    """A text in both languages of the page.

    >>> Text("yes", "はい").in_language("ja")
    'はい'
    """

    en: str
    ja: str

    def in_language(self, language: str) -> str:
        """The text in `language` ("ja", or anything else for English)."""
        return self.ja if language == "ja" else self.en


J = TypeVar("J")


def well_formed(value: J) -> J:
    """A text or a JSON value whose lone surrogates are replaced by U+FFFD: UTF-8 cannot hold them.

    >>> well_formed({"a": ["x\\ud800"]})
    {'a': ['x�']}
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # type: ignore[return-value]
        return value
    if isinstance(value, list | tuple):
        return type(value)(map(well_formed, value))  # type: ignore[return-value]
    if isinstance(value, dict):
        return {well_formed(name): well_formed(one) for name, one in value.items()}  # type: ignore[return-value]
    return value


def normalize_for_match(text: str) -> str:
    """`text` for comparing: one form for full and half width, upper and lower case, hiragana and katakana.

    Only for matching; what is shown or trained on keeps its form.

    >>> normalize_for_match("ﾈｺ") == normalize_for_match("ねこ") == normalize_for_match("ネコ")
    True
    >>> normalize_for_match("Ｃａｔ")
    'cat'
    """
    return unicodedata.normalize("NFKC", text).translate(_UNSEEN).casefold().translate(_KANA)


def is_japanese(text: str) -> bool:
    """Whether `text` holds kana or kanji: how names and descriptions choose between the two languages.

    >>> is_japanese("ソクラテス"), is_japanese("Socrates")
    (True, False)
    """
    return bool(JAPANESE.search(text))


def language_of(*texts: str) -> Literal["ja", "en"]:
    """The language to answer in: Japanese where any of the texts is (`is_japanese`), else English."""
    return "ja" if any(map(is_japanese, texts)) else "en"


def similarity(one: str, other: str) -> float:
    """How far two texts are the same words, in any order: Dice's coefficient of their character bigrams, 0 to 1.

    >>> similarity("犬を飼う", "いぬ、犬を飼う。"), similarity("OK", "ｏｋ!")
    (0.75, 1.0)
    """
    a, b = _bigrams(one), _bigrams(other)
    if a and b:
        return 2 * len(a & b) / (len(a) + len(b))
    return float(normalize_for_match(one) == normalize_for_match(other))


def share_contained(part: str, whole: str) -> float:
    """How much of `part`'s character bigrams `whole` has, 0 to 1."""
    bigrams = _bigrams(part)
    return len(bigrams & _bigrams(whole)) / len(bigrams) if bigrams else 0.0


def wording_similarity(one: str, other: str, at_least: float = 0.0) -> float:
    """How far two texts are the same word for word: the share of their characters in common, in order, 0 to 1.

    Unlike `similarity` it tells an order from another, and takes quadratic time; what is cheaply known to be under
    `at_least` gives 0.

    >>> wording_similarity("abcd", "abxd"), wording_similarity("abcd", "dxxx", at_least=0.5)
    (0.75, 0.0)
    """
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < at_least or matcher.quick_ratio() < at_least:
        return 0.0
    return matcher.ratio()


@lru_cache(maxsize=4096)
def _bigrams(text: str) -> frozenset[str]:
    letters = "".join(c for c in normalize_for_match(text) if c.isalnum())
    return frozenset(map("".join, pairwise(letters)))


def speak_utf8(*streams: TextIO) -> None:
    """Let a command read and print UTF-8 whatever the terminal's encoding, printed lines ending in "\\n".

    A stand-in of a test or a notebook is left as it is.
    """
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            newline = "\n" if stream.writable() else None
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline=newline)


def format_parameters(count: int) -> str:
    """A number of parameters as models are named by.

    >>> format_parameters(1_300_000_000), format_parameters(134_515_008), format_parameters(6_819_072)
    ('1.3 B', '135 M', '6.8 M')
    """
    if count >= 1e9:
        return f"{count / 1e9:.1f} B"
    return f"{count / 1e6:.0f} M" if count >= 10e6 else f"{count / 1e6:.1f} M"


def format_bytes(count: float) -> str:
    """A number of bytes in the unit that suits it.

    >>> format_bytes(4_600_000_000), format_bytes(20_500_000), format_bytes(12)
    ('4.6 GB', '20.5 MB', '12 B')
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
