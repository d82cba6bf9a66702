"""A character 5-gram with interpolated Kneser–Ney smoothing: the named peer of `mini_model`.

Kneser and Ney (1995) as Chen and Goodman (1999) interpolate it, with one discount an order, estimated from
the counts of counts. A message is characters between begin and end marks; a character never seen costs
the share left for the unknown, spread over Unicode. Vectorised with numpy: n-grams are rows of integers
packed into 64 bits a character context.
"""

from collections.abc import Iterable, Sequence

import numpy as np

ORDER = 5
BEGIN, END, UNKNOWN = 0, 1, 2
UNICODE = 0x110000


class FiveGram:
    """Fitted on messages; `bits` is what a message costs."""

    def __init__(self, messages: Iterable[str]) -> None:
        texts = list(messages)
        letters = sorted(set("".join(texts)))
        self._ids = {letter: number for number, letter in enumerate(letters, start=3)}
        self._size = len(letters) + 3
        if self._size**ORDER >= 2**63:
            raise ValueError(f"{len(letters)} kinds of characters are too many to pack five of them into 63 bits")
        grams = self._grams(texts)
        counts = _counted(grams[ORDER])
        self._tables: dict[int, _Table] = {ORDER: _Table(*counts, self._size)}
        for order in range(ORDER - 1, 0, -1):
            # Below the highest order a gram counts once for each character it follows; after BEGIN, as often as it is.
            longer = self._tables[order + 1].grams
            kinds, many = _counted(longer % self._size**order)
            self._tables[order] = _Table(kinds, many, self._size)

    def bits(self, messages: Sequence[str]) -> float:
        """Bits of all characters and end marks of `messages`."""
        return float(self.each(messages).sum())

    def each(self, messages: Sequence[str]) -> np.ndarray:
        """Bits of every character and end mark, in order."""
        grams = self._grams(messages)
        chance = np.full(len(grams[1]), 1 / self._size)
        for order in range(1, ORDER + 1):
            chance = self._tables[order].chance(grams[order], chance)
        return -np.log2(chance) + np.where(grams[1] == UNKNOWN, np.log2(UNICODE), 0)

    def _grams(self, messages: Sequence[str]) -> dict[int, np.ndarray]:
        """For each order, the packed gram that ends at every character and end mark."""
        ids, ends = [], []
        for text in messages:
            ids += [BEGIN] * (ORDER - 1) + [self._ids.get(letter, UNKNOWN) for letter in text] + [END]
            ends += [False] * (ORDER - 1) + [True] * (len(text) + 1)
        letters, wanted = np.array(ids, np.int64), np.array(ends)
        packed = letters.copy()
        grams = {1: packed[wanted]}
        for order in range(2, ORDER + 1):
            shifted = np.concatenate([np.zeros(order - 1, np.int64), letters[: -(order - 1)]])
            packed = packed + shifted * self._size ** (order - 1)
            grams[order] = packed[wanted]
        return grams


class _Table:
    """Counts of one order, and the chances interpolated with the order below."""

    def __init__(self, grams: np.ndarray, counts: np.ndarray, size: int) -> None:
        self.grams, self._counts, self._size = grams, counts, size
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        self._discount = once / (once + 2 * twice) if once else 0.5
        contexts = grams // size
        self._contexts, first = np.unique(contexts, return_index=True)
        self._totals = np.add.reduceat(counts, first)
        self._kinds = np.diff(np.append(first, len(grams)))

    def chance(self, grams: np.ndarray, below: np.ndarray) -> np.ndarray:
        """P(last character | the ones before), where `below` is that of the order below."""
        counts = _looked_up(self.grams, self._counts, grams)
        total = _looked_up(self._contexts, self._totals, grams // self._size)
        kinds = _looked_up(self._contexts, self._kinds, grams // self._size)
        seen = total > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            mixed = (np.maximum(counts - self._discount, 0) + self._discount * kinds * below) / total
        return np.where(seen, mixed, below)


def _counted(grams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(grams, return_counts=True)


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
