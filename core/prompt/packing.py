"""What goes into a chat's prompt when not everything does.

Each part has a budget that grows with the window; what a part does not use is free for the conversation.
First the examples go, then shared knowledge, the old timeline, what was recalled, and the oldest turns;
persona and format of a reply always stay, and texts with a place of their own are counted before the rest.
Old turns go in blocks, so that the beginning of the prompt, and with it the model's cache of it, stays the
same for many turns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.messages import Turn
from core.prompt.assembly import Contents
from core.prompt.config import PromptConfig
from core.prompt.context import CONTEXT_PARTS, PLACED_PARTS, PlacedText, RetrievedContext
from core.prompt.counter import TokenCounter, token_counter
from core.prompt.segments import Part

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Tokens of each part in a window of 1024 and of 2048; the reply has what is left (about 200 and 250).
BUDGETS: dict[Part, tuple[int, int]] = {
    "persona": (150, 250),
    "format": (60, 60),
    "knowledge": (120, 300),
    "timeline": (80, 200),
    "recalled": (100, 350),
    "turns": (220, 500),
    "new": (94, 138),
}
TRIMMED = 0.5


def budgets(window: int) -> dict[Part, int]:
    """Tokens of each part in a window of that many: in proportion to the nearer of the two, between them linear."""

    def at(small: int, large: int) -> int:
        if window <= 1024:
            return small * window // 1024
        return large * window // 2048 if window > 2048 else small + (large - small) * (window - 1024) // 1024

    return {part: at(*sizes) for part, sizes in BUDGETS.items()}


def candidate_contents(
    prompt_config: PromptConfig,
    turns: Sequence[Turn],
    tokenizer: "PreTrainedTokenizerBase",
    background: RetrievedContext,
    placed: Sequence[PlacedText] = (),
) -> Iterator[Contents]:
    """What a chat's prompt may hold, from the fullest on: the first that fits is the one to take.

    A pure function of its arguments; it looks at no more turns than the window can hold.
    """
    measure = token_counter(prompt_config, tokenizer)
    room = prompt_config.context_window - prompt_config.reply_reserve
    asks = bool(turns) and turns[-1].role == "user"
    said, newest = (turns[:-1], turns[-1:]) if asks else (turns, ())
    budget = budgets(prompt_config.context_window)
    free = room - measure.prefix_tokens - max(budget["new"], sum(map(measure.turn, newest)))
    kept = _placed(prompt_config, placed, measure, free, budget["knowledge"])
    free -= sum(map(measure.placed, kept))
    lore = sum(measure.placed(one) for one in kept if one.part == "lorebook")
    budget |= {"knowledge": budget["knowledge"] - lore}
    retrieved = _retrieved(prompt_config, background, measure, free - _up_to(budget["turns"], said, measure), budget)
    if _may_fit(turns, room, measure):
        yield Contents(turns, prompt_config.examples, retrieved, kept)
        if prompt_config.examples:
            yield Contents(turns, (), retrieved, kept)
    free -= sum(measure.section(part, getattr(retrieved, part)) for part in ("knowledge", "timeline"))
    free -= max(budget["recalled"], measure.section("recalled", retrieved.recalled)) if retrieved.recalled else 0
    start = first_kept(said, measure.turn, free)
    yield Contents(turns[start:], (), retrieved, kept)
    # The sizes above are bounds; what follows is for what is too large for its budget.
    for part in CONTEXT_PARTS:
        retrieved = replace(retrieved, **{part: ()})
        yield Contents(turns[start:], (), retrieved, kept)
    for part in PLACED_PARTS:
        if len(fewer := tuple(one for one in kept if one.part != part)) < len(kept):
            kept = fewer
            yield Contents(turns[start:], (), retrieved, kept)
    while start < len(turns) - 1:
        start = min((start + len(turns) + 1) // 2, len(turns) - 1)
        yield Contents(turns[start:])
    yield from (
        Contents((shorter,)) for last in turns[-1:] for shorter in _without_oldest_messages(last, room, measure)
    )


def first_kept(turns: Sequence[Turn], size: Callable[[Turn], int], room: int) -> int:
    """Index of the oldest turn that stays where `turns` have to fit in `room` tokens.

    Of the turns at which between TRIMMED and all of the room stays in use, the one with the roundest number
    in binary: as turns are added it stays the same until it no longer fits, however the room changes a
    little, and nothing but the newest turns has to be looked at. What stays begins with the user where it can.
    """
    used, fitting, oldest = 0, [], len(turns)
    for at in reversed(range(len(turns))):
        used += size(turns[at])
        if used > room:
            break
        oldest = at
        if used >= TRIMMED * room:
            fitting.append(at)
    else:
        return 0
    starts = [at for at in fitting if turns[at].role == "user"] or fitting or [oldest]
    return max(starts, key=lambda at: (_roundness(at // 2), -at))


def _roundness(number: int) -> int:
    """The largest power of two that divides `number`."""
    return number & -number


def _placed(
    prompt_config: PromptConfig, placed: Sequence[PlacedText], measure: TokenCounter, free: int, lore: int
) -> tuple[PlacedText, ...]:
    """The placed texts that fit, in their order; the lorebook's share the budget of what is known, `lore` tokens."""
    knows = "knowledge" in prompt_config.parts
    asked = [at for at, one in enumerate(placed) if one.text.strip() and (knows or one.part != "lorebook")]
    taken: set[int] = set()
    for at in sorted(asked, key=lambda at: (placed[at].part == "lorebook", -placed[at].priority)):
        one, size = placed[at], measure.placed(placed[at])
        if size <= (min(free, lore) if one.part == "lorebook" else free):
            taken.add(at)
            free -= size
            lore -= size if one.part == "lorebook" else 0
    return tuple(placed[at] for at in sorted(taken))


