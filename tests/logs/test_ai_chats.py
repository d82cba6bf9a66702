"""Talks with characters and assistants: SillyTavern, Character.AI, ooba, Agnai, ChatGPT, Claude."""

from datetime import datetime
from typing import Any

import pytest

from core.logs.detect import read_log
from core.logs.formats.ai_chats.sillytavern import moment
from tests.helpers.log_files import said, save, save_lines, zipped

TAVERN = [
    {"user_name": "太郎", "character_name": "ミカ", "create_date": "2024-5-1 @10h 20m 30s 123ms", "chat_metadata": {}},
    {
        "name": "ミカ",
        "is_user": False,
        "is_system": False,
        "send_date": "May 1, 2024 10:20am",
        "mes": "やあ",
        "swipe_id": 1,
        "swipes": ["おはよう", "やあ"],
        "extra": {"display_text": "Hi"},
    },
    {
        "name": "太郎",
        "is_user": True,
        "is_system": False,
        "send_date": "2024-5-1 @10h 21m 30s 5ms",
        "mes": "うん\n元気",
    },
    {"name": "System", "is_user": False, "is_system": True, "send_date": 1714558890000, "mes": "hidden"},
]


def test_sillytavern(tmp_path):
    log = read_log(save_lines(tmp_path / "ミカ.jsonl", [*TAVERN, '{"name": "ミカ", "mes": ', ""]))
    assert log.format.id == "sillytavern" and log.partner == "ミカ" and log.suggested_persona() == "ミカ"
    assert said(log) == [
        ("ミカ", "text", "やあ"),
        ("太郎", "text", "うん\n元気"),
        (None, "system", "hidden"),
        (None, "unknown", '{"name": "ミカ", "mes":'),
    ]
    assert [m.line for m in log.messages] == [2, 3, 4, 5]
    assert [m.time for m in log.messages[:2]] == [datetime(2024, 5, 1, 10, 20), datetime(2024, 5, 1, 10, 21, 30)]


def test_chub_nests_the_words(tmp_path):
    lines = [TAVERN[0], {"is_user": False, "mes": {"message": "a"}}, {"is_user": True, "mes": {"message": "b"}}]
    assert said(read_log(save_lines(tmp_path / "x.jsonl", lines))) == [("ミカ", "text", "a"), ("太郎", "text", "b")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("July 14, 2023 4:03pm", datetime(2023, 7, 14, 16, 3)),
        ("2023-07-14T16:03:02.1Z", datetime(2023, 7, 14, 16, 3, 2)),
        (1689350582000, datetime(2023, 7, 14, 16, 3, 2)),
        ("2023-13-1 @10h 20m 30s", None),
        ("soon", None),
        (None, None),
    ],
)
def test_sillytavern_dates(value, expected):
    assert moment(value) == expected


def test_character_ai_dump(tmp_path):
    def history(*said: tuple[bool, str]) -> dict[str, object]:
        return {
            "msgs": [
                {"src": {"is_human": human, "name": "太郎" if human else "ミカ"}, "text": text} for human, text in said
            ]
        }

    value = {"info": {}, "histories": {"histories": [history((False, "a"), (True, "b")), history((False, "c"))]}}
    log = read_log(save(tmp_path / "x.json", value))
    assert [(m.sender, m.text, m.part) for m in log.messages] == [("ミカ", "a", 1), ("太郎", "b", 1), ("ミカ", "c", 2)]
    assert read_log(tmp_path / "x.json", conversations=["#1"]).partner == "ミカ"


@pytest.mark.parametrize("timed", [True, False])
def test_character_ai_turns_are_newest_first_and_one_candidate_was_chosen(tmp_path, timed):
    def turn(n: int, human: bool, *texts: str, primary: int = 0) -> dict[str, Any]:
        candidates = [{"candidate_id": str(k), "raw_content": text} for k, text in enumerate(texts)]
        author = {"name": "太郎", "is_human": True} if human else {"name": "ミカ"}
        time = {"create_time": f"2024-01-01T00:00:{n:02d}.123456Z"} if timed else {}
        return {"author": author, "candidates": candidates, "primary_candidate_id": str(primary)} | time

    turns = [turn(3, False, "no", "yes", primary=1), turn(2, True, "b"), turn(1, False, "a")]
    log = read_log(save(tmp_path / "x.json", {"turns": turns}))
    assert said(log) == [("ミカ", "text", "a"), ("太郎", "text", "b"), ("ミカ", "text", "yes")]
    assert log.partner == "ミカ" and [m.line for m in log.messages] == [3, 2, 1]


