"""What the words of a KakaoTalk record are. All patterns match the whole of it: 사진 is also a word."""

import re
from collections.abc import Sequence
from dataclasses import replace

from core.messages import Kind, Message

MEDIA = re.compile(
    r"사진(?: \d+장)?|동영상|음성메시지|연락처|파일: .+|지도: .+"
    r"|Photos?(?: \d+)?|\d+ photos|Videos?|Voice (?:Note|Message)|File: .+|Contact|Map: .+"
)
STICKER = re.compile(r"이모티콘|스티커|\((?:이모티콘|스티커)\)|Emoticons?|Stickers?")
CALL = re.compile(
    r"(?:보이스톡|페이스톡|그룹콜|라이브톡) (?:해요|취소|부재중|응답 ?없음|종료|거절|시작|\d\d?:\d{2}(?::\d{2})?)[.!]?"
    r"|(?:Voice|Face|Live) ?[Tt]alk(?: (?:missed|canceled|cancelled|ended|no answer|\d\d?:\d{2}(?::\d{2})?))?"
)
UNSENT = re.compile(r"삭제된 메시지입니다\.?|This message was deleted\.?|Deleted message\.?|메시지가 삭제되었습니다\.?")
NOTICE = re.compile(
    r"(?:.{1,60}님이 )?.{1,60}님을 (?:초대|내보)(?:하였|했|냈)습니다\.?|.{1,60}님이 (?:나갔습니다|들어왔습니다)\.?"
    r"|채팅방 관리자가 메시지를 가렸습니다\.?|운영정책을 위반한 메시지.{0,80}"
    r"|.{1,60} (?:joined|left) this chatroom\.?|.{1,60} has been removed from this chatroom\.?"
)
INVITED = re.compile(r"(.{1,60}?) invited .{1,120}\.")  # people write such sentences too: only under the inviter's name


def classify(words: str) -> Kind:
    """The kind of what a person's record holds."""
    bare = words.strip()
    for kind, pattern in (
        (Kind.MEDIA, MEDIA),
        (Kind.STICKER, STICKER),
        (Kind.CALL, CALL),
        (Kind.UNSENT, UNSENT),
    ):
        if pattern.fullmatch(bare):
            return kind
    return Kind.TEXT


def join_talk(message: Message, more: Sequence[str]) -> Message:
    """`message` with the lines that follow it; a mark that goes on in words was no mark."""
    text = "\n".join((message.text, *more))
    return replace(message, text=text, kind=Kind.TEXT if message.sender else message.kind)
