"""What of the memory goes into the next prompt: which notes, days, passages and old turns, and how they are worded.

Old turns, notes and their scores follow Generative Agents (Park et al. 2023): relevance to the words just said,
recency that fades by the hour, importance. Whatever was said or read stands in quotation marks on one line, with its
date and who said it: it is told, and asks for nothing.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.memory.diary import Diary, DiaryEntry
from core.memory.documents import DocumentPassage, Documents
from core.memory.notes import MemoryNote, Notes
from core.memory.retrieve.dates import day_words, parse_date_query
from core.memory.retrieve.word_index import sought
from core.memory.store import MemoryStore
from core.memory.turns import OldTurn, Turns
from core.prompt.context import RetrievedContext
from core.text import is_japanese, normalize_for_match, similarity

FADING = 0.995  # of what recency counts, an hour
PLAIN = 3  # importance of what was said without being noted
MOST_RECALLED = 8
SAME_QUESTION = 0.9  # from this likeness on an old turn is the question itself, asked before
OLDEST_SECONDS = 3600.0
QUOTED = str.maketrans({"「": "『", "」": "』", "“": "‘", "”": "’"})


@dataclass(frozen=True)
class Participants:
    """Whose words a prompt is made for, and how the two are called."""

    persona: str
    """The persona's id, as everything in the memory is filed."""
    name: str
    user: str

    def called(self, role: str) -> str:
        return self.name if role == "assistant" else self.user


@dataclass(frozen=True)
class VisibleTurns:
    """What a prompt shows of the talk it is made for."""

    conversation: str = ""
    first: int = 0
    """Number of the first turn that it shows."""
    texts: frozenset[str] = frozenset()
    """The words of these turns, which other conversations may hold, too."""


def known(store: MemoryStore, who: Participants, words: str, *, window: int, now: datetime) -> RetrievedContext:
    """What does not hang on which turns the prompt shows: knowledge and timeline.

    Notes stand in an order that changes by the day, not by the words, so that the beginning of a prompt stays the
    same from turn to turn. Passages of documents do follow the words, and stand before all notes but the pinned.
    """
    if not store.exists:
        return RetrievedContext()
    question = parse_date_query(words, now)
    notes = standing_lines(Notes(store, who.persona).live(), window, now)
    passages = Documents(store, who.persona).found(question.words)
    knowledge = [note.text for note in notes if note.pinned]
    knowledge += [passage_line(passage, words, longest_quote(window)) for passage in passages]
    knowledge += [note.text for note in notes if not note.pinned]
    timeline = [diary_for_prompt(entry) for entry in Diary(store, who.persona).lines_for_prompt(now, question.span)]
    return RetrievedContext(tuple(knowledge), tuple(timeline))


def retrieve_turns(
    store: MemoryStore, who: Participants, words: str, *, shown: VisibleTurns, window: int, now: datetime
) -> tuple[str, ...]:
    """Old turns, and notes beside the standing ones, that bear on the words just said: the most telling first.

    What the prompt shows anyway is not told again; what a branch of a talk repeats is told once, of its first day.
    """
    if not store.exists:
        return ()
    question, notes = parse_date_query(words, now), Notes(store, who.persona)
    stand = {note.id for note in standing_lines(notes.live(), window, now)}
    turns = Turns(store)
    candidates = [
        (score(relevance, now.timestamp() - note.used, note.importance), note_for_prompt(note, who))
        for note, relevance in notes.found(question.words)
        if note.id not in stand
    ]
    place = (shown.conversation, shown.first)
    hits = turns.found(who.persona, question.words, span=question.span, not_in=place)
    if question.span and not hits:
        hits = [(turn, 1.0) for turn in _telling(turns.during(who.persona, question.span, not_in=place))]
    first = {(turn.role, turn.text): turn for turn, _ in sorted(hits, key=lambda hit: hit[0].said, reverse=True)}
    candidates += [
        (score(relevance, now.timestamp() - turn.said, PLAIN), turn_line(turn, who, words, longest_quote(window)))
        for turn, relevance in hits
        if first[turn.role, turn.text] is turn
        and turn.text not in shown.texts
        and similarity(turn.text, words) < SAME_QUESTION
    ]
    best = heapq.nlargest(MOST_RECALLED * 2, candidates, key=lambda one: one[0])
    return tuple(dict.fromkeys(line for _, line in best))[:MOST_RECALLED]


