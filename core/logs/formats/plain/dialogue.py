"""Plain text in which lines say who speaks – chats typed by hand, scripts, interviews, plays.

How they say it (`Name: words`, `Name「…」` and the rest) is in `plain_forms`. Which prefixes are names
is decided from the whole file, and a person can correct it. What stands before the first line of the
dialogue (a preface, a list of persons) and outside a Project Gutenberg book is kept as lines not understood.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial

from core.logs.formats.plain.forms import BRACKETS, FEW_NAMES, DialogueForm, Head, depth, form_of, heads_of
from core.logs.log import Format, Guess, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import Records, edges, split_records
from core.logs.parsing.stamps import Clocks, clocks
from core.logs.parsing.wrapping import Wrapping, wrapping
from core.messages import Message
from core.text import Text

FORMAT = Format("plain", Text("Plain text (Name: words)", "テキスト（名前: 本文）"))
START = re.compile(r"\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG")
END = re.compile(r"\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG")
PERSONS = re.compile(r"\s*(?:PERSONS OF THE DIALOGUE|DRAMATIS PERSON[AÆ]E?|登場人物)\b")
MOST_CHOICES = 30
BREAK = 20  # lines without a head that part an introduction from the dialogue


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines, in the form that fits best."""
    return form_of(lines)[1]


def read(text: str, hints: Hints) -> Log:
    """Every message, with the names in `hints` or those worked out from the file."""
    records = split_records(text, lambda line: False)
    lines = records.texts
    first, end = _book(lines)
    form, _ = form_of(lines[first:end])
    heads = heads_of(form, lines, first, end)
    guessed = hints.names is None
    names = choose_names(heads, lines) if hints.names is None else tuple(map(edges, hints.names))
    if hints.names is not None:
        heads |= _forced(form, lines, range(first, end), frozenset(names))
    people = frozenset(names)
    spoken = {i: head for i, head in heads.items() if head.name in people}
    if guessed:
        spoken = _dialogue(spoken)
        heard = {head.name for head in spoken.values()}
        names = tuple(name for name in names if name in heard)
    times = clocks((head.stamp for _, head in sorted(spoken.items()) if head.stamp), hints.date_order)
    found = _DialogueReader(records, spoken, times, form).collect(end)
    guess = Guess("names", names, _choices(names, heads), not guessed, _note(names))
    guesses = (guess, times.guess) if times.guess else (guess,)
    return Log(FORMAT, tuple(found.messages), found.finish(records), guesses)


class _DialogueReader:
    """Goes through the records once, from head to head."""

    def __init__(self, records: Records, spoken: dict[int, Head], times: Clocks, form: DialogueForm) -> None:
        self._records = records
        self._spoken = spoken
        self._times = times
        self._form = form
        self._day: date | None = None

    def collect(self, end: int) -> Collector:
        """Everything up to line `end` as messages; what follows belongs to none."""
        lines = self._records.texts
        how = wrapping([lines[i] for i in range(min(self._spoken, default=0), end)])
        found = Collector(partial(_join, how))
        i = 0
        while i < len(lines):
            if i == end:
                found.stop()
            head, number = self._spoken.get(i), self._records.starts[i]
            if head is None:
                self._other(lines[i], number, found)
                i += 1
                continue
            words, taken = self._quoted(i, head) if self._form is BRACKETS else (head.words.rstrip(), 1)
            time = self._times.moment(head.stamp, self._day) if head.stamp else None
            found.add(Message(head.name, words, number, time=time), taken)
            if self._form is BRACKETS:
                found.stop()
            i += taken
        found.stop()
        return found

    def _other(self, line: str, number: int, found: Collector) -> None:
        """A line without a head: the day of the messages below, or part of the one above."""
        day = self._times.day(line) if self._times.known else None
        if day is None:
            found.line(line, number)
        else:
            self._day = day
            found.mark()

    def _quoted(self, i: int, head: Head) -> tuple[str, int]:
        """The words from 「 up to the 」 that closes it, and the lines they take; the next head ends them too."""
        lines, parts = self._records.texts, [head.words]
        still_open, last = depth(head.words), i
        while still_open > 0 and last + 1 < len(lines) and last + 1 not in self._spoken:
            last += 1
            parts.append(lines[last])
            still_open += depth(lines[last])
        if still_open > 0:  # never closed: one line, and what follows is its own
            parts = parts[: next((n for n, part in enumerate(parts) if not part.strip()), len(parts))]
        words = "\n".join(parts).strip()
        whole = words.endswith("」") and "」" not in words[:-1]
        return (words[1:-1] if whole or _encloses(words) else words), len(parts)


