"""Words as the search compares them: without width, case or kind of kana; Japanese in pairs of characters.

No dictionary knows names, and Japanese words are as short as 犬: what is written without spaces is indexed by its
pairs of characters and its kanji, what is written with spaces by its words.
"""

import re
import unicodedata
from itertools import pairwise

from core.text import normalize_for_match

SPACED = "0-9a-zà-öø-ɏͰ-ӿ"  # scripts that write words with spaces between them
KANJI = "[々〆㐀-䶿一-鿿]"
RUN = re.compile(rf"[{SPACED}]+|(?:(?![{SPACED}])[^\W_])+")
SCRIPT_RUN = re.compile(
    rf"(?P<spaced>[{SPACED}]+)|(?P<kanji>{KANJI}+)|(?P<hiragana>[ぁ-ゖ]+ー*)|(?P<katakana>[ァ-ヺー]+)|"
    rf"(?P<other>(?:(?![{SPACED}ぁ-ヺー])(?!{KANJI})[^\W_])+)"
)
# As the index has them, some without their s: "doe" and "thi" are does and this.
FUNCTION = frozenset(
    re.findall(
        r"\w+",
        """a about am an and are as at be been but by can could did do doe for from had has have he her hi him his how i
        if in is it just know me my of oh ok on or our really she so than that the their them then there they thi this
        to us was we were what when where which who why will with would yeah yes you your""",
    )
)


def terms(text: str) -> list[str]:
    """What the index holds for `text`, in order: words with spaces; else bigrams and each kanji.

    >>> terms("Two dogs、犬とネコ")
    ['two', 'dog', '犬と', '犬', 'とね', 'ねこ', 'こ']
    """
    return [term for run in RUN.findall(normalize_for_match(text)) for term in _of_run(run)]


def sought(text: str) -> list[str]:
    """The terms to look up for a question, each once: its words with spaces, kanji and katakana; a lone kanji alone.

    What is written in hiragana counts only where there is nothing else, because most of it is grammar. A lone
    character that is no kanji is given as a beginning, with a star.

    >>> sought("うちの猫の名前は？")
    ['猫', '名前']
    """
    found: dict[str, bool] = {}
    for match in SCRIPT_RUN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match[0]
        if match.lastgroup == "spaced":
            found[_stem(run)] = _stem(run) not in FUNCTION
        elif len(run) == 1:
            lone = run if match.lastgroup == "kanji" else f"{normalize_for_match(run)}*"
            found[lone] = match.lastgroup != "hiragana"
        else:
            found |= dict.fromkeys(_pairs_of(normalize_for_match(run)), match.lastgroup != "hiragana")
    telling = [term for term, tells in found.items() if tells]
    return telling or [term for term in found if term not in FUNCTION and (len(found) == 1 or "*" not in term)]


def _of_run(run: str) -> list[str]:
    if re.match(f"[{SPACED}]", run):
        return [_stem(run)]
    found = []
    for at, letter in enumerate(run):
        found += [run[at : at + 2]] if at + 1 < len(run) else []
        found += [letter] if re.match(KANJI, letter) or at + 1 == len(run) else []
    return found


def _pairs_of(letters: str) -> list[str]:
    return list(map("".join, pairwise(letters)))


def _stem(word: str) -> str:
    """English plurals and third persons lose their s: enough to find a dog by dogs."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
