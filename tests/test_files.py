"""Files that are written whole or not at all, and a full disk in words."""

import errno
import json
import threading
from pathlib import Path

import pytest

from core import files as module
from core.errors import InputError, ModelError
from core.files import (
    append_json,
    check_free,
    disk_errors,
    disk_full_text,
    is_disk_full,
    new_folder,
    parse_json_lines,
    read_json,
    recover_folder,
    remove_folder,
    write_json,
)  # fmt: skip
from core.text import Text


def test_json_survives_every_character(tmp_path: Path) -> None:
    value = {"a": "みか🎉\n\u2028", "n": [1, None, True]}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    write_json(tmp_path / ("あ" * 60 + ".json"), value)  # the longest name that is allowed, with an ending


def test_a_value_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"new": "x" * 100_000, "bad": object()})
    assert read_json(tmp_path / "x.json") == {"old": 1} and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    write_json(tmp_path / "x.json", {"old": 1})

    def full(descriptor: int) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(InputError, match="disk is full"):
        write_json(tmp_path / "x.json", {"new": 1})
    assert read_json(tmp_path / "x.json") == {"old": 1} and len(list(tmp_path.iterdir())) == 1


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path, wrong, done = tmp_path / "x.json", [], threading.Event()
    write_json(path, ["0" * 50_000])

    def read() -> None:
        while not done.is_set():
            text = json.loads(path.read_text(encoding="utf-8"))[0]
            if len(set(text)) != 1 or len(text) != 50_000:
                wrong.append(text[:10])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        write_json(path, [str(number % 10) * 50_000])
    done.set()
    reader.join()
    assert wrong == []


def test_a_disk_that_cannot_be_written_is_told_without_its_path() -> None:
    with pytest.raises(InputError, match="Permission denied") as caught, disk_errors():
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/secret")
    assert "secret" not in caught.value.en + caught.value.ja
    with pytest.raises(FileNotFoundError), disk_errors():
        raise FileNotFoundError(errno.ENOENT, "No such file")


def test_a_full_disk_is_known_by_its_number_and_by_what_libraries_say_of_it() -> None:
    assert is_disk_full(OSError(errno.ENOSPC, "")) and is_disk_full(RuntimeError("I/O error (os error 28)"))
    assert not is_disk_full(OSError(errno.EACCES, "")) and not is_disk_full(ValueError("full"))
    full = disk_full_text(500_000, 2_000_000)
    assert "500.0 kB free, 2.0 MB needed" in full.en and "空き 500.0 kB、必要 2.0 MB" in full.ja


def test_room_is_asked_for_before_a_write_and_both_sizes_are_said(tmp_path: Path) -> None:
    place = tmp_path / "not" / "there yet"
    check_free(place, 0)
    with pytest.raises(ModelError, match=r"The disk is full \(.+ free, 1000000000\.0 GB needed\).+ Wait\.") as caught:
        check_free(place, 1e18, then=Text("Wait.", "待ってください。"), error=ModelError)
    assert caught.value.text.ja.endswith("待ってください。") and not place.exists()


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path, replace: bool) -> None:
    target = tmp_path / "thing"
    with pytest.raises(KeyError), new_folder(target, replace=replace) as tmp:
        (tmp / "a").write_text("1")
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with new_folder(target, replace=replace) as tmp:
        (tmp / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1" and list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    target, other = tmp_path / "a", tmp_path / f".a.b.{'0' * 32}"
    other.mkdir()  # being written: a folder called a.b
    with new_folder(target) as tmp:
        (tmp / "x").write_text("old")
    with pytest.raises(KeyError), new_folder(target, replace=True):
        raise KeyError
    assert (target / "x").read_text() == "old"
    with new_folder(target, replace=True) as tmp:
        (tmp / "y").write_text("new")
    assert [path.name for path in target.iterdir()] == ["y"] and set(tmp_path.iterdir()) == {target, other}


def test_a_replacement_that_was_killed_in_between_brings_the_old_folder_back(tmp_path: Path) -> None:
    (tmp_path / ".a.old").mkdir()
    (tmp_path / f".a.{'f' * 32}").mkdir()
    recover_folder(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    remove_folder(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sync", [False, True])
def test_lines_are_appended_behind_one_that_was_cut_short(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "lines"
    append_json(path, {"n": 1}, sync=sync)
    with path.open("ab") as file:
        file.write(b'{"n": 2, "cu')
    append_json(path, {"n": 3, "text": "改\u2028行"}, sync=sync)
    assert list(parse_json_lines(path.read_bytes())) == [{"n": 1}, {"n": 3, "text": "改\u2028行"}]
    with pytest.raises(ValueError):
        append_json(path, {"n": float("nan")})
    assert list(parse_json_lines(b'[1]\n"x"\n{"a": 1}\r\n')) == [{"a": 1}]
