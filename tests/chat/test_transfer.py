"""Chats in and out: what is written is read again, and what other programs write, too."""

import json
import time

import pytest

from core.chat.conversation import Conversation
from core.chat.transfer import TRANSFER_FORMATS, export, read
from core.errors import InputError
from core.messages import Turn

NAMES = {"persona": "みか", "user": "健"}
EMPTY = Conversation("id", "p")


def talked() -> Conversation:
    talk = EMPTY.opened("やあ", "おはよう").said("user", "元気？", "ねえ\n聞いて: x").said("assistant", "うん", "元気")
    talk = talk.said("user", "じゃあね").said("assistant", "またね")
    return talk.without_reply().said("assistant", "ばいばい\n👋")


@pytest.mark.parametrize("form", TRANSFER_FORMATS)
def test_what_is_written_is_read_again(form: str) -> None:
    talk = talked()
    found = read(export(talk, form, **NAMES).encode(), EMPTY, **NAMES)
    assert found.turns == talk.turns
    last = sum(len(turn.messages) for turn in talk.turns) - 1
    assert found.versions(last) == (talk.versions(last) if form == "jsonl" else (1, 1))


def test_sillytavern_shows_the_versions_that_were_there() -> None:
    lines = [json.loads(line) for line in export(talked(), "jsonl", **NAMES).splitlines()]
    assert lines[0]["character_name"] == "みか" and lines[0]["user_name"] == "健"
    assert (lines[1]["swipes"], lines[1]["swipe_id"]) == (["やあ", "おはよう"], 0)
    assert (lines[-1]["swipes"], lines[-1]["swipe_id"]) == (["またね", "ばいばい\n👋"], 1)


def test_a_chat_of_sillytavern_is_read() -> None:
    rows = [
        {"user_name": "unused", "character_name": "Mika", "chat_metadata": {}},
        {"name": "Mika", "is_user": False, "mes": "Hi", "swipes": ["Hello", "Hi"], "swipe_id": 1},
        {"name": "System", "is_user": False, "is_system": True, "mes": "note"},
        {"name": "Ken", "is_user": True, "mes": "How are you?"},
        {"name": "Mika", "is_user": False, "mes": "Fine.", "swipes": [None, "Fine."]},
        17,
    ]
    data = "\n".join(map(json.dumps, rows)).encode("utf-8-sig")
    found = read(data, EMPTY, **NAMES)
    assert found.turns == (Turn("assistant", ("Hi",)), Turn("user", ("How are you?",)), Turn("assistant", ("Fine.",)))
    assert found.versions(0) == (2, 2)


def test_messages_of_several_forms_are_read() -> None:
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {"role": "assistant", "content": "b"}, {"role": "tool", "content": "t"}]  # fmt: skip
    expected = (Turn("user", ("a",)), Turn("assistant", ("b",)))
    for value in (messages, {"messages": messages}):
        assert read(json.dumps(value).encode(), EMPTY, **NAMES).turns == expected
    assert read("\n".join(map(json.dumps, messages)).encode(), EMPTY, **NAMES).turns == expected


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"[]", b"{}", b"hello there", b'{"mes": 3}', b"null", b"[[1]]"])
def test_a_file_without_a_chat_is_told(data: bytes) -> None:
    with pytest.raises(InputError, match="No chat was found"):
        read(data, EMPTY, **NAMES)


def test_names_in_text_may_hold_any_letters() -> None:
    names = {"persona": "M.(x)*", "user": "U+"}
    found = read("M.(x)*： hi\nmore\nU+: yes\nMx: no".encode(), EMPTY, **names)
    assert found.turns == (Turn("assistant", ("hi\nmore",)), Turn("user", ("yes\nMx: no",)))


def test_what_one_side_says_in_a_row_is_one_turn() -> None:
    lines = [{"role": role, "content": text} for role, text in (("user", "a"), ("user", " b "), ("assistant", "c"))]
    assert read(json.dumps(lines).encode(), EMPTY, **NAMES) == EMPTY.said("user", "a", "b").said("assistant", "c")


def test_a_chat_of_twenty_thousand_messages_is_read_in_seconds() -> None:
    lines = [json.dumps({"name": "u", "is_user": n % 2 == 0, "mes": f"m{n}"}) for n in range(20_000)]
    started = time.process_time()
    assert len(read("\n".join(lines).encode(), EMPTY, **NAMES).nodes) == 20_000
    assert len(read(("健: hi\n" + "a\n" * 300_000).encode(), EMPTY, **NAMES).nodes) == 1
    assert time.process_time() - started < 5
