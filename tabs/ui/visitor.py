"""Who is asking, and in which language."""

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class Visitor:
    """What a handler knows of who calls it: the owner of the things it may touch, and the language."""

    owner: str
    language: str


def language_of(request: gr.Request | None) -> str:
    """ "ja" when the browser asks for Japanese before anything else, otherwise "en"."""
    wanted = request.headers.get("accept-language", "") if request else ""
    return "ja" if wanted.strip().lower().startswith("ja") else "en"
