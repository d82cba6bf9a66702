"""Text to token ids and back to where each token began: one tokenizer's encoding of stretches of a prompt.

Every tokenizer writes a text the same way wherever it stands here: a dummy prefix appears only at the
beginning of a prompt, and a token that reaches over a border belongs to the stretch it begins in.
"""

import threading
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, proxy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KEPT = 10_000  # encoded texts a tokenizer; about 10 MB of chat messages


def added_tokens(tokenizer: "PreTrainedTokenizerBase") -> dict[int, str]:
    """The texts that become one token wherever they stand, by id: special ones, and others that were added.

    Runs of spaces and newlines, which some tokenizers add to save tokens, are plain text.
    """
    added = tokenizer.added_tokens_decoder.items()
    return {i: token.content for i, token in added if token.content.replace("▁", " ").strip()}


class SegmentEncoder:
    """Encodes with one tokenizer, and keeps what was encoded lately. Safe to use from several threads."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        # The caller holds it as the key of a weak dictionary; a strong reference here would keep it for ever.
        self._tokenizer = proxy(tokenizer)
        added = tokenizer.added_tokens_decoder
        self._normalised_marks = {i: text for i, text in added_tokens(tokenizer).items() if added[i].normalized}
        # SentencePiece with a dummy prefix writes a space before every text; behind a newline it does not.
        self._anchor = "\n" if self._prefixes() else ""
        self._anchor_size = len(self._plain(self._anchor))
        self._encode = lru_cache(maxsize=KEPT)(self._encode_now)

    def size(self, text: str) -> int:
        """Tokens of `text` on its own."""
        return len(self._encode(text, self._anchor)[0])

    def split(self, texts: Sequence[str], *, begins: bool, cuts: Sequence[int] = ()) -> list[list[int]]:
        """Token ids of each of `texts`, which follow one another and are encoded as one.

        `begins`: nothing stands before them. `cuts`: places in the joined text that no token reaches over.
        """
        borders, total = [], 0
        for text in texts:
            total += len(text)
            borders.append(total)
        if not self._tokenizer.is_fast:  # it does not tell where a token began
            cuts = [*cuts, *borders]
        places = sorted({0, total, *cuts})
        whole, out, at = "".join(texts), [[] for _ in texts], 0
        for start, end in pairwise(places):
            anchor = "" if begins and start == 0 else self._anchor
            for token, offset in zip(*self._encode(whole[start:end], anchor), strict=True):
                while borders[at] <= start + offset:
                    at += 1
                out[at].append(token)
        return out

    def _encode_now(self, text: str, anchor: str) -> tuple[array, array]:
        """(id, first character) of each token of `text`, where `anchor` stands before it unseen."""
        ids, starts = self._encode_plainly(text, anchor)
        # A normaliser can turn letters (＜think＞) into a mark that the text does not hold.
        if self._normalised_marks and any(self._normalised_marks.get(i, "") not in text for i in ids):
            each = [self._encode_plainly(letter, anchor if n == 0 else self._anchor) for n, letter in enumerate(text)]
            ids = array("i", [i for letter_ids, _ in each for i in letter_ids])
            starts = array("i", [n for n, (letter_ids, _) in enumerate(each) for _ in letter_ids])
        return ids, starts

    def _encode_plainly(self, text: str, anchor: str) -> tuple[array, array]:
        fast = self._tokenizer.is_fast
        coded = self._tokenizer(anchor + text, add_special_tokens=False, return_offsets_mapping=fast, verbose=False)
        skip = self._anchor_size if anchor else 0
        ids = coded["input_ids"][skip:]
        starts = [start for start, _ in coded["offset_mapping"][skip:]] if fast else [0] * len(ids)
        last = max(len(text) - 1, 0)
        return array("i", ids), array("i", [min(max(start - len(anchor), 0), last) for start in starts])

    def _plain(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] if text else []

    def _prefixes(self) -> bool:
        """Whether "a" is written otherwise at the beginning of a text than behind a newline."""
        newline, behind = self._plain("\n"), self._plain("\na")
        return behind[: len(newline)] == newline and behind[len(newline) :] != self._plain("a")


_codecs: "WeakKeyDictionary[PreTrainedTokenizerBase, SegmentEncoder]" = WeakKeyDictionary()
_making = threading.Lock()


def encoder_for(tokenizer: "PreTrainedTokenizerBase") -> SegmentEncoder:
    """The codec of this tokenizer, made when it is first asked for."""
    with _making:
        codec = _codecs.get(tokenizer)
        if codec is None:
            codec = _codecs[tokenizer] = SegmentEncoder(tokenizer)
        return codec
