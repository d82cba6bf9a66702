"""What the tokens do: counts, density, and each token's text for colouring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

GLYPHS = str.maketrans({"\n": "⏎", "\t": "⇥", " ": "␣", "\u3000": "□"})
MOST_CHARACTERS = 200_000
PARTIAL = "\ufffd"  # what half a character decodes to
LONGEST_GROUP = 24  # tokens; a byte-level token may end one character and begin the next, several times over


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its id, and the characters it stands for.

    A character may need several tokens (byte fallback): the first carries it, the others have "" and
    `continues` set.
    """

    id: int
    text: str
    continues: bool = False

    @property
    def shown(self) -> str:
        """The text with visible glyphs for newline, tab and spaces."""
        return self.text.translate(GLYPHS)


@dataclass(frozen=True)
class TokenCount:
    """What a text costs."""

    tokens: int
    characters: int
    utf8_bytes: int

    @property
    def characters_per_token(self) -> float:
        """0.0 for no tokens."""
        return self.characters / self.tokens if self.tokens else 0.0


def count_tokens(text: str, tokens: Sequence[object]) -> TokenCount:
    """The measures of `text`, which was split into `tokens`."""
    return TokenCount(len(tokens), len(text), len(text.encode("utf-8", "surrogatepass")))


def split(text: str, tokenizer: "PreTrainedTokenizerBase") -> list[Token]:
    """The tokens of a plain text, without special tokens of the template's kind added."""
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"The text has {len(text):,} characters; {MOST_CHARACTERS:,} can be shown. Use a shorter piece.",
            f"文章が {len(text):,} 文字あります。表示できるのは {MOST_CHARACTERS:,} 文字までです。短くしてください。",
        )
    return spell(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], tokenizer)


def spell(ids: Sequence[int], tokenizer: "PreTrainedTokenizerBase") -> list[Token]:
    """Each id with the characters it adds to the text, whatever the tokenizer's kind.

    Ids are decoded in growing groups: a group is complete when it decodes to whole characters.
    """
    tokens: list[Token] = []
    pending: list[int] = []
    for token_id in ids:
        pending.append(token_id)
        text = _decode(pending, tokenizer)
        if text.endswith(PARTIAL) and len(pending) < LONGEST_GROUP:
            continue
        tokens.append(Token(pending[0], text))
        tokens += [Token(other, "", continues=True) for other in pending[1:]]
        pending = []
    if pending:
        tokens.append(Token(pending[0], _decode(pending, tokenizer)))
        tokens += [Token(other, "", continues=True) for other in pending[1:]]
    return tokens


def decode(ids: "Sequence[int] | Tensor", tokenizer: "PreTrainedTokenizerBase", **options: bool) -> str:
    """The text of one row of ids; `options` are `tokenizer.decode`'s, whose type allows for many rows."""
    text = tokenizer.decode(list(ids) if isinstance(ids, Sequence) else ids, **options)
    assert isinstance(text, str), "one row is one text"
    return text


def _decode(ids: Sequence[int], tokenizer: "PreTrainedTokenizerBase") -> str:
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    text = decode(ids, tokenizer, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    # SentencePiece drops the space at the start of what it decodes.
    first = next(iter(pieces), None)
    return f" {text}" if first is not None and first.startswith("▁") and not text.startswith(" ") else text
