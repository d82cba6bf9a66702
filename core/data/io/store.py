"""Data sets on disk: `train.jsonl`, `validation.jsonl`, perhaps `test.jsonl`, and `dataset.json` in a folder.

A row a line, as `datasets.load_dataset("json", data_files=…)` reads it. A set is written under another
name and then renamed, so there is a whole one or none.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from core.data.prepare import Prepared
from core.data.rows import Row, read_rows, to_jsonl
from core.errors import InputError
from core.files import disk_errors, new_folder, read_json, remove_folder, write_json
from core.limits import check_count
from core.prompt import PromptConfig
from core.prompt.config import user_name
from core.prompt.template_names import AUTO
from core.stored import DamagedError, parse, readable, reading
from core.text import Text
from core.workspace import DATASET_INFO, SPLIT_FILES, Split, Workspace

SETS = Text("data sets", "データセット")


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
    """Messages by outcome."""
    messages: int
    sessions: int
    train_rows: int
    validation_rows: int
    gap_minutes: float
    budget: int
    """Tokens a row may have."""
    model: str
    """The model whose tokenizer measured the rows."""
    created: str
    """ISO 8601, UTC."""
    test_rows: int = 0
    recipe: Mapping[str, object] = field(default_factory=dict)
    """How the rows were made (`core.data.recipe`); empty where that is not known."""
    typing: float = 0.0
    """Letters a second that the persona types in the log, from one message to the next; 0 where that is not known."""
    user: str = ""
    """What the other side is called in prompts; "" for the word of the persona's language."""

    @classmethod
    def from_json(cls, value: object) -> "DataSetInfo":
        """The inverse of `asdict`; keys of later versions are left aside. Raises ValueError where one is missing."""
        return parse(cls, value)


@dataclass(frozen=True)
class SavedDataSet:
    """A data set in its folder."""

    info: DataSetInfo
    folder: Path

    def file(self, split: Split) -> Path:
        """The rows of one split. Of the test there may be no file."""
        return self.folder / SPLIT_FILES[split]


@dataclass(frozen=True)
class DataSets:
    """Every owner's data sets."""

    workspace: Workspace

    def save(
        self, owner: str, name: str, prepared: Prepared, *, description: str, model: str, typing: float = 0.0
    ) -> SavedDataSet:
        """Keep what was prepared under `name`, or under the next free name (`name-2`) where that is taken.

        Raises InputError when there are no rows or the disk is full; then nothing is left behind.
        """
        if not prepared.train:
            raise InputError(
                f"There is no row to save: nothing “{prepared.persona}” wrote fits. The ledger shows why.",
                f"保存できる行がありません。「{prepared.persona}」の発言が行になりませんでした。内訳を見てください。",
            )
        rows: dict[Split, Sequence[Row]] = {
            "train": prepared.train, "validation": prepared.validation, "test": prepared.test,
        }  # fmt: skip
        return self.import_rows(
            owner, info_of(name, prepared, description=description, model=model, typing=typing), rows
        )

    def import_rows(self, owner: str, info: DataSetInfo, rows: Mapping[Split, Sequence[Row]]) -> SavedDataSet:
        """Keep rows from anywhere as a data set, under `info.name` or the next free name.

        The numbers of rows in `info` are set to what is there. Raises InputError when there are no rows to
        train on, no room, or as many sets as are allowed; then nothing is left behind.
        """
        if not rows.get("train"):
            raise InputError(
                f"There is no row to train on in “{info.name}”. Choose another file or data set.",
                f"「{info.name}」には学習に使う行がありません。別のファイルかデータセットを選んでください。",
            )
        check_count(len(self.workspace.names(owner, "datasets")), self.workspace.limits.datasets, SETS)
        self.workspace.check_room(owner)
        name = self.workspace.free_name(owner, "datasets", info.name)
        target = self.workspace.place(owner, "datasets", name)
        counts = {f"{split}_rows": len(rows.get(split, ())) for split in SPLIT_FILES}
        info = replace(info, name=name, **counts)
        with disk_errors(), new_folder(target) as tmp:
            write_set(tmp, info, rows)
        return SavedDataSet(info, target)

    def get(self, owner: str, name: str) -> SavedDataSet:
        """The data set called `name`. Raises InputError when there is none, or none that can be read."""
        folder = self.workspace.place(owner, "datasets", name)
        try:
            with reading(folder):
                return SavedDataSet(DataSetInfo.from_json(read_json(folder / DATASET_INFO)), folder)
        except FileNotFoundError as error:
            raise InputError(
                f"There is no data set “{name}”. Choose one from the list, or make it again.",
                f"データセット「{name}」がありません。一覧から選ぶか、作り直してください。",
            ) from error

    def list_all(self, owner: str) -> tuple[SavedDataSet, ...]:
        """All data sets of an owner that can be read, newest first."""
        return tuple(readable(self.workspace.names(owner, "datasets"), lambda name: self._read(owner, name))[0])

    def damaged(self, owner: str, *, rows: bool = True) -> list[DamagedError]:
        """What `list_all` leaves out, and with `rows` what has rows that cannot be read."""
        found, damaged = readable(self.workspace.names(owner, "datasets"), lambda name: self._read(owner, name))
        for saved in found if rows else ():
            try:
                for split in SPLIT_FILES:
                    deque(read_rows(saved.file(split)), maxlen=0)
            except DamagedError as error:
                damaged.append(error)
        return damaged

    def delete(self, owner: str, name: str) -> None:
        """Remove a data set. Raises InputError when there is none."""
        folder = self.workspace.place(owner, "datasets", name)
        if not folder.is_dir():
            self.get(owner, name)
        remove_folder(folder)

    def read_rows(self, owner: str, name: str, split: Split) -> tuple[Row, ...]:
        """The rows of one split, as they were saved."""
        return tuple(read_rows(self.get(owner, name).file(split)))

    def _read(self, owner: str, name: str) -> SavedDataSet:
        """Raises DamagedError of the folder where anything is wrong with it: without dataset.json it is no set."""
        folder = self.workspace.place(owner, "datasets", name)
        with reading(folder):
            return self.get(owner, name)


