"""Data sets from elsewhere: a file or a zip of one's own, or a repository of the Hub, as rows to be stored.

`core.data.io.records` says which shapes are read, `core.data.io.record_files` which files. `DataSets.import_rows`
keeps what was loaded. Nothing is left out without being counted.
"""

import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from core.data.io.columns import NO_MAPPING, ColumnMapping, LeftOut, left_out_text
from core.data.io.message_records import conversations, within
from core.data.io.message_trees import with_trees
from core.data.io.record_files import KINDS, MAX_BYTES, REPEATED_HEADING, Unreadable, check_swelling, records
from core.data.io.records import columns_of, common_system, read_record
from core.data.io.store import DataSetInfo
from core.data.preferences import Pair
from core.data.rows import Row
from core.data.split import split_validation
from core.errors import HubError, InputError
from core.files import parse_json, safe_name
from core.hub import client
from core.hub.errors import hub_errors
from core.text import Text
from core.workspace import DATASET_INFO, SPLIT_FILES, Split

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_EXAMPLES = 3
SAMPLED = 50  # records that show which columns and speakers there are


@dataclass(frozen=True)
class UnknownColumns:
    """A file whose records are in no known shape: what a person has to choose from."""

    columns: tuple[str, ...]
    records: tuple[Mapping[str, object], ...]
    """The first ones, for a preview."""
    why: str


class UnknownShapeError(InputError):
    """The records of a file say nothing that is known; `found` is what they have, for a `ColumnMapping`."""

    def __init__(self, called: str, found: UnknownColumns) -> None:
        names = ", ".join(found.columns[:12])
        super().__init__(
            f"“{called}” is in no shape that is known (columns: {names}; {found.why}). Choose which column is who.",
            f"「{called}」の形が分かりません（列: {names}）。どの列がだれの言葉か選んでください。",
        )
        self.called, self.found = called, found


@dataclass(frozen=True)
class LoadedDataset:
    """A data set from elsewhere, for `DataSets.import_rows`."""

    info: DataSetInfo
    rows: Mapping[Split, Sequence[Row]]
    pairs: tuple[Pair, ...] = ()
    """For preference tuning; a file may hold nothing else."""
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    """What is not learned, and why."""
    examples: tuple[str, ...] = ()
    """Of records that cannot be read, the first ones with what is wrong."""
    systems: int = 0
    """Different system texts that stay with their rows."""

    @property
    def skipped(self) -> int:
        """Records that became neither a row nor a pair."""
        return sum(self.left_out.get(why, 0) for why in ("unreadable", "no_reply", "disliked"))


def load_set(
    path: Path, *, name: str | None = None, persona: str = "", mapping: ColumnMapping = NO_MAPPING
) -> LoadedDataset:
    """The data set in `path`: a file of rows, or a zip or folder with train.jsonl (and the other splits, dataset.json).

    Of a single file the last tenth is held out. `name` is what the person calls the file, `persona` who is
    learned where the set itself does not say, `mapping` which column is who where that is not known by itself.
    Raises InputError for what cannot be read, UnknownShapeError where a mapping is needed.
    """
    called = name or path.name
    if path.is_dir():
        return _from_folder(path, called, persona, mapping)
    if path.stat().st_size > MAX_BYTES:
        raise _too_large(called, path.stat().st_size)
    if zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory() as folder:
            return _from_folder(_unpacked(path, Path(folder), called), called, persona, mapping)
    found = _read(path, called, mapping)
    train, validation = split_validation(found.rows)
    return _loaded({"train": train, "validation": validation}, None, called, persona, found)


