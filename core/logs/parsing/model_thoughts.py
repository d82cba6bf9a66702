"""What a model thought before its answers, where a log of such talks holds it in the words: nobody said it."""

from collections.abc import Iterable
from dataclasses import replace

from core.messages import Kind, Message
from core.text import Text
from core.thoughts import marks_thought, split_thoughts


def without_thoughts(messages: Iterable[Message]) -> tuple[tuple[Message, ...], tuple[Text, ...]]:
    """(`messages` as they were said, a note of how many were thought before). What was all thought is SYSTEM."""
    kept: list[Message] = []
    thought = 0
    for message in messages:
        if message.kind is not Kind.TEXT or not marks_thought(message.text):
            kept.append(message)
            continue
        thought += 1
        words = split_thoughts(message.text).words
        kept.append(replace(message, text=words) if words else replace(message, sender=None, kind=Kind.SYSTEM))
    return tuple(kept), (_note(thought),) if thought else ()


def _note(count: int) -> Text:
    return Text(
        f"{count:,} messages hold what a model thought before it answered; only the answers are used.",
        f"返事の前にモデルが考えたことを含むメッセージが {count:,} 件あります。返事だけを使います。",
    )
