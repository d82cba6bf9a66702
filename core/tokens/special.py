"""Which strings in a pasted text would become special tokens, and what the chat makes of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.prompt.chat_template import RenderedSegment, resolve_template
from core.prompt.encoder import added_tokens, encoder_for
from core.prompt.token_text import spell
from core.tokens.figure_table import FigureTable
from core.tokens.pieces import check_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class SpecialString:
    """A string of the text that the bare tokenizer turns into one special token."""

    text: str
    id: int
    count: int
    in_chat: tuple[str, ...]
    """The pieces that the chat makes of it: letters, as the person typed them."""


@dataclass(frozen=True)
class SpecialStrings:
    """What would become special in a text."""

    template: str
    """The name of the model's template."""
    found: tuple[SpecialString, ...]
    labels: tuple[str, ...]
    """Lines that look like the template's own "name:", which the chat writes with a space before the colon."""
    known: tuple[tuple[str, int], ...]
    """All special tokens of the tokenizer: (text, id)."""
    leaks: tuple[str, ...] = ()
    """Special tokens that reach the model through the chat all the same: none, or something is wrong."""

    def table(self, heads: tuple[str, str, str, str]) -> FigureTable:
        """A line for each found string: text, id, times, what the chat makes of it."""
        rows = tuple((one.text, one.id, one.count, " ".join(one.in_chat)) for one in self.found)
        return FigureTable("special-tokens", heads, rows)


def special_strings(
    text: str, tokenizer: "PreTrainedTokenizerBase", names: tuple[str, str] = ("", "")
) -> SpecialStrings:
    """What in `text` would be special. `names` are (persona, user). Raises InputError for no text."""
    check_text(text)
    template, added = resolve_template(tokenizer), added_tokens(tokenizer)
    bare = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    met = dict.fromkeys(token for token in bare if token in added)
    found = tuple(
        SpecialString(added[token], token, bare.count(token), _in_chat(added[token], tokenizer)) for token in met
    )
    lines = ((before, after) for before, after in zip(
        text.splitlines(), template.said(text, names).splitlines(), strict=False,
    ))  # fmt: skip
    labels = tuple(before.strip() for before, after in lines if before != after)
    known = tuple((content, token) for token, content in sorted(added.items()))
    leaks = tuple(added[token] for token in _chat_ids(text, tokenizer) if token in added)
    return SpecialStrings(template.name, found, labels, known, leaks)


def _chat_ids(text: str, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """The tokens of a text as somebody says it in a chat."""
    rendered = RenderedSegment.of(resolve_template(tokenizer).plain(text), None)
    (ids,) = encoder_for(tokenizer).split([rendered.text], begins=False, cuts=rendered.cuts)
    return ids


def _in_chat(text: str, tokenizer: "PreTrainedTokenizerBase") -> tuple[str, ...]:
    return tuple(token.shown or "·" for token in spell(_chat_ids(text, tokenizer), tokenizer))
