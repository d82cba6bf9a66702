"""Looking back at an exchange: the model is asked what to remember and what to forget, and it is done."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.memory.notes import MemoryNote, Notes, SaidBy
from core.memory.retrieve.recall import Participants
from core.memory.write.generate import GenerationRequest, GenerationResult
from core.memory.write.operations import Operations, ParseMethod, apply_operations, operations_schema, parse, vote
from core.memory.write.request import MOST_TOKENS, notes_prompt
from core.messages import Turn
from core.models.loading import LoadedModel
from core.prompt import stop_criteria
from core.prompt.config import PromptConfig

MOST_TRIES = 3
HOTTER = 0.3  # added to the temperature from try to try, when nothing could be read
SEVERAL = 0.7  # the temperature where several answers are voted on: at 0 they would be one
MOST_LISTED = 8
Write = Callable[[GenerationRequest], GenerationResult]


@dataclass(frozen=True)
class NoteRequest:
    """An exchange to look back at, and what to ask with."""

    loaded: LoadedModel
    prompt_config: PromptConfig
    who: Participants
    conversation: str
    turns: tuple[Turn, ...]
    """The end of the conversation: what was said, and the reply to it."""
    samples: int = 1


@dataclass(frozen=True)
class NoteOutcome:
    """What came of it."""

    parse_method: ParseMethod
    tries: int
    remembered: int
    forgotten: int


def take_notes(asked: NoteRequest, notes: Notes, write: Write, stop: threading.Event, now: float) -> NoteOutcome:
    """Ask, read the answers, vote, and carry it out; the round is recorded. Raises Interrupted when `stop` is set."""
    exchange = _last_exchange(asked.turns)
    listed = _listed(notes, " ".join(exchange.values()))
    prompt = notes_prompt(asked.prompt_config, asked.loaded.tokenizer, asked.who, list(exchange.items()), listed)
    answers: list[Operations] = []
    method: ParseMethod = "none"
    tries = 0
    for tries in range(1, MOST_TRIES + 1):
        temperature = HOTTER * (tries - 1) + (SEVERAL if asked.samples > 1 else 0)
        written = write(
            GenerationRequest(
                asked.loaded,
                prompt.ids,
                stop_criteria(asked.prompt_config, asked.loaded.tokenizer),
                stop,
                samples=asked.samples,
                temperature=temperature,
                most_tokens=MOST_TOKENS["notes"],
                schema=operations_schema(len(listed)),
            )
        )
        read = [parse(text) for text in written.texts]
        answers = [operations for operations, how in read if how != "none"]
        if answers:
            method = next(how for _, how in read if how != "none")
            method = "grammar" if written.by_grammar and method == "json" else method
            break
    round = notes.begin_round(
        asked.conversation, parse_method=method, tries=tries, samples=asked.samples, model=asked.loaded.name, now=now
    )
    remembered, forgotten = apply_operations(
        notes, vote(answers, listed), exchange, conversation=asked.conversation, round=round, now=now
    )
    notes.end_round(round, remembered=remembered, forgotten=forgotten)
    return NoteOutcome(method, tries, remembered, forgotten)


def _last_exchange(turns: tuple[Turn, ...]) -> dict[SaidBy, str]:
    """The last words of either side, in the order they were said."""
    last: dict[SaidBy, str] = {turn.role: " ".join(turn.messages) for turn in turns[-2:]}
    return {role: words for role, words in last.items() if words.strip()}


def _listed(notes: Notes, words: str) -> list[MemoryNote]:
    """The notes that the model may forget: those that bear on the exchange, then the newest."""
    near = [note for note, _ in notes.found(words)]
    seen = {note.id for note in near}
    return [*near, *(note for note in notes.live() if note.id not in seen)][:MOST_LISTED]
