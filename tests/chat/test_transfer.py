"""Chats in and out: what is written is read again, and what other programs write, too."""

import json
import time
from dataclasses import replace

import pytest

from core.chat.conversation import AuthorsNote, Conversation
from core.chat.group import Group, Member
from core.chat.transfer import TRANSFER_FORMATS, TransferFormat, export, read, speakers
from core.chat.viewpoint import said_in
from core.errors import InputError
from core.messages import Turn

NAMES = {"persona": "みか", "user": "健"}
EMPTY = Conversation("id", "p")


def talked() -> Conversation:
    talk = EMPTY.opened("やあ", "おはよう").said("user", "元気？", "ねえ\n聞いて: x").said("assistant", "うん", "元気")
    talk = talk.said("user", "じゃあね").said("assistant", "またね")
    return talk.without_reply().said("assistant", "ばいばい\n👋")


@pytest.mark.parametrize("form", TRANSFER_FORMATS)
def test_what_is_written_is_read_again(form: TransferFormat) -> None:
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


GROUP = [
    {"user_name": "unused", "character_name": "unused", "chat_metadata": {}},
    {"name": "Ken", "is_user": True, "mes": "Who is there?"},
    {"name": "Mika", "is_user": False, "mes": "Me."},
    {"name": "Old  Tom", "is_user": False, "mes": "And I.", "swipes": ["Not I.", "And I."], "swipe_id": 1},
    {"name": "Old  Tom", "is_user": False, "mes": "As ever."},
    {"name": "ルナ", "is_user": False, "mes": "私も。"},
    {"name": "Ken", "is_user": True, "mes": "Fine."},
]


def test_everybody_in_a_group_keeps_their_name() -> None:
    data = "\n".join(map(json.dumps, GROUP)).encode()
    found = read(data, EMPTY, persona="mika", user="Ken")
    assert found.turns == (
        Turn("user", ("Who is there?",)), Turn("assistant", ("Me.",)), Turn("user", ("And I.", "As ever."), "Old Tom"),
        Turn("user", ("私も。",), "ルナ"), Turn("user", ("Fine.",)),
    )  # fmt: skip
    assert found.versions(2) == (2, 2)
    written = export(found, "jsonl", persona="Mika", user="Ken")
    rows = [json.loads(line) for line in written.splitlines()][1:]
    assert [(row["name"], row["is_user"], row["mes"]) for row in rows] == [
        (" ".join(row["name"].split()), row["is_user"], row["mes"]) for row in GROUP[1:]
    ]
    for form in ("jsonl", "json"):
        again = read(export(found, form, persona="Mika", user="Ken").encode(), EMPTY, persona="Mika", user="Ken")
        assert again.turns == found.turns
    assert Conversation.from_json("t", json.loads(json.dumps(found.to_json()))).turns == found.turns
    assert "Old Tom: As ever." in export(found, "txt", persona="Mika", user="Ken")


def test_who_speaks_in_a_group_is_told_and_nobody_elsewhere() -> None:
    data = "\n".join(map(json.dumps, GROUP)).encode()
    assert speakers(data, persona="ルナ") == ("ルナ", "Old Tom", "Mika")
    assert speakers(data, persona="nobody")[0] == "Old Tom"
    two = [line for line in GROUP if line.get("name") in ("Ken", "Mika")]
    assert speakers("\n".join(map(json.dumps, two)).encode(), persona="Mika") == ()
    assert speakers(b"Ken: hi\nMika: ho", persona="Mika") == speakers(b"[]", persona="") == ()
    many = [{"role": "user", "name": name, "content": "hi"} for name in ("Ann", "Bob")]
    assert speakers(json.dumps(many).encode(), persona="Mika") == (), "these are all people"


