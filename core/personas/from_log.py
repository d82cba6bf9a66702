"""A persona from a chat log without any training: a description after its profile, and exchanges that show it best.

It is the honest first step before an adapter, the only one on a machine that cannot train, and what an adapter has
to beat.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from core.data.profile import Counted, Profile
from core.messages import Turn
from core.personas.persona import Persona
from core.text import similarity

OFTEN = 0.12  # share of the messages from which on something is a habit
WORDS = 6  # favourite words told
LONGEST = 120  # letters of a side of an example
CANDIDATES = 2000  # exchanges that are weighed
ALIKE = 0.5  # examples that share more of their letter pairs than this say the same

TEXTS = {
    "ja": {
        "who": "あなたは「{name}」です。{other}とチャットで話しています。{name}のいつもの調子で返事をします。",
        "length": "一通は{median}文字くらいで、長くても{ninth}文字ほど。",
        "burst": "一度に{mean}通ほど、短い文を続けて送ります。",
        "endings": "文の終わりは{items}が多いです。",
        "marks": "{items}をよく使います。",
        "bare": "文の終わりに「。」をつけません。",
        "words": "よく使う言葉: {items}。",
        "emoji": "絵文字は{items}。",
        "no_emoji": "絵文字は使いません。",
        "quote": "「{}」", "between": "", "summary": "トークの記録から作った人格",
    },
    "en": {
        "who": "You are {name}, chatting with {other}. You answer as {name} always does.",
        "length": "A message has about {median} letters, seldom more than {ninth}.",
        "burst": "You send about {mean} short messages in a row.",
        "endings": "You often end with {items}.",
        "marks": "You often use {items}.",
        "bare": "You leave the full stop out.",
        "words": "Words you like: {items}.",
        "emoji": "Emoji you use: {items}.",
        "no_emoji": "You use no emoji.",
        "quote": "“{}”", "between": ", ", "summary": "Made from a chat log",
    },
}  # fmt: skip


def persona_of(
    made: Profile, rows: Iterable[Sequence[Turn]], *, other: str, language: str, room: int,
    size: Callable[[str], int], among: str = "",
) -> Persona:  # fmt: skip
    """The persona that `made` profiles. `room` tokens, counted by `size`, are for its examples.

    `among`: everybody it talks with, where that is not `other` alone.

    What the rows do not say is not told either: in a private data set names are replaced.
    """
    rows = list(rows)
    said = "\n".join(text for turns in rows for turn in turns if turn.role == "assistant" for text in turn.messages)
    made = replace(made, words=tuple(word for word in made.words if word.text in said))
    return Persona(
        name=made.name,
        description=described(made, other=among or other, language=language),
        summary=TEXTS[language]["summary"],
        examples=telling_exchanges(made, rows, room=room, size=size),
        user=other,
        typing=made.typing,
    )


def described(made: Profile, *, other: str, language: str) -> str:
    """Who it is and how it writes, in a few sentences to the model."""
    texts = TEXTS[language]

    def quoted(items: Iterable[str]) -> str:
        return texts["between"].join(texts["quote"].format(item) for item in items)

    said = [texts["who"].format(name=made.name, other=other)]
    if made.messages:
        median, ninth = round(made.length.median), round(made.length.p90)
        said.append(texts["length"].format(median=median, ninth=ninth))
    if made.bursts.mean >= 1.5:
        said.append(texts["burst"].format(mean=f"{made.bursts.mean:.1f}".removesuffix(".0")))
    marks = [mark for mark in _often(made.marks) if mark]
    for key, items in (("endings", _often(made.endings)), ("marks", marks)):
        if items:
            said.append(texts[key].format(items=quoted(items)))
    if not any(mark.text == "。" and mark.share > 0.02 for mark in made.marks) and made.messages:
        said.append(texts["bare"])
    if made.words:
        said.append(texts["words"].format(items=quoted(word.text for word in made.words[:WORDS])))
    emoji = "".join(one.text for one in made.emoji[:4])
    if made.messages:
        said.append(texts["emoji"].format(items=emoji) if made.with_emoji >= 0.02 and emoji else texts["no_emoji"])
    return ("" if language == "ja" else " ").join(said)


def telling_exchanges(
    made: Profile, rows: Iterable[Sequence[Turn]], *, room: int, size: Callable[[str], int]
) -> tuple[Turn, ...]:
    """Exchanges that hold most of the persona's favourite words and are as long as usual, each unlike the others."""
    chosen: list[tuple[Turn, Turn]] = []
    for asked, answered in sorted(_exchanges(rows), key=lambda pair: -_telling(made, pair[1])):
        tokens = sum(size(text) + 4 for turn in (asked, answered) for text in turn.messages)
        if tokens > room or any(similarity(_words(answered), _words(other)) > ALIKE for _, other in chosen):
            continue
        chosen.append((asked, answered))
        room -= tokens
        if len(chosen) == 12:
            break
    return tuple(turn for pair in chosen for turn in pair)


def _exchanges(rows: Iterable[Sequence[Turn]]) -> list[tuple[Turn, Turn]]:
    """Pairs of one side's words and the persona's answer, both short; the same number from all over the log."""
    pairs = [
        (turn, after)
        for turns in rows
        for turn, after in pairwise(turns)
        if turn.role == "user" and after.role == "assistant" and _letters(turn) <= LONGEST >= _letters(after)
    ]
    return pairs[:: max(1, -(-len(pairs) // CANDIDATES))]


def _telling(made: Profile, turn: Turn) -> float:
    text = _words(turn)
    favourite = sum(word.text in text for word in made.words)
    ended = sum(ending.text in text for ending in made.endings[:5])
    mean = _letters(turn) / len(turn.messages)
    usual = min(mean, made.length.median or 1) / max(mean, made.length.median, 1)
    rhythm = min(len(turn.messages), made.bursts.mean or 1) / max(len(turn.messages), made.bursts.mean, 1)
    return favourite + 0.3 * ended + usual + rhythm


def _often(items: Sequence[Counted]) -> list[str]:
    return [item.text for item in items if item.share >= OFTEN][:4]


def _words(turn: Turn) -> str:
    return "\n".join(turn.messages)


def _letters(turn: Turn) -> int:
    return sum(map(len, turn.messages))
