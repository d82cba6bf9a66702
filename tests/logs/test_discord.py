"""Discord: DiscordChatExporter's JSON, and Discord's own package."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind, Message
from tests.helpers.log_files import said, save, zipped

GUILD = {"id": "1", "name": "Server", "iconUrl": ""}
CHANNEL = {"id": "2", "type": "GuildTextChat", "category": "Text", "name": "general", "topic": None}


def talk(number: int, name: str, content: str, **more: object) -> dict[str, Any]:
    return {
        "id": str(10**18 + number), "type": "Default", "timestamp": f"2024-01-15T10:{number:02d}:05.687+09:00",
        "timestampEdited": None, "content": content, "attachments": [], "embeds": [], "stickers": [],
        "author": {"id": f"7{ord(name[0])}", "name": name.lower(), "discriminator": "0000", "nickname": name},
        "mentions": [],
    } | more  # fmt: skip


@pytest.fixture
def read(tmp_path: Path):
    def read(*messages: object, channel: dict[str, object] = CHANNEL) -> Log:
        value = {"guild": GUILD, "channel": channel, "messages": messages, "messageCount": len(messages)}
        log = read_log(save(tmp_path / "Server - general [2].json", value))
        assert log.format.id == "discord" and log.lines.missing == 0
        return log

    return read


def test_messages_and_answers(read):
    answer = {"type": "Reply", "reference": {"messageId": str(10**18 + 1), "channelId": "2"}}
    log = read(talk(1, "Anna", "hi"), talk(2, "Bert", "yo\nthere", **answer))
    assert log.messages == (
        Message("Anna", "hi", 1, time=datetime(2024, 1, 15, 10, 1, 5)),
        Message("Bert", "yo\nthere", 2, time=datetime(2024, 1, 15, 10, 2, 5), reply_to=0),
    )


def test_kinds(read):
    log = read(
        talk(1, "A", "", stickers=[{"id": "1", "name": "wave"}]),
        talk(2, "A", "", attachments=[{"id": "1", "fileName": "a.png"}]),
        talk(3, "A", "look", attachments=[{"id": "1", "fileName": "a.png"}]),
        talk(4, "A", "Started a call that lasted 3 minutes.", type="Call"),
        talk(5, "A", "Pinned a message.", type="ChannelPinnedMessage"),
        talk(6, "A", "", reference={"type": "Forward", "messageId": "5"}, forwardedMessage={"content": "x"}),
        talk(7, "A", ""),
        {"id": "8"},
    )
    assert said(log)[:7] == [
        ("A", "sticker", "wave"), ("A", "media", "a.png"), ("A", "text", "look"),
        ("A", "call", "Started a call that lasted 3 minutes."), (None, "system", "A: Pinned a message."),
        ("A", "media", ""), ("A", "unknown", ""),
    ]  # fmt: skip
    assert log.messages[7].kind is Kind.UNKNOWN and log.lines.unread == 2


def test_markup_becomes_what_was_read(read):
    mention = [{"id": "42", "name": "bert", "nickname": "ベル"}]
    log = read(talk(1, "A", "<@42> <@!42> <@43> <:cat:99> <a:dance:98>", mentions=mention))
    assert log.messages[0].text == "@ベル @ベル <@43> :cat: :dance:"


def test_direct_messages_have_a_partner(read):
    channel = CHANNEL | {"type": "DirectTextChat", "name": "Bert"}
    assert read(talk(1, "Anna", "a"), talk(2, "Bert", "b"), channel=channel).partner == "Bert"
    assert read(talk(1, "Anna", "a"), channel=channel).partner is None


def test_a_new_name_is_the_same_person(read):
    renamed = talk(2, "A", "b")
    renamed["author"]["nickname"] = "新しい名前"
    assert [m.sender for m in read(talk(1, "A", "a"), renamed).messages] == ["新しい名前"] * 2


def test_old_exports_without_newer_fields(read):
    old = {"id": "5", "type": "Default", "timestamp": "2019-08-02T10:09:48.68+00:00", "content": "x",
           "author": {"id": "1", "name": "Anna", "discriminator": "1234"}, "attachments": [], "embeds": []}  # fmt: skip
    assert read(old).messages == (Message("Anna", "x", 1, time=datetime(2019, 8, 2, 10, 9, 48)),)


SAID = st.lists(
    st.tuples(st.sampled_from("ABC"), st.text(st.characters(codec="utf-8"), max_size=60), st.integers(0, 40)),
    min_size=1, max_size=30,
).filter(lambda said: any(text.strip() for _, text, _ in said))  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=SAID, ascii_only=st.booleans())
def test_what_is_written_is_read_back(tmp_path, messages, ascii_only):
    written, expected = [], []
    for n, (sender, text, back) in enumerate(messages):
        link = n - back if 0 < back <= n else None
        answer = {} if link is None else {"type": "Reply", "reference": {"messageId": str(10**18 + link)}}
        text = text.replace("<", "‹")  # markup is not read back as it was written
        written.append(talk(n, sender, text, **answer))
        kind = Kind.TEXT if text.strip() else Kind.UNKNOWN
        expected.append(Message(sender, text, n + 1, kind, datetime(2024, 1, 15, 10, n, 5), 0, link))
    path = tmp_path / "x.json"
    value = {"guild": GUILD, "channel": CHANNEL, "messages": written}
    path.write_text(json.dumps(value, ensure_ascii=ascii_only), encoding="utf-8")
    assert read_log(path).messages == tuple(expected)


def package(tmp_path: Path, root: str, csv: bool) -> Path:
    rows = [
        {"ID": 1419422247004934226, "Timestamp": "2025-09-21 20:37:15", "Contents": ""}
        | {"Attachments": "https://c.d/a/b.jpg?ex=0"},
        {"ID": "897870239797215243", "Timestamp": "2021-10-13 15:35:46", "Contents": 'said "no",\nthen'},
    ]  # fmt: skip
    table = 'ID,Timestamp,Contents,Attachments\n5,2021-10-13 15:35:46.5+00:00,"said ""no"",\nthen",\n'
    return zipped(
        tmp_path / "package.zip",
        {
            f"{root}/index.json": {"11": "Direct Message with bert#0", "12": None},
            f"{root}/c11/channel.json": {"id": "11", "type": "DM", "recipients": ["1", "2"]},
            f"{root}/c11/messages.{'csv' if csv else 'json'}": table if csv else rows,
            f"{root}/c12/channel.json": {"id": "12", "type": 0},
            f"{root}/c12/messages.json": [{"ID": 3, "Timestamp": "2022-01-01 00:00:00", "Contents": "y"}],
            "account/user.json": {"id": "1", "username": "anna", "global_name": "Anna"},
            "servers/index.json": {},
        },
    )


@pytest.mark.parametrize("root", ["messages", "Messages"])
def test_package(tmp_path, root):
    log = read_log(package(tmp_path, root, csv=False))
    assert log.format.id == "discord-package" and log.parts == ("Direct Message with bert#0", "c12")
    assert said(log) == [("Anna", "text", 'said "no",\nthen'), ("Anna", "media", "b.jpg"), ("Anna", "text", "y")]
    assert log.messages[0].time == datetime(2021, 10, 13, 15, 35, 46) and "only your own" in log.notes[0].en
    assert said(read_log(package(tmp_path, root, csv=True)))[0] == ("Anna", "text", 'said "no",\nthen')


def test_package_sample(shared):
    log = read_log(shared / "samples" / "discord" / "memoria_docs_data_package_messages.json")
    texts = [m.text for m in log.messages if m.kind is Kind.TEXT]
    assert texts == ["my only 10/10 i've watched so far", "4"] and log.lines.unread == 1
    assert [m.line for m in log.messages] == [5, 1, 4, 3, 2]  # oldest first
