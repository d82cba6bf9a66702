"""The person's own list of names: patterns that find them, and other names to stand in their place.

An entry is a name ("花子"), or a name and what stands in its place ("花子=さくら", "花子→さくら"). A name is
found where it stands as a word: Japanese has no spaces, so the letters around it decide, by their script.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InputError

KANJI, HIRAGANA, KATAKANA = "一-龯々〆ヶ", "ぁ-んー", "ァ-ヴー"
# What may follow a name in hiragana; anything else there and it is a part of another word.
FOLLOWS = "さん|ちゃん|くん|さま|たん|っち|せんせい|は|が|を|も|って"
FOLLOWS_LONG = FOLLOWS + "|に|の|と|へ|や|から|まで|より|だ|です|ね|よ|か|な"  # of three letters and more
# What may stand before a name of three letters and more, of the same script: particles, and ends of sentences.
PRECEDES_LONG = "のはがをにでともてたへよねかな"
GIVEN = re.compile("[子美香奈菜花恵乃紗咲愛衣結葵翔太郎介輝樹斗也人真哉平吾]$")
MOST_NAMES = 500

STAND_INS = {
    "kanji": """
        佐藤 鈴木 高橋 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 松本 井上 木村 清水 山口 阿部 森田 池田 橋本 石川 前田
        藤田 岡田 後藤 長谷川 村上 近藤 石井 坂本""",
    "given": """
        美咲 陽菜 結衣 葵 優花 千尋 彩乃 真央 沙織 由紀 翔太 健太 大輔 直樹 拓海 悠斗 和也 隼人 亮介 智也""",
    "hiragana": """
        さくら ひなた あかり みなと はると ゆうき そら ひまり いつき こはる かなで すばる つむぎ あおば ちひろ まこと
        しおり なぎさ ほのか たくみ""",
    "katakana": """
        サクラ ハルト ミナト アカリ ユウキ ソラ イツキ コハル カナデ スバル ツムギ チヒロ マコト シオリ ナギサ ホノカ
        タクミ エマ ルカ リオ""",
    "latin": """
        Alex Sam Robin Jamie Taylor Jordan Casey Morgan Riley Avery Quinn Rowan Skyler Emery Hayden Parker Reese Sage
        Finley Dakota""",
}


@dataclass(frozen=True, slots=True)
class Name:
    """An entry of the list. `stand_in` is "" where the person left it to us."""

    real: str
    stand_in: str
    pattern: re.Pattern[str]


def parse_names(entries: Sequence[str]) -> list[Name]:
    """The entries of a list, the longest names first. Raises InputError for more than MOST_NAMES."""
    if len(entries) > MOST_NAMES:
        raise InputError(
            f"The list has {len(entries):,} names; {MOST_NAMES} are allowed.",
            f"名前のリストが {len(entries):,} 件あります。{MOST_NAMES} 件までにしてください。",
        )
    names: dict[str, Name] = {}
    for entry in entries:
        real, _, stand_in = re.sub(r"→|=>|＝", "=", unicodedata.normalize("NFC", entry)).partition("=")
        if real := real.strip():
            names.setdefault(real, Name(real, stand_in.strip(), _pattern(real)))
    return sorted(names.values(), key=lambda name: (-len(name.real), name.real))


def script_of(name: str) -> str:
    """Which of STAND_INS a name is like."""
    if re.search(f"[{KANJI}]", name):
        return "given" if len(name) <= 3 and GIVEN.search(name) else "kanji"
    if re.search("[ぁ-ん]", name):
        return "hiragana"
    return "katakana" if re.search("[ァ-ヴ]", name) else "latin"


def _pattern(name: str) -> re.Pattern[str]:
    """Finds `name` as a word."""
    first, last, word = name[0], name[-1], re.escape(name)
    if re.fullmatch(f"[{HIRAGANA}]+", name):
        follows = FOLLOWS if len(name) < 3 else FOLLOWS_LONG
        before = f"(?<![{HIRAGANA}])" if len(name) < 3 else f"(?:(?<![{HIRAGANA}])|(?<=[{PRECEDES_LONG}]))"
        return re.compile(rf"{before}{word}(?=(?:{follows})|[^{HIRAGANA}]|\Z)")
    before = after = ""
    if re.match(f"[{KATAKANA}]", first):
        before = f"(?<![{KATAKANA}])"
    elif re.match(r"[A-Za-z\u00c0-\u024f]", first):
        before = r"(?<![A-Za-z\u00c0-\u024f])"
    if re.match(f"[{KATAKANA}]", last):
        after = f"(?![{KATAKANA}])"
    elif re.match(r"[A-Za-z\u00c0-\u024f]", last):
        after = r"(?![A-Za-z\u00c0-\u024f])"
    if len(name) == 1 and re.match(f"[{KANJI}]", name):
        before, after = f"(?<![{KANJI}])", f"(?![{KANJI}])"
    return re.compile(before + word + after, re.IGNORECASE)
