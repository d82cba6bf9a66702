"""Every word of the page, in Japanese and in English, from `tabs/ui/texts/*.json`.

Labels that never change follow the browser through gr.I18n (`label`). Sentences that the server
writes use the language the browser asks for (`say`). A key is "<file>.<name>".
"""

import json
from functools import lru_cache
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from core.text import Text

TEXTS = Path(__file__).parent / "texts"
LANGUAGES = ("ja", "en")


@lru_cache(maxsize=1)
def texts() -> dict[str, Text]:
    """{"talk.send": Text(en="Send", ja="送る"), …}"""
    of_part = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(TEXTS.glob("*.json"))}
    return {f"{part}.{key}": Text(**pair) for part, pairs in of_part.items() for key, pair in pairs.items()}


@lru_cache(maxsize=1)
def translations() -> gr.I18n:
    """The catalogue that launch() hands to the browser."""
    return gr.I18n(**{lang: {key: text.in_language(lang) for key, text in texts().items()} for lang in LANGUAGES})


def t_client(key: str) -> I18nData:
    """A text that the browser shows in its own language. Raises KeyError for an unknown key."""
    texts()[key]
    return translations()(key)


def t_heading(key: str) -> str:
    """The same as a heading of the second level, for gr.Markdown: every card has one."""
    return f"## {t_client(key)}"


def t(language: str, key: str, **values: object) -> str:
    """A sentence in `language` with `{name}` places filled in. Raises KeyError for an unknown key."""
    return texts()[key].in_language(language).format(**values)
