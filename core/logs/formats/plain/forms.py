"""The ways in which plain text says who speaks, and which of them a file uses.

Every form gives a name and words. Whether a name is a person is decided from the whole file
(`plain.choose_names`), as `Note:` and `URL:` look the same.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.logs.parsing.decode import edges
from core.logs.parsing.stamps import STAMP

LONGEST_NAME = 40
# Prefixes that people write before a colon without being anyone.
NO_NAMES = frozenset(
    {
        *("note", "notes", "nb", "url", "http", "https", "re", "p.s.", "ps", "subject", "date", "time", "from", "to"),
        *("cc", "author", "title", "translator", "language", "credits", "release date", "start", "end", "scene"),
        *("example", "warning", "todo", "tip", "edit", "source", "link", "tel", "fax", "e-mail", "email", "address"),
        *("persons of the dialogue", "dramatis personae", "def", "class", "else", "try", "return"),
        *("例", "注", "注意", "時間", "日時", "日付", "場所", "件名", "宛先", "題名", "題", "住所", "電話", "参考"),
        *("備考", "メモ", "補足", "追記", "出典", "作者", "著者", "訳者", "値段", "料金", "集合", "場面", "登場人物"),
        *(
            "持ち物",
            "会場",
            "費用",
            "服装",
            "待ち合わせ",
            "期限",
            "締切",
            "人数",
            "予算",
            "内容",
            "目的",
            "電話番号",
            "電話",
        ),
        *("where", "when", "place", "price", "cost", "deadline", "dress code", "meeting point", "venue"),
        *("お知らせ", "重要", "質問", "回答", "問", "答"),
    }
)
NO_NAME = re.compile(r"[\[\]{}<>=|/\\“”\"「」『』【】＞。、！？!?;；,*`]|^[#(]")
FEW_NAMES = 12


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a message: who, the words on that line, and the time as written ("" for none)."""

    name: str
    words: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class DialogueForm:
    """One way to write a dialogue. `pattern` has the groups name and words, and may have stamp."""

    id: str
    pattern: re.Pattern[str]
    rarest: int
    """A repeated head in this many written lines is enough: plays have long speeches."""

    def head(self, line: str) -> Head | None:
        """What `line` says when it begins a message in this form, whoever the name is."""
        match = self.pattern.match(line)
        if match is None:
            return None
        return Head(edges(match["name"]), match["words"], match.groupdict().get("stamp") or "")

    def candidate(self, line: str) -> Head | None:
        """`head`, where the name may be a person."""
        head = self.head(line)
        if head is None or not head.name or head.name.isdigit() or len(head.name.split()) > 5:
            return None
        if self.id == "colon" and head.name[-1].isdigit() and head.words[:2].isdigit():
            return None  # a time of day
        if self.id == "brackets" and not head.words.rstrip().endswith("」") and not depth(head.words):
            return None  # prose with a quotation in it
        return None if NO_NAME.search(head.name) or head.name.lower() in NO_NAMES else head


