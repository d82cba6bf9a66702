"""Help with writing: another reply under an instruction, one's own next words written, phrases kept at hand."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from core.chat.asking import as_user
from core.chat.engine import Reply
from core.errors import AppError, InputError
from tabs.talk.handlers import stored
from tabs.ui.handler import EVENT, PRIVATE, handler
from tabs.ui.page_scripts import words_of
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client
from tabs.ui.visitor import Visitor

QUICK, SCRIPT = (Path(__file__).with_name(f"{name}.js") for name in ("quick", "help_writing"))
IN_SCRIPTS = ("quick", "quick_info", "quick_example")
AGAIN = (
    """(how) => { if ((how ?? '').trim()) document.dispatchEvent(new CustomEvent('ask-again', { detail: how })); }"""
)
BoxShown = tuple[str | dict, gr.Button]
"""(the message box, the button that stops)."""


@dataclass(frozen=True)
class HelpWritingHandlers:
    """Writes into the message box; nothing of it is stored or sent."""

    services: Services

    @handler
    def impersonate(self, visitor: Visitor, conversation: str) -> Iterator[BoxShown]:
        """What the visitor could say next, as it is written."""
        talk, chat = stored(self.services, visitor, conversation), self.services.chat
        if talk.group:
            raise InputError("In a group the next words are yours alone.",
                             "グループの会話では、自分の言葉は自分で書いてください。")  # fmt: skip
        yield gr.skip(), gr.Button(visible=True)
        try:
            chat.rate_limiter.acquire(visitor.owner, visitor.address)
            about = chat.profiles.get(visitor.owner).about
            setting, seen = as_user(chat.context(visitor.owner, talk, visitor.language), talk, about)
            reply = Reply("", 0)
            with closing(chat.reply(setting, seen, threading.Event())) as replies:
                for reply in replies:
                    if words := "\n".join(chat.messages_of(setting, reply.text)):
                        yield words, gr.Button(visible=True)
        except AppError:
            yield gr.skip(), gr.Button(visible=False)
            raise
        if not reply.text:
            raise InputError("Nothing came to mind. Try again.", "何も思いつきませんでした。もう一度試してください。")
        yield gr.skip(), gr.Button(visible=False)


def build_quick() -> None:
    """The phrases that are kept at hand, above the message box; nothing while there are none."""
    gr.HTML('<div class="quick" role="group"></div>', padding=False, elem_id="talk-quick",
            js_on_load=_script(QUICK), apply_default_css=False)  # fmt: skip


def build(services: Services, shared: Shared, box: gr.Textbox) -> None:
    """The fold below the message box."""
    handlers = HelpWritingHandlers(services)
    with gr.Accordion(t_client("help.title"), open=False, elem_id="talk-help"):
        with gr.Row(elem_id="help-again-row"):
            how = gr.Textbox(
                label=t_client("help.how"), info=t_client("help.how_info"), placeholder=t_client("help.how_example"),
                max_lines=3, max_length=1000, scale=4, elem_id="help-how",
            )  # fmt: skip
            again = gr.Button(t_client("talk.again"), size="sm", scale=1, min_width=90, elem_id="help-again")
        with gr.Row():
            write = gr.Button(t_client("help.impersonate"), size="sm", elem_id="help-impersonate")
            stop = gr.Button(t_client("talk.stop"), size="sm", variant="stop", visible=False, elem_id="help-stop")
        gr.HTML('<div class="quick-edit"></div>', padding=False, elem_id="help-quick", js_on_load=_script(SCRIPT))
    gr.on([again.click, how.submit], None, how, None, js=AGAIN, **EVENT)
    writing = write.click(handlers.impersonate, [shared.key, shared.conversation], [box, stop], **EVENT)
    stop.click(lambda: gr.Button(visible=False), None, stop, cancels=[writing], **PRIVATE)


def _script(path: Path) -> str:
    return f"{words_of('help', IN_SCRIPTS)}\n{path.read_text(encoding='utf-8')}"