def _retrieved(
    prompt_config: PromptConfig, background: RetrievedContext, measure: TokenCounter, free: int, budget: dict[Part, int]
) -> RetrievedContext:
    """The lines that fit: recalled words before the timeline, newest first, and that before shared knowledge."""
    chosen: dict[str, tuple[str, ...]] = {}
    for part in reversed(CONTEXT_PARTS):
        lines = getattr(background, part) if part in prompt_config.parts else ()
        lines = tuple(line for line in lines if line.strip())
        room = max(min(free, budget[part]), 0)
        if part == "timeline":
            chosen[part] = _first_that_fit(part, lines[::-1], room, measure)[::-1]
        else:
            chosen[part] = _first_that_fit(part, lines, room, measure)
        # The budget, not what was recalled this time: what stands before it must not change with it.
        free -= budget[part] if part == "recalled" and lines else measure.section(part, chosen[part])
    return RetrievedContext(**chosen)


def _first_that_fit(part: str, lines: Sequence[str], room: int, measure: TokenCounter) -> tuple[str, ...]:
    """Lines in their order while they fit; one that is too long for what is left is passed over."""
    taken: tuple[str, ...] = ()
    for line in lines:
        if measure.section(part, (*taken, line)) <= room:
            taken = (*taken, line)
    return taken


def _up_to(most: int, turns: Sequence[Turn], measure: TokenCounter) -> int:
    """Tokens of the newest turns, at most `most`."""
    used = 0
    for turn in reversed(turns):
        used += measure.turn(turn)
        if used >= most:
            return most
    return used


def _may_fit(turns: Sequence[Turn], room: int, measure: TokenCounter) -> bool:
    """False when the words of `turns` alone take more than `room` tokens."""
    used = 0
    for turn in reversed(turns):
        # In the prompt a word may share a token with what stands before it.
        used += max(measure.words(turn) - 1, 1)
        if used > room:
            return False
    return True


def _without_oldest_messages(turn: Turn, room: int, measure: TokenCounter) -> Iterator[Turn]:
    """A burst that is too long for the window on its own, less and less of it."""
    for first in range(1, len(turn.messages)):
        shorter = replace(turn, messages=turn.messages[first:])
        if measure.words(shorter) <= room:
            yield shorter