def score(relevance: float, seconds: float, importance: int) -> float:
    """1.0 · relevance + 0.5 · 0.995^hours + 0.5 · importance / 5."""
    return relevance + 0.5 * FADING ** max(seconds / OLDEST_SECONDS, 0.0) + 0.5 * importance / 5


def standing_lines(notes: Sequence[MemoryNote], window: int, now: datetime) -> list[MemoryNote]:
    """The notes that every prompt carries: the pinned, then the most important of the newest; some 30 tokens each."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def weight(note: MemoryNote) -> tuple[bool, float, int]:
        age = max(today - note.created, 0.0) // 86_400 * 86_400
        return not note.pinned, -score(0.0, age, note.importance), note.id

    return sorted(notes, key=weight)[: max(window // 256, 2)]


def longest_quote(window: int) -> int:
    """Characters of an old turn or a passage: so few that one line with its date fits what a prompt has for them."""
    return max(window // 16, 48)


def turn_line(turn: OldTurn, who: Participants, question: str, longest: int) -> str:
    """2026年5月3日 ケン「…」, or 3 May 2026, Ken: “…”."""
    words = _around(" ".join(turn.text.split()), question, longest)
    japanese = is_japanese(turn.text)
    day = day_words(datetime.fromtimestamp(turn.said), japanese=japanese)
    name = who.called(turn.role)
    return f"{day} {name}{quoted(words)}" if japanese else f"{day}, {name}: {quoted(words)}"


def note_for_prompt(note: MemoryNote, who: Participants) -> str:
    """A note with its day."""
    japanese = is_japanese(note.text)
    day = day_words(datetime.fromtimestamp(note.created), japanese=japanese)
    return f"{day}のメモ: {note.text}" if japanese else f"Note of {day}: {note.text}"


def diary_for_prompt(entry: DiaryEntry) -> str:
    """A day or a week with what happened in it."""
    japanese = is_japanese(entry.text)
    day = day_words(datetime(entry.start.year, entry.start.month, entry.start.day), japanese=japanese)
    if entry.level == "week":
        day = f"{day}からの週" if japanese else f"Week of {day}"
    return f"{day}: {' '.join(entry.text.split())}"


def passage_line(passage: DocumentPassage, question: str, longest: int) -> str:
    """Words of a document, with the document's name."""
    words = quoted(_around(" ".join(passage.text.split()), question, longest))
    page = f" p.{passage.page}" if passage.page else ""
    return f"{passage.document}{page}: {words}"


def quoted(words: str) -> str:
    """In quotation marks that nothing inside can close."""
    inner = words.translate(QUOTED)
    return f"「{inner}」" if is_japanese(words) else f"“{inner}”"


def _telling(turns: Sequence[OldTurn]) -> list[OldTurn]:
    """Where only a time was named: the longest words of the other side, which say the most."""
    return sorted((turn for turn in turns if turn.role == "user"), key=lambda turn: -len(turn.text))[:MOST_RECALLED]


def _around(text: str, question: str, longest: int) -> str:
    """At most `longest` characters of `text`, where most of the question's terms are."""
    if len(text) <= longest:
        return text
    folded, wanted = normalize_for_match(text), [term.rstrip("*") for term in sought(question)]
    step = max(longest // 4, 1)
    starts = range(0, len(text) - longest + step, step)
    best = max(starts, key=lambda start: sum(term in folded[start : start + longest] for term in wanted))
    piece = text[best : best + longest]
    return f"{'…' if best else ''}{piece}{'…' if best + longest < len(text) else ''}"
