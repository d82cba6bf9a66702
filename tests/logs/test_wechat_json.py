"""WeChat as WeFlow and echotrace write it."""

from core.logs.detect import read_log
from tests.helpers.log_files import save


def test_wechat(tmp_path):
    def talk(n: int, kind: str, content: str, sender: str | None = "wx_h", **more: object) -> dict[str, object]:
        base = {"localId": n, "createTime": 1705314600 + n, "type": kind, "content": content, "isSend": 0}
        return base | {"senderUsername": sender, "senderDisplayName": "花子" if sender else None} | more

    messages = [
        talk(1, "文本消息", "你好"),
        talk(2, "图片消息", "[图片]"),
        talk(3, "动画表情", "[表情]"),
        talk(4, "系统消息", "x", None, isSend=None),
        talk(5, "语音通话", "y"),
        talk(6, "新的类型", "z"),
        talk(7, "文本消息", "我", "wx_me", isSend=1, senderDisplayName="太郎"),
    ]
    value = {
        "weflow": {"version": "1"},
        "session": {"wxid": "wx_h", "displayName": "花子", "type": "私聊"},
        "messages": messages,
    }
    log = read_log(save(tmp_path / "x.json", value))
    assert [(m.sender, m.kind.value) for m in log.messages] == [
        ("花子", "text"),
        ("花子", "media"),
        ("花子", "sticker"),
        (None, "system"),
        ("花子", "call"),
        ("花子", "unknown"),
        ("太郎", "text"),
    ]
    assert log.partner == "花子" and log.format.id == "wechat-json"