@pytest.mark.parametrize("keys", [("data", "data_visible"), ("internal", "visible")])
def test_ooba(tmp_path, keys):
    pairs = [["<|BEGIN-VISIBLE-CHAT|>", "Hi &lt;3"], ["a", "b"]]
    log = read_log(save(tmp_path / "x.json", {keys[0]: pairs, keys[1]: [["", "Hi &lt;3"], ["a", "b"]]}))
    assert said(log) == [("assistant", "text", "Hi <3"), ("user", "text", "a"), ("assistant", "text", "b")]
    assert log.suggested_persona() == "assistant"


def test_agnai(tmp_path):
    value = {"name": "ミカ", "greeting": "x", "messages": [{"msg": "a"}, {"msg": "b", "userId": "1"}, {"userId": "1"}]}
    log = read_log(save(tmp_path / "x.json", value))
    assert said(log)[:2] == [("ミカ", "text", "a"), ("user", "text", "b")] and log.lines.unread == 1


def node(
    parent: str | None, role: str, *parts: object, children: tuple[str, ...] = (), **more: object
) -> dict[str, object]:
    message = {
        "author": {"role": role},
        "create_time": 1705314600.5,
        "recipient": "all",
        "metadata": {},
        "content": {"content_type": "text", "parts": list(parts)},
    } | more
    return {"parent": parent, "children": list(children), "message": message}


TREE = {
    "late": node("q", "assistant", "second answer", children=("thanks",)),
    "root": {"parent": None, "children": ["sys"], "message": None},
    "sys": node("root", "system", "", children=("q",)),
    "q": node("sys", "user", "question", children=("early", "late")),
    "early": node("q", "assistant", "first answer"),
    "thanks": node("late", "user", {"content_type": "image_asset_pointer"}, "look", children=("tool",)),
    "tool": node("thanks", "assistant", "search()", recipient="browser", children=("end",)),
    "end": node("tool", "assistant", "done"),
}


def test_chatgpt_follows_the_branch_that_was_talked(tmp_path):
    other = {"a": node(None, "user", "x", children=("b",)), "b": node("a", "assistant", "y")}
    chats = [{"title": "旅行", "mapping": TREE, "current_node": "end"}, {"title": None, "mapping": other}]
    path = save(tmp_path / "conversations.json", chats)
    log = read_log(path)
    assert [(m.sender, m.text, m.part) for m in log.messages] == [
        (None, "", 1),
        ("user", "question", 1),
        ("assistant", "second answer", 1),
        ("user", "look", 1),
        (None, "search()", 1),
        ("assistant", "done", 1),
        ("user", "x", 2),
        ("assistant", "y", 2),
    ]
    assert log.parts == ("旅行", "?") and "1 messages on branches" in log.notes[0].en
    assert log.messages[1].time == datetime(2024, 1, 15, 10, 30)
    assert log.suggested_persona() == "assistant"
    zip_path = zipped(
        tmp_path / "x.zip", {"conversations.json": chats, "user.json": {"id": "1"}, "chat.html": "<html>"}
    )
    assert read_log(zip_path).messages == log.messages


def test_chatgpt_tree_that_goes_round(tmp_path):
    ring = {"a": node("b", "user", "x"), "b": node("a", "assistant", "y")}
    log = read_log(save(tmp_path / "x.json", [{"title": "t", "mapping": ring, "current_node": "b"}]))
    assert {m.text for m in log.messages} == {"x", "y"}


