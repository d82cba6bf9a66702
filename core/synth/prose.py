"""The prose of a book: what its edition added is taken out, and what is said in it is found.

Editions known: Aozora Bunko (ruby 《…》, notes ［＃…］, a head between lines of hyphens, a foot that begins 底本：) and
Project Gutenberg (its marks of beginning and end).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.text import is_japanese

RUBY = re.compile(r"《[ぁ-ゖァ-ヺー・]{1,30}》")
RUBY_FROM = re.compile(r"[｜|](?=[^《\n]{1,30}《)")
NOTE = re.compile(r"［＃[^］\n]{1,200}］")
AOZORA_HEAD = re.compile(r"\A[^-]{0,2000}-{20,}\n[^-]{0,4000}-{20,}\n")
AOZORA_FOOT = re.compile(r"^底本：", re.MULTILINE)
ITALIC = re.compile(r"\b_([^_]{1,80})_\b")
GUTENBERG = re.compile(r"^\*\*\* ?(START|END) OF .*$", re.MULTILINE)
PAIRS = {"「": "」", "“": "”", '"': '"', "‘": "’"}
SENTENCE = re.compile(r"[。．！？!?…—.,;]")
SPACED = 0.5  # of the lines that open a paragraph: where more follow an empty line, every paragraph does
SCENE_MARK = re.compile(r"\n[ 　]*(?:[*＊×◇◆☆★○●※#][ 　]*){1,9}\n")


@dataclass(frozen=True)
class QuotedLine:
    """Something that is said in prose."""

    words: str
    before: str
    """The narration in front of it, back to the line before."""
    after: str
    start: int
    end: int
    continues: bool = False
    """Whether it stands in the same paragraph as the line before, with narration between."""
    opens_scene: bool = False


def clean_prose(text: str) -> str:
    """A book's text without what its edition added.

    >>> clean_prose("吾輩《わがはい》は｜丸《まる》い猫［＃「猫」に傍点］である。")
    '吾輩は丸い猫である。'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for mark in list(GUTENBERG.finditer(text))[::-1]:
        text = text[mark.end() :] if mark[1] == "START" else text[: mark.start()]
    text = ITALIC.sub(r"\1", text)
    if "【テキスト中に現れる記号について】" in text[:3000]:
        text = AOZORA_HEAD.sub("", text)
    if foot := AOZORA_FOOT.search(text):
        text = text[: foot.start()]
    return NOTE.sub("", RUBY.sub("", RUBY_FROM.sub("", text))).strip("\n")


def quoted_lines(prose: str) -> list[QuotedLine]:
    """What is said in `prose`, in order; a quoted word inside a sentence is not.

    >>> [one.words for one in quoted_lines("「来たか。」と彼は言った。「勇気」という言葉だ。")]
    ['来たか。']
    """
    spans = [span for span in _spans(prose, _marks(prose)) if _is_said(prose, *span)]
    spaced = _is_spaced(prose, spans)
    found: list[QuotedLine] = []
    for n, (start, end) in enumerate(spans):
        last = spans[n - 1][1] + 1 if n else 0
        following = spans[n + 1][0] if n + 1 < len(spans) else len(prose)
        before = prose[last:start]
        apart = before.replace(" ", "").replace("　", "")
        same = bool(n) and bool(apart.strip()) and ("\n\n" if spaced else "\n") not in apart
        scene = bool(n) and (("\n\n\n" if spaced else "\n\n") in apart or bool(SCENE_MARK.search(before)))
        words = prose[start + 1 : end].strip()
        found.append(QuotedLine(words, before, prose[end + 1 : following], start, end, same, scene))
    return found


def _marks(prose: str) -> dict[str, str]:
    """The quotation marks of a text: ‘ and " only where they open its lines; inside “ they quote a word."""
    opened = {mark: len(re.findall(rf"^[ 　]*{mark}", prose, re.MULTILINE)) for mark in PAIRS}
    double = max(opened["“"], opened["「"])
    unused = {mark for mark in ('"', "‘") if opened[mark] <= double}
    if opened["‘"] > opened['"']:
        unused.add('"')
    elif opened['"']:
        unused.add("‘")
    return {mark: end for mark, end in PAIRS.items() if mark not in unused}


def _spans(prose: str, marks: dict[str, str]) -> Iterator[tuple[int, int]]:
    """(opening, closing) of every outermost quotation; one that is never closed ends with its paragraph."""
    start, depth, mark = -1, 0, ""
    for place, letter in enumerate(prose):
        if start < 0 and letter in marks:
            start, depth, mark = place, 1, letter
        elif start >= 0 and letter == marks[mark] and not _is_apostrophe(prose, place):
            depth -= 1
            if not depth:
                yield start, place
                start = -1
        elif start >= 0 and letter == mark:
            depth += 1
        elif start >= 0 and prose.startswith("\n\n", place):
            start = -1


def _is_apostrophe(prose: str, place: int) -> bool:
    return prose[place] == "’" and prose[place - 1 : place].isalpha() and prose[place + 1 : place + 2].isalpha()


def _is_said(prose: str, start: int, end: int) -> bool:
    """A line of its own, or one that somebody says; not a word that is quoted."""
    ahead = prose[max(0, start - 200) : start]
    alone = not ahead.rstrip(" 　").rpartition("\n")[2].strip() or ahead.rstrip()[-1:] in "。」”."
    words, after = prose[start + 1 : end], prose[end + 1 : end + 30]
    if not words.strip():
        return False
    if SENTENCE.search(words):
        return True
    return alone and not re.match(r"という|と[かは]|[のがをには]", after)


def _is_spaced(prose: str, spans: list[tuple[int, int]]) -> bool:
    """Whether an empty line stands between paragraphs, as in English books and on the web, and not only at scenes."""
    heads = [prose[max(0, start - 40) : start].rstrip(" 　") for start, _ in spans[1:]]
    opening = [head for head in heads if head.endswith("\n")]
    if not opening:
        return not is_japanese(prose)
    return sum(head.endswith("\n\n") for head in opening) > SPACED * len(opening)
