"""The banner on top of LINE phone exports: which chat it is, and when it was saved."""

import re
from collections.abc import Iterable

# One-to-one chats name the other person; groups only themselves.
PARTNER = re.compile(
    r"(?:\[LINE\]\s*)?(?:(.+?)とのトーク(?:履歴)?|Chat (?:history )?with (.+)|[与與](.+?)的聊天[记記][录錄]"
    r"|ประวัติการ(?:แชท|สนทนา)กับ\s*(.+))\s*"
)
GROUP = re.compile(
    r"(?:\[LINE\]\s*)?(?:.+のトーク(?:履歴)?|Chat history in .+|.+的聊天[记記][录錄]|ประวัติการ(?:แชท|สนทนา).*)\s*"
)
SAVED = re.compile(
    r"(?:保存日時|保存日期|儲存日期|Saved on|บันทึก(?:เมื่อ)?(?:วันที่)?)"
    r"\s*[:：]?\s*[\d/.年月日,:\s AaPpMm午前後上下凌清晨早中傍晚น]+"
)
FILE_NAME = re.compile(r"\[LINE\]\s*(.+?)(?:\s+\d{1,2}|\s*\(\d+\))?")
DEPTH = 6  # lines in which a banner is looked for


def is_banner(line: str) -> bool:
    """Whether `line`, near the top of a file, is a banner or the date of saving."""
    return line.startswith("[LINE]") or bool(SAVED.fullmatch(line) or PARTNER.fullmatch(line) or GROUP.fullmatch(line))


def partner_of(top: Iterable[str], file_name: str) -> str | None:
    """The other person of a one-to-one chat, from the banner or the name of the file."""
    for line in top:
        if is_banner(line) and not SAVED.fullmatch(line):
            match = PARTNER.fullmatch(line)
            return _only(match) if match else None
    stem = FILE_NAME.fullmatch(re.sub(r"\.\w+$", "", file_name))
    if stem is None:
        return None
    match = PARTNER.fullmatch(stem[1])
    if match:
        return _only(match)
    return None if GROUP.fullmatch(stem[1]) else stem[1]


def _only(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)
