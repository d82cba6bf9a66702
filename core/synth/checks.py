"""What must not be in a turn of a dialogue, and how a dialogue ends by itself.

The two models play two people. Small ones fall out of it: they go round in circles, speak for the other side, say that
they are an AI, change the language, or say nothing. Such a turn is drawn again, and at last ends its dialogue.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, get_args

from core.chat.loops import find_loop, says_again

TurnFault = Literal["thoughts", "empty", "loop", "repeat", "role_flip", "as_ai", "language"]
DialogueEnd = Literal["complete", "farewell", "too_long"] | TurnFault
"""Why a dialogue ended: of its full length, with a farewell, its prompt outgrew the window, or the fault of the turn
that would not come right."""
TURN_FAULTS: tuple[TurnFault, ...] = get_args(TurnFault)

LAST_OWN = 3  # turns of its own which a side is not to say again
LEAST_LETTERS = 12  # shorter turns are in no language
LEAST_KANA = 0.08  # of the letters of a Japanese turn; no message of the Japanese sample log has less
MOST_FOREIGN = 0.3  # of the letters of an English one

AS_AI = re.compile(
    r"(?:ai|人工知能|アシスタント|チャットボット)(?:として|である私|の私|なので|ですので|だから|ですから)"
    r"|(?:私|わたし|僕|ぼく|俺|おれ)は[^。!?\n]{0,12}"
    r"(?:ai|人工知能|チャットボット|アシスタント)(?:です|で、|だ[。、!?\n])"
    r"|言語モデル|\blanguage model\b|\bas an? (?:ai|artificial intelligence)\b"
    r"|\bi(?:'|’)?(?: a)?m (?:just |only )?an? (?:ai|artificial intelligence|chatbot|virtual assistant)\b"
)  # on text of one width and case: `_plain`
LABEL = re.compile(
    r"^[^\S\n]*(?:user|human|assistant|system|ユーザー|システム|アシスタント)[^\S\n]*[:：]",
    re.IGNORECASE | re.MULTILINE,
)
MARKUP = re.compile(
    r"<\|[a-z_]+\|>|<(?:start|end)_of_turn>|\[/?INST\]|^###[^\S\n]*(?:指示|応答|入力|回答)", re.MULTILINE
)
FAREWELL = re.compile(
    r"さようなら|さよなら|ごきげんよう|お元気で|おやすみなさい|また(?:ね|な|会|いつか|今度|来(?:ます|る)|話(?:そう|しましょう))"
    r"|(?:では|じゃあ?)、?(?:また|この(?:辺|へん)で|失礼)|失礼(?:いた)?します"
    r"|\b(?:good ?bye|farewell|bye|see you|take care|until (?:we meet|next time)|good ?night)\b",
    re.IGNORECASE,
)
FAREWELL_LETTERS = 30  # a longer last sentence is about something


def without_label(text: str, name: str) -> str:
    """`text` without the speaker's own name in front, as models write a script.

    >>> without_label("ソクラテス：「なるほど。」", "ソクラテス"), without_label("Wren: hi", "Wren")
    ('なるほど。', 'hi')
    """
    label = re.match(rf"\s*\**{re.escape(name)}\**\s*(?:[:：]\s*|(?=「))", text)
    rest = text[label.end() :] if label else text
    quoted = re.fullmatch(r"\s*「([^「」]*)」\s*", rest)
    return (quoted[1] if label and quoted else rest).strip()


def fault_of(
    text: str, *, own: Sequence[str], names: Sequence[str], language: str, only_thought: bool = False
) -> TurnFault | None:
    """What is wrong with a turn, or None. `own`: what its side said before; `names`: of both sides."""
    if not text.strip():
        return "thoughts" if only_thought else "empty"
    if find_loop(text):
        return "loop"
    if says_again(text, own[-LAST_OWN:]):
        return "repeat"
    if _speaks_for_another(text, names):
        return "role_flip"
    if AS_AI.search(_plain(text)):
        return "as_ai"
    return "language" if is_other_language(text, language) else None


def is_farewell(text: str) -> bool:
    """Whether a turn takes leave: in a short last sentence.

    >>> is_farewell("そうですね。ではまた。"), is_farewell("「さようなら」とは何だろう？")
    (True, False)
    """
    sentences = [part for part in re.split(r"(?<=[。．.!?！？\n])", text.strip()) if part.strip(" 。．.!?！？\n")]
    last = sentences[-1] if sentences else ""
    return len(last) <= FAREWELL_LETTERS and not last.rstrip().endswith(("?", "？")) and bool(FAREWELL.search(last))


def is_other_language(text: str, language: str) -> bool:
    """Whether a text is not in `language` ("ja", "en"), by its letters; short ones never are.

    >>> is_other_language("我认为勇气就是面对恐惧的能力。", "ja"), is_other_language("勇気とは何か。", "en")
    (True, False)
    """
    letters = [c for c in text if c.isalpha()]
    if len(letters) < LEAST_LETTERS:
        return False
    if language == "ja":
        return sum("\u3041" <= c <= "\u30ff" for c in letters) < LEAST_KANA * len(letters)
    return sum(ord(c) > 0x24F for c in letters) > MOST_FOREIGN * len(letters)


def _speaks_for_another(text: str, names: Sequence[str]) -> bool:
    """Lines under a speaker's name, or the marks of a prompt format."""
    if LABEL.search(text) or MARKUP.search(text):
        return True
    called = "|".join(re.escape(name) for name in names if name)
    return bool(
        called and re.search(rf"^[^\S\n]*\**(?:{called})\**[^\S\n]*(?:[:：]|「[^」\n]*」[^\S\n]*$)", text, re.MULTILINE)
    )


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
