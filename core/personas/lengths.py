"""How long the parts of a persona may be: the one place that says so, with its sentences."""

from collections.abc import Iterator

from core.errors import InputError
from core.files import parse_json
from core.personas.persona import Persona
from core.text import Text

LONGEST_DESCRIPTION = 20_000  # characters; what fits the window is the prompt's business
# What is counted, what it is called, and how many are allowed.
NAME = (Text("The name", "名前"), 200)
USER = (Text("The name of who talks with it", "話し相手の呼び名"), 200)
SUMMARY = (Text("The short line", "ひとこと紹介"), 1_000)
DESCRIPTION = (Text("The description", "説明"), LONGEST_DESCRIPTION)
GREETING = (Text("A greeting", "最初のあいさつ"), 20_000)
EXAMPLES = (Text("The example exchanges", "会話例"), 100_000)
WRITTEN_EXAMPLES = (Text("The card's text of examples", "カードの会話例の文"), 300_000)
INSTRUCTIONS = (Text("A text among the messages", "会話の途中に入る指示"), 20_000)
ENTRY = (Text("An entry of the character book", "キャラクターブックの項目"), 20_000)
KEYS = (Text("The words of an entry of the character book", "キャラクターブックの項目のキーワード"), 10_000)
BOOK = (Text("The character book", "キャラクターブック"), 2_000_000)
MOST_GREETINGS, MOST_ENTRIES = 100, 5_000
MOST_PARTS = 500_000  # brackets and commas of a file: a book of 5,000 long entries has about 300,000
DEEPEST = 100  # levels; what copies and writes a value goes down a few calls a level


def parse_bounded(text: str) -> object:
    """The value of the JSON of a card or book, of so many parts and levels that it can be kept and read again.

    Raises ValueError for no JSON and for too many levels, InputError for too many parts.
    """
    brackets = text.count("[") + text.count("{")
    if (parts := brackets + text.count(",")) > MOST_PARTS:
        raise InputError(
            f"The file has {parts:,} parts; {MOST_PARTS:,} are allowed. Take some out.",
            f"ファイルの要素が {parts:,} 個あります。{MOST_PARTS:,} 個までに減らしてください。",
        )
    value = parse_json(text)
    if brackets > DEEPEST and _levels(value) > DEEPEST:
        raise ValueError("it is nested too deep")
    return value


def _levels(value: object) -> int:
    """How deep lists and objects are nested in `value`, without going down by calls."""
    number, level = 0, [value]
    while level:
        number += 1
        within = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = [inner for one in within for inner in one if isinstance(inner, (dict, list))]
    return number


def check_lengths(persona: Persona) -> None:
    """Raise InputError for the first part that is too long, with its length and what is allowed."""
    for part, length in _lengths(persona):
        check_length(part, length)
    check_numbers(len(persona.book.entries), len(persona.greetings))


def check_length(part: tuple[Text, int], length: int) -> None:
    """Raise InputError where `part`, one of the above, has more characters than are allowed."""
    what, most = part
    if length > most:
        raise InputError(
            f"{what.en} has {length:,} characters; {most:,} are allowed. Shorten it.",
            f"{what.ja}が {length:,} 文字あります。{most:,} 文字までにしてください。",
        )


def check_numbers(entries: int, greetings: int = 0) -> None:
    """Raise InputError for too many entries of a character book, or too many greetings."""
    if entries > MOST_ENTRIES or greetings > MOST_GREETINGS:
        raise InputError(
            f"The persona has {entries:,} entries in its character book and {greetings:,} other greetings; "
            f"{MOST_ENTRIES:,} and {MOST_GREETINGS} are allowed. Take some out.",
            f"キャラクターブックが {entries:,} 項目、ほかのあいさつが {greetings:,} 件あります。"
            f"{MOST_ENTRIES:,} 項目と {MOST_GREETINGS} 件までに減らしてください。",
        )


def _lengths(persona: Persona) -> Iterator[tuple[tuple[Text, int], int]]:
    yield NAME, len(persona.name)
    yield USER, len(persona.user)
    yield SUMMARY, len(persona.summary)
    yield DESCRIPTION, len(persona.description)
    for opener in persona.openers:
        yield SUMMARY, len(opener)
    for greeting in (persona.greeting, *persona.greetings):
        yield GREETING, len(greeting)
    yield INSTRUCTIONS, len(persona.depth_prompt.text)
    yield INSTRUCTIONS, len(persona.post_history)
    yield EXAMPLES, sum(len(text) for turn in persona.examples for text in turn.messages)
    for entry in persona.book.entries:
        yield ENTRY, len(entry.content)
        yield KEYS, sum(map(len, (*entry.keys, *entry.secondary, *entry.excluded)))
    yield BOOK, sum(len(entry.content) for entry in persona.book.entries)
