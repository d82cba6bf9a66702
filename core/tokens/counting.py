"""Many texts counted at once: in bounded batches by the tokenizer's own threads, with progress and a way out."""

import copy
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

BATCH = 20_000  # texts; of 2,000 the threads spend a third more on waiting for each other (2 cores)
BATCH_CHARACTERS = 1_000_000  # an encoding takes about 100 bytes a token while it is held


def count_texts(
    texts: Iterable[str], tokenizer: "PreTrainedTokenizerBase", report: Callable[[int], None] = lambda done: None
) -> array:
    """Tokens of each text on its own, as unsigned 32-bit integers, without special tokens.

    `report` gets how many are counted, after each batch; what it raises ends the counting. Only one batch of texts and
    of encodings is held at a time.
    """
    counts = array("I")
    bare = bare_tokenizer(tokenizer)
    for batch in batches(texts):
        if bare is None:
            coded = tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]
        else:
            coded = bare.encode_batch_fast(batch, add_special_tokens=False)
        counts.extend(map(len, coded))
        report(len(counts))
    return counts


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Neighbouring texts, at most BATCH of them and about BATCH_CHARACTERS; a longer text is alone."""
    rest = iter(texts)
    while taken := list(islice(rest, BATCH)):
        if sum(map(len, taken)) <= BATCH_CHARACTERS:
            yield taken
        else:
            yield from _by_characters(taken)


def _by_characters(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def bare_tokenizer(tokenizer: "PreTrainedTokenizerBase") -> "Tokenizer | None":
    """The Rust tokenizer, which neither cuts nor pads; None where Python code does the work."""
    if not tokenizer.is_fast:
        return None
    bare = cast("Tokenizer", tokenizer.backend_tokenizer)
    if bare.truncation or bare.padding:
        bare = copy.deepcopy(bare)
        bare.no_truncation()
        bare.no_padding()
    return bare
