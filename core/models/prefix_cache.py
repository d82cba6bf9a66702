"""What a model has already read: keys and values of earlier prompts, so that a turn reads only what is new.

A chat's next prompt begins with nearly all of its last one, and chats with one persona begin alike.
Entries are found by their longest common beginning, with the same adapter; the oldest go when they
take more than their share of memory. Used only in the thread that owns the model.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from transformers import Cache, PretrainedConfig
    from transformers.cache_utils import DynamicLayer

MOST_BYTES = 1 << 30
LEAST_TOKENS = 16  # a shorter beginning is read again sooner than it is found


@dataclass(frozen=True, eq=False)
class _Entry:
    adapter: str
    ids: tuple[int, ...]
    cache: "Cache"
    bytes: int


@dataclass
class PrefixCache:
    """Keys and values of what one model has read, the last used at the end."""

    most_bytes: int = MOST_BYTES
    _entries: list[_Entry] = field(default_factory=list)

    def take(self, adapter: str, prompt: Sequence[int]) -> "Cache | None":
        """The cache that holds most of the beginning of `prompt`, cut to it, or None.

        At least the last token is left to read. What would lose more than half of itself is copied,
        so that another chat with the same persona does not cost the first one its own.
        """
        best, shared = None, LEAST_TOKENS - 1
        for entry in self._entries:
            same = _common(entry.ids, prompt) if entry.adapter == adapter else 0
            if same > shared and _can_be_cut(entry.cache, len(entry.ids) - same):
                best, shared = entry, same
        if best is None:
            return None
        lost = len(best.ids) - shared
        cache = best.cache
        if lost > shared:
            cache = copy.deepcopy(cache)
        else:
            self._entries.remove(best)
        if lost:
            cache.crop(-lost)  # a positive count is refused by transformers 5
        return cache

    def keep(self, adapter: str, ids: Sequence[int], cache: object) -> None:
        """Remember what was read: `ids` from the first token on; the cache may hold fewer, not more."""
        from transformers import DynamicCache

        if not isinstance(cache, DynamicCache):
            return
        layers = [layer for layer in cache.layers if _is_attention(layer)]
        if len(layers) < len(cache.layers):
            return
        ids = tuple(ids[: cache.get_seq_length()])
        states = [state for layer in layers for state in (layer.keys, layer.values)]
        size = sum(state.nbytes for state in states if state is not None)
        self._entries = [entry for entry in self._entries if not _covers(adapter, ids, entry)]
        self._entries.append(_Entry(adapter, ids, cache, size))
        while sum(entry.bytes for entry in self._entries) > self.most_bytes:
            self._entries.pop(0)

    def clear(self) -> None:
        """Forget everything, to have the memory back."""
        self._entries.clear()


def reads_anew(config: "PretrainedConfig") -> bool:
    """Whether some layers keep a running state instead of keys and values: no turn can go on from another."""
    from transformers import DynamicCache

    return not all(map(_is_attention, DynamicCache(config=config).layers))


def _common(ids: Sequence[int], prompt: Sequence[int]) -> int:
    """Tokens that both begin with, short of the whole prompt."""
    most = min(len(ids), len(prompt) - 1)
    return next((n for n in range(most) if ids[n] != prompt[n]), most)


def _covers(adapter: str, ids: tuple[int, ...], entry: _Entry) -> bool:
    return entry.adapter == adapter and ids[: len(entry.ids)] == entry.ids


def _is_attention(layer: object) -> "TypeGuard[DynamicLayer]":
    """Keys and values of every token, or of a sliding window; states of other kinds cannot go back."""
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    return type(layer) in (DynamicLayer, DynamicSlidingWindowLayer)


def _can_be_cut(cache: "Cache", tokens: int) -> bool:
    """Whether the last `tokens` can be taken off: a sliding window that is full has lost what came before."""
    from transformers.cache_utils import DynamicSlidingWindowLayer

    sliding = [layer for layer in cache.layers if isinstance(layer, DynamicSlidingWindowLayer)]
    return tokens == 0 or not any(layer.get_seq_length() >= layer.sliding_window for layer in sliding)
