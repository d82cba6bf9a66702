"""Texts that say with marks who speaks: chat templates printed out, ### headings, and `Human:` lines."""

import re

HEADING = re.compile(
    r"(?:\A|\n)###[ \t]*(指示|入力|回答|応答|システム|Instruction|Input|Response|System|User|Human|Assistant)"
    r"[ \t]*[:：][ \t]*\n?",
    re.IGNORECASE,
)
INLINE = re.compile(r"###[ \t]?(Human|Assistant)[ \t]?:[ \t]?")  # Guanaco's, all on one line
CHATML = re.compile(r"<\|im_start\|>(\w+)\n?")
LLAMA3 = re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n{0,2}")
GEMMA = re.compile(r"<start_of_turn>(\w+)\n?")
ZEPHYR = re.compile(r"<\|(system|user|assistant)\|>\n?")
LINES = re.compile(
    r"(?:\A|\n)(User|Human|Assistant|AI|Bot|ユーザー|システム|アシスタント)[ \t]*[:：][ \t]*", re.IGNORECASE
)
MARKS = (CHATML, LLAMA3, GEMMA, ZEPHYR, HEADING, LINES)
CLOSING = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<end_of_turn>|<\|endoftext\|>|<\|end_of_text\|>|</?s>|<eos>|<\|begin_of_text\|>"
)
HEADINGS = {"指示": "user", "入力": "user", "応答": "assistant", "input": "user"}
INST = re.compile(r"\[(/?)INST\]")  # Llama 2 and Mistral
SYSTEM_ENDS = "<</SYS>>"
BEGINS = re.compile(r"\s*(?:Human|User)[ \t]*[:：]")
ANSWERS = re.compile(r"\n[ \t]*(?:Assistant|AI)[ \t]*[:：]")


def said_in(text: str) -> list[tuple[str, str]]:
    """(who, words) one after the other, by the first kind of marks that `text` holds; [] for none."""
    text = text.replace("<NL>", "\n")
    if "[/INST]" in text:
        return _of_inst(text)
    inline = INLINE.split(text)
    if len(inline) >= 5 and "### Assistant:" in text and "\n### Assistant:" not in text:
        return _pairs(inline)
    return next((_pairs(parts) for mark in MARKS if len(parts := mark.split(text)) >= 3), [])


def is_transcript(text: str) -> bool:
    """Whether `text` is a talk of a human and an assistant, as in Anthropic's HH-RLHF, and not the words of one."""
    return bool(BEGINS.match(text) and ANSWERS.search(text))


def transcript(text: str) -> list[tuple[str, str]]:
    """The messages of what `is_transcript`; the last one is empty where an answer is asked for."""
    return _pairs(LINES.split(text.strip()))


def _pairs(parts: list[str]) -> list[tuple[str, str]]:
    return [
        (HEADINGS.get(name.lower(), name), CLOSING.sub("", words).strip("\n"))
        for name, words in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _of_inst(text: str) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    _, *parts = INST.split(text)
    for closes, words in zip(parts[::2], parts[1::2], strict=True):
        words = CLOSING.sub("", words).strip()
        if closes:
            said.append(("assistant", words))
            continue
        system, found, asked = words.partition(SYSTEM_ENDS)
        if found:
            said.append(("system", system.replace("<<SYS>>", "").strip()))
        said.append(("user", asked.strip() if found else words))
    return said