def test_claude(tmp_path):
    def talk(sender: str, text: str, **more: object) -> dict[str, object]:
        return {"uuid": text, "sender": sender, "text": text, "created_at": "2024-01-15T10:30:00.123456Z"} | more

    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "in blocks"}]
    chats = [
        {"uuid": "1", "name": "one", "chat_messages": [talk("human", "a"), talk("assistant", "", content=blocks)]},
        {"uuid": "2", "name": "", "chat_messages": [talk("human", "b")]},
    ]
    log = read_log(save(tmp_path / "conversations.json", chats))
    assert [(m.sender, m.text, m.part) for m in log.messages] == [
        ("user", "a", 1),
        ("assistant", "in blocks", 1),
        ("user", "b", 2),
    ]


def test_what_a_model_thought_is_nobodys_words(tmp_path):
    lines = [
        TAVERN[0],
        {"name": "太郎", "is_user": True, "mes": "タグの <think> って何？"},
        {"name": "ミカ", "is_user": False, "mes": "<think>\nあいさつ\n</think>\n\nやあ"},
        {"name": "ミカ", "is_user": False, "mes": "もう一つ</think>うん"},
        {"name": "ミカ", "is_user": False, "mes": "[THINK]まだ"},
        {"name": "太郎", "is_user": True, "mes": "[1] 1 < 2"},
    ]
    log = read_log(save_lines(tmp_path / "ミカ.jsonl", lines))
    assert said(log) == [
        ("太郎", "text", "タグの <think> って何？"), ("ミカ", "text", "やあ"), ("ミカ", "text", "うん"),
        (None, "system", "[THINK]まだ"), ("太郎", "text", "[1] 1 < 2"),
    ]  # fmt: skip
    assert any(note.en.startswith("3 messages hold") for note in log.notes)


def activity(title: str, minute: int, *answers: str) -> dict:
    held = {"safeHtmlItem": [{"html": html} for html in answers]} if answers else {}
    return {"header": "Gemini Apps", "title": title, "time": f"2024-03-12T00:{minute:02d}:00.123Z",
            "products": ["Gemini Apps"], **held}  # fmt: skip


def test_gemini_is_turned_round_and_tells_questions_from_other_activities(tmp_path):
    log = read_log(save(tmp_path / "My Activity.json", [
        activity("送信したメッセージ: 元気？", 5, "<p>元気<b>です</b>。</p><ul><li>a</li><li>b</li></ul>"),
        activity("フィードバックを送信しました: よい", 4),
        activity("Prompted hi &amp; bye", 3, "<p>Hello!</p>"),
        activity("天気と入力しました", 2),
    ]))  # fmt: skip
    assert log.format.id == "gemini"
    assert said(log) == [
        ("user", "text", "天気"), ("user", "text", "hi &amp; bye"), ("assistant", "text", "Hello!"),
        (None, "system", "フィードバックを送信しました: よい"), ("user", "text", "元気？"),
        ("assistant", "text", "元気です。\na\nb"),
    ]  # fmt: skip
    assert log.messages[0].time == datetime(2024, 3, 12, 0, 2)


def test_claude_says_neither_its_thoughts_nor_its_tools(tmp_path):
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"}, {"type": "tool_use"}]
    whole = "```\nThis block is not supported on your current device yet.\n```\n\nHello"
    message = {
        "uuid": "2",
        "sender": "assistant",
        "created_at": "2024-03-12T00:05:00Z",
        "text": whole,
        "content": parts,
    }
    log = read_log(save(tmp_path / "conversations.json", [{"uuid": "u", "name": "t", "chat_messages": [message]}]))
    assert said(log) == [("assistant", "text", "Hello")]


def test_open_webui_says_what_it_shows(tmp_path):
    thought = '<details type="reasoning" done="true">\n<summary>Thought</summary>\n&gt; hm\n</details>\n'
    messages = [
        {"id": "a", "role": "user", "content": "hi", "timestamp": 1710234300},
        {"id": "b", "role": "assistant", "content": f"{thought}hello", "timestamp": 1710234310},
        {"id": "c", "role": "assistant", "content": '<details type="reasoning">cut'},
    ]
    log = read_log(save(tmp_path / "chat-export.json", [{"id": "1", "title": "t", "chat": {"messages": messages}}]))
    assert log.format.id == "open-webui"
    assert said(log) == [("user", "text", "hi"), ("assistant", "text", "hello"), (None, "system", "")]
