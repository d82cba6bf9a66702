"""Cleaning: copied texts and placeholders are left out, and what is said all the time is learned less often.

Nothing here judges short replies: they are how people talk. What a message is left out for is a outcome of the ledger.
"""

import math
import random
import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.data.ledger import Outcome
from core.messages import Message

LONG = 40  # letters from which on a text that comes again was copied and not said again
SHINGLE = 5  # letters
ALIKE = 0.8  # Jaccard similarity of two texts' shingles
BUCKETS = 1 << 20
ALWAYS, SHARE = 10, 0.01  # a reply may count so often, or for such a share of the persona's messages

_SENT = r"(?:を|が)?(?:送信|送付|共有|投稿)(?:しました|されました)"
PLACEHOLDERS = {
    Outcome.STICKER: re.compile(rf"スタンプ{_SENT}|(?:sent|送信) an? sticker\.?|sticker omitted", re.IGNORECASE),
    Outcome.MEDIA: re.compile(
        rf"(?:写真|画像|動画|ビデオ|ファイル|音声|ボイスメッセージ|アルバム|位置情報|連絡先|GIF)(?:\d+(?:枚|件))?{_SENT}"
        r"|(?:sent|shared) (?:an? )?(?:\d+ )?"
        r"(?:photos?|images?|videos?|files?|GIF|voice message|attachment|location)\.?"
        r"|(?:image|photo|video|audio|GIF|document|media) omitted",
        re.IGNORECASE,
    ),
    Outcome.CALL: re.compile(
        r"(?:不在着信|(?:音声|ビデオ)通話(?:時間)?[ 　]?[\d:]*|missed (?:voice |video )?call)", re.IGNORECASE
    ),
    Outcome.UNSENT: re.compile(
        r"(?:この)?(?:メッセージ|投稿)(?:の送信を取り消しました|は削除されました|を削除しました|が取り消されました)"
        r"|(?:this )?message (?:was |has been )?(?:deleted|unsent|removed)"
        r"|(?:you )?(?:unsent|deleted) (?:a|this) message",
        re.IGNORECASE,
    ),
}  # fmt: skip
BRACKETED = {
    Outcome.STICKER: "スタンプ ステッカー 絵文字 sticker stickers emoji 貼圖 贴图 สติกเกอร์ 스티커",
    Outcome.MEDIA: """
        写真 画像 動画 ビデオ ファイル 音声 ボイスメッセージ アルバム 位置情報 連絡先 ギフト 照片 圖片 图片 影片 视频
        사진 동영상 파일 photo photos image images video videos file files gif audio voice media location contact
        attachment""",
    Outcome.CALL: "通話 不在着信 call",
    Outcome.UNSENT: "送信取消 送信取り消し 削除済み unsent deleted",
}
OUTCOME_OF_PLACEHOLDER = {mark: outcome for outcome, marks in BRACKETED.items() for mark in marks.split()}
MARKED = re.compile(r"[\[［(（<＜【]\s{0,9}([^\[\]［］()（）<>＜＞【】]{1,20}?)\s{0,9}[\]］)）>＞】]")
SHORTEST, LONGEST = 2, 60  # letters of a placeholder


@dataclass(frozen=True)
class FilterResult:
    """What cleaning says of a log's messages, by position."""

    skipped: dict[int, Outcome]
    """Left out, and why."""
    frequent: frozenset[int]
    """Said so often that these are context at most."""


def filter_messages(
    messages: Sequence[Message], words: Sequence[str | None], persona: str, *, seed: int = 0
) -> FilterResult:
    """Look at all messages that have words. `words` are as learned, None for what is left out already."""
    left = {i: outcome for i, text in enumerate(words) if text and (outcome := placeholder(text))}
    own = [(i, text) for i, text in enumerate(words) if text and messages[i].sender == persona and i not in left]
    left |= _copies([(i, text) for i, text in own if len(text) >= LONG])
    return FilterResult(left, frozenset(_beyond_share([(i, text) for i, text in own if i not in left], seed)))


def placeholder(text: str) -> Outcome | None:
    """What a text stands for that an app wrote in the place of something else; None for words."""
    if not SHORTEST <= len(text) <= LONGEST:
        return None
    marked = MARKED.fullmatch(text)
    if marked:
        mark = marked[1].casefold().removesuffix(" omitted").removesuffix("を送信しました")
        return OUTCOME_OF_PLACEHOLDER.get(mark)
    tidy = text.strip("。. 　")
    return next((outcome for outcome, pattern in PLACEHOLDERS.items() if pattern.fullmatch(tidy)), None)


def _copies(texts: Sequence[tuple[int, str]]) -> dict[int, Outcome]:
    """Of long texts in their order: which are the same as an earlier one, or nearly."""
    found: dict[int, Outcome] = {}
    seen: set[str] = set()
    fresh: list[tuple[int, str]] = []
    for i, text in texts:
        tidy = _tidy(text)
        if tidy in seen:
            found[i] = Outcome.DUPLICATE
        else:
            seen.add(tidy)
            fresh.append((i, tidy))
    return found | dict.fromkeys(near_duplicates(fresh), Outcome.NEAR_DUPLICATE)


def near_duplicates(texts: Sequence[tuple[int, str]]) -> Iterator[int]:
    """Texts whose shingles are ALIKE those of an earlier one that is not among these itself.

    Exact, by prefix filtering: two sets that are alike share one of the few rarest shingles of each.
    """
    often = array("L", bytes(array("L").itemsize * BUCKETS))
    for _, text in texts:
        for shingle in _shingles(text):
            often[hash(shingle) % BUCKETS] += 1
    index: dict[str, list[int]] = defaultdict(list)
    for place, (i, text) in enumerate(texts):
        mine = _shingles(text)
        rare = sorted(mine, key=lambda shingle: (often[hash(shingle) % BUCKETS], shingle))
        shared = [s for s in rare[: len(rare) - math.ceil(ALIKE * len(rare)) + 1] if often[hash(s) % BUCKETS] > 1]
        others = {other for shingle in shared for other in index.get(shingle, ())}
        if any(_alike(mine, texts[other][1]) for other in others):
            yield i
            continue
        for shingle in shared:
            index[shingle].append(place)


def _alike(mine: set[str], text: str) -> bool:
    theirs = _shingles(text)
    common = len(mine & theirs)
    return common >= ALIKE * (len(mine) + len(theirs) - common)


def _shingles(text: str) -> set[str]:
    return {text[k : k + SHINGLE] for k in range(max(len(text) - SHINGLE + 1, 1))}


def _beyond_share(texts: Sequence[tuple[int, str]], seed: int) -> Iterator[int]:
    """Of every reply that is said very often, those that are too many: drawn, so that the rest lies all over the log.

    As many may stay as the square root of the count, at least ALWAYS and SHARE of all messages.
    """
    said: dict[str, list[int]] = defaultdict(list)
    for i, text in texts:
        if len(text) < LONG:
            said[_tidy(text)].append(i)
    least = max(ALWAYS, int(SHARE * len(texts)))
    for text, places in said.items():
        most = max(least, math.isqrt(len(places)))
        if len(places) > most:
            yield from random.Random(f"{seed}/{text}").sample(places, len(places) - most)


def _tidy(text: str) -> str:
    """What two ways of writing the same have in common."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
