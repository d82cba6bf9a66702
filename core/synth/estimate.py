"""What a plan will take before it is run: generations, tokens, money and, once something was measured, time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.models.remote_costs import MILLION
from core.synth.plan import Plan
from core.synth.prompts import SIDES, Side, SideOfCell, side_of_cell

GUESSED_TOKENS = 80  # of a turn, before any was measured
SAMPLED_CELLS = 20  # whose descriptions are counted


@dataclass(frozen=True)
class TurnPace:
    """What the turns of one side took so far."""

    tokens: float
    """Mean of a turn."""
    turns_per_second: float
    """Of all dialogues together."""


@dataclass(frozen=True)
class Estimate:
    """What is still to be made. Prompt tokens are counted as if nothing were remembered between turns."""

    dialogues: int
    generations: int
    prompt_tokens: int
    reply_tokens: int
    cost: float
    """In whatever the prices are in; 0 where there are none."""
    seconds: float | None
    """None before anything was measured."""


def estimate(
    plan: Plan, count: Callable[[str], int], windows: Mapping[Side, int], *, done: int = 0,
    measured: Mapping[Side, TurnPace] | None = None,
) -> Estimate:  # fmt: skip
    """What the dialogues that are left take at most: all but `done`, each of its full length.

    `count` gives the tokens of a text, `windows` those that each side's model holds.
    """
    left, measured = max(0, plan.count - done), measured or {}
    sizes = {side: measured[side].tokens if side in measured else GUESSED_TOKENS for side in SIDES}
    generations, prompts, replies, cost, seconds = 0, 0.0, 0.0, 0.0, 0.0
    for side in SIDES:
        backend = plan.persona_backend if side == "persona" else plan.user_backend
        turns = [turn for turn in range(plan.given_turns, plan.turns) if plan.speaks(turn) == side]
        text, room = _text_tokens(plan, side, count), windows[side] - _most_tokens(plan, side)
        said = [sum(sizes[plan.speaks(earlier)] for earlier in range(turn)) for turn in turns]
        read, written = left * sum(min(text + before, max(room, 1)) for before in said), left * len(turns) * sizes[side]
        generations, prompts, replies = generations + left * len(turns), prompts + read, replies + written
        cost += (read * backend.price.prompt + written * backend.price.reply) / MILLION
        seconds += left * len(turns) / measured[side].turns_per_second if side in measured else 0
    known = all(side in measured for side in SIDES)
    return Estimate(left, generations, round(prompts), round(replies), cost, seconds if known else None)


def _text_tokens(plan: Plan, side: Side, count: Callable[[str], int]) -> float:
    """Mean tokens of what stands before the first words."""
    cells = plan.cells[:SAMPLED_CELLS] if side == "user" else plan.cells[:1]
    return sum(map(count, (_text(side_of_cell(plan, cell, side)) for cell in cells))) / len(cells)


def _text(side: SideOfCell) -> str:
    examples = (text for turn in side.persona.examples for text in turn.messages)
    return "\n".join((side.persona.description, *examples))


def _most_tokens(plan: Plan, side: Side) -> int:
    return side_of_cell(plan, plan.cells[0], side).sampling.max_new_tokens
