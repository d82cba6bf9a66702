"""Replies of a GGUF model in this app's terms: the same sampling, the same ends, the same marks of thoughts.

llama.cpp has nothing like `no_repeat_ngram`, which counts within the reply alone: that setting is not used here.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.models.sampling import Sampling
from core.models.sizing.dims import LARGEST_WINDOW
from core.prompt import StopCriteria

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# transformers' order. Both count the prompt's tokens as repeated.
SAMPLERS = ("penalties", "temperature", "top_k", "top_p", "min_p", "typ_p")


def completion_request(
    tokenizer: "PreTrainedTokenizerBase", ending: StopCriteria, sampling: Sampling, *, marks: Sequence[str] = (),
    seed: int | None = None, schema: dict | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The settings of one reply in llama.cpp's names. `marks` are special tokens that its text is to show."""
    ends: list[str] = [token for token in map(_token(tokenizer), ending.token_ids) if token]
    request: dict[str, Any] = {
        "n_predict": sampling.max_new_tokens,
        "samplers": SAMPLERS,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "typical_p": sampling.typical_p,
        "repeat_penalty": sampling.repetition_penalty,
        "repeat_last_n": LARGEST_WINDOW,
        "stop": [*ends, *ending.strings],
        "preserved_tokens": [*ends, *marks],
        "cache_prompt": True,
    }
    if seed is not None:
        request["seed"] = seed
    return request | ({"json_schema": schema} if schema is not None else {})


def _token(tokenizer: "PreTrainedTokenizerBase") -> Callable[[int], str]:
    def text(token: int) -> str:
        found = tokenizer.convert_ids_to_tokens(token)
        return found if isinstance(found, str) else ""

    return text
