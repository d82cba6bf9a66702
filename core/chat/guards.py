"""Words that want the persona to drop its part, and replies that recite the persona's hidden text.

There is nothing to break into behind a persona: it has no tools. So nothing is refused and no error is shown;
the persona stays who it is. The patterns are few and sure, because a guard that fires at small talk spoils it.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from core.text import language_of

LONGEST_OVERLAP = 30  # characters of the persona's text that a reply may hold in a row

# On text without white space, invisible characters, case and width. Each asks for what no small talk asks for.
RULES = "指示|命令|ルール|規則|設定|プロンプト|instructions?|prompts?|rules?|guidelines?|directions?"
INJECTIONS = re.compile(
    "|".join(
        (
            rf"(これまで|今まで|いままで|以前|前|上|上記|最初|すべて|全て|全部)の?(会話|内容)?(の|にある)?({RULES})は?[をに]?"
            r"[^。!?]{0,6}(無視|忘れ|破棄|取り消|従わな)",
            rf"(system|システム)(の)?({RULES}|メッセージ|message)[^。!?]{{0,10}}(見せ|表示|教え|出力|書き出|公開|繰り返|show|print|reveal)",
            rf"(あなた|君|きみ|お前)の?(内部|隠された|秘密)の?({RULES})",
            r"(開発者|デベロッパー|管理者|脱獄|dan)モード(に|を|へ|で|は)",
            r"(ロールプレイ|役|演技|キャラ(クター)?)を?(を|は)?(やめて|終えて|捨てて)[^。!?]{0,8}(ai|アシスタント|モデル)",
            rf"(ignore|disregard|forget|override)(all|any|every)?(of)?(the|your|my|these|those)?"
            rf"(previous|prior|above|earlier|preceding|system|original)({RULES})",
            rf"(ignore|disregard|forget)(all|every|everything)?(of)?(the|your|these)({RULES})",
            rf"(reveal|show|print|repeat|output|display|tellme|giveme|writeout)(me)?(all)?(of)?(the|your|us)?"
            rf"(full|entire|exact|hidden|secret|initial|original)?(system|hidden|initial)({RULES}|message)",
            r"(enable|enter|activate|switchto|youarenowin)(the)?(developer|dan|jailbreak|god|admin)mode",
            r"repeat(all)?(the)?(words|text|everything)above",
        )
    )
)
INVISIBLE = re.compile(r"[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")

DEFLECTIONS = {
    "ja": (
        "うーん、その話はよく分からないな。それより、さっきの続きを聞かせて。",
        "急にどうしたの？ ふつうに話そうよ。",
    ),
    "en": (
        "Hm, I don't follow you there. Tell me more about what we were on.",
        "Where did that come from? Let's just talk.",
    ),
}
FALLBACKS = {
    "ja": (
        "ごめん、うまく言葉にならなかった。もう一度言ってもらえる？",
        "えっと……ちょっと考えがまとまらないな。別の言い方で聞いてくれる？",
    ),
    "en": ("Sorry, the words wouldn't come. Could you say that again?", "Let me think. Could you put it another way?"),
}


def is_prompt_injection(text: str) -> bool:
    """Whether `text` tells the persona to drop its instructions or to recite them."""
    return INJECTIONS.search(_bare(text)) is not None


def deflection(lines: dict[str, tuple[str, ...]], asked: str, number: int) -> str:
    """One of the `lines`, in the language of what was `asked`, another one for the next `number`."""
    fitting = lines[language_of(asked)]
    return fitting[number % len(fitting)]


@dataclass(frozen=True)
class HiddenText:
    """A persona's text, which replies are not to recite."""

    text: str = ""

    def find_prompt_leak(self, reply: str) -> int | None:
        """Where in `reply` words of the hidden text begin that are longer than anybody says by chance, or None."""
        places = [at for at, letter in enumerate(reply) if _bare(letter)]
        letters = "".join(_bare(reply[at])[:1] for at in places)
        for start in range(len(letters) - LONGEST_OVERLAP + 1):
            if letters[start : start + LONGEST_OVERLAP] in self._runs:
                return places[start]
        return None

    @cached_property
    def _runs(self) -> frozenset[str]:
        bare = "".join(_bare(letter)[:1] for letter in self.text)
        return frozenset(bare[n : n + LONGEST_OVERLAP] for n in range(len(bare) - LONGEST_OVERLAP + 1))


def _bare(text: str) -> str:
    """For matching only: one width, one case, nothing invisible and no space."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold())
