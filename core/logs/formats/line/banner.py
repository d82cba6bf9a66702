"""The banner on top of LINE phone exports: which chat it is, and when it was saved."""

import re
from collections.abc import Iterable

_NAME = ".{1,200}"
# One-to-one chats name the other person; groups only themselves.
PARTNER = re.compile(
    rf"(?:\[LINE\]\s{{0,9}})?(?:({_NAME}?)とのトーク(?:履歴)?|Chat (?:history )?with ({_NAME})"
    rf"|[与與]({_NAME}?)的聊天[记記][录錄]|ประวัติการ(?:แชท|สนทนา)กับ\s{{0,9}}({_NAME}))\s{{0,9}}"
)
GROUP = re.compile(
    rf"(?:\[LINE\]\s{{0,9}})?(?:{_NAME}のトーク(?:履歴)?|Chat history in {_NAME}|{_NAME}的聊天[记記][录錄]"
    rf"|ประวัติการ(?:แชท|สนทนา).{{0,200}})\s{{0,9}}"
)
SAVED = re.compile(
    r"(?:保存日時|保存日期|儲存日期|Saved on|บันทึก(?:เมื่อ)?(?:วันที่)?)"
    r"\s{0,9}[:：]?[\d/.令和平成元年月日,:\s AaPpMm午前後上下凌清晨早中傍晚น]+"
)
# In a language that is not among these: some words, a colon, and a date with a clock.
SAVED_ELSEWHERE = re.compile(
    r"[^\d:：\n]{3,40}[:：]\s?\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},?\s\D{0,12}\d{1,2}[:.]\d{2}\D{0,8}"
)
FILE_NAME = re.compile(rf"\[LINE\]\s{{0,9}}({_NAME}?)(?:\s{{1,9}}\d{{1,2}}|\s{{0,9}}\(\d{{1,9}}\))?")
DEPTH = 6  # lines in which a banner is looked for


def is_banner(line: str) -> bool:
    """Whether `line`, near the top of a file, is a banner or the date of saving."""
    return line.startswith("[LINE]") or bool(is_saved(line) or PARTNER.fullmatch(line) or GROUP.fullmatch(line))


def is_saved(line: str) -> bool:
    """Whether `line` is the date of saving, in any language."""
    return bool(SAVED.fullmatch(line) or SAVED_ELSEWHERE.fullmatch(line))


def in_another_language(top: Iterable[str]) -> bool:
    """Whether the banner is in a language whose words are not known here."""
    lines = [line for line in top if is_banner(line)]
    return (
        bool(lines)
        and not any(map(SAVED.fullmatch, lines))
        and not any(PARTNER.fullmatch(line) or GROUP.fullmatch(line) for line in lines)
    )


def partner_of(top: Iterable[str], file_name: str) -> str | None:
    """The other person of a one-to-one chat, from the banner or the name of the file."""
    for line in top:
        if is_banner(line) and not is_saved(line):
            match = PARTNER.fullmatch(line)
            return _only(match) if match else None
    stem = FILE_NAME.fullmatch(re.sub(r"\.\w+$", "", file_name))
    if stem is None:
        return None
    match = PARTNER.fullmatch(stem[1])
    if match:
        return _only(match)
    return None if GROUP.fullmatch(stem[1]) else stem[1]


def named_in(top: Iterable[str], speakers: Iterable[str]) -> str | None:
    """The one speaker whose name ends or begins the title, in whatever language it is."""
    title = next((line for line in top if line.startswith("[LINE]")), "")
    named = [name for name in speakers if re.search(rf"(?:^\[LINE\]\s?|\s){re.escape(name)}(?:\s|$)", title)]
    return named[0] if len(named) == 1 else None


def _only(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)
