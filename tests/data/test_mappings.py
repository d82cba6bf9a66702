"""Records of no known shape: what there is to choose from, the guess, the preview, and the memory of a choice."""

import json
from pathlib import Path

import pytest

from core.data.io.columns import ColumnMapping, SpeakerRole
from core.data.io.load import UnknownShapeError, load_set
from core.data.io.mappings import Mappings, message_columns, message_keys, preview, speakers_of, suggested
from core.data.io.waiting import WaitingSets
from core.errors import InputError
from core.workspace import Workspace

TABLE = [{"no": k, "seeker": f"how are you {k}?", "mood": "calm", "sage": f"well, {k} times"} for k in range(5)]
LOG = [
    {"id": k, "log": [{"n": "Aki", "t": "hello"}, {"n": "narrator", "t": "it rains"}, {"n": "Ben", "t": f"hi {k}"}]}
    for k in range(5)
]  # fmt: skip
ROLES: tuple[tuple[str, SpeakerRole], ...] = (("Aki", "user"), ("narrator", "left_out"), ("Ben", "assistant"))


def test_the_guess_is_a_list_of_messages_or_else_the_longest_texts() -> None:
    assert suggested(TABLE) == ColumnMapping(user="seeker", assistant="sage")
    guess = suggested(LOG)
    assert (guess.messages, guess.who, guess.said) == ("log", "n", "t")
    assert guess.roles[0] == ("Aki", "user") and ("Ben", "assistant") in guess.roles
    assert suggested([]) == suggested([{"n": 1}]) == ColumnMapping()


def test_a_list_of_messages_may_be_written_as_json_text() -> None:
    written = [{"id": record["id"], "log": json.dumps(record["log"])} for record in LOG]
    assert message_columns(written) == message_columns(LOG) == ["log"]
    assert message_keys(written, "log") == ["n", "t"]
    assert speakers_of(written, ColumnMapping(messages="log", who="n")) == ["Aki", "narrator", "Ben"]


def test_the_preview_reads_as_loading_does(tmp_path: Path) -> None:
    mapping = ColumnMapping(messages="log", who="n", said="t", roles=ROLES)
    seen = preview(LOG, mapping, most=2)
    assert (len(seen.rows), seen.read, seen.all, seen.why) == (2, 5, 5, "")
    (tmp_path / "a.json").write_text(json.dumps(LOG), encoding="utf-8")
    loaded = load_set(tmp_path / "a.json", mapping=mapping)
    assert loaded.rows["train"][0].turns == seen.rows[0].turns and loaded.left_out == {"speaker": 5}
    assert "Aki" in preview(LOG, ColumnMapping(messages="log", who="n", said="t")).why


def test_a_choice_is_remembered_by_the_set_of_columns_and_the_owner(tmp_path: Path) -> None:
    mappings, mapping = Mappings(Workspace(tmp_path)), ColumnMapping(messages="log", who="n", said="t", roles=ROLES)
    mappings.keep("key-1", ["id", "log"], mapping)
    mappings.keep("key-1", ["q", "a2"], ColumnMapping(user="q", assistant="a2"))
    assert mappings.get("key-1", ["LOG", "id"]) == mapping
    assert mappings.get("key-1", ["log"]) is None and mappings.get("key-2", ["id", "log"]) is None
    mappings.forget("key-1", ["id", "log"])
    assert mappings.get("key-1", ["id", "log"]) is None and mappings.get("key-1", ["a2", "q"])
    next(tmp_path.rglob(".mappings.json")).write_text("[{}", encoding="utf-8")
    assert mappings.get("key-1", ["a2", "q"]) is None  # damaged: asked again


def test_what_waits_is_one_file_of_an_owner_and_goes(tmp_path: Path) -> None:
    waiting, source = WaitingSets(Workspace(tmp_path)), tmp_path / "up.jsonl"
    source.write_text("{}", encoding="utf-8")
    first = waiting.keep("key-1", source)
    assert waiting.place("key-1", first).read_text(encoding="utf-8") == "{}" and not source.exists()
    second = waiting.new("key-1")
    (tmp_path / "owners/key-1/uploads/waiting" / second / "train.jsonl").write_text("{}", encoding="utf-8")
    assert waiting.place("key-1", second).is_dir()
    for gone in (first, "never"):
        with pytest.raises(InputError, match="Choose it again"):
            waiting.place("key-1", gone)
    waiting.clear("key-1")
    assert not (tmp_path / "owners/key-1/uploads/waiting").exists()


def test_a_folder_is_loaded_as_a_zip_of_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, TABLE)), encoding="utf-8")
    with pytest.raises(UnknownShapeError):
        load_set(folder)
    assert load_set(folder, mapping=suggested(TABLE)).info.name == "set"
