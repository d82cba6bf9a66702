"""Finds what tells who somebody is: rules for Japanese and international forms, tuned to few false alarms.

`find` gives spans with their kind. What a rule cannot know stays: a nickname that is on no list, a place
without a house number, a secret in plain words. Telephone numbers are found by `phonenumbers`, which knows
the numbering plans of all countries; times, prices, dates and scores are none to it.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from core.text import Text

HOME = "JP"  # where a telephone number without + belongs


class PiiType(str, Enum):
    """What kind of thing tells who somebody is."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    POSTAL = "postal"
    ADDRESS = "address"
    CARD = "card"
    MY_NUMBER = "my_number"
    URL = "url"
    KEY = "key"


LABELS = {
    PiiType.NAME: Text("names on the list", "リストの名前"),
    PiiType.EMAIL: Text("e-mail address", "メールアドレス"),
    PiiType.PHONE: Text("telephone number", "電話番号"),
    PiiType.POSTAL: Text("postal code", "郵便番号"),
    PiiType.ADDRESS: Text("address", "住所"),
    PiiType.CARD: Text("card number", "カード番号"),
    PiiType.MY_NUMBER: Text("My Number", "マイナンバー"),
    PiiType.URL: Text("link with a secret in it", "秘密を含むリンク"),
    PiiType.KEY: Text("password or API key", "パスワード・API キー"),
}


@dataclass(frozen=True, slots=True)
class PiiMatch:
    """A stretch [start, end) of a text that tells who somebody is."""

    kind: PiiType
    start: int
    end: int
    text: str