def read_info(folder: Path) -> DataSetInfo | None:
    """What `dataset.json` in a folder says, written here or elsewhere; None if it is missing or cannot be read."""
    unknown = DataSetInfo(folder.name, "", "", "", "", {}, 0, 0, 0, 0, 0.0, 0, "", "")
    try:
        return DataSetInfo.from_json(asdict(unknown) | read_json(folder / DATASET_INFO))
    except (OSError, ValueError, TypeError):
        return None


def prompt_config_for(
    info: DataSetInfo | None, *, context_window: int, persona: str = "", description: str | None = None, user: str = "",
    like: PromptConfig | None = None, template: str = AUTO,
) -> PromptConfig:  # fmt: skip
    """The prompt config that the rows of a data set are rendered with: in training, and wherever the page shows them.

    What is given counts more than what `info` says (`dataset.json`; None without one), and the rest is that of
    `like`, the prompt config of an adapter that is trained further; without one it is asked in `template`. Without a
    name for the other side it is the word of the language of persona and description.
    """
    plain = like or PromptConfig("", template=template)
    persona = persona or (info.persona if info else "") or "Persona"
    if description is None:
        description = info.description if info else ""
    return replace(
        plain, persona=persona, description=description, context_window=context_window,
        user=user or (info.user if info else "") or user_name(persona + description),
        reply_reserve=min(plain.reply_reserve, context_window // 2),
    )  # fmt: skip


def info_of(name: str, prepared: Prepared, *, description: str, model: str, typing: float = 0.0) -> DataSetInfo:
    """What there is to say of prepared rows. `model` is the one whose tokenizer measured them."""
    return DataSetInfo(
        name=name,
        persona=prepared.persona,
        description=description,
        source="" if prepared.recipe.private else prepared.source,  # a log is often called after somebody
        format=prepared.format,
        counts={outcome.value: n for outcome, n in prepared.ledger.counts.items()},
        messages=prepared.ledger.messages,
        sessions=prepared.sessions,
        train_rows=len(prepared.train),
        validation_rows=len(prepared.validation),
        gap_minutes=prepared.gap_minutes,
        budget=prepared.budget,
        model=model,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        test_rows=len(prepared.test),
        typing=round(typing, 2),
        user=user_name(prepared.persona + description),
        recipe=prepared.recipe.to_json() | {"names": []},  # the names are what was to be kept out
    )


def write_set(folder: Path, info: DataSetInfo, rows: Mapping[Split, Sequence[Row]]) -> None:
    """Write the files of a data set into `folder`; a test without rows gets no file."""
    for split, file in SPLIT_FILES.items():
        if rows.get(split) or split != "test":
            _write_rows(folder / file, rows.get(split, ()))
    write_json(folder / DATASET_INFO, asdict(info))


def _write_rows(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(to_jsonl(rows))
