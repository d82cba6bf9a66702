"""What a model thinks before it answers: told apart from what it says, never spoken, stored as words or learned.

Families write it differently: `<think>…</think>` (Qwen, DeepSeek, and with other names many more), or harmony's
channels (gpt-oss), in which all but "final" is thought.
"""

import re
from typing import NamedTuple

OPENING = re.compile(r"<(think|thinking|thought|reasoning)>", re.IGNORECASE)
CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)(?!\w)[^<]*<\|message\|>")
CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>|<\|start\|>\w*")
HALF_HEADER = re.compile(r"(?:<\|start\|>\w*)?(?:<\|channel\|>[^<]*)?\Z")
SPOKEN = ("final",)
HEADER_CHARACTERS = 200
MARKS = (
    *(f"<{slash}{name}>" for name in ("think", "thinking", "thought", "reasoning") for slash in ("", "/")),
    *("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>"),
)


class Spoken(NamedTuple):
    """A text by its two kinds of words."""

    words: str
    thoughts: tuple[str, ...]
    open: bool = False
    """It ends inside of a thought."""


def split_thoughts(text: str) -> Spoken:
    """The words of a reply and what was thought before and between them.

    A closing mark without an opening one ends a thought that the prompt has begun.

    >>> split_thoughts("<think>greet</think>\\n\\nhello")
    Spoken(words='hello', thoughts=('greet',), open=False)
    """
    if "<|channel|>" in text:
        return _of_channels(text)
    lowered = text.lower()
    words: list[str] = []
    thoughts: list[str] = []
    first = OPENING.search(text)
    at = lowered.rfind("</think>", 0, first.start() if first else len(text))
    if at >= 0:
        thoughts.append(text[:at].strip())
    at = at + len("</think>") if at >= 0 else 0
    while opening := OPENING.search(text, at):
        words.append(text[at : opening.start()])
        closing = f"</{opening[1].lower()}>"
        end = lowered.find(closing, opening.end())
        if end < 0:
            return Spoken("".join(words).strip(), (*thoughts, text[opening.end() :].strip()), True)
        thoughts.append(text[opening.end() : end].strip())
        at = end + len(closing)
    if not thoughts:
        return Spoken(text, ())
    words.append(text[at:])
    return Spoken("".join(words).strip(), tuple(thoughts))


def split_growing(text: str) -> Spoken:
    """`split_thoughts` of a text that is still being written: a last part that may become a mark is held back.

    >>> split_growing("hello <thi")
    Spoken(words='hello ', thoughts=(), open=False)
    """
    text = _without_half_a_mark(text)
    tail = text[-HEADER_CHARACTERS:]
    return split_thoughts(text[: len(text) - len(tail)] + HALF_HEADER.sub("", tail, count=1))


def _without_half_a_mark(text: str) -> str:
    at = text.rfind("<", max(0, len(text) - max(map(len, MARKS))))
    half = text[at:].lower() if at >= 0 else ""
    return text[:at] if half and any(mark != half and mark.startswith(half) for mark in MARKS) else text


def _of_channels(text: str) -> Spoken:
    words: list[str] = []
    thoughts: list[str] = []
    marks = [*CHANNEL.finditer(text)]
    if not marks:
        return Spoken(text, ())
    open_ = False
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        limit = following.start() if following else len(text)
        end = CHANNEL_END.search(text, mark.end(), limit)
        said = text[mark.end() : end.start() if end else limit].strip()
        (words if mark[1] in SPOKEN else thoughts).append(said)
        open_ = mark[1] not in SPOKEN and following is None and end is None
    return Spoken("\n".join(words), tuple(thoughts), open_)
