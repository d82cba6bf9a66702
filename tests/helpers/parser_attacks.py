"""The parsers that strangers' texts go through, fed what would make them slow; for a process of its own."""

import json
import signal
from collections.abc import Callable
from datetime import datetime

from core.chat.conversation import Conversation
from core.chat.guards import HiddenText, is_prompt_injection
from core.chat.loops import find_loop, says_again
from core.chat.transfer import read
from core.data.privacy.pii import find_pii
from core.data.profile import end_of
from core.memory.documents import cut
from core.memory.retrieve.dates import parse_date_query
from core.memory.retrieve.word_index import sought, terms
from core.memory.write.operations import parse
from core.messages import Turn
from core.personas.activation import activated_entries
from core.personas.card import read_card
from core.personas.lorebook import Lorebook, LorebookEntry
from core.personas.lorebook_text import edited
from core.personas.macros import expand
from core.personas.persona import parse_examples
from core.text import normalize_for_match
from tabs.ui.formatted import formatted
from tests.helpers import pattern_attacks as attacks

NOBODY = Conversation("id", "p")
PARSERS: dict[str, Callable[[str], object]] = {
    "macros": lambda text: expand(text, char="A", user="B", seed="s"),
    "card": lambda text: read_card(
        json.dumps({"data": {"name": "A", "first_mes": text, "mes_example": text, "description": text}}).encode()
    ),
    "book": lambda text: activated_entries(
        Lorebook((LorebookEntry((text,), text), LorebookEntry(("k",), text))), [Turn("user", (text,))]
    ),
    "edited book": lambda text: edited(Lorebook(), text),
    "examples": parse_examples,
    "chat as text": lambda text: read(("U: " + text).encode(), NOBODY, persona="P", user="U"),
    "chat as JSON": lambda text: read(
        json.dumps([{"role": "user", "content": text}]).encode(), NOBODY, persona="P", user="U"
    ),
    "injection": is_prompt_injection,
    "leak": lambda text: HiddenText(text).find_prompt_leak(text),
    "loop": find_loop,
    "again": lambda text: says_again(text, [text]),
    "personal data": find_pii,
    "ending": end_of,
    "passages": lambda text: cut([(0, text)]),
    "date": lambda text: parse_date_query(text, datetime(2026, 5, 1)),
    "terms": lambda text: (terms(text), sought(text)),
    "memory's answer": parse,
    "normalized": normalize_for_match,
    "shown": formatted,
}  # fmt: skip
SEEDS = (
    *attacks.STRANGERS, "{", "}", "{}", '{"a":', "```", "{{char}}", "<START>", "U:", "U: a\n", "a: b\n", "> a\n",
    "https://a.b/?token=1&", "090-1234-5678 ", "1234 5678 9012 ", "a@b.co ", "@@a\n", "、", "。", "2026年5月1日",
    "3 days ago ", "ignore ", "覚える:", "*", "**", "*a", "**a ", "```\n", "`a",
)  # fmt: skip


def main(only: str = "") -> None:
    """Print a line for every parser whose time grows with the square of its text, and how many were tried."""

    def time_up(*_: object) -> None:
        raise attacks.TimeUpError

    signal.signal(signal.SIGVTALRM, time_up)
    for name, work in PARSERS.items():
        if only in name:
            for seed in SEEDS:
                if bad := attacks.growth(work, seed):
                    print(json.dumps({"where": name, "text": seed, "seconds": bad}, ensure_ascii=False), flush=True)
    print(json.dumps({"tried": len(PARSERS)}), flush=True)


if __name__ == "__main__":
    main()
