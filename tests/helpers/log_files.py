"""Small export files for the tests of the readers, and logs in the form that they compare."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from core.logs.detect import read_log
from core.logs.log import DateOrder, Log


class LogAnswers(TypedDict, total=False):
    """What `read_log` takes beside the file, for a test's own shorter way to it."""

    format: str
    names: Sequence[str]
    date_order: DateOrder
    columns: Sequence[str]
    conversations: Sequence[str]
    presumed: Sequence[str]
    zone: str
    max_bytes: int


def save(path: Path, value: object) -> Path:
    """`value` as a JSON file."""
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def save_lines(path: Path, values: Sequence[object]) -> Path:
    """`values` as JSON Lines; text stands as it is."""
    lines = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def zipped(path: Path, files: Mapping[str, object]) -> Path:
    """A zip of `files`: text and bytes as they stand, all else as JSON."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, value if isinstance(value, str | bytes) else json.dumps(value))
    return path


def said(log: Log) -> list[tuple[str | None, str, str]]:
    """(sender, kind, text) of each message."""
    return [(message.sender, message.kind.value, message.text) for message in log.messages]


def read_text(folder: Path, formats: Sequence[str], text: str) -> Log:
    """`text` as it is read from a file: in one of `formats`, and without a line that nobody counts."""
    path = folder / "log.txt"
    path.write_bytes(text.encode())
    log = read_log(path)
    assert log.lines.missing == 0 and log.format.id in formats
    return log


def words(log: Log) -> list[tuple[str | None, str]]:
    """Who said what, whatever kind of message it is."""
    return [(message.sender, message.text) for message in log.messages]
