"""Names that become paths, and files that are whole."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.files import check_name, safe_name
from core.workspace import FOLDERS, Workspace

OWNER = "key-0123"
BAD = [
    "", " ", ".", "..", "...", "../x", "a/b", "a\\b", "/etc", "~", "-rf", ".hidden", "x\0", "x\ny", "foo%2f..",
    "CON", "con.txt", "Aux .md", "nul.", "COM1", "lpt9.log", "COM¹", "a.", "x" * 65, "あ" * 61, "x" * 300, "a:b",
    "a*", "<b>", "a|b", "\u202eabc", "\ufdd0", "🎉", None, 7.5, ["x"],
]  # fmt: skip
GOOD = ["a", "みか 2", "Ω", "été", "a.b-c_d", "_x", "con1", "x" * 64, "あ" * 60, "console", "7"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.mark.parametrize("name", BAD)
def test_names_that_could_leave_their_folder_are_refused(workspace: Workspace, name: Any) -> None:
    with pytest.raises(InputError) as caught:
        workspace.place(OWNER, "adapters", name)
    assert len(caught.value.en) < 300 and caught.value.ja


@pytest.mark.parametrize("name", GOOD)
def test_names_that_people_use_are_taken(workspace: Workspace, name: str) -> None:
    place = workspace.place(OWNER, "adapters", name)
    place.mkdir()
    assert place.parent == workspace.home / "owners" / OWNER / "adapters"
    assert workspace.names(OWNER, "adapters") == [place.name]


def test_one_name_in_two_spellings_is_one_thing() -> None:
    assert check_name("cafe\u0301") == check_name("caf\u00e9") == check_name("  café ")


@pytest.mark.parametrize("owner", ["", "alice", "key-", "key-a/b", "../x-y", "Key-a", "key-a\n", "key-" + "a" * 97])
def test_only_owners_ids_name_shelves(workspace: Workspace, owner: str) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        workspace.folder(owner, "chats")
    for kind in ("", "..", "jobs", "chats/.."):
        with pytest.raises(ValueError, match="no such folder"):
            workspace.folder(OWNER, kind)


def test_shelves_are_made_when_they_are_asked_for(workspace: Workspace) -> None:
    assert not workspace.home.exists()
    made = [workspace.folder(OWNER, kind) for kind in FOLDERS] + [workspace.jobs(), workspace.cache()]
    assert all(folder.is_dir() for folder in made) and len(set(made)) == len(FOLDERS) + 2


@pytest.mark.parametrize("text", [*map(str, BAD), *GOOD, "Mika (final)!", "a  b", "-._x_.-", "é" * 500])
def test_suggested_names_can_be_used(text: str) -> None:
    assert check_name(safe_name(text, "persona"))


def test_suggestions_stay_close() -> None:
    assert safe_name("みか の ログ.txt", "x") == "みか-の-ログ.txt"
    assert safe_name("🎉🎉", "persona") == "persona"


@pytest.mark.parametrize("wanted", ["mine", "x" * 64, "あ" * 60])
def test_a_free_name_is_found_also_for_long_ones(workspace: Workspace, wanted: str) -> None:
    names = []
    for _ in range(12):
        names.append(workspace.free_name(OWNER, "datasets", wanted))
        workspace.place(OWNER, "datasets", names[-1]).mkdir()
    assert names[0] == wanted and len(set(names)) == 12 and names[11].endswith("-12")


def test_the_newest_thing_leads_and_hidden_ones_are_left_out(workspace: Workspace) -> None:
    for number, name in enumerate(("b", "a", "c", ".aside")):
        place = workspace.folder(OWNER, "chats") / name
        place.touch()
        os.utime(place, (number, number))
    assert workspace.names(OWNER, "chats") == ["c", "a", "b"]
    assert workspace.names("key-other", "chats") == []


def upload(workspace: Workspace, name: str = "log.TXT", text: str = "hello") -> Path:
    """As Gradio leaves it: alone in a folder named by its hash."""
    path = workspace.cache() / "0a1b" / name
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_an_upload_leaves_the_cache(workspace: Workspace) -> None:
    cached = upload(workspace)
    taken = workspace.take_upload(OWNER, cached, workspace.cache())
    assert taken.read_text(encoding="utf-8") == "hello" and taken.suffix == ".txt"
    assert taken.parent == workspace.folder(OWNER, "uploads")
    assert list(workspace.cache().rglob("*")) == []
    with pytest.raises(InputError, match="not uploaded here"):
        workspace.take_upload(OWNER, cached, workspace.cache())


def test_neighbours_in_the_cache_stay(workspace: Workspace) -> None:
    cached = upload(workspace)
    other = cached.with_name("other.txt")
    other.touch()
    workspace.take_upload(OWNER, cached, workspace.cache())
    assert other.exists()
    direct = workspace.cache() / "direct.zip"
    direct.touch()
    assert workspace.take_upload(OWNER, direct, workspace.cache()).suffix == ".zip"
    assert workspace.cache().is_dir()


def test_a_forged_upload_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    secret = workspace.place("key-other", "uploads", "log.txt")
    secret.write_text("secret", encoding="utf-8")
    cache = workspace.cache()
    (cache / "link.txt").symlink_to(secret)
    (cache / "loop").symlink_to(cache / "loop")
    (tmp_path / "home" / "cache-too").mkdir()
    near = tmp_path / "home" / "cache-too" / "x.txt"
    near.touch()
    forged = [
        secret, cache / ".." / "owners" / "key-other" / "uploads" / "log.txt", cache / "link.txt", cache / "loop",
        cache, near, Path("/etc/passwd"), Path("relative.txt"), Path("x\0y"), Path("/" + "x" * 5000), cache / "none",
    ]  # fmt: skip
    for path in forged:
        with pytest.raises(InputError, match="not uploaded here"):
            workspace.take_upload(OWNER, path, cache)
    assert secret.read_text(encoding="utf-8") == "secret"


# Downloads


def test_a_download_is_made_with_its_owner_and_served_from_the_cache(workspace: Workspace) -> None:
    with workspace.download_folder(OWNER) as folder:
        assert folder.is_relative_to(workspace.folder(OWNER, "downloads"))
        (folder / "part").write_text("left over")
        (folder / "a.zip").write_bytes(b"zip")
        file = workspace.hand_out(OWNER, folder / "a.zip")
    assert (file.name, file.read_bytes()) == ("a.zip", b"zip") and file.is_relative_to(workspace.cache())
    assert not list(workspace.folder(OWNER, "downloads").iterdir())
    with workspace.download_folder(OWNER) as folder:
        (folder / "a.zip").write_bytes(b"other")
        assert workspace.hand_out(OWNER, folder / "a.zip").parent != file.parent  # two of one name are two files


def test_a_download_that_fails_or_was_cut_short_leaves_nothing(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="disk is full"), workspace.download_folder(OWNER) as folder:
        (folder / "a.zip").write_bytes(b"zip")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not folder.exists()
    old, new = (workspace.folder(OWNER, "downloads") / name for name in ("old", "new"))
    for left in (old, new):
        left.mkdir()
    os.utime(old, (0, 0))
    with workspace.download_folder(OWNER):
        assert not old.exists() and new.exists()
