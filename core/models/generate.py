"""The one generation loop: transformers' `generate`, until a token or a text ends the persona's turn.

Replies (`core.chat.engine`), notes (`core.memory.write.generate`) and the samples of a training all come from here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from core.models import caches
from core.models.sampling import Sampling
from core.prompt import StopCriteria
from core.prompt.stop import pad_token_id
from core.prompt.token_text import decode
from core.thoughts import is_thought_mark, without_harmony

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import (
        Cache,
        LogitsProcessor,
        PreTrainedModel,
        PreTrainedTokenizerBase,
        StoppingCriteria,
    )  # fmt: skip


class TokenStreamer(Protocol):
    """What `generate` tells of its tokens as it writes them (transformers' BaseStreamer)."""

    def put(self, value: "torch.Tensor") -> None:
        """First the prompt's ids, then each new one."""

    def end(self) -> None:
        """All is written."""


@dataclass(frozen=True, eq=False)
class Generated:
    """What `generate` wrote, a row for each text."""

    ids: tuple[tuple[int, ...], ...]
    """New token ids; a row that ended before the longest is padded."""
    ended: tuple[bool, ...]
    """Whether the model ended it by itself: not cut by the length limit, nor stopped."""
    cache: "Cache | None"


def generate(
    model: "PreTrainedModel | PeftModel", tokenizer: "PreTrainedTokenizerBase", prompts: Sequence[Sequence[int]],
    stop: StopCriteria, sampling: Sampling, *,
    device: "torch.device | None" = None, samples: int = 1, min_new_tokens: int | None = None,
    should_stop: Callable[[], bool] = lambda: False, is_complete: Callable[[str], bool] | None = None,
    logits_processors: "Iterable[LogitsProcessor]" = (), streamer: "TokenStreamer | None" = None,
    cache: "Cache | None" = None,
) -> Generated:  # fmt: skip
    """Continue each of `prompts` (token ids) `samples` times, a row each in their order, all at once.

    A row ends at a token of `stop.token_ids`, once its text holds one of `stop.strings` or `is_complete` says so, and
    all end when `should_stop` does. `cache` holds what the model has read of a single prompt. The random numbers are
    torch's own, the mode and the gradients the caller's.
    """
    import torch
    from transformers import LogitsProcessorList, StoppingCriteriaList

    speaker: Any = model  # transformers and peft leave `generate` out of these types
    ends, pad = list(stop.token_ids), pad_token_id(tokenizer)
    pad = (ends or [0])[0] if pad is None else pad
    width = max(map(len, prompts))
    left = [[pad] * (width - len(prompt)) for prompt in prompts]
    device = device or speaker.device
    remembered = {} if cache is None else {caches.keyword(): cache}
    met = [False] * (len(prompts) * samples)
    stopping = _stopping(tokenizer, width, stop.strings, should_stop, is_complete, met)
    output = speaker.generate(
        input_ids=torch.tensor([[*pads, *ids] for pads, ids in zip(left, prompts, strict=True)], device=device),
        attention_mask=torch.tensor(
            [[0] * len(pads) + [1] * len(ids) for pads, ids in zip(left, prompts, strict=True)], device=device
        ),
        num_return_sequences=samples,
        return_dict_in_generate=True,
        eos_token_id=ends or None,
        pad_token_id=pad,
        min_new_tokens=min_new_tokens,
        logits_processor=LogitsProcessorList([*logits_processors, *_once_in_reply(sampling, width)]),
        stopping_criteria=StoppingCriteriaList([stopping]),
        streamer=streamer,
        **remembered,
        **_settings(sampling),
    )
    rows = [tuple(row[width:].tolist()) for row in output.sequences]
    stopped = should_stop()
    ended = (not stopped and (done or any(i in ends for i in row)) for row, done in zip(rows, met, strict=True))
    return Generated(tuple(rows), tuple(ended), getattr(output, caches.keyword(), None))


def decode_reply(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], stop_strings: Sequence[str]) -> str:
    """The words of a reply: up to a stop string, and without characters whose bytes are not all there.

    Special tokens are left out, but for those that tell thoughts from words (`core.thoughts`).
    """
    marks = _thought_marks(tokenizer)
    if marks.isdisjoint(ids):
        text = decode(ids, tokenizer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    else:
        text = _with_thought_marks(ids, tokenizer, marks)
    return words_of(text, stop_strings)


def words_of(text: str, stop_strings: Sequence[str]) -> str:
    """`text` up to a stop string, without the white space around it and characters whose bytes are not all there."""
    text = text.replace("\ufffd", "").lstrip()
    cuts = [at for string in stop_strings if (at := text.find(string)) >= 0]
    return text[: min(cuts, default=None)].rstrip()


# Looking through all added tokens takes 1 ms with a thousand of them, and a reply is decoded at every token.
_MARKS: "WeakKeyDictionary[PreTrainedTokenizerBase, frozenset[int]]" = WeakKeyDictionary()


def _thought_marks(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """The special tokens that tell thoughts from words."""
    if tokenizer not in _MARKS:
        added = tokenizer.added_tokens_decoder.items()
        _MARKS[tokenizer] = frozenset(i for i, token in added if token.special and is_thought_mark(token.content))
    return _MARKS[tokenizer]


def thought_texts(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """The same as texts."""
    return [tokenizer.added_tokens_decoder[token].content for token in sorted(_thought_marks(tokenizer))]


def _with_thought_marks(ids: Sequence[int], tokenizer: "PreTrainedTokenizerBase", marks: frozenset[int]) -> str:
    added = tokenizer.added_tokens_decoder
    kept = [i for i in map(int, ids) if i in marks or i not in added or not added[i].special]
    return without_harmony(decode(kept, tokenizer, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _settings(sampling: Sampling) -> dict[str, float | int | bool | None]:
    """`generate`'s settings; those that are named stand above what the model's own files say."""
    settings = {"max_new_tokens": sampling.max_new_tokens, "repetition_penalty": sampling.repetition_penalty,
                "no_repeat_ngram_size": 0}  # fmt: skip
    off = {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "min_p": None, "typical_p": 1.0}
    if sampling.temperature == 0:
        return settings | off | {"do_sample": False}
    return settings | {name: getattr(sampling, name) for name in off} | {"do_sample": True}


def _once_in_reply(sampling: Sampling, width: int) -> "list[LogitsProcessor]":
    """Forbids the runs of tokens that the reply has already; over the prompt it would forbid names and the template."""
    from transformers import LogitsProcessor, NoRepeatNGramLogitsProcessor

    class OnceInReply(LogitsProcessor):
        once: Callable[..., Any] = NoRepeatNGramLogitsProcessor(max(1, sampling.no_repeat_ngram))

        def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
            return self.once(input_ids[:, width:], scores)

    return [OnceInReply()] if sampling.no_repeat_ngram else []


def _stopping(
    tokenizer: "PreTrainedTokenizerBase", width: int, strings: Sequence[str], should_stop: Callable[[], bool],
    is_complete: Callable[[str], bool] | None, met: list[bool],
) -> "StoppingCriteria":  # fmt: skip
    """Notes in `met` which rows their text has ended."""
    import torch
    from transformers import StoppingCriteria

    class TextStop(StoppingCriteria):
        """Ends each row by its text, and all of them on a wish."""

        def __call__(self, input_ids: "torch.LongTensor", scores: object, **kwargs: object) -> "torch.BoolTensor":
            rows = input_ids[:, width:]
            met[:] = [before or self._is_met(row) for before, row in zip(met, rows, strict=True)]
            stopped = should_stop()
            done: Any = torch.tensor([row or stopped for row in met], device=input_ids.device)
            return done

        def _is_met(self, row: "torch.Tensor") -> bool:
            if not strings and is_complete is None:
                return False
            text = decode(row, tokenizer, skip_special_tokens=True).lstrip()
            return any(string in text for string in strings) or (is_complete is not None and is_complete(text))

    return TextStop()