_STAMPED = rf"(?:[\[(（]?(?P<stamp>{STAMP})[\])）]?[ \t\u3000]*(?:[-–|][ ])?)?"
_NAME = rf"(?P<name>[^\s:：][^:：\n\t]{{0,{LONGEST_NAME - 1}}}?)"
COLON = DialogueForm(
    "colon",
    re.compile(
        rf"[ \t\u3000]*{_STAMPED}{_NAME}[ \u3000]*[:：](?!//|\\)[ \u3000]*(?P<words>.*)", re.DOTALL
    ),
    40,
)  # fmt: skip
BOLD = DialogueForm(
    "bold",
    re.compile(
        rf"(?:[-*#]{{1,8}}[ ])?[ ]?{_STAMPED}\*\*(?P<name>[^*:：\n]{{1,{LONGEST_NAME}}})(?:[:：]\*\*|\*\*[ ]?[:：])"
        r"[ ]*(?P<words>.*)",
        re.DOTALL,
    ),
    40,
)
LENTICULAR = DialogueForm(
    "lenticular",
    re.compile(rf"[ \u3000]*{_STAMPED}【(?P<name>[^】\n]{{1,{LONGEST_NAME}}})】[ \u3000:：]*(?P<words>.*)", re.DOTALL),
    10,
)
ARROW = DialogueForm(
    "arrow",
    re.compile(
        rf"[ \u3000]*{_STAMPED}(?P<name>[^\s>＞<:：][^>＞<\n\t]{{0,19}}?)[ \u3000]*[>＞][ \u3000]*(?P<words>[^>＞].*)",
        re.DOTALL,
    ),
    10,
)
BRACKETS = DialogueForm(
    "brackets",
    re.compile(r"[ \u3000]*(?P<name>[^\s「」『』（(][^「」『』\n]{0,19}?)[ \u3000]*(?P<words>「.*)", re.DOTALL),
    10,
)
FORMS = (COLON, BOLD, LENTICULAR, ARROW, BRACKETS)
# A name on a line of its own, under a blank line. `plain` looks at its neighbours.
ALONE = DialogueForm(
    "alone", re.compile(rf"[ \u3000]*(?P<name>[^\s].{{0,{LONGEST_NAME - 1}}}?)[ \u3000]*(?P<words>)$"), 40
)


def depth(words: str) -> int:
    """How many 「 are open at the end of `words`."""
    return words.count("「") - words.count("」")


def heads_of(form: DialogueForm, lines: Sequence[str], first: int, end: int) -> dict[int, Head]:
    """Index → head of every line in lines[first:end] that may begin a message in `form`."""
    heads = {i: head for i in range(first, end) if (head := form.candidate(lines[i]))}
    if form is ALONE:
        heads = {i: head for i, head in heads.items() if _alone(lines, i)}
        counts = Counter(head.name for head in heads.values())
        return {i: head for i, head in heads.items() if counts[head.name] >= 2}
    stamped = sum(bool(head.stamp) for head in heads.values())
    if 2 * stamped > len(heads):  # then "Note: …" without a time is part of a message
        heads = {i: head for i, head in heads.items() if head.stamp}
    return heads


def _alone(lines: Sequence[str], i: int) -> bool:
    above = i == 0 or not lines[i - 1].strip()
    return above and i + 1 < len(lines) and bool(lines[i + 1].strip())


def hits(form: DialogueForm, lines: Sequence[str]) -> int:
    """How many of `lines` begin a message: prefixes that repeat, or few of them on most lines."""
    heads = heads_of(form, lines, 0, len(lines))
    counts = Counter(head.name for head in heads.values())
    if form is ALONE:
        blocks = sum(bool(line.strip()) and (i == 0 or not lines[i - 1].strip()) for i, line in enumerate(lines))
        return len(heads) if len(counts) >= 2 and len(heads) >= 4 and 2 * len(heads) > blocks else 0
    repeated = sum(n for n in counts.values() if n >= 2)
    written = sum(bool(line.strip()) for line in lines)
    if not any(head.words.strip() for head in heads.values()):  # "Name:" above the words, not a list of topics
        apart = sum(i == 0 or not lines[i - 1].strip() for i in heads)
        return len(heads) if repeated >= 2 and 2 <= len(counts) < len(heads) == apart else 0
    most = len(counts) <= FEW_NAMES and 2 * len(heads) > written
    return len(heads) if most else repeated if repeated >= 3 and form.rarest * repeated > written else 0


def form_of(lines: Sequence[str]) -> tuple[DialogueForm, int]:
    """The form with the most heads, and how many; the name alone only where no other fits."""
    best, most = max(((form, hits(form, lines)) for form in FORMS), key=lambda found: found[1])
    alone = 0 if most else hits(ALONE, lines)
    return (ALONE, alone) if alone else (best, most)
