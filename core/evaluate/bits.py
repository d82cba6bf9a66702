"""Bits a byte of the persona's real replies, conversation by conversation: what a ranking compares.

Comparable between models with other tokenizers: the bits of all tokens of a reply, its end included, over the UTF-8
bytes of its words. The words of who the persona talks with, asked of the model as if they were the persona's, are the
control: what rises for both is skill, and what rises for the persona's alone is its voice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.data.rows import Row
from core.errors import InputError
from core.messages import Role
from core.prompt.config import PromptConfig

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

TOKENS_AT_ONCE = 2048
SWAPPED: dict[Role, Role] = {"user": "assistant", "assistant": "user"}


class NothingFitsError(InputError):
    """No reply fits the window of the model."""


@dataclass(frozen=True)
class ConversationBits:
    """What the words of one speaker cost a model: a number for each conversation, in order of their ids."""

    conversations: tuple[int, ...]
    bits: tuple[float, ...]
    sizes: tuple[int, ...]
    """UTF-8 bytes."""

    @property
    def bits_per_byte(self) -> float:
        return sum(self.bits) / sum(self.sizes)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ConversationBits":
        """The inverse of `dataclasses.asdict`. Raises ValueError, KeyError or TypeError."""
        found = cls(tuple(map(int, value["conversations"])), tuple(map(float, value["bits"])),
                    tuple(map(int, value["sizes"])))  # fmt: skip
        if not found.sizes or not len(found.conversations) == len(found.bits) == len(found.sizes):
            raise ValueError("the numbers do not belong together")
        return found


def conversations_of(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Rows by the conversation (session) that they are of. Raises InputError where no row says anything to measure."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        if _speaks(row):
            found.setdefault(row.session, []).append(row)
    if not found:
        raise InputError("The data set has no held-out rows to measure with. Make it again with validation rows.",
                         "測定に使う検証用の行がありません。検証用の行を含めて作り直してください。")  # fmt: skip
    return dict(sorted(found.items()))


def swapped(rows: Mapping[int, Sequence[Row]]) -> dict[int, list[Row]]:
    """The same conversations with the sides exchanged; without those in which only the persona speaks."""
    turned = {session: [_swapped(row) for row in held] for session, held in rows.items()}
    return {session: held for session, held in turned.items() if any(map(_speaks, held))}


def _swapped(row: Row) -> Row:
    return replace(row, turns=tuple(replace(turn, role=SWAPPED[turn.role]) for turn in row.turns))


def _speaks(row: Row) -> bool:
    return any(turn.role == "assistant" for turn in row.turns)


def measure_bits(
    model: "torch.nn.Module",
    tokenizer: "PreTrainedTokenizerBase",
    prompt_config: PromptConfig,
    rows: Mapping[int, Sequence[Row]],
    *,
    between: Callable[[int], None] = lambda done: None,
) -> ConversationBits:
    """What the persona's words in `rows` cost `model`, asked as `prompt_config` says. Runs in the model's thread.

    `between` gets how many conversations are done; what it raises stops the measuring. A conversation of which no
    word fits the window is left out. Raises NothingFitsError where nothing is left.
    """
    from core.prompt.stop import eos_token_id, pad_token_id
    from core.train.worker.batches import Collate
    from core.train.worker.loss import measure
    from core.train.worker.rows import encode

    pad = pad_token_id(tokenizer)
    collate, found = Collate(pad if pad is not None else eos_token_id(tokenizer) or 0), []
    device = next(model.parameters()).device
    for done, (session, held) in enumerate(rows.items()):
        between(done)
        examples = encode(held, prompt_config, tokenizer, max_length=prompt_config.context_window).examples
        size = examples.loss_bytes
        if not size:
            continue
        cost = measure(model, examples, collate, tokens=TOKENS_AT_ONCE, device=device)
        found.append((session, cost.bpb * size, size))
    if not found:
        raise NothingFitsError(
            f"No held-out reply fits the window of {prompt_config.context_window:,} tokens. Choose a model with more.",
            f"検証用の返事が {prompt_config.context_window:,} トークンに収まりません。窓の広いモデルを選んでください。",
        )
    sessions, bits, sizes = zip(*found, strict=True)
    return ConversationBits(sessions, bits, sizes)


def common(measured: Mapping[str, ConversationBits]) -> tuple[dict[str, tuple[float, ...]], tuple[int, ...]]:
    """(bits of each, sizes) on the conversations that all of them were measured on: their windows may differ.

    Sizes are the same for all there, as a conversation that one of them could read in part only is left out.
    """
    kept: list[int] = []
    by_name = {name: dict(zip(one.conversations, zip(one.bits, one.sizes, strict=True), strict=True))
               for name, one in measured.items()}  # fmt: skip
    for session in next(iter(by_name.values()), {}):
        sizes = {held[session][1] if session in held else 0 for held in by_name.values()}
        if len(sizes) == 1 and 0 not in sizes:
            kept.append(session)
    first = next(iter(by_name.values()), {})
    return (
        {name: tuple(held[session][0] for session in kept) for name, held in by_name.items()},
        tuple(first[session][1] for session in kept),
    )
