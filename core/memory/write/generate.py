"""Short texts that the model writes for the memory: in its thread, several at once, under a grammar where it can be.

With llguidance installed (`pip install llguidance`) every answer is valid JSON of the schema; without it, or with a
tokenizer it does not take, answers are free text and `operations.parse` reads what it can.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from core.adapters.attach import activate_adapter, gguf_adapter
from core.adapters.store import Adapter
from core.errors import ModelError
from core.memory.write.operations import ended
from core.models.generate import decode_reply, generate, words_of
from core.models.gguf.model import GgufModel
from core.models.gguf.reply import completion_request
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.prompt import StopCriteria
from core.prompt.stop import eos_token_id
from core.thoughts import split_thoughts

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher, LLTokenizer
    from transformers import LogitsProcessor


class Interrupted(Exception):  # noqa: N818 - not an error: somebody wants to talk
    """The writing was given up, because the model is wanted for a reply."""


@dataclass(frozen=True)
class GenerationRequest:
    """Texts to be written. `schema` asks for JSON; None for plain words."""

    loaded: LoadedModel
    prompt: tuple[int, ...]
    ending: StopCriteria
    stop: threading.Event
    samples: int = 1
    temperature: float = 0.0
    """0 is greedy."""
    most_tokens: int = 256
    schema: dict | None = None
    adapter: Adapter | None = None


@dataclass(frozen=True)
class GenerationResult:
    """What the model wrote, and whether a grammar held it."""

    texts: tuple[str, ...]
    by_grammar: bool = False


def write_texts(models: ModelStore, order: GenerationRequest) -> GenerationResult:
    """Write `order.samples` texts. Raises Interrupted once `order.stop` is set, and ModelError when it cannot."""
    try:
        if order.loaded.gguf:
            return order.loaded.gguf.slots.run(_write_gguf, order, order.loaded.gguf, whose="memory").result()
        return models.run(_write, order, whose="memory").result()
    except RuntimeError as error:  # out of memory among them; a memory is not worth a crash
        raise ModelError(
            f"The model could not write its notes ({str(error)[:120]}). The talk goes on without them.",
            f"モデルがメモを書けませんでした（{str(error)[:120]}）。会話はそのまま続けられます。",
        ) from error


def _write(order: GenerationRequest) -> GenerationResult:
    import torch

    if order.stop.is_set():
        raise Interrupted
    loaded = order.loaded
    activate_adapter(loaded, order.adapter)
    ending = _ending(order)
    grammar = _grammar(order, loaded.pretrained.config.get_text_config().vocab_size, ending.token_ids)
    with torch.inference_mode():
        written = generate(
            loaded.pretrained, loaded.tokenizer, [order.prompt], ending, _sampling(order),
            device=loaded.device, samples=order.samples, should_stop=order.stop.is_set,
            is_complete=ended if order.schema is not None else None, logits_processors=[grammar] if grammar else [],
        )  # fmt: skip
    if order.stop.is_set():
        raise Interrupted
    texts = (split_thoughts(decode_reply(loaded.tokenizer, row, order.ending.strings)).words for row in written.ids)
    return GenerationResult(tuple(texts), grammar is not None)


def _write_gguf(order: GenerationRequest, model: GgufModel) -> GenerationResult:
    """The same by llama.cpp, one text after the other; its own grammar holds them to the schema."""
    adapter, tokenizer = gguf_adapter(order.loaded, model, order.adapter), order.loaded.tokenizer
    texts = []
    for number in range(order.samples):
        asked = completion_request(tokenizer, _ending(order), _sampling(order), seed=number, schema=order.schema)
        written = model.complete(order.prompt, asked, adapter=adapter, should_stop=order.stop.is_set)
        if order.stop.is_set():
            raise Interrupted
        texts.append(split_thoughts(words_of(written.text, order.ending.strings)).words)
    return GenerationResult(tuple(texts), order.schema is not None)


def _ending(order: GenerationRequest) -> StopCriteria:
    """The order's, and in any case the end of a text."""
    eos = eos_token_id(order.loaded.tokenizer)
    known: set[int] = {*order.ending.token_ids} | (set() if eos is None else {eos})
    return replace(order.ending, token_ids=tuple(sorted(known)))


def _sampling(order: GenerationRequest) -> Sampling:
    drawn = order.samples > 1 or order.temperature > 0
    return Sampling(
        temperature=max(order.temperature, 0.1) if drawn else 0, top_p=0.95, min_p=0, repetition_penalty=1,
        max_new_tokens=order.most_tokens,
    )  # fmt: skip


def _grammar(order: GenerationRequest, vocabulary: int, ends: Sequence[int]) -> "LogitsProcessor | None":
    """A processor that lets through only what the schema allows; None where there is no schema or no llguidance."""
    tokens = _llguidance(order.loaded, vocabulary, ends) if order.schema and ends else None
    if tokens is None:
        return None
    from llguidance import LLMatcher
    from transformers import LogitsProcessor

    rules = LLMatcher.grammar_from_json_schema(json.dumps(order.schema))

    class GrammarProcessor(LogitsProcessor):
        """A matcher a row, fed with what the row has said since the last call."""

        def __init__(self) -> None:
            self._matchers = [LLMatcher(tokens, rules, log_level=0) for _ in range(order.samples)]
            self._seen = len(order.prompt)

        def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
            import torch

            allowed = [
                _allowed(matcher, row[self._seen :].tolist(), scores.shape[-1], ends)
                for matcher, row in zip(self._matchers, input_ids, strict=True)
            ]
            self._seen = input_ids.shape[-1]
            return scores.masked_fill(~torch.stack(allowed).to(scores.device), float("-inf"))

    return GrammarProcessor()


def _allowed(matcher: "LLMatcher", new: Sequence[int], width: int, ends: Sequence[int]) -> "torch.Tensor":
    """The tokens that may follow. A matcher that has ended lets nothing but an end through: else the row rambles on."""
    import numpy
    import torch

    for token in new:
        if not matcher.is_stopped():
            matcher.consume_token(token)
    mask = torch.zeros(width, dtype=torch.bool)
    if matcher.is_stopped():
        mask[list(ends)] = True
        return mask
    bits = numpy.unpackbits(numpy.frombuffer(matcher.compute_bitmask(), dtype=numpy.uint8), bitorder="little")
    known = min(width, len(bits))
    mask[:known] = torch.from_numpy(bits[:known].astype(bool))
    return mask


# Making one takes a second for a large vocabulary.
_TOKENS: "WeakKeyDictionary[LoadedModel, LLTokenizer | None]" = WeakKeyDictionary()


def _llguidance(loaded: LoadedModel, vocabulary: int, ends: Sequence[int]) -> "LLTokenizer | None":
    if loaded not in _TOKENS:
        _TOKENS[loaded] = _made(loaded, vocabulary, ends)
    return _TOKENS[loaded]


def _made(loaded: LoadedModel, vocabulary: int, ends: Sequence[int]) -> "LLTokenizer | None":
    try:
        from llguidance.hf import from_tokenizer
    except ImportError:
        return None
    try:
        fast: Any = loaded.tokenizer  # it refuses others itself
        return from_tokenizer(fast, n_vocab=vocabulary, eos_token=list(ends))
    except (ValueError, RuntimeError):  # a tokenizer that it does not take
        return None
