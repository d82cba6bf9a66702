"""Plain text in which lines begin with "Name: " – chats typed by hand, interviews, plays.

Which prefixes are names is decided from the whole file, and a person can correct it. What stands
before the first line of the dialogue (a preface, a list of persons) and outside a Project Gutenberg
book is kept as lines not understood.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from core.logs.collect import Collector
from core.logs.decode import Records, edges, split_records
from core.logs.log import Format, Guess, Hints, Log, Note
from core.logs.wrapping import Wrapping, wrapping
from core.messages import Message

FORMAT = Format("plain", "Plain text (Name: words)", "テキスト（名前: 本文）")
LONGEST_NAME = 40
HEAD = re.compile(
    rf"[ \t\u3000]*([^\s:：][^:：\n\t]{{0,{LONGEST_NAME - 1}}}?)[ \u3000]*([:：])(?!//|\\)[ \u3000]*(.*)", re.DOTALL
)
# Prefixes that people write before a colon without being anyone.
NO_NAMES = frozenset(
    {
        *("note", "notes", "nb", "url", "http", "https", "re", "p.s.", "ps", "subject", "date", "time", "from", "to"),
        *("cc", "author", "title", "translator", "language", "credits", "release date", "start", "end", "scene"),
        *("example", "warning", "todo", "tip", "edit", "source", "link", "tel", "fax", "e-mail", "email", "address"),
        *("persons of the dialogue", "dramatis personae", "def", "class", "else", "try", "return"),
        *("例", "注", "注意", "時間", "日時", "日付", "場所", "件名", "宛先", "題名", "題", "住所", "電話", "参考"),
        *("備考", "メモ", "補足", "追記", "出典", "作者", "著者", "訳者", "値段", "料金", "集合", "場面", "登場人物"),
    }
)
NO_NAME = re.compile(r"[\[\]{}<>=|/\\“”\"「」。、！？!?;；,*`]|^[#(]")
START = re.compile(r"\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG")
END = re.compile(r"\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG")
PERSONS = re.compile(r"\s*(?:PERSONS OF THE DIALOGUE|DRAMATIS PERSON[AÆ]E?|登場人物)\b")
FEW_NAMES = 12
MOST_CHOICES = 30
BREAK = 20  # lines without a head that part an introduction from the dialogue


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines: prefixes that repeat, or few of them on most lines."""
    heads = [(name, words) for line in lines if (found := candidate(line)) for name, words in (found,)]
    counts = Counter(name for name, _ in heads)
    repeated = sum(n for n in counts.values() if n >= 2)
    written = sum(bool(line.strip()) for line in lines)
    if not any(words.strip() for _, words in heads):
        return 0
    most = len(counts) <= FEW_NAMES and 2 * len(heads) > written
    return len(heads) if most else repeated if repeated >= 3 and 40 * repeated > written else 0


def candidate(line: str) -> tuple[str, str] | None:
    """(prefix, words) where a line begins like "Name: words" and the prefix may be a name."""
    match = HEAD.match(line)
    if match is None:
        return None
    name, words = edges(match[1]), match[3]
    if name.isdigit() or (name[-1:].isdigit() and words[:2].isdigit() and match[2] == ":"):
        return None  # a time of day
    if NO_NAME.search(name) or name.lower() in NO_NAMES or len(name.split()) > 5:
        return None
    return name, words


def read(text: str, hints: Hints) -> Log:
    """Every message, with the names in `hints` or those worked out from the file."""
    records = split_records(text, lambda line: False)
    lines = records.texts
    first, end = _book(lines)
    heads = {i: found for i in range(first, end) if (found := candidate(lines[i]))}
    guessed = hints.names is None
    names = choose_names(heads, lines) if hints.names is None else tuple(map(edges, hints.names))
    if hints.names is not None:
        heads |= _forced(lines, range(first, end), frozenset(names))
    people = frozenset(names)
    spoken = {i: head for i, head in heads.items() if head[0] in people}
    if guessed:
        spoken = _dialogue(spoken)
        heard = {name for name, _ in spoken.values()}
        names = tuple(name for name in names if name in heard)
    messages = _collect(records, spoken, end, wrapping([lines[i] for i in range(min(spoken, default=0), end)]))
    guess = Guess("names", names, _choices(names, heads), not guessed, _note(names))
    return Log(FORMAT, tuple(messages.messages), messages.finish(records), (guess,))


