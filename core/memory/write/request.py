"""The prompts that the memory asks the model with; their texts are in prompt_templates/memory/.

The model is asked without an adapter, in the template that the chat has, as somebody who keeps a record. What was said
stands in quotation marks inside the question: it is the thing asked about, and never who asks.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING

from core.errors import InputError
from core.memory.notes import MemoryNote
from core.memory.retrieve.dates import day_words
from core.memory.retrieve.recall import Participants, quoted
from core.messages import Turn
from core.prompt import Prompt, render
from core.prompt.config import PromptConfig
from core.prompt.sandbox import TEMPLATES
from core.text import is_japanese, language_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_TOKENS = {"notes": 220, "day": 80, "week": 200}
LONGEST_SAID = 300  # characters of one side's words
SHORTEST_SAID = 40


def notes_prompt(
    prompt_config: PromptConfig,
    tokenizer: "PreTrainedTokenizerBase",
    who: Participants,
    exchange: Sequence[tuple[str, str]],
    listed: Sequence[MemoryNote],
) -> Prompt:
    """What to remember and forget after an exchange [(role, words)], with `listed` notes numbered from 1."""
    texts = _texts("notes", language_of(*(words for _, words in exchange)))
    names = {"user": who.user, "name": who.name}

    def ask(notes: str, talk: str) -> Turn:
        return Turn("user", (Template(texts["ask"]).safe_substitute(notes=notes, exchange=talk),))

    shown = [
        turn
        for example in texts["examples"]
        for turn in (
            ask(*(Template(example[key]).safe_substitute(names) for key in ("notes", "exchange"))),
            Turn("assistant", (Template(example["answer"]).safe_substitute(names),)),
        )
    ]
    numbered = _numbered([note.text for note in listed], texts["none"])

    def made(characters: int) -> Prompt:
        talk = "\n".join(numbered_line(who, role, words, characters) for role, words in exchange)
        return _rendered(prompt_config, tokenizer, texts["instructions"], [ask(numbered, talk)], shown, "notes")

    return _fitting(made, LONGEST_SAID)


def diary_prompt(
    prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", level: str, start: date, lines: Sequence[str]
) -> Prompt:
    """One sentence about a day of talks, or a few about a week of days; `lines` are shortened alike to fit."""
    texts = _texts("diary", language_of(*lines))
    day = day_words(datetime(start.year, start.month, start.day), japanese=is_japanese(texts["instructions"]))

    def made(characters: int) -> Prompt:
        share = max(characters // max(len(lines), 1), 20)
        kept = "\n".join(text[:share] for text in lines[: characters // share])
        asked = Turn("user", (Template(texts[level]).safe_substitute(day=day, lines=kept),))
        return _rendered(prompt_config, tokenizer, texts["instructions"], [asked], (), level)

    return _fitting(made, prompt_config.context_window)


def reply_format(prompt_config: PromptConfig, listed: Sequence[str]) -> str:
    """What the persona is told where one answer holds reply and notes."""
    texts = _texts("at_once", language_of(prompt_config.description, prompt_config.persona))
    return Template(texts["format"]).safe_substitute(user=prompt_config.user, notes=_numbered(listed, texts["none"]))


def numbered_line(who: Participants, role: str, words: str, longest: int) -> str:
    """ケン「…」, or Ken: “…”: one line of what was said."""
    text = " ".join(words.split())
    shown = text if len(text) <= longest else f"{text[:longest]}…"
    return f"{who.called(role)}{'' if is_japanese(shown) else ': '}{quoted(shown)}"


def _fitting(made: Callable[[int], Prompt], characters: int) -> Prompt:
    """The prompt with as many characters of what was said as fit, halved until they do."""
    while True:
        try:
            return made(characters)
        except InputError:
            if characters < SHORTEST_SAID:
                raise
            characters //= 2


def _rendered(
    prompt_config: PromptConfig,
    tokenizer: "PreTrainedTokenizerBase",
    instructions: str,
    turns: Sequence[Turn],
    examples: Sequence[Turn],
    task: str,
) -> Prompt:
    """In the chat's template and window, but by nobody's name: the persona does not keep the record."""
    asking = PromptConfig(
        persona="Record",
        description=instructions,
        user="Clerk",
        examples=tuple(examples),
        template=prompt_config.template,
        context_window=prompt_config.context_window,
        reply_reserve=min(MOST_TOKENS[task], prompt_config.context_window // 2),
    )
    return render(asking, turns, tokenizer)


def _numbered(notes: Sequence[str], none: str) -> str:
    return "\n".join(f"{number}. {text}" for number, text in enumerate(notes, start=1)) or none


def _texts(name: str, language: str) -> dict:
    return _file(name)[language]


@lru_cache(maxsize=8)
def _file(name: str) -> dict:
    return json.loads((TEMPLATES / "memory" / f"{name}.json").read_text(encoding="utf-8"))