def _encloses(words: str) -> bool:
    """Whether the first 「 is closed by the last character."""
    still_open = 0
    for place, character in enumerate(words):
        still_open += depth(character)
        if still_open == 0:
            return place == len(words) - 1
    return False


def _join(how: Wrapping, message: Message, more: Sequence[str]) -> Message:
    if not message.text:  # a name on a line of its own
        return replace(message, text=how.join(more).lstrip("\n"))
    head = how.padding(message)
    return replace(message, text=how.join([head + message.text, *more])[len(head) :])


def _book(lines: Sequence[str]) -> tuple[int, int]:
    """The lines between the marks of a Project Gutenberg book, and below its list of persons."""
    start = next((i + 1 for i, line in enumerate(lines) if START.match(line)), 0)
    end = next((i for i in range(start, len(lines)) if END.match(lines[i])), len(lines))
    persons = [i + 1 for i in range(start, end) if PERSONS.match(lines[i])]
    return (persons[0] if persons else start), end


def _forced(form: DialogueForm, lines: Sequence[str], where: range, names: frozenset[str]) -> dict[int, Head]:
    """Heads of names that a person gave, whatever they look like."""
    return {i: head for i in where if (head := form.head(lines[i])) and head.name in names}


def choose_names(heads: dict[int, Head], lines: Sequence[str]) -> tuple[str, ...]:
    """The prefixes that are people, the most frequent first.

    They occur twice or more (once will do in a short file that is mostly heads). Where the two most
    frequent always follow a blank line, or are written in capitals, so must the others.
    """
    counts = Counter(head.name for head in heads.values())
    written = sum(bool(line.strip()) for line in lines)
    short = len(heads) <= 40 and len(counts) <= FEW_NAMES and 2 * len(heads) > written
    often = [name for name, n in counts.items() if n >= 2]
    names = [name for name, n in counts.most_common() if n >= 2 or (short and not _in_another_script(name, often))]
    leaders = names[:2]
    if len(leaders) < 2 or short:
        return tuple(names)
    if all(name.isupper() for name in leaders):
        names = [name for name in names if name.isupper()]
    after_blank = Counter(head.name for i, head in heads.items() if i == 0 or not lines[i - 1].strip())
    if all(after_blank[name] >= 0.9 * counts[name] for name in leaders):
        names = [name for name in names if after_blank[name] >= 0.5 * counts[name]]
    return tuple(names)


def _in_another_script(name: str, often: Sequence[str]) -> bool:
    """Whether a prefix that stands there once is Japanese among Latin names, or the other way round: a label."""
    return len(often) > 1 and all(one.isascii() != name.isascii() for one in often)


def _dialogue(spoken: dict[int, Head]) -> dict[int, Head]:
    """`spoken` without what an introduction quotes: early heads, cut off from the rest by a long
    stretch without any, of names that do not occur again.
    """
    places = sorted(spoken)
    last = {spoken[place].name: k for k, place in enumerate(places)}
    begin = reach = 0
    for k in range(1, len(places) // 3):
        reach = max(reach, last[spoken[places[k - 1]].name])
        if reach < k and places[k] - places[k - 1] > BREAK:
            begin = k
    return {place: spoken[place] for place in places[begin:]}


def _choices(names: tuple[str, ...], heads: dict[int, Head]) -> tuple[str, ...]:
    """`names`, and the other prefixes that a person may want: repeated, or short and not mid-sentence."""
    counts = Counter(head.name for head in heads.values()).most_common()
    others = [name for name, n in counts if n >= 2 or (not name[0].islower() and len(name.split()) <= 3)]
    return tuple(dict.fromkeys((*names, *others[:MOST_CHOICES])))


def _note(names: tuple[str, ...]) -> Text:
    shown, shown_ja = ", ".join(names[:FEW_NAMES]), "・".join(names[:FEW_NAMES])
    return Text(
        f"Taken for names: {shown}. Correct them if one is no person.",
        f"名前とみなしたもの：{shown_ja}。人でないものがあれば直してください。",
    )
