"""Replies in text exports: the quote is taken out of the words, and the message it quotes is found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.messages import Kind, Message

SHORTEST = 4  # characters of a shortened quote that are enough to know a message by


def linked(
    messages: Sequence[Message], answered: Mapping[int, tuple[str, datetime | None]] | None = None
) -> tuple[Message, ...]:
    """`messages` with their reply links. Leading lines that begin with ">" quote an earlier message; `answered`
    gives, by position, the sender and the minute of the message answered where the export says so.
    """
    answered = answered or {}
    latest: dict[str, int] = {}
    by_minute: dict[tuple[str | None, datetime | None], int] = {}
    result: list[Message] = []
    for place, message in enumerate(messages):
        quote, words = _split(message) if message.kind is Kind.TEXT else ("", message.text)
        target = _target(quote, latest, result) if quote else None
        if target is None and place in answered:
            target = by_minute.get(answered[place])
        if quote or target is not None:
            message = replace(message, text=words, reply_to=target)
        latest[message.text.strip()] = place
        by_minute[message.sender, message.time.replace(second=0) if message.time else None] = place
        result.append(message)
    return tuple(result)


def _split(message: Message) -> tuple[str, str]:
    """The quote above the words, and the words; a message that is only a quote was typed so."""
    lines = message.text.split("\n")
    end = next((i for i, line in enumerate(lines) if not line.startswith(">")), len(lines))
    words = "\n".join(lines[end:]).strip("\n")
    if not end or not words.strip():
        return "", message.text
    return "\n".join(line[1:].removeprefix(" ") for line in lines[:end]).strip(), words


def _target(quote: str, latest: Mapping[str, int], earlier: Sequence[Message]) -> int | None:
    """The last message with these words, or with these at its beginning where the quote was cut."""
    if quote in latest:
        return latest[quote]
    beginning = quote.rstrip("….")
    if len(beginning) < SHORTEST:
        return None
    near = range(len(earlier) - 1, max(len(earlier) - 500, -1), -1)
    return next((i for i in near if earlier[i].text.startswith(beginning)), None)
