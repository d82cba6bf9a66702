"""Element's JSON: replies without their quote, edits in the place of what they edit."""

from pathlib import Path

from core.logs.detect import read_log
from tests.helpers.log_files import said, save


def event(number: int, sender: str, content: dict, kind: str = "m.room.message") -> dict:
    return {"type": kind, "sender": f"@{sender}:matrix.org", "content": content, "event_id": f"${number}",
            "origin_server_ts": 1710234300000 + 1000 * number}  # fmt: skip


def test_a_room(tmp_path: Path) -> None:
    quote = {"m.in_reply_to": {"event_id": "$1"}}
    edit = {"msgtype": "m.text", "body": "* hey", "m.new_content": {"msgtype": "m.text", "body": "hey"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}  # fmt: skip
    log = read_log(save(tmp_path / "export.json", {"room_name": "r", "messages": [
        event(1, "mika", {"msgtype": "m.text", "body": "hi"}),
        event(2, "ken", {"msgtype": "m.text", "body": "> <@mika:matrix.org> hi\n\nyo", "m.relates_to": quote}),
        event(3, "ken", {"msgtype": "m.image", "body": "a.png"}), event(4, "mika", edit), event(5, "mika", {}),
        event(6, "ken", {"membership": "join"}, "m.room.member"),
        event(7, "ken", {"msgtype": "m.text", "body": "> typed"}),
    ]}))  # fmt: skip
    assert log.format.id == "element"
    assert said(log) == [
        ("mika", "text", "hey"), ("ken", "text", "yo"), ("ken", "media", "a.png"), ("mika", "unsent", ""),
        (None, "system", "m.room.member"), ("ken", "text", "> typed"),
    ]  # fmt: skip
    assert log.messages[1].reply_to == 0
