"""Data sets from files, zips and the Hub become saved sets with the same rows."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.data.io.export import EXPORT_FORMATS, FILE_TYPES, Export, write_samples
from core.data.io.load import load_set, pull_set
from core.data.io.store import DataSets, SavedDataSet
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.data.rows import Row
from core.errors import HubError, InputError
from core.hub.client import push_folder
from core.workspace import Workspace
from tests.data.test_rows import Letters, log_of, say, talk
from tests.helpers.fake_hub import WRITER, FakeHub

OWNER = "key-test"


def make(**choices: object) -> Prepared:
    days = [m for day in range(20) for m in (*talk("AAPPAP", minute=day * 1440), say("A", "?", day * 1440))]
    recipe = replace(Recipe(test_share=0.1), **choices)
    return prepare(log_of(*days), "P", counter=Letters(), budget=1000, recipe=recipe)


@pytest.fixture
def fake(monkeypatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def store(tmp_path) -> DataSets:
    return DataSets(Workspace(tmp_path / "home"))


@pytest.fixture
def saved(store) -> SavedDataSet:
    return store.save(OWNER, "aoi", make(shape="window"), description="葵。", model="tiny")


def content(rows) -> list[dict]:
    return [row.to_json() for row in rows]


def words(rows) -> list[list[tuple[str, str]]]:
    return [[(turn.role, "\n".join(turn.messages)) for turn in row.turns] for row in rows]


def test_a_zip_of_a_saved_set_is_the_same_set(store, saved, tmp_path):
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in saved.folder.iterdir():
            archive.write(file, f"aoi/{file.name}")
    loaded = load_set(path)
    again = store.import_rows(OWNER, loaded.info, loaded.rows)
    assert again.info.name == "mine" and again.info.persona == "P" and again.info.recipe == saved.info.recipe
    for split in ("train", "validation", "test"):
        assert content(store.read_rows(OWNER, "mine", split)) == content(store.read_rows(OWNER, "aoi", split))
    assert (again.info.train_rows, again.info.test_rows) == (saved.info.train_rows, saved.info.test_rows)


@pytest.mark.parametrize("export_format", EXPORT_FORMATS)
@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_what_was_exported_is_read_back(tmp_path, export_format, file_type):
    rows = make().train
    path = tmp_path / f"rows.{file_type}"
    write_samples(path, rows, Export(export_format), file_type)
    loaded = load_set(path, persona="葵")
    assert loaded.skipped == 0 and loaded.info.persona == "葵" and loaded.info.name == "rows"
    assert words([*loaded.rows["train"], *loaded.rows["validation"]]) == words(rows)
    assert len(loaded.rows["validation"]) == 2


def test_words_that_are_only_context_stay_so(tmp_path):
    rows = make(shape="window").train
    write_samples(tmp_path / "rows.jsonl", rows, Export("messages"))
    loaded = load_set(tmp_path / "rows.jsonl")
    assert [row.trained_messages for row in loaded.rows["train"]] == [1] * len(loaded.rows["train"])


def test_what_was_pushed_is_pulled(store, saved, fake):
    push_folder(folder=saved.folder, repo="aoi-data", kind="dataset", token=WRITER, message="m", endpoint=fake.url)
    told: list[str] = []
    loaded = pull_set("alice/aoi-data", token=WRITER, persona="葵", endpoint=fake.url, on_progress=told.append)
    assert told == ["train.jsonl", "validation.jsonl", "test.jsonl"] and loaded.info.persona == "葵"
    again = store.import_rows(OWNER, loaded.info, loaded.rows)
    assert again.info.name == "aoi-data" and again.info.source == "alice/aoi-data"
    for split in ("train", "validation", "test"):
        assert content(store.read_rows(OWNER, "aoi-data", split)) == content(store.read_rows(OWNER, "aoi", split))


def test_another_data_set_of_the_hub(fake):
    record = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"},
                           {"role": "assistant", "content": "a"}]}  # fmt: skip
    lines = (json.dumps(record) + "\n").encode() * 20
    fake.add_repo("bob/chat", {"data/train-00000.jsonl": lines, "data/test-00000.jsonl": lines}, kind="dataset")
    fake.add_repo("bob/none", {"weights.bin": b"x"}, kind="dataset")
    loaded = pull_set("bob/chat", token=None, endpoint=fake.url)
    for repo, told in (("bob/none", "no rows"), ("bob/missing", "not found")):
        with pytest.raises(HubError, match=told):
            pull_set(repo, token=None, endpoint=fake.url)
    assert {split: len(rows) for split, rows in loaded.rows.items()} == {"train": 18, "validation": 2, "test": 20}
    assert words(loaded.rows["train"])[0] == [("user", "q"), ("assistant", "a")]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '{"x": 1}', '{"messages": [{"role": "user"}]}', '{"messages": [{"role": "king", "content": "a"}]}',
     '{"messages": [{"role": "user", "content": "a"}]}', '{"text": "plain"}', '{"messages": 5}', "null",
     '{"output": 5}', '{"conversations": [{"from": "gpt", "value": null}]}', "PAR1 and no more", "\ufeff"],
)  # fmt: skip
def test_what_is_no_data_set_is_told(tmp_path, text):
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        load_set(tmp_path / "rows.jsonl")


def test_bytes_that_are_no_text_and_a_zip_without_rows_are_told(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00\x81")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../evil.txt", "x")
    for name in ("a.json", "a.zip"):
        with pytest.raises(InputError):
            load_set(tmp_path / name)


def test_a_zip_cannot_leave_its_folder(tmp_path, store):
    line = json.dumps(Row.to_json(make().train[0]), ensure_ascii=False)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../train.jsonl", line)
    loaded = load_set(tmp_path / "a.zip")
    assert len(loaded.rows["train"]) == 1 and not (tmp_path.parent / "train.jsonl").exists()


def test_the_samples_of_other_projects(shared: Path):
    for path in sorted((shared / "samples" / "sft").iterdir()):
        loaded = load_set(path)
        assert len(loaded.rows["train"]) > 0, path.name
