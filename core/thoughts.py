"""What a model thinks before it answers: told apart from what it says, never spoken, stored as words or learned.

Families mark it differently: a pair of tags around the thought (Qwen, DeepSeek, Mistral, Gemma, Cohere and more), or
harmony's channels (gpt-oss, LLM-jp 4), in which all but "final" is thought.
"""

import re
from typing import NamedTuple

# Qwen, DeepSeek, GLM, Kimi and most others; those with a colon are Seed-OSS's and MiniMax's.
TAGS = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "mm:think", "ifm|think")
PAIRS = (
    *((f"<{name}>", f"</{name}>") for name in TAGS),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi-VL
    ("<|channel>", "<channel|>"),  # Gemma 4
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<|think:start|>", "<|think:end|>"),  # Solar Open
    ("<|plamo:begin_think:plamo|>", "<|plamo:end_think:plamo|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker
    ("[unused16]", "[unused17]"),  # openPangu
)
CLOSING = {opening.lower(): closing.lower() for opening, closing in PAIRS}
OPENS = re.compile("|".join(re.escape(opening) for opening, _ in PAIRS), re.IGNORECASE)
CLOSES = re.compile("|".join(re.escape(closing) for _, closing in PAIRS), re.IGNORECASE)
# What some put around the answer that follows a thought: Hunyuan and GLM, ERNIE, Command A, OpenThinker.
ANSWERS = (
    ("<answer>", "</answer>"), ("<response>", "</response>"), ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
)  # fmt: skip
LABEL = re.compile(r"\Athought(?:\n|\Z)")  # Gemma 4 names the kind of the thought
CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)(?!\w)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>|<\|start\|>\w*")
HALF_HEADER = re.compile(r"(?:<\|start\|>[^<]*)?(?:<\|channel\|>[^<]*(?:<\|constrain\|>[^<]*)?)?\Z")
SPOKEN = ("final",)
HEADER_CHARACTERS = 200
HARMONY = ("<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>")
MARKS = (*(mark for pair in (*PAIRS, *ANSWERS) for mark in pair), *HARMONY)
SPECIAL = frozenset(MARKS)
FIRST_LETTERS = "<[◁"
LONGEST_MARK = max(map(len, MARKS))


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
    return _of_channels(text) if "<|channel|>" in text else _of_pairs(text)


def split_growing(text: str) -> Spoken:
    """`split_thoughts` of a text that is still being written: a last part that may become a mark is held back.

    >>> split_growing("hello <thi")
    Spoken(words='hello ', thoughts=(), open=False)
    """
    text = _without_half_a_mark(text)
    tail = text[-HEADER_CHARACTERS:]
    return split_thoughts(text[: len(text) - len(tail)] + HALF_HEADER.sub("", tail, count=1))


def begun_by(prompt: str) -> str:
    """The mark of the thought that a prompt's last words begin, as DeepSeek R1's template does; "" for none.

    >>> begun_by("<|im_start|>assistant\\n<think>\\n")
    '<think>'
    """
    end = prompt[-HEADER_CHARACTERS:].rstrip()
    return next((opening for opening, _ in PAIRS if end.endswith(opening)), "")


def marks_thought(text: str) -> bool:
    """Whether somebody's words hold a thought for sure: they begin with one, or hold the end of one."""
    if not any(letter in text for letter in FIRST_LETTERS):
        return False
    begins = text.lstrip()
    return bool(OPENS.match(begins) or CHANNEL.match(begins) or CLOSES.search(text))


def is_thought_mark(token: str) -> bool:
    """Whether a special token marks a thought, or the answer behind one: decoded without it, both would be words."""
    return token in SPECIAL


def without_harmony(text: str) -> str:
    """A text without channels up to what ends it, or to the header of the message that follows it."""
    return text if "<|channel|>" in text else CHANNEL_END.split(text, maxsplit=1)[0].removeprefix("<|message|>")


def _of_pairs(text: str) -> Spoken:
    words: list[str] = []
    thoughts: list[str] = []
    first = OPENS.search(text)
    at = 0
    for closing in CLOSES.finditer(text, 0, first.start() if first else len(text)):
        at = closing.end()
    if at:
        thoughts.append(CLOSES.sub("", text[:at]).strip())
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose small form is two
        lowered = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    while opening := OPENS.search(text, at):
        words.append(text[at : opening.start()])
        closing_mark = CLOSING[opening[0].lower()]
        end = lowered.find(closing_mark, opening.end())
        if end < 0:
            return Spoken(_answer("".join(words)), (*thoughts, _thought(text[opening.end() :])), True)
        thoughts.append(_thought(text[opening.end() : end]))
        at = end + len(closing_mark)
    if not thoughts:
        return Spoken(text, ())
    words.append(text[at:])
    return Spoken(_answer("".join(words)), tuple(thoughts))


def _thought(text: str) -> str:
    return LABEL.sub("", text.strip()).strip()


def _answer(words: str) -> str:
    """What was said behind a thought, out of the marks that stand around it."""
    words = words.strip()
    for opening, closing in ANSWERS:
        if words.startswith(opening):
            return words.removeprefix(opening).replace(closing, "", 1).strip()
    return words


def _without_half_a_mark(text: str) -> str:
    """`text` without a last part that begins like a mark."""
    start = max(0, len(text) - LONGEST_MARK)
    tail = text[start:].lower()
    for at, letter in enumerate(tail):
        if letter in FIRST_LETTERS and any(mark.lower().startswith(tail[at:]) for mark in MARKS):
            whole = any(mark.lower() == tail[at:] for mark in MARKS)
            return text if whole else text[: start + at]
    return text


def _of_channels(text: str) -> Spoken:
    marks = [*CHANNEL.finditer(text)]
    if not marks:
        return Spoken(text, ())
    words: list[str] = []
    thoughts: list[str] = []
    before = CHANNEL_END.split(text[: marks[0].start()], maxsplit=1)[0].strip()  # a prompt may begin the first message
    words += [before] if before else []
    open_ = False
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        limit = following.start() if following else len(text)
        end = CHANNEL_END.search(text, mark.end(), limit)
        said = text[mark.end() : end.start() if end else limit].strip()
        (words if mark[1] in SPOKEN else thoughts).append(said)
        open_ = mark[1] not in SPOKEN and following is None and end is None
    return Spoken("\n".join(words), tuple(thoughts), open_)
