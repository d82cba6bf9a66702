"""Renders chat templates: the project's own in place, strangers' in a process of their own.

Jinja's sandbox keeps a template from reading files, not from looping for hours or from asking for all
memory, and what hangs in a thread cannot be stopped. A template that came with a model is therefore
rendered by a small process that is ended when it takes too long or too much. It starts when the first
such template is met (0.7 s, 58 MB) and then stays; twenty messages take 0.24 ms there, in place 0.14 ms.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from core.isolated import EndedError, IsolatedProcess, serve
from core.settings import ROOT

TEMPLATES = ROOT / "prompt_templates"
RENDER_SECONDS = 5  # a real template takes milliseconds, also where two cores are shared by several programs
RENDER_MEMORY = 256 << 20  # bytes on top of what the process takes idle
LONGEST = 4_000_000  # characters; a window of a million tokens is about as long

Chat = Sequence[Mapping[str, str]]
Rendered = tuple[str, list[tuple[int, int]]]
"""The text, and where its {% generation %} blocks begin and end."""


class TemplateRefusedError(Exception):
    """A template did not render; `str()` is the reason."""


def render_template(template: str, chat: Chat, *, reply: bool, values: Mapping[str, Any]) -> Rendered:
    """Render `chat` with a template; with `reply`, up to where the assistant's next words begin.

    `values` are JSON values that the template may use by name. Raises TemplateRefusedError. Safe to call
    from several threads.
    """
    if template in _own_templates():
        with _rendering:
            return _render(template, chat, reply=reply, values=values)
    return _render_apart(template, chat, reply=reply, values=values)


# The generation tracker of transformers lives on the cached template and cannot be entered twice.
_rendering = threading.Lock()


@lru_cache(maxsize=1)
def _own_templates() -> frozenset[str]:
    embedded = ROOT / "models" / "omokage-mini" / "chat_template.jinja"
    return frozenset(path.read_text(encoding="utf-8") for path in (*TEMPLATES.glob("*.jinja"), embedded)
                     if path.is_file())  # fmt: skip


def _render(template: str, chat: Chat, *, reply: bool, values: Mapping[str, Any]) -> Rendered:
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    # What a template's expressions raise besides Jinja's own errors.
    expected = (jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError,
                RecursionError, MemoryError)  # fmt: skip
    marked = "endgeneration" in template
    try:
        rendered: Any = render_jinja_template(
            [[dict(message) for message in chat]], chat_template=template, add_generation_prompt=reply,
            return_assistant_tokens_mask=marked, **values,
        )  # fmt: skip
    except expected as error:
        raise TemplateRefusedError(str(error) or type(error).__name__) from error
    texts, spans = rendered
    if len(texts[0]) > LONGEST:
        raise TemplateRefusedError(f"it prints {len(texts[0]):,} characters")
    return texts[0], _spans(spans[0]) if marked else []


def _spans(found: Iterable[Sequence[int]]) -> list[tuple[int, int]]:
    return [(start, end) for start, end in found]


_process = IsolatedProcess("core.prompt.sandbox")


def _render_apart(template: str, chat: Chat, *, reply: bool, values: Mapping[str, Any]) -> Rendered:
    order = {"template": template, "chat": [dict(message) for message in chat], "reply": reply, "values": values}
    try:
        answer = _process.ask(order, seconds=RENDER_SECONDS, memory=RENDER_MEMORY)
    except EndedError as error:
        raise TemplateRefusedError(str(error)) from error
    if "refused" in answer:
        raise TemplateRefusedError(answer["refused"])
    return answer["text"], _spans(answer["spans"])


def _work(order: dict[str, Any]) -> dict[str, object]:
    try:
        text, spans = _render(**order)
    except TemplateRefusedError as error:
        return {"refused": str(error)[:1000]}
    return {"text": text, "spans": spans}


if __name__ == "__main__":
    import transformers.utils.chat_template_utils  # noqa: F401 - so that its import counts as the start

    serve(_work)
