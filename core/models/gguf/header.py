"""What a GGUF file says of itself: its metadata, and the names and shapes of its tensors. No weight is read.

The package gguf reads the same, but keeps every token of the vocabulary as an array of its own, which takes 3.5 s for
49,000 tokens; here lists are passed over.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from core.errors import ModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
DEEPEST = 4  # lists in lists
Scalar = int | float | bool | str


@dataclass(frozen=True)
class GgufHeader:
    """What is known of a model before its weights are read."""

    values: Mapping[str, Scalar]
    """Metadata by key; of a list its length."""
    tensors: Mapping[str, tuple[int, ...]]
    """Shapes by name, as torch writes them: outputs first."""

    @property
    def architecture(self) -> str:
        """As llama.cpp calls it."""
        return str(self.values.get("general.architecture", ""))

    def number(self, key: str) -> int | None:
        """A number of this architecture, such as "context_length"; None where the file does not say."""
        found = self.values.get(f"{self.architecture}.{key}")
        return int(found) if isinstance(found, int | float) else None

    @property
    def parameters(self) -> int:
        """All weights."""
        return sum(prod(shape) for shape in self.tensors.values())

    @property
    def vocabulary(self) -> int:
        """Tokens."""
        return int(self.values.get("tokenizer.ggml.tokens", 0))


def read_header(path: Path) -> GgufHeader:
    """The header of the file. Raises ModelError for what is no whole GGUF file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(data)
    except (OSError, ValueError, struct.error, KeyError, IndexError) as error:
        raise ModelError(
            f"“{path.name}” cannot be read as a GGUF file ({error}). Fetch it again, or choose another one.",
            f"「{path.name}」は GGUF ファイルとして読めません（{error}）。取り直すか、別のものを選んでください。",
        ) from error


def _read(data: mmap.mmap) -> GgufHeader:
    if data[:4] != MAGIC:
        raise ValueError("it does not begin with “GGUF”")
    version, tensors, values = struct.unpack_from("<IQQ", data, 4)
    if version not in VERSIONS:
        raise ValueError(f"version {version}, known are {' and '.join(map(str, VERSIONS))}")
    at, found, shapes = 24, dict[str, Scalar](), dict[str, tuple[int, ...]]()
    for _ in range(values):
        key, at = _string(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        found[key], at = _value(data, at + 4, kind)
    for _ in range(tensors):
        name, at = _string(data, at)
        (dimensions,) = struct.unpack_from("<I", data, at)
        shape = struct.unpack_from(f"<{dimensions}Q", data, at + 4)
        shapes[name], at = tuple(reversed(shape)), at + 4 + 8 * dimensions + 12  # behind it its type and place
    return GgufHeader(found, shapes)


def _string(data: mmap.mmap, at: int) -> tuple[str, int]:
    end = _past_string(data, at)
    return data[at + 8 : end].decode("utf-8", errors="replace"), end


def _past_string(data: mmap.mmap, at: int) -> int:
    end = at + 8 + int.from_bytes(data[at : at + 8], "little")
    if end > len(data):
        raise ValueError("it is cut short")
    return end


def _value(data: mmap.mmap, at: int, kind: int, depth: int = 0) -> tuple[Scalar, int]:
    """A value and the place behind it; of a list its length."""
    if kind == STRING:
        return _string(data, at)
    if kind != ARRAY:
        form = SCALARS[kind]
        return struct.unpack_from(f"<{form}", data, at)[0], at + struct.calcsize(form)
    of, length = struct.unpack_from("<IQ", data, at)
    at += 12
    if of in SCALARS:
        return length, at + length * struct.calcsize(SCALARS[of])
    if depth == DEEPEST:
        raise ValueError("lists in lists in lists")
    for _ in range(length):
        at = _past_string(data, at) if of == STRING else _value(data, at, of, depth + 1)[1]
    return length, at
