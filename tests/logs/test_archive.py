"""Archives: limits, names that lead out, archives inside, several logs in one, and tars."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.parsing.archive import opened
from tests.helpers.log_files import zipped

LINE = "[LINE] {0}とのトーク履歴\n保存日時：2024/01/02 10:00\n\n2024/01/01(月)\n10:00\t{0}\tやあ\n10:01\t私\tうん\n"
WHATSAPP = "25/07/2026, 13:32 - A: x\n25/07/2026, 13:33 - B: y\n25/07/2026, 13:34 - A: z\n"


def test_several_logs_are_conversations_to_choose_from(tmp_path):
    files = {"LINE/花子.txt": LINE.format("花子"), "LINE/次郎.txt": LINE.format("次郎"), "chat.txt": WHATSAPP}
    path = zipped(tmp_path / "x.zip", files)
    log = read_log(path)
    assert log.parts == ("花子", "次郎", "chat") and [m.part for m in log.messages] == [1, 1, 2, 2, 3, 3, 3]
    assert log.lines.missing == 0 and log.lines.total == 15 and log.file_name == "x.zip"
    guess = next(g for g in log.guesses if g.about == "conversations")
    assert guess.value == log.parts and guess.choices == ("chat", "花子", "次郎")
    one = read_log(path, conversations=["次郎"])
    assert [m.sender for m in one.messages] == ["次郎", "私"] and one.partner == "次郎" and one.parts == ("次郎",)


def test_links_stay_right_where_logs_are_put_behind_each_other(tmp_path):
    chat = [
        {"type": "message", "id": n, "from": "A", "from_id": "1", "text": "x", "reply_to_message_id": 1} for n in (1, 2)
    ]
    files = {f"{name}.json": {"name": name, "type": "private_group", "messages": chat} for name in ("a", "b")}
    log = read_log(zipped(tmp_path / "x.zip", files))
    assert [(m.part, m.reply_to) for m in log.messages] == [(1, None), (1, 0), (2, None), (2, 2)]


def test_files_that_are_no_logs_are_named(tmp_path):
    log = read_log(zipped(tmp_path / "x.zip", {"a.txt": LINE.format("花子"), "notes.txt": "milk, eggs\n"}))
    assert len(log.messages) == 2 and log.parts == () and "notes.txt" in log.notes[0].en


def test_the_log_is_known_among_attachments(tmp_path):
    chat = {
        "name": "A",
        "type": "personal_chat",
        "messages": [{"type": "message", "from": "A", "text": "x", "date": "2024-01-01T00:00:00"}],
    }
    log = read_log(
        zipped(tmp_path / "x.zip", {"ChatExport/result.json": chat, "ChatExport/files/list.txt": "A: b\nC: d\n"})
    )
    assert log.format.id == "telegram" and len(log.messages) == 1
    log = read_log(zipped(tmp_path / "y.zip", {"WhatsApp Chat with B.txt": WHATSAPP, "notes.txt": "A: b\nB: c\nA: d"}))
    assert log.format.id == "whatsapp" and log.partner == "B"


@pytest.mark.parametrize("files", [{"photo.jpg": "x"}, {"__MACOSX/a.txt": WHATSAPP}, {"../a.txt": WHATSAPP}, {}])
def test_archives_without_a_log(tmp_path, files):
    with pytest.raises(InputError, match="no text of messages"):
        read_log(zipped(tmp_path / "x.zip", files))


def test_archives_inside_are_not_opened(tmp_path):
    inner = zipped(tmp_path / "inner.zip", {"a.txt": WHATSAPP}).read_bytes()
    with pytest.raises(InputError, match="no text of messages"):
        read_log(zipped(tmp_path / "x.zip", {"inner.zip": inner}))


def test_nothing_is_written_to_disk(tmp_path, monkeypatch):
    path = zipped(tmp_path / "x.zip", {"/etc/a.txt": WHATSAPP, "C:\\b.txt": WHATSAPP})
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    assert len(read_log(path).messages) == 6
    assert sorted(tmp_path.iterdir()) == before


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.json": b"[" + b" " * 60_000_000})
    with pytest.raises(InputError, match="unpacks to more than 40 times"):
        read_log(path)


def test_sizes_are_counted_not_believed(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.txt": WHATSAPP * 20_000})
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"“a.txt” is larger than 1 MB"):
        read_log(path, max_bytes=1_000_000)


def test_all_files_together_have_a_limit(tmp_path):
    chunk = bytes(range(256)) * 3000
    path = zipped(tmp_path / "x.zip", {f"{n}.txt": chunk for n in range(8)})
    with opened(path, 1_000_000) as archive, pytest.raises(InputError, match="larger than"):
        for name in archive.names:
            archive.read(name)


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("core.logs.parsing.archive.MOST_FILES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        read_log(zipped(tmp_path / "x.zip", {f"{n}.txt": "x" for n in range(5)}))


@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_names_of_old_tools(tmp_path, encoding):
    names = {letter * len(f"{name}.txt".encode(encoding)): name for letter, name in (("x", "花子"), ("y", "次郎"))}
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for stand_in, name in names.items():
            archive.writestr(stand_in, LINE.format(name))
    data = path.read_bytes()
    for stand_in, name in names.items():  # the zip says nothing about the encoding of its names
        data = data.replace(stand_in.encode(), f"{name}.txt".encode(encoding))
    path.write_bytes(data)
    assert read_log(path).parts == ("花子", "次郎")


def test_tar_of_skype(tmp_path):
    talk = {"id": "1", "originalarrivaltime": "2024-01-15T10:30:00Z", "messagetype": "Text", "from": "8:bob"}
    chat = {"id": "8:bob", "displayName": "Bob", "MessageList": [talk | {"content": "hi"}]}
    value = json.dumps({"userId": "8:me", "conversations": [chat]}).encode()
    path = tmp_path / "8_me_export.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in {"messages.json": value, "endpoints.json": b"{}", "media/a.json": b"{}"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("secret.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    log = read_log(path)
    assert (log.format.id, log.messages[0].sender, log.partner) == ("skype", "Bob", "Bob")
    with opened(path, 1_000_000) as archive:
        assert "secret.txt" not in archive.names


def test_damaged_tar(tmp_path):
    path: Path = tmp_path / "x.tar"
    path.write_bytes(b"\0" * 257 + b"ustar" + b"\xff" * 700)
    with pytest.raises(InputError):
        read_log(path)
