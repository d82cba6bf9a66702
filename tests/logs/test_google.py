"""Google Chat from Takeout, and Hangouts: dates in several languages, threads, calls, names."""

from datetime import datetime

import pytest

from core.logs.detect import read_log
from core.logs.formats.messengers.google_chat import moment
from tests.helpers.log_files import said, save, zipped


def google(name: str, text: str | None, message: str, **more: object) -> dict[str, object]:
    words = {} if text is None else {"text": text}
    return (
        {
            "creator": {"name": name, "email": f"{name.lower()}@example.com", "user_type": "Human"},
            "created_date": "Thursday, November 3, 2016 at 11:59:50\u202fPM UTC",
            "topic_id": "t",
            "message_id": message,
        }
        | words
        | more
    )


GOOGLE = [
    google("Anna", "hi", "s/t/t"),
    google("Bert", "answer", "s/t/u"),
    google("Anna", None, "s/v/v", attached_files=[{}]),
    google("Anna", None, "s/w/w", annotations=[{"video_call_metadata": {}}]),
    {"message_state": "DELETED", "message_id": "x"},
]


def test_google_chat(tmp_path):
    log = read_log(save(tmp_path / "messages.json", {"messages": GOOGLE}))
    assert log.format.id == "google-chat"
    assert [(m.sender, m.kind.value, m.reply_to) for m in log.messages] == [
        ("Anna", "text", None),
        ("Bert", "text", 0),
        ("Anna", "media", None),
        ("Anna", "call", None),
        (None, "unsent", None),
    ]
    assert log.messages[0].time == datetime(2016, 11, 3, 23, 59, 50)


def test_google_takeout(tmp_path):
    groups, people = (
        "Takeout/Google Chat/Groups",
        [{"name": n, "email": f"{n.lower()}@example.com"} for n in ("Anna", "Bert")],
    )
    files = {
        f"{groups}/DM abc/messages.json": {"messages": GOOGLE},
        f"{groups}/DM abc/group_info.json": {"members": people},
        f"{groups}/Space xyz/messages.json": {"messages": [google("Anna", "all", "a/b/b")]},
        f"{groups}/Space xyz/group_info.json": {"name": "Team", "members": people},
        "Takeout/Google Chat/Users/User 1/user_info.json": {"user": {"name": "Anna", "email": "anna@example.com"}},
    }
    path = zipped(tmp_path / "takeout.zip", files)
    assert read_log(path).parts == ("Bert", "Team")
    assert read_log(path, conversations=["Bert"]).partner == "Bert"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tuesday, November 22, 2016 at 9:46:26 AM UTC", datetime(2016, 11, 22, 9, 46, 26)),
        ("Tuesday, 22 November 2016 at 21:46:26 UTC", datetime(2016, 11, 22, 21, 46, 26)),
        ("2016年11月3日木曜日 11時59分50秒 UTC", datetime(2016, 11, 3, 11, 59, 50)),
        ("2016年11月3日 午後11:59:50 UTC", datetime(2016, 11, 3, 23, 59, 50)),
        ("jeudi 3 novembre 2016 à 11:59:50 UTC", None),
        ("February 31, 2016 at 9:46:26 AM UTC", None),
    ],
)
def test_dates_follow_the_language_of_the_account(text, expected):
    assert moment(text) == expected


def test_hangouts(tmp_path):
    def event(second: int, sender: str, *segments: dict[str, str], **more: object) -> dict[str, object]:
        return {
            "sender_id": {"gaia_id": sender},
            "timestamp": str((1705314600 + second) * 1_000_000),
            "event_type": "REGULAR_CHAT_MESSAGE",
            "chat_message": {"message_content": {"segment": list(segments)}},
        } | more

    about = {
        "participant_data": [
            {"id": {"gaia_id": "1"}, "fallback_name": "Me"},
            {"id": {"gaia_id": "2"}, "fallback_name": "花子"},
        ],
        "self_conversation_state": {"self_read_state": {"participant_id": {"gaia_id": "1"}}},
    }
    events = [
        event(
            2, "1", {"type": "TEXT", "text": "b"}, {"type": "LINE_BREAK", "text": "\n"}, {"type": "LINK", "text": "c"}
        ),
        event(1, "2", {"type": "TEXT", "text": "a"}),
        event(3, "2", event_type="HANGOUT_EVENT"),
    ]
    value = {"conversations": [{"conversation": {"conversation": about}, "events": events}]}
    log = read_log(save(tmp_path / "Hangouts.json", value))
    assert said(log) == [("花子", "text", "a"), ("Me", "text", "b\nc"), ("花子", "call", "")] and log.partner == "花子"


def test_sample(shared):
    log = read_log(shared / "samples" / "google_chat" / "memoria_docs_messages.json")
    assert said(log) == [
        ("John Smith", "text", "We should shoe shop this weekend"),
        ("Jane Doe", "media", "2016-11-22.png"),
        ("Jane Doe", "text", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
    ]
    assert log.messages[1].time == datetime(2016, 11, 22, 21, 46, 26)
