"""WeChat in JSON, as WeFlow and echotrace write it: one chat a file."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("wechat-json", Text("WeChat (WeFlow, echotrace)", "WeChat（WeFlow・echotrace）"))
KINDS = (
    (("文本", "引用", "回复"), Kind.TEXT),
    (("表情",), Kind.STICKER),
    (("通话", "语音聊天", "视频聊天"), Kind.CALL),
    (("撤回",), Kind.UNSENT),
    (("系统", "拍一拍"), Kind.SYSTEM),
    (
        ("图片", "语音", "视频", "文件", "位置", "链接", "名片", "小程序", "转账", "红包", "聊天记录", "合并"),
        Kind.MEDIA,
    ),
)


def claims(top: Top) -> bool:
    """Messages that say whether they were sent, beside the chat they belong to."""
    talk = "messages.item."
    return top.any("weflow", "session", talk + "localType") and top.any(talk + "isSend", talk + "senderUsername")


def read(source: JsonSource, hints: Hints) -> Log:
    """The chat. Times are those of UTC."""
    names: dict[str, str] = {}
    session = {
        key: as_text(source.top.paths.get(f"session.{key}")) for key in ("wxid", "nickname", "displayName", "type")
    }
    title = session["displayName"] or session["nickname"] or session["wxid"]
    one = LogConversation(title, [_entry(item, names) for item in source.items("messages.item")])
    if "群" not in session["type"] and not session["wxid"].endswith("@chatroom"):
        one.partner = session["wxid"] or None
    return assemble(FORMAT, [one], hints, names=names, by_time=True, in_utc=True)


def _entry(item: JsonItem, names: dict[str, str]) -> LogEntry:
    value = as_record(item.value)
    time, words, about = utc(value.get("createTime")), as_text(value.get("content")), as_text(value.get("type"))
    kind = next((kind for marks, kind in KINDS if any(mark in about for mark in marks)), Kind.UNKNOWN)
    sender = as_text(value.get("senderUsername")) or as_text(value.get("senderDisplayName"))
    if kind is Kind.SYSTEM or (value.get("isSend", 0) is None and kind is not Kind.TEXT):
        return LogEntry(None, words, item.place, Kind.SYSTEM if kind is Kind.UNKNOWN else kind, time)
    if not sender:
        return unread(item)
    names[sender] = as_text(value.get("senderDisplayName")) or names.get(sender, sender)
    if kind is Kind.TEXT and not words.strip():
        kind = Kind.UNKNOWN
    return LogEntry(sender, words, item.place, kind, time, as_text(value.get("localId")) or None)
