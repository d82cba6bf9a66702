"""A workspace as one file: everything comes back as it was, and what is hostile leaves nothing behind."""

import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.bots.store import Bots
from core.chat.store import Conversations
from core.errors import InputError
from core.serve.keys import ApiKeys
from core.workspace import Workspace, __main__
from core.workspace import moving as module
from core.workspace.moving import LIST, checked_path, export_workspace, import_workspace

ME = "key-" + "a" * 32


@pytest.fixture
def old(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "old #1, 50%41?")  # as a folder may be called
    talks = Conversations(made)
    talks.save(ME, talks.new("socrates", "").said("user", "こんにちは"))
    Bots(made).create(ME, "socrates", "0" * 32, "t" * 172, language="ja", memory=True, push=False)
    with closing(sqlite3.connect(made.place(ME, "memory", "memory.sqlite"))) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE notes (text)")
        db.execute("INSERT INTO notes VALUES ('猫が好き')")
        db.commit()
    job = made.jobs() / "20260101-000000-0123456789abcdef"
    (job / "adapter").mkdir(parents=True)
    (job / "adapter" / "adapter_model.safetensors").write_bytes(os.urandom(300_000))
    (job / ".lock").touch()
    made.place(ME, "downloads", "half").write_text("…")
    (made.cache() / "upload").write_text("…")
    made.place(ME, "chats", "elsewhere").symlink_to("/etc/passwd")
    return made


def test_everything_comes_back_and_nothing_else(old: Workspace, tmp_path: Path) -> None:
    _, key = ApiKeys(old).create(ME, "script")
    file, new = tmp_path / "all.tar", Workspace(tmp_path / "new")
    with closing(sqlite3.connect(old.place(ME, "memory", "memory.sqlite"))) as server:  # as a running app holds it
        server.execute("INSERT INTO notes VALUES ('犬も好き')")
        server.commit()
        went = export_workspace(old.home, file)
    assert file.stat().st_mode & 0o777 == 0o600 and not list(tmp_path.glob(".*"))
    new.home.mkdir()
    assert import_workspace(file, new.home) == went
    [talk] = Conversations(new).list_all(ME)
    assert talk.turns[0].messages == ("こんにちは",)
    found = ApiKeys(new).find(key)
    assert found and found.last_used == 0.0
    [bot] = Bots(new).list_all(ME)
    assert bot.token == "t" * 172 and new.place(ME, "bots", f"{bot.id}.json").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(new.place(ME, "memory", "memory.sqlite"))) as db:
        assert [text for (text,) in db.execute("SELECT text FROM notes")] == ["猫が好き", "犬も好き"]
    weights = "jobs/20260101-000000-0123456789abcdef/adapter/adapter_model.safetensors"
    assert (new.home / weights).read_bytes() == (old.home / weights).read_bytes()
    names = {path.name for path in new.home.rglob("*")}
    assert not names & {"half", "upload", ".lock", "elsewhere", "memory.sqlite-wal"} and not list(new.home.glob(".*"))


def test_the_command_says_what_it_did(
    old: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    file = str(tmp_path / "all.tar")
    monkeypatch.setenv("OMOKAGE_HOME", str(old.home))
    assert __main__.main(["export", file]) == 0 and "files" in capsys.readouterr().out
    assert __main__.main(["export", file]) == 2 and "すでにある" in capsys.readouterr().err
    assert __main__.main(["import", file]) == 2 and "has things already" in capsys.readouterr().err
    monkeypatch.setenv("OMOKAGE_HOME", str(tmp_path / "new"))
    assert __main__.main(["import", file]) == 0 and (tmp_path / "new" / "owners" / ME).is_dir()
    assert __main__.main(["import", str(tmp_path / "none")]) == 2
    with pytest.raises(InputError):
        export_workspace(old.home, old.home / "inside.tar")


Change = Callable[[tarfile.TarInfo], tarfile.TarInfo]


def hostile(path: Path, *members: tuple[tarfile.TarInfo, bytes], listed: dict | None = None) -> Path:
    with tarfile.open(path, "w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        body = json.dumps({"version": 1, "files": listed or {}}).encode()
        end = tarfile.TarInfo(LIST)
        end.size = len(body)
        archive.addfile(end, io.BytesIO(body))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


OUTSIDE = (
    "../evil", "/etc/cron.d/evil", "owners/../../evil/x", f"owners/{ME}/../../../evil", "cache/x/y", "models/m/x",
    f"owners/{ME}/chats/..", f"owners/{ME}//x", f"owners/{ME}/a\\..\\b", "owners/../x/y", "owners/nobody/chats/x",
    f"owners/{ME}/c:evil", f"owners/{ME}/a\nb", "jobs/x", "jobs/" + "x" * 2000 + "/y", "./owners/a/b",
)  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no place"):
        checked_path(name)
    home = tmp_path / "home"
    good = (member(f"owners/{ME}/chats/a.json"), b"{}")
    with pytest.raises(InputError):
        import_workspace(hostile(tmp_path / "evil.tar", good, (member(name), b"x")), home)
    assert not list(home.rglob("*")) and not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE,
                                  tarfile.GNUTYPE_SPARSE])  # fmt: skip
def test_what_is_no_plain_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    odd = member(f"owners/{ME}/chats/a", kind, link="/etc/passwd")
    with pytest.raises(InputError):
        import_workspace(hostile(tmp_path / "evil.tar", (odd, b"")), tmp_path / "home")
    assert not list((tmp_path / "home").rglob("*"))


def test_what_was_cut_changed_doubled_or_packed_is_refused(
    old: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, home = tmp_path / "all.tar", tmp_path / "new"
    export_workspace(old.home, file)
    whole = file.read_bytes()
    cut, changed = tmp_path / "cut.tar", tmp_path / "changed.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    changed.write_bytes(whole.replace("こんにちは".encode(), "さようなら".encode()))
    name = f"owners/{ME}/chats/a.json"
    twice = hostile(tmp_path / "twice.tar", (member(name), b"{}"), (member(name), b"[]"))
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w:gz") as archive:
        archive.addfile(member(name), io.BytesIO())
    empty = tmp_path / "empty.tar"
    empty.touch()
    for wrong in (cut, changed, twice, packed, empty):
        with pytest.raises(InputError):
            import_workspace(wrong, home)
        assert not list(home.rglob("*")), wrong
    monkeypatch.setattr(module, "MOST_FILES", 2)
    with pytest.raises(InputError):
        import_workspace(file, home)
    monkeypatch.undo()
    assert import_workspace(file, home).files > 3
