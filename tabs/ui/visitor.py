"""Who is asking, and in which language."""

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class Visitor:
    """What a handler knows of who calls it."""

    owner: str
    """Whose things it may touch."""
    language: str
    """ "ja" or "en"."""
    key: str = ""
    """The browser's capability."""
    signed_in: gr.OAuthToken | None = None
    """The token of who signed in with Hugging Face; it is never stored."""


def language_of(request: gr.Request | None) -> str:
    """ "ja" when the browser asks for Japanese before anything else, otherwise "en"."""
    return language_wanted(request.headers.get("accept-language") if request else None)


def language_wanted(header: str | None) -> str:
    """The same, of an Accept-Language header."""
    return "ja" if (header or "").strip().lower().startswith("ja") else "en"
