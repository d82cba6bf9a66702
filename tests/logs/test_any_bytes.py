"""Whatever bytes a file holds, every reader answers with a log or with the one clear error.

The readers come from the registries, so a new one is tried without a line here. Files that are nearly
right are the hard ones: small exports of every kind are cut, shuffled and filled with values of other types.
"""

import json
import random
import zipfile
from pathlib import Path

import pytest

from core.errors import InputError
from core.logs.detect import FORMATS, read_log
from core.messages import Kind
from tests.helpers.log_files import zipped

WORDS = (
    "日時", "10:00\tA\t", "「」：,", '"', "'", "\\", "\x00", "\x1f", "\ud83d", "]", "}", "[2024/01/01 10:00:00] A: x",
    "<a&gt;", "\u202e", "99", "-1", "null", " ", "\n",
)  # fmt: skip
T = "2024-01-15T10:30:00"
NEARLY: dict[str, object] = {
    "telegram": {"name": "A", "type": "personal_chat", "messages": [
        {"id": 1, "type": "message", "date": T, "date_unixtime": "1705314600", "from": "A", "from_id": "user1",
         "text": ["a", {"type": "bold", "text": "b"}], "reply_to_message_id": 1, "photo": "p",
         "poll": {"question": "q"}},
        {"id": 2, "type": "service", "actor": "A", "actor_id": "1", "action": "phone_call", "members": ["B"]}]},
    "telegram account": {"personal_information": {"user_id": 1}, "chats": {"list": [{"name": None, "type": "bot_chat",
        "messages": [{"id": 1, "type": "message", "from": "A", "text": "x", "date": T}]}]}},
    "discord": {"guild": {"name": "g"}, "channel": {"name": "c", "type": "DirectTextChat"}, "messages": [
        {"id": "1", "type": "Reply", "timestamp": T, "content": "<@1>", "author": {"id": "1", "name": "A"}, "mentions":
         [{"id": "1", "name": "A"}], "reference": {"messageId": "1"}, "stickers": [{"name": "s"}],
         "attachments": [{}]}]},
    "discord-package": [{"ID": 1, "Timestamp": "2024-01-15 10:30:00", "Contents": "x", "Attachments": "https://a/b"}],
    "slack": [{"type": "message", "user": "U1", "text": "<@U1|a> &amp;", "ts": "1705314600.000100", "thread_ts": "1",
               "subtype": "file_share", "files": [{"name": "f"}], "user_profile": {"display_name": "A"},
               "blocks": [{"elements": [{"type": "text", "text": "x"}]}]}],
    "meta": {"participants": [{"name": "A"}, {"name": "B"}], "title": "A", "thread_path": "x", "messages": [
        {"sender_name": "A", "timestamp_ms": 1705314600000, "content": "\u00e3\u0081\u0082", "share": {"link": "x"}}]},
    "meta encrypted": {"participants": ["A", "B"], "threadName": "A_1", "messages": [
        {"senderName": "A", "text": "x", "timestamp": 1705314600000, "type": "text", "isUnsent": False, "media": []}]},
    "google-chat": {"messages": [{"creator": {"name": "A", "email": "a@b"}, "created_date":
        "Thursday, November 3, 2016 at 11:59:50 AM UTC", "text": "x", "message_id": "a/b/c", "annotations": [{}],
        "attached_files": [{"original_name": "f"}], "quoted_message_metadata": {"message_id": "a"}}]},
    "hangouts": {"conversations": [{"conversation": {"conversation": {"participant_data": [{"id": {"gaia_id": "1"},
        "fallback_name": "A"}], "self_conversation_state": {"self_read_state": {"participant_id": {"gaia_id": "1"}}}}},
        "events": [{"sender_id": {"gaia_id": "1"}, "timestamp": "1705314600000000",
        "event_type": "REGULAR_CHAT_MESSAGE",
        "chat_message": {"message_content": {"segment": [{"type": "TEXT", "text": "x"}], "attachment": [{}]}}}]}]},
    "signal rows": [{"type": "incoming", "sent_at": 1705314600000, "body": "x", "conversationId": "c", "source": "+1",
                     "quote": {"id": 1}, "attachments": [{}]}],
    "signal-cli": [{"envelope": {"source": "+1", "sourceName": "A", "timestamp": 1705314600000, "dataMessage": {
        "timestamp": 1, "message": "x", "groupInfo": {"groupId": "g"}, "quote": {"id": 1}}}}],
    "skype": {"userId": "8:a", "conversations": [{"id": "8:b", "displayName": "B", "MessageList": [{"id": "1",
        "displayName": None, "originalarrivaltime": T, "messagetype": "RichText", "from": "8:b",
        "content": "<quote messageid=\"1\">q</quote><b>x</b>", "properties": {"deletetime": 1}}]}]},
    "x": [{"dmConversation": {"conversationId": "1-2", "messages": [{"messageCreate": {"id": "1", "senderId": "1",
        "text": "x", "createdAt": T, "urls": [{"url": "u", "expanded": "e"}], "mediaUrls": ["m"]}},
        {"joinConversation": {"initiatingUserId": "1", "createdAt": T, "userIds": ["1"]}}]}}],
    "chatgpt": [{"title": "t", "current_node": "b", "mapping": {
        "a": {"message": None, "parent": None, "children": ["b"]},
        "b": {"parent": "a", "children": [], "message": {"author": {"role": "user"}, "create_time": 1.5, "metadata": {},
              "content": {"content_type": "text", "parts": ["x", {"text": "y"}]}, "recipient": "all"}}}}],
    "claude": [{"name": "t", "chat_messages": [{"uuid": "1", "sender": "human", "text": "x", "created_at": T,
                                                "content": [{"type": "text", "text": "x"}], "files": []}]}],
    "character-ai": {"histories": {"histories": [{"msgs": [{"src": {"is_human": True, "name": "A"}, "text": "x"}]}]}},
    "character-ai turns": {"turns": [{"author": {"name": "A", "is_human": False}, "create_time": T, "candidates": [
        {"candidate_id": "1", "raw_content": "x"}], "primary_candidate_id": "1"}]},
    "ooba": {"data": [["a", "b"]], "data_visible": [["<|BEGIN-VISIBLE-CHAT|>", "b &amp;"]]},
    "agnai": {"name": "A", "messages": [{"msg": "x", "userId": "1", "handle": "h", "createdAt": T, "ooc": False}]},
    "wechat-json": {"weflow": {}, "session": {"wxid": "w", "type": "x"}, "messages": [{"createTime": 1705314600,
        "type": "文本消息", "content": "x", "isSend": 1, "senderUsername": "w", "senderDisplayName": "W"}]},
    "json": [{"messages": [{"role": "user", "content": [{"text": "x"}]}]}, {"instruction": "a", "output": "b",
              "history": [["c", "d"]], "input": "e", "system": "f"}, {"sender": "A", "text": "x", "time": T}],
}  # fmt: skip
LINES = [
    {"user_name": "U", "character_name": "C"},
    {"name": "C", "is_user": False, "mes": "x", "send_date": T, "extra": {"image": "i"}},
    {"name": "U", "is_user": True, "mes": {"message": "y"}, "is_system": True},
]
TEXT = (
    "[LINE] Aとのトーク履歴\n保存日時：2026/08/21 11:59\n\n2024/01/01(月)\n10:00\tA\t\"x\ny\"\n10:01\tB\t[写真]\n"
    "25/07/2026, 13:32 - A: x\n2021년 12월 29일 오후 8:36, A : x\n[A] [오후 10:10] x\nDate,User,Message\n"
    "AuthorID,Author,Date,Content,Attachments,Reactions\n\"1\",\"A\",\"2024-01-15T10:30:00\",\"x\",\"\",\"\"\n"
    "May 17, 2022  5:29:42 PM\nMe\nx\n\n[01-Jan-20 01:33 AM] A\nx\n<nick> hi\nA: x\nB：y\n【A】x\nA「x」\n"
)  # fmt: skip
ODD = (None, True, 0, -1, 10**30, 1.5e300, "", "x", "\x00", "2024-99-99T99:99:99", [], {}, [[]], [{}], {"a": None})


