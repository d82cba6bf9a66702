"""A talk as one HTML file to be shared: it needs nothing from elsewhere, and runs nothing.

The names can be left out: then everybody is a letter, in the labels and where the others say their names.
"""

import re
import time
from collections.abc import Sequence
from html import escape

from core.chat.conversation import Conversation, Node
from core.text import Text, language_of

MADE = Text("The words of {names} were written by a language model.", "{names}のことばは言語モデルが書いたものです。")
KANA = re.compile("[぀-ヿ]")  # alone it is a part of any word; a kanji or a letter can be told
STYLE = """
:root { color-scheme: light dark; --paper: #faf8f4; --ink: #24211d; --soft: #efeae1; --mine: #1f4e79; --grey: #6b655c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1b1a18; --ink: #ece7de; --soft: #2c2a26; --mine: #2f6699; --grey: #a39c90; }
}
body { margin: 0 auto; max-width: 44rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.7 "Noto Sans JP", system-ui, sans-serif; }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
footer, .day, .by { color: var(--grey); font-size: .8rem; }
.day { text-align: center; margin: 1.2rem 0 .4rem; }
.turn { display: flex; flex-direction: column; align-items: flex-start; gap: .3rem; margin: .8rem 0; }
.turn p { margin: 0; padding: .5rem .85rem; border-radius: 14px; background: var(--soft); max-width: 85%;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.mine { align-items: flex-end; }
.mine p { background: var(--mine); color: #fff; }
footer { margin-top: 2.5rem; }
"""


def web_page(talk: Conversation, *, persona: str, user: str, hide_names: bool = False) -> str:
    """The talk that is on the page; `persona` and `user` are the names of those without one of their own in it."""
    speakers = list(dict.fromkeys(_speaker(node, persona, user) for node in talk.path)) or [persona]
    letters = {name: chr(ord("A") + n % 26) for n, name in enumerate(speakers)}
    shown = letters if hide_names else {name: name for name in speakers}
    hidden = (
        _hidden({**letters, persona: letters.get(persona, "?"), user: letters.get(user, "?")}) if hide_names else None
    )

    def said(text: str) -> str:
        return escape(_without_names(text, hidden) if hidden else text)

    pieces, day = [], ""
    for node in talk.path:
        if node.time and (date := time.strftime("%Y-%m-%d", time.localtime(node.time))) != day:
            day = date
            pieces.append(f'<div class="day">{day}</div>')
        mine = " mine" if node.role == "user" and not node.name else ""
        words = "".join(f"<p>{said(text)}</p>" for text in node.messages)
        by = escape(shown[_speaker(node, persona, user)])
        pieces.append(f'<div class="turn{mine}"><span class="by">{by}</span>{words}</div>')
    written = dict.fromkeys(shown[_speaker(node, persona, user)] for node in talk.path if node.role == "assistant")
    everything = " ".join(text for node in talk.path for text in node.messages)
    return _whole(said(talk.title), "\n".join(pieces), list(written), language_of(everything))


def _whole(title: str, body: str, written: Sequence[str], language: str) -> str:
    names = ("、" if language == "ja" else ", ").join(written)
    made = f"<footer>{escape(MADE.in_language(language).format(names=names))}</footer>" if written else ""
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}\n{made}</body></html>\n"
    )


def _speaker(node: Node, persona: str, user: str) -> str:
    return node.name or (persona if node.role == "assistant" else user)


def _without_names(text: str, hidden: tuple[re.Pattern[str], dict[str, str]]) -> str:
    names, letters = hidden
    return names.sub(lambda found: letters[found[0].casefold()], text)


def _hidden(letters: dict[str, str]) -> tuple[re.Pattern[str], dict[str, str]] | None:
    """What finds the names in a text, the longest first, and what stands for each."""
    names = sorted((name for name in letters if name.strip() and not KANA.fullmatch(name)), key=len, reverse=True)
    if not names:
        return None
    found = "|".join(rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name) for name in names)
    return re.compile(found, re.IGNORECASE), {name.casefold(): letters[name] for name in names}
