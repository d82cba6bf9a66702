"""Data sets from elsewhere: a file or a zip of one's own, or a repository of the Hub, as rows for the shelf.

Read are the project's own rows, OpenAI messages, ShareGPT, Alpaca and the seed format with ### marks, as JSONL,
JSON or Parquet. `DataSets.adopt` keeps what was loaded. A record without words of the persona is left out and
counted; what is no record at all is an error that names it.
"""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from core.data.io.store import DataSetInfo
from core.data.rows import Row
from core.data.split import split_validation
from core.errors import HubError, InputError
from core.files import parse_json, safe_name
from core.hub import client
from core.hub.errors import hub_errors
from core.workspace import DATASET_INFO, SPLIT_FILES, Split

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KINDS = (".jsonl", ".json", ".parquet")
MAX_BYTES = 500_000_000
LARGEST_RATIO, RATIO_FROM = 100, 20_000_000  # chats shrink to a tenth, rarely to a fiftieth
OWN = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
NOT_SPOKEN = ("system", "developer", "tool", "function")
MARK = re.compile(r"(?:\A|\n)###\s*(指示|入力|回答|応答|Instruction|Input|Response)\s*[:：]\s*\n?", re.IGNORECASE)
ANSWERS = ("回答", "応答", "response")


@dataclass(frozen=True)
class LoadedDataset:
    """A data set from elsewhere, for `DataSets.adopt`."""

    info: DataSetInfo
    rows: Mapping[Split, Sequence[Row]]
    skipped: int = 0
    """Records without words of the persona."""


def load_set(path: Path, *, name: str | None = None, persona: str = "") -> LoadedDataset:
    """The data set in `path`: a file of rows, or a zip with train.jsonl (and the other splits, dataset.json).

    Of a single file the last tenth is held out. `name` is what the person calls the file, `persona` who is
    learned where the set itself does not say. Raises InputError for what cannot be read.
    """
    called = name or path.name
    if path.stat().st_size > MAX_BYTES:
        raise _too_large(called, path.stat().st_size)
    if zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory() as folder:
            return _from_folder(_unpacked(path, Path(folder), called), called, persona)
    rows, left = _read(path, called)
    train, validation = split_validation(rows)
    return _loaded({"train": train, "validation": validation}, None, called, persona, left)


def pull_set(
    repo: str, *, token: str | Literal[False] | None, persona: str = "", endpoint: str | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> LoadedDataset:  # fmt: skip
    """The data set in the repository `repo` of the Hub, with a token given by hand; False or None for none.

    Raises InputError, HubError, and what `load_set` raises.
    """
    name = client.check_repo(repo)
    with tempfile.TemporaryDirectory() as folder, hub_errors(name):
        api = client.api_for(token or False, endpoint)
        _download(api, name, Path(folder), on_progress or (lambda _: None))
        return _from_folder(Path(folder), name, persona)


def _download(api: "HfApi", repo: str, folder: Path, say: Callable[[str], None]) -> None:
    """The files of a data set, and no other, into `folder`."""
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


def _split_of(name: str) -> Split | None:
    """Which split a file is by its name; a file of another name is train."""
    stem = PurePosixPath(name).stem.lower()
    if re.match(r"(?:validation|valid|validation|dev|eval)\b|(?:validation|valid|validation|dev|eval)[-_.]", stem):
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
        if total > max(RATIO_FROM, LARGEST_RATIO * path.stat().st_size):
            raise _swells(called, path.stat().st_size, total)
        for one in wanted:
            # A zip that lies about a size ends in BadZipFile: zipfile reads no further than it says.
            with archive.open(one) as file, (folder / PurePosixPath(one.filename).name).open("wb") as unpacked:
                shutil.copyfileobj(file, unpacked)
    return folder


def _swells(called: str, packed: int, size: int) -> InputError:
    return InputError(
        f"“{called}” has {packed:,} bytes and unpacks to {size:,} or more, which no chat does. Take out repeated rows.",
        f"「{called}」は {packed:,} バイトですが、展開すると {size:,} バイト以上になります。"
        "会話ではありえない大きさなので、くり返しの行を除いてください。",
    )


def _from_folder(folder: Path, called: str, persona: str) -> LoadedDataset:
    rows: dict[Split, list[Row]] = {split: [] for split in SPLIT_FILES}
    left = 0
    for path in sorted(path for path in folder.rglob("*") if path.suffix in KINDS and path.name != DATASET_INFO):
        found, without = _read(path, path.name, may_be_empty=True)
        rows[_split_of(path.name)] += found
        left += without
    if not rows["validation"] and not (folder / SPLIT_FILES["validation"]).exists():
        rows["train"], rows["validation"] = map(list, split_validation(rows["train"]))
    info = _info(folder / DATASET_INFO) if (folder / DATASET_INFO).is_file() else None
    return _loaded(rows, info, called, persona, left)


def _loaded(
    rows: Mapping[Split, Sequence[Row]], info: DataSetInfo | None, called: str, persona: str, left: int
) -> LoadedDataset:
    if not rows.get("train"):
        raise _nothing(called)
    name = safe_name(PurePosixPath(called).name.split(".")[0], "dataset")
    messages = sum(len(turn.messages) for split in rows.values() for row in split for turn in row.turns)
    info = info or DataSetInfo(
        name=name, persona=persona or "assistant", description="", source=called, format="rows", counts={},
        messages=messages, sessions=len({row.session for split in rows.values() for row in split}), train_rows=0,
        validation_rows=0, gap_minutes=0.0, budget=0, model="",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )  # fmt: skip
    return LoadedDataset(replace(info, name=name), rows, left)


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


def _read(path: Path, called: str, *, may_be_empty: bool = False) -> tuple[list[Row], int]:
    """(rows, records without words of the persona)."""
    rows, left = [], 0
    for number, record in enumerate(_records(path, called), start=1):
        try:
            row = row_of(record, number - 1)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"Record {number} of “{called}” is no row that can be read: {str(record)[:80]}",
                f"「{called}」の {number} 件目は行として読めません: {str(record)[:80]}",
            ) from error
        if row is None:
            left += 1
        else:
            rows.append(row)
    if not rows and not may_be_empty:
        raise _nothing(called)
    return rows, left


