"""Data sets on disk: `train.jsonl`, `heldout.jsonl` and `dataset.json` in a folder of their own.

A row a line, as `datasets.load_dataset("json", data_files=…)` reads it. A set is written aside and
then renamed, so there is a whole one or none.
"""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from core.data.prepare import Prepared
from core.data.rows import Row
from core.errors import InputError
from core.messages import from_chat_messages
from core.workspace import Workspace, read_json, write_json

Split = Literal["train", "heldout"]
FILES: dict[Split, str] = {"train": "train.jsonl", "heldout": "heldout.jsonl"}
INFO = "dataset.json"
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class DataSetInfo:
    """What a data set is and where it came from; `dataset.json`."""

    name: str
    persona: str
    """Name of the speaker who is learned."""
    description: str
    """Who the persona is, in words: the system text of the prompt."""
    source: str
    """Name of the log's file."""
    format: str
    counts: Mapping[str, int]
    """Messages by fate."""
    messages: int
    sessions: int
    train_rows: int
    heldout_rows: int
    gap_minutes: float
    budget: int
    """Tokens a row may have."""
    model: str
    """The model whose tokenizer measured the rows."""
    created: str
    """ISO 8601, UTC."""


@dataclass(frozen=True)
class SavedDataSet:
    """A data set in its folder."""

    info: DataSetInfo
    folder: Path

    def file(self, split: Split) -> Path:
        """The rows of one split."""
        return self.folder / FILES[split]


@dataclass(frozen=True)
class DataSets:
    """The shelf of data sets of every owner."""

    workspace: Workspace

    def save(self, owner: str, name: str, prepared: Prepared, *, description: str, model: str) -> SavedDataSet:
        """Keep what was prepared under `name`, or under the next free name (`name-2`) where that is taken.

        Raises InputError when there are no rows or the disk is full; then nothing is left behind.
        """
        if not prepared.train:
            raise InputError(
                f"There is no row to save: nothing “{prepared.persona}” wrote fits. The ledger shows why.",
                f"保存できる行がありません。「{prepared.persona}」の発言が行になりませんでした。内訳を見てください。",
            )
        name = self.workspace.free_name(owner, "datasets", name)
        target = self.workspace.place(owner, "datasets", name)
        aside = target.with_name(f".{uuid.uuid4().hex}")
        info = _info(name, prepared, description, model)
        with _whole_or_nothing(aside):
            aside.mkdir()
            _write_rows(aside / FILES["train"], prepared.train)
            _write_rows(aside / FILES["heldout"], prepared.heldout)
            write_json(aside / INFO, asdict(info))
            os.rename(aside, target)
        return SavedDataSet(info, target)

    def get(self, owner: str, name: str) -> SavedDataSet:
        """The data set called `name`. Raises InputError when there is none, or none that can be read."""
        folder = self.workspace.place(owner, "datasets", name)
        try:
            return SavedDataSet(DataSetInfo(**read_json(folder / INFO)), folder)
        except FileNotFoundError as error:
            raise InputError(
                f"There is no data set “{name}”. Choose one from the list, or make it again.",
                f"データセット「{name}」がありません。一覧から選ぶか、作り直してください。",
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(
                f"The data set “{name}” is damaged: {INFO} cannot be read. Delete it and make it again.",
                f"データセット「{name}」の {INFO} が壊れています。削除して作り直してください。",
            ) from error

    def list(self, owner: str) -> tuple[SavedDataSet, ...]:
        """All data sets of an owner that can be read, newest first."""
        return tuple(
            saved for name in self.workspace.names(owner, "datasets") if (saved := self._readable(owner, name))
        )

    def delete(self, owner: str, name: str) -> None:
        """Remove a data set. Raises InputError when there is none."""
        folder = self.workspace.place(owner, "datasets", name)
        if not folder.is_dir():
            self.get(owner, name)
        doomed = folder.with_name(f".{uuid.uuid4().hex}")
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def read_rows(self, owner: str, name: str, split: Split) -> tuple[Row, ...]:
        """The rows of one split, as they were saved."""
        return tuple(_read_rows(self.get(owner, name).file(split)))

    def _readable(self, owner: str, name: str) -> SavedDataSet | None:
        try:
            return self.get(owner, name)
        except InputError:
            return None


def _info(name: str, prepared: Prepared, description: str, model: str) -> DataSetInfo:
    return DataSetInfo(
        name=name,
        persona=prepared.persona,
        description=description,
        source=prepared.source,
        format=prepared.format,
        counts={fate.value: n for fate, n in prepared.ledger.counts.items()},
        messages=prepared.ledger.messages,
        sessions=prepared.sessions,
        train_rows=len(prepared.train),
        heldout_rows=len(prepared.heldout),
        gap_minutes=prepared.gap_minutes,
        budget=prepared.budget,
        model=model,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def to_jsonl(rows: Iterable[Row]) -> Iterator[str]:
    """The rows as lines of a file, line ends included."""
    for row in rows:
        yield json.dumps(row.to_json(), ensure_ascii=False) + "\n"


def _write_rows(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(to_jsonl(rows))
        file.flush()
        os.fsync(file.fileno())


def _read_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                value = json.loads(line)
                start = datetime.fromisoformat(value["start"]) if value["start"] else None
                yield Row(value["session"], start, tuple(from_chat_messages(value["messages"])))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"Line {number} of {path.name} is not a row of a data set: {line.strip()[:80]}",
                    f"{path.name} の {number} 行目はデータセットの行ではありません: {line.strip()[:80]}",
                ) from error


@contextmanager
def _whole_or_nothing(aside: Path) -> Iterator[None]:
    """Remove `aside` when writing it fails; say so in words when the disk is the reason."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError(
                "The disk is full, so the data set was not saved. Free some space and try again.",
                "ディスクがいっぱいで、データセットを保存できませんでした。空きを作ってもう一度お試しください。",
            ) from error
        raise InputError(
            f"The data set could not be saved: {error.strerror or error}.",
            f"データセットを保存できませんでした: {error.strerror or error}。",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
