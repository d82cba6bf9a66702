"""Slack: channels, threads and direct messages of a zip; markup as it was read; and no secret is kept."""

from datetime import datetime
from pathlib import Path

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import said, save, zipped

USERS = [
    {"id": "U1", "name": "hanako", "real_name": "山田花子", "profile": {"display_name": "花子"}},
    {"id": "U2", "name": "taro", "real_name": "太郎", "profile": {"display_name": ""}},
]
CHANNELS = [{"id": "C1", "name": "general", "members": ["U1", "U2"]}]


def talk(second: int, user: str, text: str, **more: object) -> dict[str, object]:
    return {"type": "message", "user": user, "text": text, "ts": f"17053146{second:02d}.000200"} | more


@pytest.fixture
def read(tmp_path: Path):
    def read(*messages: object, **files: object) -> Log:
        days = {"general/2024-01-15.json": list(messages)}
        log = read_log(zipped(tmp_path / "x.zip", {"users.json": USERS, "channels.json": CHANNELS, **days, **files}))
        assert log.format.id == "slack" and log.lines.missing == 0
        return log

    return read


def test_names_markup_and_entities(read):
    log = read(
        talk(
            1, "U1", "<@U2> <@U9|guest> <#C1|general> <!here> <!subteam^S1|@team> &lt;b&gt; &amp; :wave::skin-tone-2:"
        ),
        talk(2, "U2", "<https://example.com/a?b=1&amp;c=2|ここ> <https://example.com> <mailto:a@b.c|a@b.c>"),
        talk(3, "U7", "hi", user_profile={"display_name": "", "real_name": "Guest"}),
    )
    assert said(log) == [
        ("花子", "text", "@太郎 @guest #general @here @team <b> & :wave:"),
        ("太郎", "text", "ここ https://example.com a@b.c"),
        ("Guest", "text", "hi"),
    ]
    assert log.messages[0].time == datetime(2024, 1, 15, 10, 30, 1)


def test_threads_are_links_and_time_is_not_rounded(read):
    log = read(
        talk(9, "U1", "later", ts="1705314609.000300"),
        talk(9, "U2", "first", ts="1705314609.000200", thread_ts="1705314609.000200"),
        talk(20, "U1", "answer", thread_ts="1705314609.000200", parent_user_id="U2"),
        talk(20, "U1", "answer", thread_ts="1705314609.000200", subtype="thread_broadcast"),
    )
    assert [(m.text, m.line, m.kind, m.reply_to) for m in log.messages] == [
        ("first", 2, Kind.TEXT, None), ("later", 1, Kind.TEXT, None), ("answer", 3, Kind.TEXT, 0),
        ("answer", 4, Kind.SYSTEM, None),
    ]  # fmt: skip


def test_kinds(read):
    log = read(
        talk(1, "U1", "<@U1> has joined the channel", subtype="channel_join"),
        talk(2, "U1", "", files=[{"name": "a.png", "url_private": "https://files.slack.com/a.png?t=xoxe-123-abc"}]),
        talk(3, "U1", "a caption", subtype="file_share", files=[{"name": "a.png"}]),
        talk(4, "U1", "This message was deleted.", subtype="tombstone"),
        talk(5, "", "build passed", subtype="bot_message", username="ci"),
        talk(6, "U1", "", subtype="huddle_thread"),
        talk(7, "U1", "", blocks=[{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "in "}, {"type": "emoji", "name": "tada"}, {"type": "user", "user_id": "U2"},
        ]}]}]),
        {"type": "something"},
    )  # fmt: skip
    assert [(m.sender, m.kind.value, m.text) for m in log.messages[:7]] == [
        (None, "system", "@花子 has joined the channel"), ("花子", "media", "a.png"), ("花子", "text", "a caption"),
        ("花子", "unsent", "This message was deleted."), (None, "system", "build passed"), ("花子", "call", ""),
        ("花子", "text", "in :tada:@太郎"),
    ]  # fmt: skip
    assert log.messages[7].kind is Kind.UNKNOWN and log.lines.unread == 1


def test_secrets_of_files_are_never_kept(read):
    link = "https://files.slack.com/files-pri/T1/a.png?t=xoxe-12345-abcdef"
    log = read(talk(1, "U1", f"see <{link}|{link}> and xoxb-99-zz"), {"type": "odd", "file": {"url_private": link}})
    assert "xox" not in repr(log) and log.messages[0].text.startswith("see https://files.slack.com/files-pri/T1/a.png")


def test_direct_messages_are_named_after_their_people(read):
    files = {"dms.json": [{"id": "D1", "members": ["U1", "U2"]}], "D1/2024-01-16.json": [talk(1, "U2", "psst")]}
    log = read(talk(1, "U1", "hi"), **files)
    assert log.parts == ("花子 / 太郎", "general") and [m.part for m in log.messages] == [1, 2]
    assert log.guesses[0].about == "conversations"


def test_days_are_in_order_and_the_export_may_lie_in_a_folder(tmp_path):
    files = {
        "Team export/users.json": USERS, "Team export/general/2024-01-16.json": [talk(9, "U1", "b", ts="1705400000.1")],
        "Team export/general/2024-01-15.json": [talk(1, "U1", "a")], "__MACOSX/general/2024-01-15.json": "junk",
    }  # fmt: skip
    log = read_log(zipped(tmp_path / "x.zip", files))
    assert [(m.text, m.line, m.part) for m in log.messages] == [("a", 1, 0), ("b", 2, 0)]


def test_one_day_alone(tmp_path):
    log = read_log(save(tmp_path / "2024-01-15.json", [talk(1, "U1", "hi <@U2>")]))
    assert said(log) == [("U1", "text", "hi @U2")]


def test_samples(shared):
    log = read_log(shared / "samples" / "slack" / "zulip_assembled_export.zip")
    assert log.parts == ("general", "random")
    assert said(log) == [
        ("Jane", "text", "message body text"), ("Jane", "text", "random"), ("Jon", "text", "another reply"),
        ("Jon", "text", "another thread message"), (None, "system", "@John has joined the channel"),
        ("Jon", "text", "@Jane: hey!"),
    ]  # fmt: skip
    assert [m.reply_to for m in log.messages] == [None, 0, 3, None, None, None]
    folder = shared / "samples" / "slack" / "zulip"
    assert [len(read_log(folder / f"normal_{name}.json").messages) for name in ("messages", "thread")] == [2, 4]