def attempt(path: Path, format: str | None = None) -> None:
    """Read; what comes back is whole, and nothing but InputError is raised."""
    try:
        log = read_log(path, format=format)
    except InputError as error:
        assert error.en and error.ja
        return
    assert log.lines.missing == 0 and any(message.kind is not Kind.UNKNOWN for message in log.messages)
    for message in log.messages:
        message.text.encode("utf-8")
        assert message.sender is None or message.sender.strip()
        assert message.time is None or message.time.tzinfo is None
        if message.reply_to is not None:
            assert log.messages[message.reply_to].part == message.part


def spoil(chance: random.Random, value: object) -> object:
    """`value` with one place of it replaced, left out, doubled or put elsewhere."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: spoil(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        if chance.random() < 0.15:
            return [*value, chance.choice(ODD), value[place]]
        return [*value[:place], spoil(chance, value[place]), *value[place + 1 :]]
    return chance.choice(ODD)


def mutilate(chance: random.Random, data: bytes) -> bytes:
    """`data` with bytes changed, a piece cut out, or the end gone."""
    broken = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(broken) or 1)
        action = chance.randrange(4)
        if action == 0 and broken:
            broken[place] = chance.randrange(256)
        elif action == 1:
            del broken[place : place + chance.randint(1, 40)]
        elif action == 2:
            broken[place:place] = chance.choice(WORDS).encode("utf-8", "surrogatepass")
        elif chance.random() < 0.3:
            del broken[place:]
    return bytes(broken)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.json"


@pytest.mark.parametrize("kind", NEARLY)
def test_small_exports_are_claimed_by_their_reader(path, kind):
    """So that what follows spoils the right files."""
    path.write_text(json.dumps(NEARLY[kind]), encoding="utf-8")
    assert read_log(path).format.id in (kind.split()[0], kind.split("-")[0].split()[0])


@pytest.mark.parametrize("kind", NEARLY)
def test_json_with_values_of_other_types(path, kind):
    chance = random.Random(kind)
    for _ in range(80):
        value = NEARLY[kind]
        for _ in range(chance.randint(1, 3)):
            value = spoil(chance, value)
        path.write_text(json.dumps(value), encoding="utf-8")
        attempt(path)
        attempt(path, next((f.id for f in FORMATS if kind.startswith(f.id)), None))


@pytest.mark.parametrize("format", [f.id for f in FORMATS])
def test_mutilated_files_in_every_reader(path, format):
    chance = random.Random(format)
    nearly = [json.dumps(value, ensure_ascii=False).encode() for value in NEARLY.values()]
    nearly += ["\n".join(map(json.dumps, LINES)).encode(), TEXT.encode(), TEXT.encode("cp932", "replace"), b"["]
    own = [json.dumps(NEARLY[kind]).encode() for kind in NEARLY if kind.startswith(format)] or [nearly[-3]]
    for _ in range(60):
        path.write_bytes(mutilate(chance, chance.choice(nearly if chance.random() < 0.5 else own)))
        attempt(path, format)


def test_random_bytes(path):
    chance = random.Random(5)
    for size in (1, 2, 5, 40, 400, 4000) * 12:
        head = chance.choice((b"", b"{", b"[", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"window.YTD.x = "))
        path.write_bytes(head + chance.randbytes(size))
        attempt(path, chance.choice((None, chance.choice(FORMATS).id)))


FOLDERS = {
    "users.json": [{"id": "U1", "name": "A"}], "general/2024-01-15.json": NEARLY["slack"],
    "messages/inbox/a_1/message_1.json": NEARLY["meta"], "data/direct-messages.js": NEARLY["x"],
    "data/account.js": [{"account": {"accountId": "1", "username": "u"}}], "Messages/index.json": {"1": "a"},
    "Messages/c1/messages.json": NEARLY["discord-package"], "account/user.json": {"username": "u"},
    "Google Chat/Groups/DM 1/messages.json": NEARLY["google-chat"], "dms.json": [{"id": "D1", "members": ["U1"]}],
    "Google Chat/Groups/DM 1/group_info.json": {"members": [{"name": "A", "email": "a"}]},
    "Google Chat/Users/U 1/user_info.json": {"user": {"email": "a"}}, "result.json": NEARLY["telegram"], "a.txt": TEXT,
}  # fmt: skip


def test_archives_of_spoilt_files(path):
    """Any mixture of files, some damaged inside, some zips damaged as a whole."""
    chance = random.Random(7)
    for _ in range(150):
        chosen = chance.sample(list(FOLDERS), chance.randint(1, 5))
        files = {name: FOLDERS[name] for name in chosen}
        spoilt = chance.choice(chosen)
        text = files[spoilt] if isinstance(files[spoilt], str) else json.dumps(spoil(chance, files[spoilt]))
        files[spoilt] = mutilate(chance, text.encode()) if chance.random() < 0.4 else text
        zipped(path, files)
        if chance.random() < 0.3:
            path.write_bytes(mutilate(chance, path.read_bytes()))
        attempt(path)
        attempt(path, chance.choice(FORMATS).id)


def test_a_locked_entry(path):
    zipped(path, {"a.txt": TEXT})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    data[start + 8] |= 1  # the flag of encryption, in the directory
    path.write_bytes(data)
    with pytest.raises(InputError, match="locked with a password"):
        read_log(path)
