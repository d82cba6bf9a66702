"""Data sets on disk: saved whole or not at all, and read back as they were."""

import errno
import json
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from core import files
from core.data.io import store as store_module
from core.data.io.store import DataSets, SavedDataSet
from core.data.prepare import Prepared, prepare
from core.errors import InputError
from core.logs.log import Format, LineCount, Log
from core.messages import Message, Turn
from core.text import Text
from core.workspace import Workspace

OWNER = "key-test"


class Words:
    """A counter that counts words."""

    prefix_tokens = 1

    def turn(self, turn: Turn) -> int:
        return sum(len(text.split()) for text in turn.messages)


def prepared(people: str = "AAPBP", days: int = 12, budget: int = 100) -> Prepared:
    noon = datetime(2024, 1, 1, 12)
    messages = tuple(
        Message(name, f"{name} says {day}\nこんにちは", 1, time=noon + timedelta(days=day))
        for day in range(days)
        for name in people
    )
    log = Log(Format("line", Text("LINE", "LINE")), messages, LineCount(0, 0), file_name="talk.txt")
    return prepare(log, "P", counter=Words(), budget=budget)


@pytest.fixture
def store(tmp_path) -> DataSets:
    return DataSets(Workspace(tmp_path))


def save(store: DataSets, name: str = "aoi", **options) -> SavedDataSet:
    return store.save(OWNER, name, prepared(**options), description="葵。明るい友だち。", model="tiny")


def test_saved_and_read_back(store):
    made = prepared()
    saved = save(store)
    again = store.get(OWNER, "aoi")
    assert again == saved and again.info.persona == "P" and again.info.description == "葵。明るい友だち。"
    assert (again.info.messages, again.info.sessions, again.info.source, again.info.budget) == (60, 12, "talk.txt", 100)
    assert (again.info.train_rows, again.info.validation_rows) == (11, 1) and sum(again.info.counts.values()) == 60
    for split, rows in (("train", made.train), ("validation", made.validation)):
        read = store.read_rows(OWNER, "aoi", split)
        assert [(r.session, r.start, r.turns) for r in read] == [(r.session, r.start, r.turns) for r in rows]


def test_a_row_is_one_line_with_one_entry_a_message(store):
    lines = save(store).file("train").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 11
    row = json.loads(lines[0])
    assert (row["session"], row["start"]) == (0, "2024-01-01T12:00:00")
    entry = {"content": "A says 0\nこんにちは", "name": "A", "role": "user"}
    assert row["messages"][:2] == [entry, entry] and row["messages"][-1]["role"] == "assistant"


def test_a_taken_name_gets_a_number_and_others_see_nothing(store):
    assert [save(store).info.name, save(store).info.name] == ["aoi", "aoi-2"]
    assert {saved.info.name for saved in store.list_all(OWNER)} == {"aoi", "aoi-2"}
    assert store.list_all("key-other") == ()


def test_delete(store):
    folder = save(store).folder
    store.delete(OWNER, "aoi")
    assert not folder.exists() and store.list_all(OWNER) == () and list(folder.parent.iterdir()) == []
    with pytest.raises(InputError, match="no data set “aoi”"):
        store.delete(OWNER, "aoi")
    with pytest.raises(InputError, match="cannot be used as a name"):
        store.delete(OWNER, "../../other")


def test_damage_is_told(store):
    saved = save(store)
    with saved.file("train").open("a") as file:
        file.write('{"session": 1}\n')
    with pytest.raises(InputError, match=r"train\.jsonl is damaged"):
        store.read_rows(OWNER, "aoi", "train")
    (saved.folder / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        store.get(OWNER, "aoi")
    assert store.list_all(OWNER) == ()


def test_nothing_to_save(store):
    with pytest.raises(InputError, match="no row to save"):
        save(store, budget=2)


@pytest.mark.parametrize("step", ["_write_rows", "write_json", "rename"])
def test_a_full_disk_leaves_nothing_behind(store, monkeypatch, step):
    kept = save(store, "kept")
    target = files.os if step == "rename" else store_module

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(target, step, full)
    with pytest.raises(InputError, match="disk is full"):
        save(store)
    monkeypatch.undo()
    assert [path.name for path in kept.folder.parent.iterdir()] == ["kept"]
    assert save(store).info.name == "aoi"


def test_a_disk_that_fills_up_in_the_middle_of_a_file(store, monkeypatch):
    """The first rows are on disk when the space ends."""
    lines = store_module.to_jsonl

    def until_full(rows: Iterable) -> Iterable[str]:
        for number, line in enumerate(lines(rows)):
            if number == 5:
                raise OSError(errno.ENOSPC, "No space left on device")
            yield line

    monkeypatch.setattr(store_module, "to_jsonl", until_full)
    with pytest.raises(InputError, match="disk is full"):
        save(store)
    assert store.list_all(OWNER) == () and list((store.workspace.folder(OWNER, "datasets")).iterdir()) == []


def test_hugging_face_datasets_reads_it(store, tmp_path):
    """Names on some entries only, rows with and without a time: still one table."""
    import datasets

    saved = save(store)
    files = {"train": str(saved.file("train")), "validation": str(saved.file("validation"))}
    loaded = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert (loaded["train"].num_rows, loaded["validation"].num_rows) == (11, 1)
    messages = loaded["train"][0]["messages"]
    assert [m["role"] for m in messages] == ["user", "user", "assistant", "user", "assistant"]
    assert messages[0]["name"] == "A" and messages[2].get("name") is None
