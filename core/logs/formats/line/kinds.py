"""What the body of a LINE message is: words, or one of the marks LINE writes for everything else.

All patterns match the whole body. LINE puts calls and unsent messages in the sender's column, so
without them they would be learned as that person's words; looser tests would eat real sentences.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from core.messages import Kind, Message

STICKERS = ("スタンプ", "Sticker", "Stickers", "贴图", "貼圖", "สติกเกอร์", "스티커")
# Marks that stand alone, and marks that words may follow ([ノート] 本文, [位置情報] 住所).
ALONE = (
    "写真", "画像", "動画", "ファイル", "ボイスメッセージ", "音声", "ギフト", "送金", "グループ", "URL",
    "Photo", "Photos", "Image", "Images", "Video", "Videos", "File", "Files", "Voice message", "Audio", "Gift",
    "照片", "视频", "影片", "语音信息", "語音訊息", "文件", "檔案",
    "圖片", "图片", "语音消息", "禮物", "礼物",
    "รูป", "รูปภาพ", "วิดีโอ", "ข้อความเสียง", "ไฟล์", "ของขวัญ", "사진", "동영상", "음성메시지", "파일",
)  # fmt: skip
LED = (
    "連絡先", "位置情報", "アルバム", "ノート", "投票", "イベント", "あみだくじ", "null",
    "Contact", "Location", "Album", "Albums", "Note", "Notes", "Poll", "Event",
    "记事本", "記事本", "相册", "相簿", "联系人", "聯絡人", "聯絡資訊", "位置信息", "位置訊息", "位置資訊", "活動",
    "โน้ต", "อัลบั้ม", "รายชื่อติดต่อ", "รายชื่อผู้ติดต่อ", "ตำแหน่ง", "ตำแหน่งที่ตั้ง", "โพล", "กิจกรรม",
)  # fmt: skip


def _any(words: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


STICKER = re.compile(rf"\[(?:{_any(STICKERS)})\]")
MEDIA = re.compile(rf"\[(?:{_any(ALONE)})\]|\[(?:{_any(LED)})\](?:\s.*)?", re.DOTALL)
CALL = re.compile(
    r"(?:☎\s?)?(?:(?:(?:グループ)?(?:音声|ビデオ)?通話時間|Call time|通話時間|通话时间|เวลา(?:ที่ใช้)?(?:โทร|สนทนา))"
    r"\s?\d+(?::\d\d){1,2}"
    r"|(?:グループ)?(?:音声|ビデオ)?通話が(?:開始|終了)されました|(?:グループ)?(?:音声|ビデオ)?通話が終了しました"
    r"|(?:グループ)?(?:音声|ビデオ)?通話(?:をキャンセルしました|に応答がありませんでした|に招待されました)"
    r"|不在着信|Missed (?:voice |video )?call|Cancell?ed call|未接來電|未接来电|chat\.message\.\S+)[。.]?"
    r"|☎\s?(?:No answer|応答なし|キャンセル|無應答|无应答|無人接聽|无人接听|已取消(?:通話|通话)?|取消(?:通話|通话)?"
    r"|通話|ไม่มี(?:คำตอบ|การตอบรับ|ผู้รับสาย)|ไม่รับสาย|ยกเลิกการโทร|สายที่ไม่ได้รับ)[。.]?"
    r"|(?:สายที่ไม่ได้รับ|群組(?:語音|視訊)?通話已(?:開始|結束)|群组(?:语音|视频)?通话已(?:开始|结束))[。.]?"
    r"|Group (?:voice |video )?call (?:started|ended)\.?"
)
UNSENT = re.compile(
    r"(?:(?P<who>.{1,60}?)(?:が|\s?(?=unsent|已|(?<!已)收回|ได้ยกเลิก|(?<!ได้)ยกเลิก)))?"
    r"(?:メッセージの送信を取り消しました|unsent a message|已?收回(?:了)?(?:訊息|消息|讯息)"
    r"|(?:ได้)?ยกเลิก(?:การส่ง)?ข้อความ(?:แล้ว)?)[。.]?"
)
NOTICE = re.compile(r"ⓘ .*|Decrypting\.\.\.", re.DOTALL)
EVENT = re.compile(
    r".{1,60}?(?:が(?:参加|退会|退出)しました|が.{1,60}を(?:招待しました|グループに追加しました|グループから削除しました)"
    r"|がグループ(?:に参加|を退会)しました|がグループ名を.{1,80}に変更しました"
    r"|が(?:グループの)?プロフィール画像を変更しました|がアルバム.{0,60}を(?:作成|削除)しました|がノートを作成しました"
    r"|がアナウンスしました|があみだくじを作成しました|を(?:この)?オープンチャットから退会させました"
    r"|がトークBGMを.{1,60}| joined the (?:group|chat)| left the (?:group|chat)| invited .{1,60} to the (?:group|chat)"
    r"| added .{1,60} to the group| removed .{1,60} from the group| changed the group(?:'s)? (?:name|photo).{0,60}"
    r"|(?:已)?加入(?:了)?(?:群組|群组|聊天)|(?:已)?退出(?:了)?(?:群組|群组|聊天)|(?:已)?(?:邀請|邀请)(?:了)?.{1,60}加入.{0,20}"
    r"|(?:已)?(?:將|将).{1,60}(?:退出群組|移出群组)|(?:已)?(?:變更|更改)(?:了)?(?:群組|群组)?(?:名稱|圖片|名称|头像).{0,80}"
    r"|(?:已)?建立(?:了)?相簿.{0,60}| created an album.{0,60}| set .{1,60} as BGM"
    r"|\s?(?:ได้)?(?:เข้าร่วม|ออกจาก)(?:กลุ่ม|แชท)(?:แล้ว)?|\s?(?:ได้)?เชิญ.{1,60}(?:เข้า(?:ร่วม)?กลุ่ม|เข้าร่วม))[。.]?"
)
# What a mark looks like in a language whose words are not among these.
OTHER_MARK = re.compile(r"\[[^\[\]\d\n]{2,30}\]|☎ [^\n]{2,40}")
# First characters of every body that is not plain words; the cheap test before the patterns.
SUSPECT = frozenset("[☎ⓘ通不グ音ビ未已收取群DMCGNUcメuยเสไได")
EMOJI = "(emoji)"


def classify(body: str, sender: str | None) -> tuple[Kind, str]:
    """Kind and text of a message body. Without a sender whatever is no call and no unsent mark is SYSTEM."""
    if sender is None:
        if UNSENT.fullmatch(body):
            return Kind.UNSENT, body
        return (Kind.CALL if CALL.fullmatch(body) else Kind.SYSTEM), body
    if body[:1] in SUSPECT:
        kind = _marked(body)
        if kind is not None:
            return kind, body
    if body.startswith(sender):
        unsent = UNSENT.fullmatch(body)
        if unsent and unsent["who"] == sender:
            return Kind.UNSENT, body
        if EVENT.fullmatch(body):
            return Kind.SYSTEM, body
    if EMOJI in body:
        words = body.replace(EMOJI, "").strip()
        return (Kind.TEXT, words) if words else (Kind.STICKER, body)
    return Kind.TEXT, body


def join_talk(message: Message, more: Sequence[str]) -> Message:
    """`message` with the lines that follow it; a mark that goes on in words was no mark."""
    text = "\n".join((message.text, *more))
    kind, text = classify(text, message.sender) if message.sender else (message.kind, text)
    return replace(message, kind=kind, text=text)


def _marked(body: str) -> Kind | None:
    if STICKER.fullmatch(body):
        return Kind.STICKER
    if MEDIA.fullmatch(body):
        return Kind.MEDIA
    if CALL.fullmatch(body):
        return Kind.CALL
    unsent = UNSENT.fullmatch(body)
    if unsent and unsent["who"] is None:
        return Kind.UNSENT
    return Kind.SYSTEM if NOTICE.fullmatch(body) else None
