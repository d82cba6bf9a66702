"""Messenger and Instagram: strings that are bytes, threads newest first, files of one thread, encrypted chats."""

from datetime import datetime
from pathlib import Path

import pytest

from core.logs.detect import read_log
from core.logs.formats.messengers.meta import repair
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import said, save, zipped


def garbled(text: str) -> str:
    return text.encode("utf-8").decode("latin-1")


def talk(second: int, sender: str, content: str | None = None, **more: object) -> dict[str, object]:
    words = {} if content is None else {"content": garbled(content)}
    return {"sender_name": garbled(sender), "timestamp_ms": 1705314600000 + second * 1000, **words} | more


def thread(*messages: object, people: tuple[str, ...] = ("花子", "太郎"), title: str = "花子") -> dict[str, object]:
    return {
        "participants": [{"name": garbled(name)} for name in people], "messages": list(messages),
        "title": garbled(title), "is_still_participant": True, "thread_path": "inbox/hanako_1", "magic_words": [],
    }  # fmt: skip


@pytest.fixture
def read(tmp_path: Path):
    def read(*messages: object, people: tuple[str, ...] = ("花子", "太郎"), title: str = "花子") -> Log:
        log = read_log(save(tmp_path / "message_1.json", thread(*messages, people=people, title=title)))
        assert log.format.id == "meta" and log.lines.missing == 0
        return log

    return read


def test_bytes_become_letters_and_time_runs_forward(read):
    log = read(talk(2, "太郎", "了解👍"), talk(1, "花子", "二つ目"), talk(1, "花子", "一つ目"))
    assert [(m.sender, m.text, m.line) for m in log.messages] == [
        ("花子", "一つ目", 3), ("花子", "二つ目", 2), ("太郎", "了解👍", 1),
    ]  # fmt: skip
    assert log.messages[0].time == datetime(2024, 1, 15, 10, 30, 1) and log.partner == "花子"


@pytest.mark.parametrize("text", ["あ", "café", "plain", "é", "日本語 and ASCII", "😀"])
def test_repair_is_safe(text):
    assert repair(garbled(text)) == text
    assert repair(text) == text  # a tool may have put it right before


def test_kinds(read):
    log = read(
        talk(1, "A", photos=[{"uri": "a.jpg"}]), talk(2, "A", sticker={"uri": "s.png"}),
        talk(3, "A", "海", photos=[{}]),
        talk(4, "A", "You missed a video chat with B.", call_duration=0), talk(5, "A", is_unsent=True),
        talk(6, "A", "A sent an attachment.", share={"link": "https://example.com"}), talk(7, "A", "Liked a message"),
        talk(8, "A", "A added B to the group.", type="Subscribe"), talk(9, "A"),
        talk(10, "A", "I sent an attachment, ok?"), talk(11, "A", "Reacted 😆 to your message "),
        talk(12, "A", "You missed a call from B."), {"odd": 1},
    )  # fmt: skip
    assert [(m.sender, m.kind.value) for m in log.messages] == [
        ("A", "media"), ("A", "sticker"), ("A", "text"), ("A", "call"), ("A", "unsent"), ("A", "media"),
        (None, "system"), (None, "system"), ("A", "unknown"), ("A", "text"), (None, "system"), ("A", "call"),
        (None, "unknown"),
    ]  # fmt: skip
    assert log.messages[-1].text == '{"odd": 1}'


ENCRYPTED = {
    "participants": ["花子", "太郎"], "threadName": "花子_15",
    "messages": [
        {"senderName": "花子", "text": "Ã© のまま", "timestamp": 1705314600000, "type": "text", "isUnsent": False,
         "media": [], "reactions": []},
        {"senderName": "太郎", "text": "", "timestamp": 1705314601000, "type": "media", "isUnsent": False,
         "media": [{}]},
        {"senderName": "太郎", "text": "", "timestamp": 1705314602000, "type": "text", "isUnsent": True, "media": []},
        {"senderName": "太郎", "text": "You can now…", "timestamp": 1705314603000, "type": "placeholder", "media": []},
        {"senderName": "太郎", "text": "", "timestamp": 1705314604000, "type": "placeholder", "isUnsent": True},
    ],
}  # fmt: skip


def test_encrypted_chats_have_proper_strings(tmp_path):
    log = read_log(save(tmp_path / "花子_15.json", ENCRYPTED))
    assert said(log) == [
        ("花子", "text", "Ã© のまま"), ("太郎", "media", ""), ("太郎", "unsent", ""), (None, "system", "You can now…"),
        ("太郎", "unsent", ""),
    ]  # fmt: skip
    assert log.partner == "花子"


def test_archive_joins_the_files_of_a_thread_and_keeps_threads_apart(tmp_path):
    root = "your_facebook_activity/messages"
    files = {
        f"{root}/inbox/hanako_1/message_1.json": thread(talk(500, "太郎", "newest")),
        f"{root}/inbox/hanako_1/message_2.json": thread(talk(400, "花子", "middle")),
        f"{root}/inbox/hanako_1/message_10.json": thread(talk(1, "花子", "oldest")),
        f"{root}/archived_threads/group_2/message_1.json": thread(
            talk(9, "C", "x"), people=("A", "B", "C"), title="仲間"
        ),
        f"{root}/inbox/hanako_1/photos/1.jpg": b"\xff\xd8",
        "about.json": {"messages": []},
    }
    path = zipped(tmp_path / "facebook.zip", files)
    log = read_log(path)
    assert log.format.id == "meta" and log.parts == ("花子", "仲間")
    assert [(m.text, m.part) for m in log.messages] == [("oldest", 1), ("middle", 1), ("newest", 1), ("x", 2)]
    assert read_log(path, conversations=("花子",)).partner == "花子"


def test_encrypted_chats_in_a_zip_are_conversations(tmp_path):
    other = ENCRYPTED | {"threadName": "B_16", "participants": ["B", "太郎"]}
    log = read_log(zipped(tmp_path / "x.zip", {"messages/花子_15.json": ENCRYPTED, "messages/B_16.json": other}))
    assert log.format.id == "meta" and log.parts == ("花子_15", "B_16") and len(log.messages) == 10


def test_samples(shared):
    made = read_log(shared / "samples" / "messenger" / "made_mojibake_ja.json")
    assert said(made) == [
        ("花子", "text", "明日19時に渋谷でいい？\nhttps://example.com/a:b"), ("太郎", "text", "了解です👍"),
    ]  # fmt: skip
    assert made.partner == "花子"
    two = read_log(shared / "samples" / "instagram" / "chatminer_test_export.json")
    assert said(two) == [("Jane Doe", "text", "Hello John!"), ("John Doe", "text", "Hello Jane!")]
    six = read_log(shared / "samples" / "instagram" / "chatpack_instagram.json")
    assert [m.text for m in six.messages if m.kind is Kind.TEXT] == [
        "Hey! How are you?", "I'm good, thanks!", "Great to hear!", "What are you up to?",
        "Check this shared link: https://instagram.com/p/xyz",
    ]  # fmt: skip
    assert six.lines.unread == 1 and len(six.messages) == 6
