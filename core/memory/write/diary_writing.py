"""Days become a line and weeks a few, in idle time: what is kept of the past when its words fell out of the prompt."""

import threading
from datetime import date, datetime
from functools import partial

from core.memory.diary import Diary, DiaryEntry, Level
from core.memory.retrieve.dates import DAY, Span
from core.memory.retrieve.recall import Participants, diary_for_prompt
from core.memory.turns import Turns
from core.memory.write.generate import GenerationRequest
from core.memory.write.note_taking import Write
from core.memory.write.request import LONGEST_SAID, MOST_TOKENS, diary_prompt, numbered_line
from core.models.loading import LoadedModel
from core.prompt import stop_criteria
from core.prompt.config import PromptConfig

LONGEST = {"day": 120, "week": 300}  # characters of an entry


def write_diary(
    diary: Diary,
    loaded: LoadedModel,
    prompt_config: PromptConfig,
    who: Participants,
    write: Write,
    stop: threading.Event,
    now: datetime,
) -> int:
    """Write what is missing up to yesterday, oldest first: how many entries. Raises Interrupted when `stop` is set;
    what is written by then stays."""
    turns, today = Turns(diary.store), now.replace(hour=0, minute=0, second=0, microsecond=0)
    keep = partial(_keep, diary, loaded, prompt_config, write, stop, now.timestamp())
    count = 0
    for day in diary.missing_days(turns.days(who.persona, today)):
        start = datetime(day.year, day.month, day.day)
        said = turns.during(who.persona, Span(start, start + DAY))
        keep("day", day, [numbered_line(who, turn.role, turn.text, LONGEST_SAID) for turn in said])
        count += 1
    for monday, days in diary.missing_weeks(now.date()):
        keep("week", monday, [diary_for_prompt(entry) for entry in days])
        count += 1
    return count


def _keep(
    diary: Diary,
    loaded: LoadedModel,
    prompt_config: PromptConfig,
    write: Write,
    stop: threading.Event,
    now: float,
    level: Level,
    start: date,
    lines: list[str],
) -> None:
    """Ask for one entry and keep it; an empty one is kept too, so that it is not asked for again."""
    prompt = diary_prompt(prompt_config, loaded.tokenizer, level, start, lines)
    order = GenerationRequest(
        loaded, prompt.ids, stop_criteria(prompt_config, loaded.tokenizer), stop, most_tokens=MOST_TOKENS[level]
    )
    diary.write(DiaryEntry(level, start, _tidy(write(order).texts[0], LONGEST[level])), now)


def _tidy(text: str, longest: int) -> str:
    """On one line; what is too long ends behind a sentence where there is one."""
    words = " ".join(text.split())
    if len(words) <= longest:
        return words
    cut = words[:longest]
    at = max(cut.rfind(mark) for mark in "。！？.!?")
    return cut[: at + 1] if at > longest // 3 else f"{cut}…"
