"""What the body of a WhatsApp message is. All patterns match the whole body.

WhatsApp starts its own words with an invisible mark (U+200E), which tells them from typed ones.
"""

import re

from core.logs.parsing.decode import EDGE_MARKS
from core.messages import Kind

MARK = "\u200e"
ATTACHED = re.compile(
    r"(?:[^\n]{0,120}[•·] [^\n]{0,40})?\u200e?<(?:attached|添付ファイル|adjunto|angehängt|Anhang|allegato|pièce jointe"
    r"|anexado|bijgevoegd|附件)[:：] (?P<file>[^>\n]+)>"
    r"|\u200e?(?P<android>[^\n]{1,120}\.\w{2,5}) \((?:file attached|添付ファイル有り|ファイルを添付|archivo adjunto"
    r"|Datei angehängt|file allegato|fichier joint|arquivo anexado|bestand bijgevoegd)\)"
    r"|\u200e?(?P<any>(?:IMG|VID|PTT|AUD|STK|DOC)-\d{8}-WA\d+\.\w{2,5}) \([^)\n]{3,40}\)"
)
OMITTED = re.compile(
    r"<(?:Media omitted|メディアなし|メディアは含まれていません|Multimedia omitido|Archivo omitido|Médias omis"
    r"|Medien ausgeschlossen|Media omessi|Mídia oculta|Media weggelaten|Media utelämnat|Без медиафайлов"
    r"|미디어 파일 제외됨|미디어를 제외함|省略多媒体文件|省略多媒體檔案|沒有多媒體檔|Medya dahil edilmedi"
    r"|View once (?:photo|video|voice message) omitted)>"
    r"|\u200e?(?:image|video|audio|GIF|document|Contact card|video note) omitted"
    r"|\u200e?[^\n]{1,60}\.\w{2,5} [•·] [^\n]{1,40}\u200e(?:document omitted|ドキュメントは含まれていません)"
    r"|\u200e?(?:画像|ビデオ|動画|音声|GIF|ドキュメント|連絡先カード|文書)は含まれていません"
)
STICKER = re.compile(r"\u200e?(?:sticker omitted|(?:スタンプ|ステッカー)は含まれていません)")
PLACE = re.compile(r"\u200e?(?:[Ll]ocation|位置情報|ライブ位置情報|Live location shared)(?:: https?://\S+)?")
UNSENT = re.compile(
    r"(?:このメッセージは削除されました|(?:あなたは)?このメッセージを削除しました|メッセージを削除しました"
    r"|This message was deleted(?: by admin [^\n]{1,60})?|You deleted this message|Se eliminó este mensaje"
    r"|Eliminaste este mensaje|Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht"
    r"|Ce message a été supprimé|Mensagem apagada)[。.]?"
)
CALL = re.compile(
    r"(?:Missed (?:group )?(?:voice|video) call|不在着信|(?:音声|ビデオ)通話(?:に応答がありませんでした|の不在着信)?"
    r"|(?:Voice|Video) call)(?:[,.、。]? [^\n]{0,40})?"
)
# Written by WhatsApp in the name of a person or a group, without the mark in some exports.
NOTICE = re.compile(
    r"Messages (?:and calls|to this (?:chat|group) and calls|you send to this (?:chat|group)).{0,40} (?:are )?(?:now )?"
    r"(?:secured with )?end-to-end encrypt(?:ed|ion)\..*"
    r"|メッセージと通話はエンドツーエンド(?:で)?暗号化されています。.*",
    re.DOTALL,
)
UNREADABLE = re.compile(r"null|Waiting for this message\..*|このメッセージを待機しています。.*", re.DOTALL)
EDITED = re.compile(r"\s*\u200e?<(?:This message was edited|このメッセージは編集されました)>\Z")

WRITTEN = re.compile(
    "|".join(
        f"(?P<{kind.value}>{'|'.join(f'(?:{pattern.pattern})' for pattern in patterns)})"
        for kind, patterns in (
            (Kind.STICKER, (STICKER,)),
            (Kind.MEDIA, (OMITTED, PLACE)),
            (Kind.UNSENT, (UNSENT,)),
            (Kind.CALL, (CALL,)),
            (Kind.UNKNOWN, (UNREADABLE,)),
            (Kind.SYSTEM, (NOTICE,)),
        )
    ),
    re.DOTALL,
)


def classify(body: str, has_sender: bool) -> tuple[Kind, str]:
    """Kind and words of a body. A caption under an attachment is what counts: it was typed."""
    bare = body.strip(EDGE_MARKS + " \u00a0")
    if bare == ".":  # what WhatsApp writes for a message that shows once: "Name:."
        bare = ""
    if not has_sender:
        kind = Kind.UNSENT if UNSENT.fullmatch(bare) else Kind.CALL if CALL.fullmatch(bare) else Kind.SYSTEM
        return kind, bare
    kind = _marked(body, bare)
    if kind is not None:
        return kind, bare
    if body.startswith(MARK) and not ATTACHED.match(body.lstrip(EDGE_MARKS)):
        return Kind.SYSTEM, bare
    return _words(bare)


def _words(bare: str) -> tuple[Kind, str]:
    """Typed words, without the name of an attached file and the note that they were edited."""
    words = EDITED.sub("", bare) if bare.endswith(">") else bare
    attached = ATTACHED.match(words)
    if attached is None:
        return Kind.TEXT, words
    caption = words[attached.end() :].strip()
    if caption:
        return Kind.TEXT, caption
    name = attached["file"] or attached["android"] or attached["any"]
    return (Kind.STICKER if "STK" in name or "STICKER" in name or name.endswith(".webp") else Kind.MEDIA), words


def _marked(body: str, bare: str) -> Kind | None:
    """The kind of a body that WhatsApp wrote, None for one that was typed."""
    match = WRITTEN.fullmatch(bare)
    if match is None:
        return None
    kind = Kind(match.lastgroup)
    typed = kind is Kind.CALL and not body.startswith(MARK) and bare.startswith(("Voice", "Video", "音声", "ビデオ"))
    return None if typed else kind
