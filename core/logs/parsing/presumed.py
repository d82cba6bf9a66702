"""Sentences that nobody typed, told from words without knowing their language.

Three things give them away: a `<…>` in which a message ends or that is all of it; a sentence that is nearly a
known one; and, in a file whose language no table of phrases holds, a whole body that several people write to the
letter. What is found is a guess: it is shown with the log and in the ledger, and a person can take it back.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.logs.log import Guess
from core.messages import Kind, Message
from core.text import Text

NOTE = re.compile(r"<(?P<note>[^<>\n=/@\\{}]{3,80})>\Z")
TAG = re.compile(r"[!-~]+")  # one word of ASCII: <div>, <name>
SHORTEST, LONGEST = 6, 120  # characters of a sentence that is compared
FEWEST_WORDS = 3
LONG_NOTICE = 40  # characters; every log begins with a notice about encryption, which is longer
OPENING = 3  # records among which it stands
LIVELY = re.compile(r"[?!？！…~〜♪<>:/()]|\d|[\u2600-\u27bf\U0001f000-\U0001faff]")
SHOWN = 3  # sentences in a note


def presume(
    messages: Sequence[Message],
    wanted: tuple[str, ...] | None,
    *,
    known: Callable[[Message], bool],
    nearly: Callable[[str], bool] = lambda text: False,
) -> tuple[tuple[Message, ...], Guess | None]:
    """`messages` without what the app seems to have written, and the guess that says so; None where nothing was found.

    `wanted` are the sentences of an earlier guess that are the app's; None for all. `known` tells whether a
    message that is no text is a sentence of a language whose phrases are known, `nearly` whether a text differs
    from a known sentence by a word.
    """
    places = _in_brackets(messages)
    for place, message in enumerate(messages):
        if message.kind is Kind.TEXT and nearly(message.text):
            places.setdefault(message.text, []).append(place)
    if _is_unknown(messages, places, known):
        places |= {text: at for text, at in _repeated(messages).items() if text not in places}
    if not places:
        return tuple(messages), None
    taken = tuple(places) if wanted is None else tuple(sentence for sentence in places if sentence in wanted)
    changed = list(messages)
    for sentence in taken:
        for place in places[sentence]:
            changed[place] = _without(messages[place], sentence)
    return tuple(changed), presumed_guess(taken, tuple(places), sum(len(places[sentence]) for sentence in taken))


def _without(message: Message, sentence: str) -> Message:
    words = message.text.removesuffix(sentence).strip()
    return replace(message, text=words) if words else replace(message, kind=Kind.PRESUMED)


def _in_brackets(messages: Sequence[Message]) -> dict[str, list[int]]:
    """By `<sentence>`, the places of the messages that end in it."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, message in enumerate(messages):
        text = message.text
        if text[-1:] == ">" and message.kind is Kind.TEXT:
            note = NOTE.search(text, max(text.rfind("<"), 0))
            if note and not TAG.fullmatch(note["note"]):
                found[note[0]].append(place)
    # `<your name here>` is typed more often than written by an app, whose sentences begin with a capital
    return {note: places for note, places in found.items() if not note[1].islower() or len(places) > 1}


def _is_unknown(messages: Sequence[Message], brackets: dict[str, list[int]], known: Callable[[Message], bool]) -> bool:
    """Whether the app speaks in this file, in a language that no table holds."""
    first = any(m.kind is Kind.SYSTEM and len(m.text) >= LONG_NOTICE for m in messages[:OPENING])
    whole = any(messages[place].text == note for note, places in brackets.items() for place in places)
    return (first or whole) and not any(m.kind is not Kind.TEXT and known(m) for m in messages)


def _repeated(messages: Sequence[Message]) -> dict[str, list[int]]:
    """Whole bodies that two people or more write to the letter, and that read as a sentence."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, message in enumerate(messages):
        if message.kind is Kind.TEXT and SHORTEST <= len(message.text) <= LONGEST and _is_plain(message.text):
            places[message.text].append(place)
    return {text: at for text, at in places.items() if len({messages[place].sender for place in at}) > 1}


def _is_plain(text: str) -> bool:
    if text[0].islower() or "\n" in text or LIVELY.search(text):
        return False
    spaceless = not text.isascii() and " " not in text and text[0].upper() == text[0].lower()
    return spaceless or len(text.split()) >= FEWEST_WORDS


def presumed_guess(taken: tuple[str, ...], every: tuple[str, ...], messages: int) -> Guess:
    """The guess that `taken`, of `every` sentence that may be, are the app's own in `messages` messages."""
    shown, shown_ja = ", ".join(f"“{one}”" for one in taken[:SHOWN]), "".join(f"「{one}」" for one in taken[:SHOWN])
    more = " …" if len(taken) > SHOWN else ""
    note = Text(
        f"In {messages:,} messages there is a sentence that looks like the app's own: {shown}{more}. It is left out.",
        f"アプリ自身の文とみられるもの{shown_ja}{more}が {messages:,} 件のメッセージにあり、除きました。",
    )
    if not taken:
        note = Text(
            "Sentences that look like the app's own are kept as people's words, as you chose.",
            "アプリ自身の文とみられるものを、指定のとおり人の言葉として残しています。",
        )
    return Guess("presumed", taken, every, False, note)