DIGIT = "0-9０-９"
DASH = r"\-‐‑–—−－ー"
NO_DIGIT_BEFORE, NO_DIGIT_AFTER = rf"(?<![{DIGIT}])", rf"(?![{DIGIT}])"

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}[@＠](?:[A-Za-z0-9\-]{1,63}\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
LINK = re.compile(r"https?://[!-;=?-~]+", re.IGNORECASE)
FIELD = re.compile(r"[?&#;]([\w.\-]+)=(?=[^&#]{4})")
SECRET_FIELD = re.compile(
    r"token|secret|passw|signature|credential|session|api_?key"
    r"|\A(?:pwd|pass|auth|authkey|key|sig|sid|code|invite|hash|jwt)\Z",
    re.IGNORECASE,
)
SIGNED_IN = re.compile(r"https?://[^/@\s:]+:[^/@\s]+@", re.IGNORECASE)
INVITATION = re.compile(
    r"https?://(?:discord\.gg/|discord(?:app)?\.com/invite/|chat\.whatsapp\.com/|t\.me/(?:\+|joinchat/)|lin\.ee/"
    r"|line\.me/(?:R/)?ti/|(?:[\w\-]+\.)?zoom\.us/j/|meet\.google\.com/[a-z]{3}-|join\.slack\.com/)[^\s]{3,}",
    re.IGNORECASE,
)
LONG_SECRET = re.compile(r"(?=[A-Za-z0-9_\-]*\d)(?=[A-Za-z0-9_\-]*[A-Z])(?=[A-Za-z0-9_\-]*[a-z])[A-Za-z0-9_\-]{20,}")
KEY = re.compile(
    r"(?<![A-Za-z0-9_\-])(?:sk-(?:proj-|ant-)?[A-Za-z0-9_\-]{20,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_\-]{20,}|xox[abeoprs]-[A-Za-z0-9\-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_\-]{35}|ya29\.[A-Za-z0-9_\-]{20,}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[A-Za-z0-9_\-]{40,}|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,})"
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
PASSWORD = re.compile(
    r"(?:パスワード|暗証番号|ぱすわーど|(?<![A-Za-z])(?:password|passwd|passcode|pw|pin))"
    r"(?:\s*[:：=＝]\s*|\s*は\s*|\s+is\s+)[「『\"']?(?P<secret>(?=[!-~]*\d)[!-~]{4,40}?)(?=[」』\"'\s、。]|です|だ|ね|$)",
    re.IGNORECASE,
)
CARD = re.compile(rf"{NO_DIGIT_BEFORE}(?<![{DASH}.])[2-6２-６](?:[ {DASH}]?[{DIGIT}]){{12,18}}(?![ {DASH}]?[{DIGIT}])")
MY_NUMBER = re.compile(
    rf"{NO_DIGIT_BEFORE}(?<![{DASH}.,+])[{DIGIT}]{{4}}([ {DASH}]?)[{DIGIT}]{{4}}\1[{DIGIT}]{{4}}"
    rf"(?![{DASH}.,]?[{DIGIT}])"
)
OTHER_NUMBER = re.compile(
    r"注文|伝票|追跡|問い?合わせ|お客様|会員|予約|受付|口座|ISBN|order|tracking|booking|invoice", re.IGNORECASE
)
PREFECTURE = (
    "(?:北海道|(?:東京)都|(?:大阪|京都)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨|長野|岐阜|静岡|愛知"
    "|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県)"
)
POSTAL = re.compile(
    rf"〒\s?[{DIGIT}]{{3}}[{DASH}]?[{DIGIT}]{{4}}{NO_DIGIT_AFTER}"
    rf"|(?<=郵便番号)(?:は|[:：])?\s?[{DIGIT}]{{3}}[{DASH}]?[{DIGIT}]{{4}}{NO_DIGIT_AFTER}"
    rf"|{NO_DIGIT_BEFORE}(?<![{DASH}])[{DIGIT}]{{3}}[{DASH}][{DIGIT}]{{4}}(?=[\s　、,]*{PREFECTURE})"
    rf"|\A[{DIGIT}]{{3}}[{DASH}][{DIGIT}]{{4}}\Z"
)
NUMERAL = f"[{DIGIT}一二三四五六七八九十百]"
# A town does not begin with a particle, and holds none of は, で, を: 市内で3-1 is a score.
KANA_BUT_HA_DE_WO = "ぁ-つっ-てと-のひ-ゑんァ-ヴー"
TOWN = rf"(?![とにな])[一-龯々〆{KANA_BUT_HA_DE_WO}][一-龯々〆ヶ{KANA_BUT_HA_DE_WO}]{{0,19}}?"
HOUSE = (
    rf"(?<!大会)(?<!予選)(?<!試合)(?<!戦)(?:"
    rf"{NUMERAL}{{1,4}}丁目(?:[ 　]?{NUMERAL}{{1,4}}(?:番地?|[{DASH}の])?(?:の?{NUMERAL}{{1,4}}号?)?)?"
    rf"|{NUMERAL}{{1,4}}番地(?:の?{NUMERAL}{{1,4}})?|{NUMERAL}{{1,4}}番{NUMERAL}{{1,4}}号"
    rf"|[{DIGIT}]{{1,4}}(?:[{DASH}の][{DIGIT}]{{1,4}}){{1,3}})"
)
BUILDING = (
    rf"(?:[ 　]?[一-龯々ァ-ヴーA-Za-zＡ-Ｚａ-ｚ・]{{2,20}}[ 　]?[{DIGIT}]{{1,4}}(?:号室|号棟|階|F)"
    rf"|[ 　][{DIGIT}]{{2,4}}号室)?"
)
ADDRESS = re.compile(
    rf"(?:{PREFECTURE}[ 　]?(?:[一-龯々ヶケァ-ヴーぁ-ん]{{1,8}}?[市区町村郡][ 　]?){{0,3}}"
    rf"|(?:[一-龯々ヶ]{{1,6}}[市区郡][ 　]?){{1,2}}){TOWN}[ 　]?{HOUSE}{BUILDING}"
)
CALL_HOME = re.compile(r"(?<![0-9+\-.])(?:1[\-. ])?\(?[2-9]\d\d(?:\)[ \-.]?|[\-.])[2-9]\d\d[\-.]\d{4}(?![0-9\-])")


def digits_of(text: str) -> str:
    """The digits of `text`, in ASCII."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if c.isdecimal())


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of a card number."""
    doubled = (int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def my_number_check(eleven: str) -> int:
    """The twelfth digit of a My Number, by the ordinance's weights (2–7, then 2–6, from the right)."""
    total = sum(int(d) * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(eleven), start=1))
    return 0 if total % 11 <= 1 else 11 - total % 11


def _is_card(match: re.Match[str]) -> bool:
    digits = digits_of(match[0])
    return 13 <= len(digits) <= 19 and luhn(digits) and len(set(digits)) > 1 and not _is_time(digits)


def _is_my_number(match: re.Match[str]) -> bool:
    """One number of twelve digits in eleven has the right check digit by chance: words before it tell some."""
    digits = digits_of(match[0])
    right = my_number_check(digits[:11]) == int(digits[11])
    named = OTHER_NUMBER.search(match.string[max(match.start() - 16, 0) : match.start()])
    return right and len(set(digits)) > 2 and not _is_time(digits) and not named


def _is_time(digits: str) -> bool:
    """Whether digits may be a date and time written in one: 202401151230."""
    for form, size in (("%Y%m%d%H%M", 12), ("%Y%m%d%H%M%S", 14)):
        try:
            if len(digits) == size and 1990 <= datetime.strptime(digits, form).year <= 2100:
                return True
        except ValueError:
            pass
    return False


def _is_secret_link(match: re.Match[str]) -> bool:
    text = match[0]
    if INVITATION.match(text) or SIGNED_IN.match(text) or any(map(SECRET_FIELD.search, FIELD.findall(text))):
        return True
    path = text.split("://", 1)[1].split("?")[0].split("/")[1:]
    return any(LONG_SECRET.fullmatch(part) for part in path)


@dataclass(frozen=True, slots=True)
class PiiRule:
    """A pattern, the test that what it matches must pass, and marks of which one is in every text with a match."""

    kind: PiiType
    pattern: re.Pattern[str]
    test: Callable[[re.Match[str]], bool] | None = None
    marks: tuple[str, ...] = ()


# In this order: what an earlier rule has taken, a later one leaves alone.
RULES = (
    PiiRule(PiiType.KEY, PRIVATE_KEY, marks=("-----BEGIN",)),
    PiiRule(PiiType.URL, LINK, _is_secret_link, ("://",)),
    PiiRule(PiiType.KEY, KEY),
    PiiRule(PiiType.KEY, PASSWORD),
    PiiRule(PiiType.EMAIL, EMAIL, marks=("@", "＠")),
    PiiRule(PiiType.ADDRESS, ADDRESS, marks=tuple("都道府県市区郡")),
    PiiRule(PiiType.POSTAL, POSTAL),
    PiiRule(PiiType.CARD, CARD, _is_card),
    PiiRule(PiiType.MY_NUMBER, MY_NUMBER, _is_my_number),
)
HINT = re.compile(
    rf"[{DIGIT}][^\n]?[{DIGIT}]|[@＠]|://|eyJ|-----BEGIN|_|[丁番]|[A-Z]{{4}}|パスワード|password|ぱすわーど|sk-",
    re.IGNORECASE,
)
MANY_DIGITS = re.compile(rf"(?:[{DIGIT}][^{DIGIT}\n]{{0,3}}){{8}}")


def find_pii(text: str, names: Sequence[re.Pattern[str]] = ()) -> list[PiiMatch]:
    """What in `text` tells who somebody is, in the order of the text and without overlaps.

    `names` are patterns of the person's own list (`core.data.privacy.names`).
    """
    found: list[PiiMatch] = []  # in the order of the text

    def add(kind: PiiType, start: int, end: int) -> None:
        place = bisect_left(found, start, key=lambda one: one.start)
        before, after = found[place - 1 : place], found[place : place + 1]
        if not (before and before[0].end > start) and not (after and after[0].start < end):
            found.insert(place, PiiMatch(kind, start, end, text[start:end]))

    if HINT.search(text):
        for kind, start, end in _candidates(text):
            add(kind, start, end)
    for pattern in names:
        for match in pattern.finditer(text):
            add(PiiType.NAME, *match.span())
    return found


def _candidates(text: str) -> Iterator[tuple[PiiType, int, int]]:
    links = [match.span() for match in LINK.finditer(text)] if "://" in text else []
    for rule in RULES:
        if rule.marks and not any(mark in text for mark in rule.marks):
            continue
        for match in rule.pattern.finditer(text):
            if rule.test is None or rule.test(match):
                yield rule.kind, *match.span("secret" if rule.pattern is PASSWORD else 0)
    for start, end in _phones(text):
        # The digits of a link that holds no secret are no telephone number.
        place = bisect_left(links, (end, 0))
        if not place or links[place - 1][1] <= start:
            yield PiiType.PHONE, start, end


def _phones(text: str) -> Iterator[tuple[int, int]]:
    if not MANY_DIGITS.search(text):
        return
    import phonenumbers

    for match in phonenumbers.PhoneNumberMatcher(text, HOME):
        yield match.start, match.end
    for match in CALL_HOME.finditer(text):
        if phonenumbers.is_valid_number(phonenumbers.parse(match[0], "US")):
            yield match.span()
