"""The one idea: a prompt is made here, for the chat, the inspector, training and evaluation alike.

`render` turns a prompt config, the turns so far and a tokenizer into token ids that know which part of the
prompt each token belongs to and, for a training row, which tokens are learned. What goes in when not
everything does is decided in `packing`, how it is laid out and tokenised in `assembly`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import InputError
from core.messages import Turn
from core.prompt.assembly import Contents, render_segments, tokenise, turn_text
from core.prompt.chat_template import resolve_template
from core.prompt.config import PromptConfig
from core.prompt.context import CONTEXT_PARTS, NO_CONTEXT, PlacedText, RetrievedContext
from core.prompt.counter import TokenCounter, token_counter
from core.prompt.encoder import encoder_for
from core.prompt.packing import budgets, candidate_contents
from core.prompt.segments import PARTS, Part, Prompt, Segment
from core.prompt.stop import StopCriteria, stop_criteria

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "PARTS",
    "Part",
    "PlacedText",
    "Prompt",
    "PromptConfig",
    "RetrievedContext",
    "Segment",
    "StopCriteria",
    "TokenCounter",
    "budgets",
    "continuation_ids",
    "render",
    "stop_criteria",
    "token_counter",
]  # fmt: skip


def render(
    prompt_config: PromptConfig,
    turns: Sequence[Turn],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    background: RetrievedContext = NO_CONTEXT,
    placed: Sequence[PlacedText] = (),
    training: bool = False,
) -> Prompt:
    """The prompt for the persona's next reply; with `training`, the row that teaches the persona's turns.

    A chat's prompt leaves the reply its reserve and holds what `packing` says; of `background`, the parts
    that the prompt config names; and the `placed` texts that fit. A row may fill the window and has neither:
    where it is too long, the examples go first, then the oldest turns, whole. Raises InputError when persona
    and the last message alone do not fit, and ModelError when the template cannot hold the conversation.
    """
    if training:
        return _row(prompt_config, turns, tokenizer)
    template, prompt = resolve_template(tokenizer, prompt_config.template), None
    room = prompt_config.context_window - prompt_config.reply_reserve
    for contents in candidate_contents(prompt_config, turns, tokenizer, background, placed):
        laid = render_segments(prompt_config, contents, template, reply=True)
        prompt = tokenise(*laid, tokenizer, prompt_config=prompt_config, training=False)
        if len(prompt.ids) <= room:
            return replace(prompt, left_out=_left_out(prompt_config, turns, background, contents, placed))
    assert prompt is not None, "there are always contents to try"
    raise _too_long(prompt, room)


def continuation_ids(prompt_config: PromptConfig, reply: Turn, tokenizer: "PreTrainedTokenizerBase") -> tuple[int, ...]:
    """The token ids of a reply that is to be continued, as they follow its prompt in a row; its end is left off."""
    bare = replace(prompt_config, description="", examples=(), context_window=1 << 30)
    row = _row(bare, (Turn("user", ("a",)), reply), tokenizer)
    words = [piece for piece in row.segments if piece.part == "turns"][-1]
    return row.ids[words.start : words.end]


def _row(prompt_config: PromptConfig, turns: Sequence[Turn], tokenizer: "PreTrainedTokenizerBase") -> Prompt:
    """A training row: as many of the last turns as fit."""
    template, room, least = resolve_template(tokenizer, prompt_config.template), prompt_config.context_window, 2
    kept = Contents(_last_that_may_fit(turns, least, prompt_config, tokenizer), prompt_config.examples)
    while True:
        laid = render_segments(prompt_config, kept, template, reply=False)
        prompt = tokenise(*laid, tokenizer, prompt_config=prompt_config, training=True)
        over = len(prompt.ids) - room
        if over <= 0:
            return replace(prompt, left_out=_left_out(prompt_config, turns, NO_CONTEXT, kept))
        if kept.examples:
            kept = replace(kept, examples=())
        elif len(kept.turns) > least:
            kept = replace(kept, turns=kept.turns[_turns_to_drop(prompt, over, len(kept.turns) - least) :])
        else:
            raise _too_long(prompt, room)


def _last_that_may_fit(
    turns: Sequence[Turn], least: int, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase"
) -> Sequence[Turn]:
    """The end of `turns` that takes more than the window, or all of them: the rest need not be laid out."""
    codec, template, size = encoder_for(tokenizer), resolve_template(tokenizer, prompt_config.template), 0
    for count, turn in enumerate(reversed(turns), start=1):
        # In the prompt a word may share a token with what stands before it.
        size += max(codec.size(turn_text(prompt_config, turn, template)) - 1, 1)
        if size > prompt_config.context_window and count >= least:
            return turns[-count:]
    return turns


def _turns_to_drop(prompt: Prompt, over: int, most: int) -> int:
    """How many of the oldest turns to drop to be rid of `over` tokens, by a rendering that is too long."""
    starts = [piece.start for piece in prompt.segments if piece.part == "turns"]
    needed = next((n for n, start in enumerate(starts) if start - starts[0] >= over), most)
    return max(1, min(needed, most))


def _left_out(
    prompt_config: PromptConfig,
    turns: Sequence[Turn],
    background: RetrievedContext,
    contents: Contents,
    placed: Sequence[PlacedText] = (),
) -> dict[Part, int]:
    """How much of each part is not among the contents; parts of which nothing is missing are not named."""
    missing: dict[Part, int] = {
        part: len(getattr(background, part)) - len(getattr(contents.background, part))
        for part in CONTEXT_PARTS
        if part in prompt_config.parts
    }
    for one in placed:
        if one.text.strip() and one not in contents.placed and (one.part != "lorebook" or "knowledge" in missing):
            missing[one.part] = missing.get(one.part, 0) + 1
    missing["examples"] = len(prompt_config.examples) - len(contents.examples)
    missing["turns"] = len(turns) - len(contents.turns)
    missing["new"] = len(turns[-1].messages) - len(contents.turns[-1].messages) if contents.turns else 0
    return {part: n for part, n in missing.items() if n}


def _too_long(prompt: Prompt, room: int) -> InputError:
    sizes = prompt.tokens_by_part()
    persona, new, room = sizes["persona"], sizes["new"] + sizes["turns"], max(room, 0)
    return InputError(
        f"This does not fit: the persona takes {persona} tokens and the message {new}, but there is room for {room}. "
        "Shorten one of them, or choose a model with a longer context.",
        f"入りきりません。人格が {persona} トークン、発言が {new} トークンで、使えるのは {room} トークンです。"
        "どちらかを短くするか、文脈の長いモデルを選んでください。",
    )
