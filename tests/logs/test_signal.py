"""Signal: the JSON of sigtop, signal-export and signal-cli."""

from core.logs.detect import read_log
from core.messages import Kind
from tests.helpers.log_files import said, save, save_lines


def test_signal_rows(tmp_path):
    rows = [
        {"type": "incoming", "sent_at": 1705314600000, "body": "hi", "conversationId": "c", "source": "+811"},
        {
            "type": "outgoing",
            "sent_at": 1705314601000,
            "body": "yo",
            "conversationId": "c",
            "quote": {"id": 1705314600000},
        },
        {
            "type": "incoming",
            "sent_at": 1705314602000,
            "body": None,
            "conversationId": "c",
            "source": "+811",
            "attachments": [{"contentType": "image/png"}],
        },
        {"type": "call-history", "sent_at": 1705314603000, "body": None, "conversationId": "c"},
        {"type": "keychange", "sent_at": 1705314604000, "body": None, "conversationId": "c"},
        {
            "type": "incoming",
            "sent_at": 1705314605000,
            "body": "",
            "conversationId": "c",
            "source": "+811",
            "deletedForEveryone": 1,
        },
    ]
    log = read_log(save(tmp_path / "Hanako (+811).json", rows))
    assert log.format.id == "signal" and log.partner == "+811"
    assert [(m.sender, m.kind.value, m.reply_to) for m in log.messages] == [
        ("+811", "text", None),
        ("Me", "text", 0),
        ("+811", "media", None),
        (None, "call", None),
        (None, "system", None),
        ("+811", "unsent", None),
    ]


def test_signal_export_lines(tmp_path):
    lines = [
        {
            "date": "2019-05-29 15:04:05",
            "sender": "Me",
            "body": "hi\n",
            "quote": "",
            "sticker": "",
            "reactions": [],
            "attachments": [],
        },
        "{broken",
        {
            "date": "2019-05-29 15:05:05",
            "sender": "花子",
            "body": "",
            "quote": "",
            "sticker": "😺",
            "reactions": [],
            "attachments": [],
        },
    ]
    log = read_log(save_lines(tmp_path / "data.json", [lines[0], *lines[::2][1:], lines[1]]))
    assert said(log) == [("Me", "text", "hi"), ("花子", "sticker", ""), (None, "unknown", "{broken")]
    assert [m.line for m in log.messages] == [1, 2, 3] and log.partner == "花子"


def test_signal_cli_lines(tmp_path):
    def line(stamp: int, **inside: object) -> dict[str, dict[str, object]]:
        return {"envelope": {"source": "+811", "sourceName": "花子", "timestamp": stamp} | inside}

    quote = {"id": 1705314600000, "text": "hi"}
    sent = {"timestamp": 1705314601000, "message": "yo", "destination": "+811", "quote": quote}
    mine = line(1705314601000, syncMessage={"sentMessage": sent})
    mine["envelope"] |= {"source": "+810", "sourceName": "太郎"}
    lines = [
        line(1705314600000, dataMessage={"timestamp": 1705314600000, "message": "hi"}),
        mine,
        line(1705314602000, receiptMessage={"isRead": True}),
        line(1705314603000, dataMessage={"timestamp": 1705314603000, "message": None, "reaction": {"emoji": "❤"}}),
    ]
    log = read_log(save_lines(tmp_path / "signal.jsonl", lines))
    assert said(log)[:2] == [("花子", "text", "hi"), ("Me", "text", "yo")] and log.messages[1].reply_to == 0
    assert [m.kind for m in log.messages[2:]] == [Kind.SYSTEM, Kind.SYSTEM] and log.partner == "花子"
