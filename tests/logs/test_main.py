"""The script entry: messages on standard output, the ledger on standard error, and exit status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

TALK = '説明の行\n2024/01/01(月)\n10:00\t花子\t"二行\nの文"\n10:01\t太郎\t[スタンプ]\n10:02\t太郎\tはい\n'


def run(*arguments: object, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "core.logs", *map(str, arguments)],
        cwd=Path(__file__).resolve().parents[2],
        env=env,
        capture_output=True,
        timeout=60,
    )


def test_messages_and_ledger_whatever_the_console_is(tmp_path):
    path = tmp_path / "talk.txt"
    path.write_bytes(TALK.encode())
    done = run(path, "--persona", "太郎", encoding="ascii")
    assert done.returncode == 0
    records = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert records[1] == {
        "time": "2024-01-01T10:00:00", "sender": "花子", "kind": "text", "text": "二行\nの文", "reply_to": None,
        "line": 3,
    }  # fmt: skip
    assert [record["kind"] for record in records] == ["unknown", "text", "sticker", "text"]
    ledger = json.loads(done.stderr.decode("utf-8"))
    (file,) = ledger["files"]
    assert file["lines"] == {"total": 6, "messages": 4, "marks": 1, "blank": 0, "unread": 1, "doubtful": 0}
    assert file["kinds"] == {"text": 2, "sticker": 1, "unknown": 1} and file["format"] == "line"
    assert file["unread"] == [{"line": 1, "lines": 1, "text": "説明の行"}]
    assert ledger["persona"] == {
        "name": "太郎", "messages": 2, "kinds": {"sticker": 1, "text": 1}, "texts_of_others": 1
    }  # fmt: skip


def test_several_files_and_answers(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("A: a\nMemo x: b\nB: c\nMemo x: d\nA: e\n", encoding="utf-8")
    second.write_text("A: f\nB: g\n", encoding="utf-8")
    done = run(first, second, "--names", "A", "B")
    records = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [(r["file"], r["text"]) for r in records] == [
        (str(first), "a\nMemo x: b"), (str(first), "c\nMemo x: d"), (str(first), "e"), (str(second), "f"),
        (str(second), "g")
    ]  # fmt: skip


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear diary, it rained.\n", encoding="utf-8")
    talk = tmp_path / "talk.txt"
    talk.write_bytes(TALK.encode())
    for arguments, words in (
        ((letter,), "No chat format was recognised"),
        ((talk, tmp_path / "missing.txt"), "missing.txt"),
        ((talk, "--persona", "次郎"), "次郎"),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == b""
        (line,) = done.stderr.decode().splitlines()
        assert words in line
    assert run(talk, "--format", "fax").returncode == 2
