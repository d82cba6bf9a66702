"""Sizes of turns without rendering a whole prompt: an upper bound, for cutting rows and packing windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from core.messages import Turn
from core.prompt.assembly import Contents, placed_text, render_segments, section, tokenise, turn_text
from core.prompt.chat_template import ChatTemplate, resolve_template
from core.prompt.config import PromptConfig
from core.prompt.context import PlacedText
from core.prompt.encoder import encoder_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KEPT = 64  # measured prompt configs a tokenizer


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens with one tokenizer, and what a prompt config's template adds to them."""

    prefix_tokens: int
    """Tokens of everything but the turns: persona, format of a reply, and the template around them."""
    prompt_config: PromptConfig
    tokenizer: "PreTrainedTokenizerBase" = field(repr=False)
    chat_template: ChatTemplate = field(repr=False)
    turn_overhead: dict[str, int] = field(repr=False)
    """Tokens of the template around one turn, by role."""

    def turn(self, turn: Turn) -> int:
        """At most this many tokens are added by `turn`."""
        return self.turn_overhead[turn.role] + self.words(turn) + 1

    def words(self, turn: Turn) -> int:
        """Tokens of the words of `turn` on their own."""
        return encoder_for(self.tokenizer).size(turn_text(self.prompt_config, turn, self.chat_template))

    def section(self, part: str, lines: Sequence[str]) -> int:
        """At most this many tokens are added by lines of a background."""
        text = section(self.prompt_config, part, lines, self.chat_template)
        return encoder_for(self.tokenizer).size(f"\n\n{text}\n\n") if text else 0

    def placed(self, placed: PlacedText) -> int:
        """At most this many tokens are added by a placed text, in a message of its own at the worst."""
        text = placed_text(self.prompt_config, placed, self.chat_template)
        return self.turn_overhead["user"] + encoder_for(self.tokenizer).size(f"\n\n{text}\n\n") if text else 0


_measured: "WeakKeyDictionary[PreTrainedTokenizerBase, dict]" = WeakKeyDictionary()


def token_counter(prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase") -> TokenCounter:
    """A counter for prompts with this prompt config (with its examples left out, as when the window is full)."""
    template = resolve_template(tokenizer, prompt_config.template)
    kept = _measured.setdefault(tokenizer, {})
    prompt_config = replace(prompt_config, examples=())
    if (prompt_config, template) not in kept:
        if len(kept) >= KEPT:
            kept.clear()
        kept[prompt_config, template] = _measure(prompt_config, template, tokenizer)
    fixed, frame = kept[prompt_config, template]
    return TokenCounter(fixed, prompt_config, tokenizer, template, frame)


def _measure(
    prompt_config: PromptConfig, template: ChatTemplate, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[int, dict[str, int]]:
    """`TokenCounter.prefix_tokens` and `TokenCounter.turn_overhead`, from a few small prompts."""
    ask, answer = Turn("user", ("a",)), Turn("assistant", ("a",))

    def size(*turns: Turn) -> int:
        laid = render_segments(prompt_config, Contents(turns), template, reply=False)
        return len(tokenise(*laid, tokenizer, prompt_config=prompt_config, training=True).ids)

    word = encoder_for(tokenizer).size("a")
    one, two, between = size(ask, answer), size(ask, answer, ask, answer), size(ask, answer, ask)
    frame = {"user": between - one - word, "assistant": two - between - word}
    # A row that the persona begins may need an opening before it.
    opening = max(0, size(answer, ask, answer) - (two - frame["user"] - word))
    return one - (two - one) + opening, frame
