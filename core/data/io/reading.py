"""Logs and data sets that are brought in: small ones read in place, large ones in a process that can be ended.

A text of 20 MB may hold four million messages of two letters, which take 40 seconds and 1.6 GB.
"""

import base64
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from core.data.io.columns import NO_MAPPING, ColumnMapping
from core.data.io.load import LoadedDataset, UnknownShapeError, load_set
from core.errors import InputError
from core.isolated import EndedError, IsolatedProcess
from core.limits import LOCAL, Limits
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Message
from core.text import Text

SMALL = 100_000  # bytes; the costliest text of that size took 1.5 s and 40 MB in place (two busy cores, 2026-11-30)
PACKED = (b"PK", b"PAR1")
AT_ONCE = 2
PLAIN = {
    ("array", "_array_reconstructor"), ("array", "array"), ("collections", "Counter"), ("datetime", "datetime"),
    ("decimal", "Decimal"),
}  # fmt: skip
OURS = ("core.data.", "core.logs.", "core.messages", "core.text")


@dataclass(frozen=True)
class Reading:
    """Reads what visitors bring, within limits. Every refusal is an InputError that says what to do."""

    limits: Limits = LOCAL

    def log(self, path: Path, **answers: object) -> Log:
        """`core.logs.detect.read_log`. Raises FileNotFoundError, too."""
        log = self._read("log", read_log, path, answers)
        self.check_number(len(log.messages), MESSAGES)
        return log

    def data_set(self, path: Path, *, name: str, persona: str, mapping: ColumnMapping = NO_MAPPING) -> LoadedDataset:
        """`core.data.io.load.load_set`."""
        answers = {"name": name, "persona": persona, "mapping": mapping}
        loaded = self._read("data set", load_set, path, answers)
        self.check_number(sum(map(len, loaded.rows.values())) + len(loaded.pairs), ROWS)
        return loaded

    def check_number(self, have: int, what: Text) -> None:
        """Raises InputError for more messages or rows than one log or data set may have here."""
        most = self.limits.messages
        if most and have > most:
            raise InputError(
                f"This has {have:,} {what.en}; {most:,} are allowed here. Take a shorter period, or split the file.",
                f"{what.ja}が {have:,} 件あります。ここでは {most:,} 件までです。期間を短くするか、分けてください。",
            )

    def _read(self, kind: str, read: Callable[..., Any], path: Path, answers: dict[str, object]) -> Any:
        if _is_small(path):
            return read(path, **answers)
        memory = self.limits.reading_mb * 1_000_000 or _half_of_the_free_memory()
        order = [kind, str(path), packed(answers)]
        try:
            outcome, value = unpacked(_process.ask(order, seconds=self.limits.reading_seconds, memory=memory))
        except EndedError as error:
            raise _given_up(str(error)) from error
        if outcome == "log":
            return joined(*value)
        if outcome == "data set":
            return value
        if outcome == "unknown shape":
            raise UnknownShapeError(*value)
        if outcome == "gone":
            raise FileNotFoundError(path)
        raise InputError(*value) if outcome == "refused" else _given_up(value)


ANY_SIZE = Reading()
MESSAGES, ROWS = Text("messages", "メッセージ"), Text("rows", "行")
FIELDS = attrgetter(*(field.name for field in fields(Message)))
_process = IsolatedProcess("core.data.io.reading_process", AT_ONCE)


def taken_apart(log: Log) -> tuple[Log, list[tuple]]:
    """`log` without its messages, and a tuple for each field of theirs: so they travel three times as fast."""
    return replace(log, messages=()), list(zip(*map(FIELDS, log.messages), strict=True))


def joined(log: Log, columns: list[tuple]) -> Log:
    """The inverse of `taken_apart`."""
    return replace(log, messages=tuple(map(Message, *columns)) if columns else ())


def packed(value: object) -> str:
    """`value` as text, for the way to another process of this program and back."""
    return base64.b64encode(pickle.dumps(value, protocol=5)).decode()


def unpacked(text: str) -> Any:
    """The inverse of `packed`. Of what strangers' files made of the other process, only plain values are taken.

    Raises pickle.UnpicklingError for anything else.
    """
    return _PlainUnpickler(io.BytesIO(base64.b64decode(text))).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) in PLAIN or module_name.startswith(OURS):
            found = super().find_class(module_name, global_name)
            if isinstance(found, type) or module_name == "array":
                return found
        raise pickle.UnpicklingError(f"{module_name}.{global_name}")


def _is_small(path: Path) -> bool:
    """Whether it is a small file that does not unpack to more."""
    if path.is_dir() or path.stat().st_size > SMALL:
        return False
    with path.open("rb") as file:
        return not file.read(4).startswith(PACKED)


def _half_of_the_free_memory() -> int:
    import psutil

    return psutil.virtual_memory().available // 2


def _given_up(reason: str) -> InputError:
    return InputError(
        f"This file was given up on ({reason}). Export a shorter period, or split it.",
        f"このファイルの読み込みを中止しました（{reason}）。期間を短くして書き出すか、分けてください。",
    )
