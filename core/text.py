"""Text in two languages, which language a text is in, text as it is compared, and numbers with their units."""

import re
import unicodedata
from typing import NamedTuple

JAPANESE = re.compile("[ぁ-ヿ一-鿿々]")

# Katakana to hiragana: the two blocks lie 0x60 apart. ヷ to ヺ have no hiragana; ー and the marks stay.
_KANA = {code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
_UNSEEN = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x00AD))


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