def pull_set(
    repo: str, *, token: str | Literal[False] | None, persona: str = "", endpoint: str | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> LoadedDataset:  # fmt: skip
    """The data set in the repository `repo` of the Hub, with a token given by hand; False or None for none.

    Raises InputError, HubError, and what `load_set` raises.
    """
    with tempfile.TemporaryDirectory() as folder:
        name = download_set(repo, Path(folder), token=token, endpoint=endpoint, on_progress=on_progress)
        return load_set(Path(folder), name=name, persona=persona)


def download_set(
    repo: str, folder: Path, *, token: str | Literal[False] | None, endpoint: str | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> str:  # fmt: skip
    """The files of a repository's data set, and no other, into `folder`; returns the repository's full name.

    Raises InputError and HubError.
    """
    name = client.check_repo(repo)
    with hub_errors(name):
        _download(client.api_for(token or False, endpoint), name, folder, on_progress or (lambda _: None))
    return name


def _download(api: "HfApi", repo: str, folder: Path, say: Callable[[str], None]) -> None:
    info = api.dataset_info(repo, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    wanted = _wanted(list(sizes))
    if not wanted:
        raise HubError(
            f"{repo} holds no rows that can be read (train.jsonl, or another {', '.join(KINDS)}).",
            f"{repo} には読める行（train.jsonl など {'・'.join(KINDS)}）がありません。",
        )
    if (total := sum(sizes[name] for name in wanted)) > MAX_BYTES:
        raise _too_large(repo, total)
    for name in wanted:
        say(name)
        api.hf_hub_download(repo, name, repo_type="dataset", revision=info.sha, local_dir=folder)


def _wanted(names: Sequence[str]) -> list[str]:
    """The project's own files; of another data set, the files of rows whose names begin with a split's."""
    own = [name for name in (*SPLIT_FILES.values(), DATASET_INFO) if name in names]
    if SPLIT_FILES["train"] in own:
        return own
    return [name for name in names if name.endswith(KINDS) and name != DATASET_INFO and _split_of(name)]


def _split_of(name: str) -> Split:
    """Which split a file is by its name; a file of another name is train."""
    stem = PurePosixPath(name).stem.lower()
    if re.match(r"(?:validation|valid|val|dev|eval)(?:\b|[-_.])", stem):
        return "validation"
    return "test" if re.match(r"test(?:\b|[-_.])", stem) else "train"


def _unpacked(path: Path, folder: Path, called: str) -> Path:
    """The files of rows in a zip, without the folders that they are in."""
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        wanted = [one for one in members if PurePosixPath(one.filename).name in (*SPLIT_FILES.values(), DATASET_INFO)]
        if not any(one.filename.endswith(SPLIT_FILES["train"]) for one in wanted):
            wanted = [one for one in members if one.filename.endswith(KINDS)]
        if not wanted:
            raise _nothing(called)
        if (total := sum(one.file_size for one in wanted)) > MAX_BYTES:
            raise _too_large(called, total)
        check_swelling(called, path.stat().st_size, total)
        for one in wanted:
            # A zip that lies about a size ends in BadZipFile: zipfile reads no further than it says.
            with archive.open(one) as file, (folder / PurePosixPath(one.filename).name).open("wb") as unpacked:
                shutil.copyfileobj(file, unpacked)
    return folder


def _from_folder(folder: Path, called: str, persona: str, mapping: ColumnMapping = NO_MAPPING) -> LoadedDataset:
    rows: dict[Split, list[Row]] = {split: [] for split in SPLIT_FILES}
    all_of_it = _Found()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in KINDS and path.name != DATASET_INFO):
        found = _read(path, path.name, mapping, may_be_empty=True)
        rows[_split_of(path.name)] += found.rows
        all_of_it.add(found)
    if not rows["validation"] and not (folder / SPLIT_FILES["validation"]).exists():
        rows["train"], rows["validation"] = map(list, split_validation(rows["train"]))
    info = _info(folder / DATASET_INFO) if (folder / DATASET_INFO).is_file() else None
    return _loaded(rows, info, called, persona, all_of_it)


def _loaded(
    rows: Mapping[Split, Sequence[Row]], info: DataSetInfo | None, called: str, persona: str, found: "_Found"
) -> LoadedDataset:
    if not rows.get("train") and not found.pairs:
        raise _nothing(called, found)
    every_row = [row for split in rows.values() for row in split]
    system = common_system(every_row)
    if system:
        rows = {split: [replace(row, system="") for row in some] for split, some in rows.items()}
    name = safe_name(PurePosixPath(called).name.split(".")[0], "dataset")
    messages = sum(len(turn.messages) for row in every_row for turn in row.turns)
    info = info or DataSetInfo(
        name=name, persona=persona or "assistant", description=system, source=called, format="rows", counts={},
        messages=messages, sessions=len({row.session for row in every_row}), train_rows=0,
        validation_rows=0, gap_minutes=0.0, budget=0, model="",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )  # fmt: skip
    systems = 0 if system else len({row.system for row in every_row} - {""})
    return LoadedDataset(
        replace(info, name=name, description=info.description or system), rows, tuple(found.pairs),
        +found.left_out, tuple(found.examples), systems,
    )  # fmt: skip


def _info(path: Path) -> DataSetInfo | None:
    """What a data set says of itself; None where that cannot be used, for its rows still can."""
    try:
        info = DataSetInfo.from_json(parse_json(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, AttributeError):
        return None
    texts = (info.persona, info.description, info.source, info.format, info.model, info.created)
    numbers = (info.messages, info.sessions, info.gap_minutes, info.budget)
    fits = all(isinstance(text, str) for text in texts) and all(type(n) in (int, float) for n in numbers)
    return info if fits and isinstance(info.counts, dict) and isinstance(info.recipe, dict) else None


@dataclass
class _Found:
    rows: list[Row] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, other: "_Found") -> None:
        self.rows += other.rows
        self.pairs += other.pairs
        self.left_out += other.left_out
        self.examples = (self.examples + other.examples)[:MAX_EXAMPLES]

    def leave_out(self, where: str, why: str) -> None:
        self.left_out["unreadable"] += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(f"{where}: {why[:160]}")


def _read(path: Path, called: str, mapping: ColumnMapping, *, may_be_empty: bool = False) -> _Found:
    """What is in one file. Raises UnknownShapeError where none of its records is in a known shape."""
    found, sample, reason = _Found(), [], ""
    source = records(path, called)
    if mapping.one_message_a_record:
        source, mapping = conversations(source, mapping), within(mapping)
    elif mapping == NO_MAPPING:
        source = with_trees(source)
    for number, record in enumerate(source):
        if isinstance(record, Unreadable):
            if record.why == REPEATED_HEADING:
                found.left_out["header"] += 1
            else:
                found.leave_out(f"line {record.line}" if record.line else f"record {number + 1}", record.why)
            continue
        try:
            read = read_record(record, number, mapping)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            found.leave_out(f"record {number + 1}", str(error))
            reason = reason or str(error)
            if isinstance(record, dict) and len(sample) < SAMPLED:
                sample.append(record)
            continue
        found.rows += [read.row] if read.row else []
        found.pairs += [read.pair] if read.pair else []
        found.left_out.update(read.left_out)
    if not found.rows and not found.pairs:
        if sample:
            raise UnknownShapeError(called, UnknownColumns(tuple(columns_of(sample)), tuple(sample), reason))
        if not may_be_empty:
            raise _nothing(called, found)
    return found


def _nothing(called: str, found: "_Found | None" = None) -> InputError:
    reasons = Text("", "")
    if found and +found.left_out:
        texts = [(left_out_text(why), count) for why, count in found.left_out.items() if count]
        reasons = Text(
            " (" + "; ".join(f"{text.en}: {count}" for text, count in texts) + ")",
            "（" + "、".join(f"{text.ja}: {count}" for text, count in texts) + "）",
        )
    first = f" {found.examples[0]}." if found and found.examples else ""
    return InputError(
        f"“{called}” holds no row with words of a persona{reasons.en}.{first} Rows are JSONL, JSON, CSV or Parquet "
        "with messages, conversations, instruction and output, prompt and completion, or texts with marks.",
        f"「{called}」には人格の発言のある行がありません{reasons.ja}。{first}messages、conversations、"
        "instruction と output、prompt と completion、または印の付いた文の"
        "JSONL・JSON・CSV・Parquet を選んでください。",
    )


def _too_large(called: str, size: int) -> InputError:
    return InputError(
        f"“{called}” is {size / 1e6:,.0f} MB; {MAX_BYTES / 1e6:,.0f} MB are allowed.",
        f"「{called}」は {size / 1e6:,.0f} MB あります。{MAX_BYTES / 1e6:,.0f} MB までにしてください。",
    )
