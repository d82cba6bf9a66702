"""Rows as token ids in files: made a row at a time, once, and read from disk where training needs them.

    ids      tokens of all rows, one row behind the other (32 bits)
    kinds    of each token: 0 not learned, 1 learned, 2 context that counts a little (8 bits)
    rows     of each row: its first token, and the bytes of its learned words (64 bits)
    done     written last: how many rows were cut, how many turns did not fit

The folder's name is a hash of all that decides what is in it, so that a run that goes on finds it again.
"""

import hashlib
import json
import shutil
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from core.data.rows import read_rows
from core.files import write_json
from core.stored import UNREADABLE
from core.train.worker.rows import IGNORED, EncodedRows, Example, RowEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOLD_EVERY = 500  # rows


@dataclass(frozen=True, eq=False)
class StoredExamples(Sequence[Example]):
    """The rows in a folder; each is read when it is asked for."""

    ids: np.ndarray
    kinds: np.ndarray
    starts: np.ndarray
    """First token of each row, and the end of the last."""
    words: np.ndarray
    context_weight: float

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return np.diff(self.starts).tolist()

    @property
    def loss_tokens(self) -> int:
        """As the sum of every Example's."""
        return int((self.kinds == 1).sum() - (self.kinds[self.starts[:-1]] == 1).sum())

    @property
    def loss_bytes(self) -> int:
        """UTF-8 bytes of the learned words."""
        return int(self.words.sum())

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, at: int) -> Example: ...
    @overload
    def __getitem__(self, at: slice) -> list[Example]: ...
    def __getitem__(self, at: int | slice) -> Example | list[Example]:
        if isinstance(at, slice):
            return [self._row(row) for row in range(*at.indices(len(self)))]
        return self._row(range(len(self))[at])

    def _row(self, row: int) -> Example:
        tokens = slice(int(self.starts[row]), int(self.starts[row + 1]))
        ids, kinds = self.ids[tokens], self.kinds[tokens]
        weights = np.array([0, 1, self.context_weight], np.float32)[kinds] if self.context_weight else None
        return Example(
            array("i", ids.tobytes()),
            array("i", np.where(kinds, ids, np.int32(IGNORED)).tobytes()),
            int(self.words[row]),
            None if weights is None else array("f", weights.tobytes()),
        )


def encode_file(path: Path, encoder: RowEncoder, folder: Path, on_progress: Callable[[int, int], None]) -> EncodedRows:
    """The rows of a JSONL file, from a folder in `folder` that is made where it is not there yet.

    `on_progress` is called now and then with (rows done, rows in all); what it raises ends the work and leaves
    nothing behind. Raises InputError for a line that is no row, OSError when the disk is full.
    """
    place = folder / f"{path.stem}-{_fingerprint(path, encoder)}"
    if not _whole(place):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            _write(path, encoder, place, on_progress)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    done = json.loads((place / "done").read_text(encoding="utf-8"))
    rows = np.fromfile(place / "rows", np.int64).reshape(-1, 2)
    stored = StoredExamples(
        _mapped(place / "ids", np.int32), _mapped(place / "kinds", np.uint8),
        np.append(rows[:, 0], done["tokens"]), rows[:, 1], encoder.context_weight,
    )  # fmt: skip
    return EncodedRows(stored, done["cut"], done["too_long"])


def _write(path: Path, encoder: RowEncoder, place: Path, on_progress: Callable[[int, int], None]) -> None:
    tokens, of = 0, _lines(path)
    with (place / "ids").open("wb") as ids, (place / "kinds").open("wb") as kinds, (place / "rows").open("wb") as rows:
        for number, row in enumerate(read_rows(path)):
            if number % TOLD_EVERY == 0:
                on_progress(number, of)
            for example in encoder(row):
                example.ids.tofile(ids)
                kinds.write(_kinds(example))
                array("q", (tokens, example.words)).tofile(rows)
                tokens += len(example.ids)
    done = {"tokens": tokens, "cut": encoder.cut, "too_long": encoder.too_long}
    write_json(place / "done", done)


def _whole(place: Path) -> bool:
    """Whether all was written, and reached the disk."""
    try:
        tokens = json.loads((place / "done").read_text(encoding="utf-8"))["tokens"]
        return ((place / "ids").stat().st_size, (place / "kinds").stat().st_size) == (4 * tokens, tokens)
    except (OSError, *UNREADABLE):
        return False


def _lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _kinds(example: Example) -> bytes:
    if example.weights is None:
        return bytes(label != IGNORED for label in example.labels)
    return bytes(1 if weight == 1 else 2 if weight else 0 for weight in example.weights)


def _mapped(path: Path, kind: type) -> np.ndarray:
    """The numbers of a file, without reading it; an empty file cannot be mapped."""
    return np.memmap(path, kind, mode="r") if path.stat().st_size else np.zeros(0, kind)


def _fingerprint(path: Path, encoder: RowEncoder) -> str:
    """Of the rows, and of all that decides what becomes of them."""
    how = {
        "prompt_config": encoder.prompt_config.to_json(), "tokenizer": _of_tokenizer(encoder.tokenizer),
        "loss_on": encoder.loss_on, "context_weight": encoder.context_weight,
    }  # fmt: skip
    found = hashlib.sha256(json.dumps(how, sort_keys=True, default=asdict).encode())
    if path.exists():
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    return found.hexdigest()[:24]


def _of_tokenizer(tokenizer: "PreTrainedTokenizerBase") -> str:
    """All of a fast tokenizer; of another one its vocabulary."""
    if tokenizer.is_fast:
        backend: Any = tokenizer.backend_tokenizer
        whole = backend.to_str()
    else:
        whole = json.dumps([type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())])
    said = json.dumps([tokenizer.chat_template, tokenizer.special_tokens_map], default=str)
    return hashlib.sha256((whole + said).encode()).hexdigest()
