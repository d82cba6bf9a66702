"""X: scripts of an archive, links as they were typed, names of the owner."""

import json

from core.logs.detect import read_log
from tests.helpers.log_files import said, zipped


def message(n: int, sender: str, text: str, **more: object) -> dict[str, object]:
    base = {
        "id": str(n),
        "senderId": sender,
        "recipientId": "2",
        "text": text,
        "createdAt": f"2022-01-27T15:58:{n:02d}.744Z",
    }
    return {"messageCreate": base | {"urls": [], "mediaUrls": [], "reactions": []} | more}


def conversation(messages: list[dict[str, object]]) -> dict[str, object]:
    return {"conversationId": "1-2", "messages": messages}


def script(name: str, value: object) -> str:
    return f"window.YTD.{name} = {json.dumps(value)}"


def test_x_archive(tmp_path):
    chat = [
        message(3, "2", "pic https://t.co/abc", mediaUrls=["https://ton.x.com/1.jpg"]),
        message(
            2, "1", "see https://t.co/xyz &gt;", urls=[{"url": "https://t.co/xyz", "expanded": "https://example.com/a"}]
        ),
        {
            "joinConversation": {
                "initiatingUserId": "1",
                "createdAt": "2022-01-27T15:58:00.000Z",
                "participantsSnapshot": [],
            }
        },
    ]
    more = [message(4, "2", "https://t.co/abc", mediaUrls=["https://ton.x.com/2.jpg"])]
    account = {"accountId": "1", "username": "me", "accountDisplayName": "私"}
    files = {
        "data/direct-messages.js": script("direct_messages.part0", [{"dmConversation": conversation(chat)}]),
        "data/direct-messages-part1.js": script("direct_messages.part1", [{"dmConversation": conversation(more)}])
        + ";\n",
        "data/account.js": script("account.part0", [{"account": account}]),
        "data/tweets.js": script("tweets.part0", []),
    }
    log = read_log(zipped(tmp_path / "twitter.zip", files))
    assert log.format.id == "x" and log.partner == "2"
    assert said(log) == [
        (None, "system", "joinConversation 1"),
        ("私", "text", "see https://example.com/a >"),
        ("2", "text", "pic"),
        ("2", "media", ""),
    ]


def test_sample(shared):
    log = read_log(shared / "samples" / "twitter" / "birdclaw_direct-messages.js")
    assert said(log) == [("42", "text", "Need a local archive tool"), ("25401953", "text", "Building one now")]