def _records(path: Path, called: str) -> Iterator[object]:
    """The records of a file of rows, by its beginning: Parquet, a JSON list, or JSON lines."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == b"PAR1":
        yield from _of_parquet(path, called)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.lstrip()[:1] == "[":
            yield from parse_json(text)
        else:
            yield from (parse_json(line) for line in text.split("\n") if line.strip())
    except ValueError as error:
        raise InputError(
            f"“{called}” is no file of rows: {str(error)[:120]}. Rows are JSONL, JSON or Parquet, in UTF-8.",
            f"「{called}」は行のファイルとして読めません: {str(error)[:120]}。"
            "UTF-8 の JSONL か JSON、または Parquet にしてください。",
        ) from error


def _of_parquet(path: Path, called: str) -> Iterator[object]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            size = 0
            for batch in file.iter_batches(batch_size=1000):
                size += batch.nbytes
                if size > MAX_BYTES or size > max(RATIO_FROM, LARGEST_RATIO * path.stat().st_size):
                    raise _swells(called, path.stat().st_size, size)
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"“{called}” is a damaged Parquet file: {str(error)[:120]}.",
            f"「{called}」は壊れた Parquet ファイルです: {str(error)[:120]}。",
        ) from error


def row_of(record: Mapping[str, object], number: int) -> Row | None:
    """A record of any of the formats as a row; None where the persona says nothing in it.

    Raises KeyError, TypeError, ValueError or AttributeError for what is no record.
    """
    if "messages" in record or "conversations" in record:
        messages = [_message(one) for one in record.get("messages") or record.get("conversations") or ()]
    elif "output" in record:
        asked = "\n".join(filter(None, (record.get("instruction"), record.get("input"))))
        pairs = [*(record.get("history") or ()), (asked, record["output"])]
        messages = [message for asked, answer in pairs for message in _exchange(asked, answer)]
    else:
        messages = _of_marks(record["text"])
    kept = [message for message in messages if message and message["content"].strip()]
    start = record.get("start")
    session = record.get("session")
    row = {"session": number if session is None else session, "start": start, "messages": kept}
    made = Row.from_json(row) if any(m["role"] == "assistant" for m in kept) else None
    return made if made and made.trained_messages else None


def _message(one: Mapping[str, object]) -> dict[str, object] | None:
    """A message of OpenAI's or ShareGPT's; None for what nobody says."""
    role = one["role"] if "role" in one else one["from"]
    if role in NOT_SPOKEN:
        return None
    said = _text(one["content"] if "content" in one else one["value"])
    weight = one.get("weight", one.get("loss_weight"))
    rest = {"name": one.get("name"), "weight": weight}
    return {"role": OWN[role], "content": said} | {key: value for key, value in rest.items() if value is not None}


def _text(said: object) -> str:
    """The words of a message; of one in parts, those that are text."""
    if isinstance(said, list):
        said = "\n".join(part.get("text") or part["value"] for part in said if part["type"] == "text")
    if not isinstance(said, str):
        raise TypeError("words have to be text")
    return said


def _exchange(asked: str, answer: str) -> list[dict[str, object]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def _of_marks(text: str) -> list[dict[str, object]]:
    """The exchanges of a text with ### marks. Raises ValueError for another text."""
    parts = MARK.split(text.replace("<NL>", "\n"))
    if len(parts) < 3:
        raise ValueError("no ### marks")
    marked = zip(parts[1::2], parts[2::2], strict=True)
    return [
        {"role": "assistant" if mark.lower() in ANSWERS else "user", "content": words.strip("\n")}
        for mark, words in marked
    ]


def _nothing(called: str) -> InputError:
    return InputError(
        f"“{called}” holds no row with words of a persona. Rows are JSONL, JSON or Parquet with messages, "
        "conversations, instruction and output, or texts with ### marks.",
        f"「{called}」には人格の発言のある行がありません。messages、conversations、instruction と output、"
        "または ### の付いた文の JSONL・JSON・Parquet を選んでください。",
    )


def _too_large(called: str, size: int) -> InputError:
    return InputError(
        f"“{called}” is {size / 1e6:,.0f} MB; {MAX_BYTES / 1e6:,.0f} MB are allowed.",
        f"「{called}」は {size / 1e6:,.0f} MB あります。{MAX_BYTES / 1e6:,.0f} MB までにしてください。",
    )
