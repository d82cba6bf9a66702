"""Telegram: one chat and a whole account, links between messages, kinds, and what its exporter gets wrong."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind, Message
from tests.helpers.log_files import said, save
from tests.helpers.typed import present

HEAD = {"name": "花子", "type": "personal_chat", "id": 1}


def talk(number: int, sender: str, text: object, **more: object) -> dict[str, object]:
    return {
        "id": number, "type": "message", "date": f"2024-01-15T10:{number:02d}:00", "date_unixtime": "1705282200",
        "from": sender, "from_id": f"user{sender}", "text": text, "text_entities": [],
    } | more  # fmt: skip


@pytest.fixture
def read(tmp_path: Path):
    def read(*messages: object, **head: object) -> Log:
        log = read_log(save(tmp_path / "result.json", HEAD | head | {"messages": messages}))
        assert log.format.id == "telegram" and log.lines.missing == 0
        return log

    return read


def test_texts_are_joined_as_they_stand_and_times_are_those_on_the_wall(read):
    pieces = ["見て ", {"type": "link", "text": "https://example.com"}, "、", {"type": "bold", "text": "これ"}]
    log = read(talk(1, "太郎", "やあ"), talk(2, "花子", pieces), talk(3, "太郎", "うん", reply_to_message_id=1))
    assert log.messages == (
        Message("太郎", "やあ", 1, time=datetime(2024, 1, 15, 10, 1)),
        Message("花子", "見て https://example.com、これ", 2, time=datetime(2024, 1, 15, 10, 2)),
        Message("太郎", "うん", 3, time=datetime(2024, 1, 15, 10, 3), reply_to=0),
    )
    assert log.partner == "花子" and log.guesses == () and log.parts == ()


def test_kinds(read):
    log = read(
        talk(1, "A", "", media_type="sticker", sticker_emoji="😺", file="x.webp"),
        talk(2, "A", "", photo="(File not included. Change data exporting settings to download.)"),
        talk(3, "A", "海", photo="p.jpg"),
        talk(4, "A", "borrowed", forwarded_from="C"),
        talk(5, "A", "", poll={"question": "いつ？"}),
        {"id": 6, "type": "service", "date": "2024-01-15T10:06:00", "actor": "A", "actor_id": "userA",
         "action": "phone_call", "duration_seconds": 3, "text": ""},
        {"id": 7, "type": "service", "date": "2024-01-15T10:07:00", "actor": "A", "actor_id": "userA",
         "action": "invite_members", "members": ["B"], "text": ""},
        {"id": 8, "type": "unsupported", "date": "2024-01-15T10:08:00"},
        talk(9, "A", ""),
        "no message",
    )  # fmt: skip
    kinds = [(m.sender, m.kind, m.text[:16]) for m in log.messages]
    assert kinds == [
        ("A", Kind.STICKER, "😺"), ("A", Kind.MEDIA, ""), ("A", Kind.TEXT, "海"), ("A", Kind.MEDIA, "borrowed"),
        ("A", Kind.MEDIA, "いつ？"), ("A", Kind.CALL, "A phone_call"), (None, Kind.SYSTEM, "A invite_members"),
        (None, Kind.UNKNOWN, '{"id": 8, "type"'), ("A", Kind.UNKNOWN, '{"id": 9, "type"'),
        (None, Kind.UNKNOWN, '"no message"'),
    ]  # fmt: skip
    assert log.lines.unread == 3


def test_people_are_their_ids_not_their_names(read):
    same = talk(1, "A", "old name") | {"from": "Anna"}
    gone = talk(4, "X", "deleted") | {"from": None}
    other = talk(3, "B", "another A") | {"from": "A"}
    log = read(same, talk(2, "A", "new name"), other, gone, talk(5, "A", "again"))
    assert [m.sender for m in log.messages] == ["A", "A", "A (2)", "Deleted Account", "A"]


def test_old_exports_have_numbers_and_no_ids(read):
    log = read({"id": 1, "type": "message", "from": "A", "from_id": 12, "text": "x", "date_unixtime": "1705314600"})
    assert log.messages == (Message("A", "x", 1, time=datetime(2024, 1, 15, 10, 30)),)


ACCOUNT = {
    "about": "Here is the data you requested.",
    "personal_information": {"user_id": 9, "first_name": "太郎"},
    "contacts": {"list": [{"first_name": str(n)} for n in range(100)]},
    "chats": {
        "about": "",
        "list": [
            {
                "name": "花子",
                "type": "personal_chat",
                "id": 1,
                "messages": [talk(1, "花子", "a"), talk(2, "太郎", "b")],
            },
            {"name": None, "type": "personal_chat", "id": 2, "messages": [talk(1, "C", "c", reply_to_message_id=2)]},
            {"name": "花子", "type": "private_group", "id": 3, "messages": [talk(n, "D", "d") for n in range(1, 4)]},
            {"name": "empty", "type": "personal_chat", "id": 4, "messages": []},
        ],
    },
    "left_chats": {"about": "", "list": []},
}


def test_chats_of_an_account_are_parts_to_choose_from(tmp_path):
    path = save(tmp_path / "result.json", ACCOUNT)
    log = read_log(path)
    assert [(m.text, m.part) for m in log.messages] == [("a", 1), ("b", 1), ("c", 2), *[("d", 3)] * 3]
    assert log.parts == ("花子", "?", "花子 (2)") and log.partner is None
    guess = log.guesses[0]
    assert (guess.about, guess.value, guess.choices) == ("conversations", log.parts, ("花子 (2)", "花子", "?"))
    assert all(m.reply_to is None for m in log.messages)  # a number of one chat is no link into another
    one = read_log(path, conversations=["花子"])
    assert [(m.text, m.part) for m in one.messages] == [("a", 1), ("b", 1)] and one.partner == "花子"
    assert one.guesses[0].value == ("花子",) and one.guesses[0].choices == guess.choices
    assert read_log(path, conversations=["nobody"]).messages == log.messages


def test_control_characters_that_make_no_json(tmp_path):
    path = save(tmp_path / "result.json", HEAD | {"messages": [talk(1, "A", "x~y"), talk(2, "B", r"a\x1F")]})
    path.write_text(path.read_text(encoding="utf-8").replace("x~y", r"x\x0By"), encoding="utf-8")
    log = read_log(path)
    assert [m.text for m in log.messages] == ["x\x0by", r"a\x1F"] and log.notes == ()


def test_file_that_was_cut_off(tmp_path):
    path = save(tmp_path / "result.json", HEAD | {"messages": [talk(n, "A", "x") for n in range(50)]})
    path.write_bytes(path.read_bytes()[:-300])
    log = read_log(path)
    assert 45 <= len(log.messages) < 50 and "cut off" in log.notes[0].en


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
PEOPLE = st.sampled_from(["花子", "太郎", "A: b", "12:30"])
SAID = st.lists(st.tuples(PEOPLE, TEXTS, st.integers(0, 86_399), st.integers(0, 40)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=SAID, ascii_only=st.booleans(), split=st.booleans())
def test_what_is_written_is_read_back(tmp_path, messages, ascii_only, split):
    """Any text, whole or in styled pieces, with links back to earlier messages."""
    written, expected = [], []
    for n, (sender, text, second, back) in enumerate(messages):
        time = datetime(2024, 1, 15, second // 3600, second // 60 % 60, second % 60)
        half = len(text) // 2
        body = [text[:half], {"type": "bold", "text": text[half:]}] if split else text
        link = n - back if 0 < back <= n else None
        more = {"date": time.isoformat()} | ({} if link is None else {"reply_to_message_id": link + 100})
        written.append(talk(n + 1, sender, body) | more | {"id": n + 100})
        expected.append(Message(sender, text, n + 1, Kind.TEXT, time, 0, link))
    path = tmp_path / "result.json"
    path.write_text(json.dumps(HEAD | {"messages": written}, ensure_ascii=ascii_only, indent=1), encoding="utf-8")
    assert read_log(path).messages == tuple(expected)


def test_samples(shared):
    folder = shared / "samples" / "telegram"
    target = json.loads((folder / "chatminer_target.json").read_text(encoding="utf-8"))
    for name in ("single", "batch"):
        log = read_log(folder / f"chatminer_{name}_export.json")
        # The other parser joins pieces with a space; Telegram shows them as they stand.
        assert said(log) == [
            ("Author 1", "text", "Minimal Message"),
            ("Author 2", "text", "Link:https://telegram.org/"),
        ]
        assert [present(m.time).isoformat() for m in log.messages] == [m["timestamp"] for m in target]
    simple = read_log(folder / "chatpack_telegram_simple.json")
    assert [(m.sender, m.text) for m in simple.messages] == [
        ("Alice", "Hello!"), ("Bob", "Hi Alice!"), ("Alice", "How are you?"), ("Alice", "I'm doing great!"),
    ]  # fmt: skip
    assert simple.messages[2].time == datetime(2024, 1, 15, 10, 31, 30)
    account = read_log(folder / "doppelganger_sample_export.json")
    assert [(s.name, s.texts) for s in account.speakers()] == [("Jamie", 5), ("Alex Tan", 5)]
    assert account.messages[-1].text == "see ya, can't wait"
