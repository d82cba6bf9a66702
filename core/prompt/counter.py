"""Sizes of turns without rendering a whole prompt: an upper bound, for cutting rows and packing windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from core.messages import Turn
from core.prompt.assembly import Contents, lay_out, section, text_of, tokenise
from core.prompt.chat_template import Layout, layout_for
from core.prompt.config import PromptContract
from core.prompt.encoder import codec_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KEPT = 64  # measured contracts a tokenizer


@dataclass(frozen=True)
class Meter:
    """Counts tokens with one tokenizer, and what a contract's template adds to them."""

    fixed: int
    """Tokens of everything but the turns: persona, format of a reply, and the template around them."""
    contract: PromptContract
    tokenizer: "PreTrainedTokenizerBase" = field(repr=False)
    layout: Layout = field(repr=False)
    frame: dict[str, int] = field(repr=False)
    """Tokens of the template around one turn, by role."""

    def turn(self, turn: Turn) -> int:
        """At most this many tokens are added by `turn`."""
        return self.frame[turn.role] + self.words(turn) + 1

    def words(self, turn: Turn) -> int:
        """Tokens of the words of `turn` on their own."""
        return codec_of(self.tokenizer).size(text_of(self.contract, turn, self.layout))

    def section(self, part: str, lines: Sequence[str]) -> int:
        """At most this many tokens are added by lines of a background."""
        text = section(self.contract, part, lines, self.layout)
        return codec_of(self.tokenizer).size(f"\n\n{text}\n\n") if text else 0


_measured: "WeakKeyDictionary[PreTrainedTokenizerBase, dict]" = WeakKeyDictionary()


def meter(contract: PromptContract, tokenizer: "PreTrainedTokenizerBase") -> Meter:
    """A meter for prompts with this contract (with its examples left out, as when the window is full)."""
    layout = layout_for(tokenizer, contract.template)
    kept = _measured.setdefault(tokenizer, {})
    contract = replace(contract, examples=())
    if (contract, layout) not in kept:
        if len(kept) >= KEPT:
            kept.clear()
        kept[contract, layout] = _measure(contract, layout, tokenizer)
    fixed, frame = kept[contract, layout]
    return Meter(fixed, contract, tokenizer, layout, frame)


def _measure(
    contract: PromptContract, layout: Layout, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[int, dict[str, int]]:
    """`Meter.fixed` and `Meter.frame`, from a few small prompts."""
    ask, answer = Turn("user", ("a",)), Turn("assistant", ("a",))

    def size(*turns: Turn) -> int:
        laid = lay_out(contract, Contents(turns), layout, reply=False)
        return len(tokenise(*laid, tokenizer, contract=contract, training=True).ids)

    word = codec_of(tokenizer).size("a")
    one, two, between = size(ask, answer), size(ask, answer, ask, answer), size(ask, answer, ask)
    frame = {"user": between - one - word, "assistant": two - between - word}
    # A row that the persona begins may need an opening before it.
    opening = max(0, size(answer, ask, answer) - (two - frame["user"] - word))
    return one - (two - one) + opening, frame