def _collect(records: Records, spoken: dict[int, tuple[str, str]], end: int, how: Wrapping) -> Collector:
    found = Collector(partial(_join, how))
    for i, line in enumerate(records.texts):
        if i == end:
            found.stop()
        head = spoken.get(i)
        if head is None:
            found.line(line, records.starts[i])
        else:
            found.add(Message(head[0], head[1].rstrip(), records.starts[i]))
    found.stop()
    return found


def _join(how: Wrapping, message: Message, more: Sequence[str]) -> Message:
    head = how.padding(message)
    return Message(message.sender, how.join([head + message.text, *more])[len(head) :], message.line)


def _book(lines: Sequence[str]) -> tuple[int, int]:
    """The lines between the marks of a Project Gutenberg book, and below its list of persons."""
    start = next((i + 1 for i, line in enumerate(lines) if START.match(line)), 0)
    end = next((i for i in range(start, len(lines)) if END.match(lines[i])), len(lines))
    persons = [i + 1 for i in range(start, end) if PERSONS.match(lines[i])]
    return (persons[0] if persons else start), end


def _forced(lines: Sequence[str], where: Iterable[int], names: frozenset[str]) -> dict[int, tuple[str, str]]:
    """Heads of names that a person gave, whatever they look like."""
    heads = {}
    for i in where:
        match = HEAD.match(lines[i])
        if match and edges(match[1]) in names:
            heads[i] = (edges(match[1]), match[3])
    return heads


def choose_names(heads: dict[int, tuple[str, str]], lines: Sequence[str]) -> tuple[str, ...]:
    """The prefixes that are people, the most frequent first.

    They occur twice or more (once will do in a short file that is mostly heads). Where the two most
    frequent always follow a blank line, or are written in capitals, so must the others.
    """
    counts = Counter(name for name, _ in heads.values())
    written = sum(bool(line.strip()) for line in lines)
    short = len(heads) <= 40 and len(counts) <= FEW_NAMES and 2 * len(heads) > written
    names = [name for name, n in counts.most_common() if n >= 2 or short]
    leaders = names[:2]
    if len(leaders) < 2 or short:
        return tuple(names)
    if all(name.isupper() for name in leaders):
        names = [name for name in names if name.isupper()]
    after_blank = Counter(name for i, (name, _) in heads.items() if i == 0 or not lines[i - 1].strip())
    if all(after_blank[name] >= 0.9 * counts[name] for name in leaders):
        names = [name for name in names if after_blank[name] >= 0.5 * counts[name]]
    return tuple(names)


def _dialogue(spoken: dict[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
    """`spoken` without what an introduction quotes: early heads, cut off from the rest by a long
    stretch without any, of names that do not occur again.
    """
    places = sorted(spoken)
    last = {spoken[place][0]: k for k, place in enumerate(places)}
    begin = reach = 0
    for k in range(1, len(places) // 3):
        reach = max(reach, last[spoken[places[k - 1]][0]])
        if reach < k and places[k] - places[k - 1] > BREAK:
            begin = k
    return {place: spoken[place] for place in places[begin:]}


def _choices(names: tuple[str, ...], heads: dict[int, tuple[str, str]]) -> tuple[str, ...]:
    """`names`, and the other prefixes that a person may want: repeated, or short and not mid-sentence."""
    counts = Counter(name for name, _ in heads.values()).most_common()
    others = [name for name, n in counts if n >= 2 or (not name[0].islower() and len(name.split()) <= 3)]
    return tuple(dict.fromkeys((*names, *others[:MOST_CHOICES])))


def _note(names: tuple[str, ...]) -> Note:
    shown, shown_ja = ", ".join(names[:FEW_NAMES]), "・".join(names[:FEW_NAMES])
    return Note(
        f"Taken for names: {shown}. Correct them if one is no person.",
        f"名前とみなしたもの：{shown_ja}。人でないものがあれば直してください。",
    )