def test_a_group_goes_to_sillytavern_and_comes_back_with_its_speakers() -> None:
    names = ("Mika", "Old Tom", "ルナ")
    talk = read("\n".join(map(json.dumps, GROUP)).encode(), EMPTY, persona="Mika", user="Ken")
    talk = talk.with_group(Group(tuple(Member(str(n), name) for n, name in enumerate(names))))
    written = export(talk, "jsonl", persona="Mika", user="Ken")
    head, *rows = map(json.loads, written.splitlines())
    assert head["character_name"] == "unused" and rows[0]["name"] == "Ken"
    assert [row["original_avatar"] for row in rows if not row["is_user"]] == [
        "Mika.png", "Old Tom.png", "Old Tom.png", "ルナ.png"
    ]  # fmt: skip
    again = read(written.encode(), EMPTY, persona="Mika", user="Ken")
    assert set(speakers(written.encode(), persona="Mika")) == set(names)
    assert said_in(again.with_group(talk.group)) == said_in(talk)
    assert [name for name, _ in said_in(talk)] == ["", "Mika", "Old Tom", "ルナ", ""]
    messages = export(talk, "json", persona="Mika", user="Ken").encode()
    assert set(speakers(messages, persona="Mika")) == set(names)
    assert said_in(read(messages, EMPTY, persona="Mika", user="Ken").with_group(talk.group)) == said_in(talk)


def test_the_persona_of_a_file_is_known_by_any_name() -> None:
    one = [{"name": "Somebody", "is_user": False, "mes": "Hi"}, {"name": "Ken", "is_user": True, "mes": "Ho"}]
    data = "\n".join(map(json.dumps, one)).encode()
    assert [turn.role for turn in read(data, EMPTY, persona="Mika", user="Ken").turns] == ["assistant", "user"]
    told = [{"character_name": "Somebody"}, *one, {"name": "Narrator", "is_user": False, "mes": "Night falls."}]
    found = read("\n".join(map(json.dumps, told)).encode(), EMPTY, persona="Mika", user="Ken")
    assert [(turn.role, turn.name) for turn in found.turns] == [("assistant", None), ("user", None),
                                                                ("user", "Narrator")]  # fmt: skip


def test_an_exchange_is_taken_back_by_its_speaker() -> None:
    talk = read("\n".join(map(json.dumps, GROUP)).encode(), EMPTY, persona="Mika", user="Ken").said(
        "assistant", "Good."
    )
    assert [node.name for node in talk.without_exchange().path] == ["", "", "Old Tom", "ルナ"]
    assert talk.edited(4, "私は違う。").path[-1].name == "ルナ"


def test_the_silence_before_the_last_words_is_known() -> None:
    talk = EMPTY.said("user", "a", time=1000.0).said("assistant", "b", time=1010.0)
    assert replace(talk, changed=1500.0).silence == 500.0
    assert talk.said("user", "c", time=4600.0).silence == 3600.0
    assert EMPTY.silence == EMPTY.said("user", "a", time=5.0).silence == 0.0


def test_the_note_of_a_chat_goes_with_it() -> None:
    talk = replace(EMPTY.said("user", "hi"), note=AuthorsNote("It is night.", 2))
    assert read(export(talk, "jsonl", **NAMES).encode(), EMPTY, **NAMES).note == talk.note
    odd = [{"chat_metadata": {"note_prompt": ["x"], "note_depth": -3}}, {"name": "u", "is_user": True, "mes": "hi"}]
    assert read("\n".join(map(json.dumps, odd)).encode(), EMPTY, **NAMES).note == AuthorsNote()


def test_what_a_model_thought_does_not_come_in_as_its_words() -> None:
    rows = [
        {"user_name": "Ken", "character_name": "Mika"},
        {"name": "Ken", "is_user": True, "mes": "hi"},
        {"name": "Mika", "mes": "<think>b</think>Hi", "swipes": ["<think>a</think>Hello", "<think>b</think>Hi"]},
    ]
    found = read("\n".join(map(json.dumps, rows)).encode(), EMPTY, **NAMES)
    assert found.turns == (Turn("user", ("hi",)), Turn("assistant", ("Hi",))) and found.versions(1) == (2, 2)
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a</think>Hello"}]
    assert read(json.dumps(messages).encode(), EMPTY, **NAMES).turns[-1] == Turn("assistant", ("Hello",))
