"""The card of what the model sees: the bar of the prompt's parts, and below it, on demand, every word or token.

The bar is of the next prompt. Where a reply was clicked, what is unfolded is the prompt that made it.
"""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from core.chat.conversation import Conversation
from core.errors import AppError, InputError
from core.prompt import Prompt
from tabs.ui import prompt_html
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

VIEWS = ("text", "tokens")


@dataclass(frozen=True)
class PromptCardHandlers:
    """Shows prompts as they are; changes nothing."""

    services: Services

    @handler
    def exact(
        self, visitor: Visitor, conversation: str, draft: str, chosen: int, view: str, opened: bool
    ) -> str | dict:
        """The prompt of the chosen reply, else the next one with `draft` said; nothing while it is folded away."""
        talk = self.services.conversations.get(visitor.owner, conversation) if opened and conversation else None
        if talk is None:
            return gr.skip()
        if kept := self._kept(visitor, talk, chosen):
            return kept
        try:
            chat = self.services.chat
            talk = chat.before_reply(visitor.owner, talk.said("user", draft or ""), visitor.language)
            setting = chat.context(visitor.owner, talk, visitor.language)
            prompt = chat.prompt(setting, talk)
        except AppError:  # the bar above says it
            return ""
        return _drawn(prompt, setting.loaded.tokenizer if view == "tokens" else None, visitor.language)

    def _kept(self, visitor: Visitor, talk: Conversation, chosen: int) -> str:
        """The prompt that made message number `chosen`, with its bar, as text; "" where none was kept."""
        try:
            node, at = talk.node_at(chosen)
        except InputError:
            return ""
        kept = self.services.conversations.prompt_of(visitor.owner, talk.id, node.id)
        if kept is None:
            return ""
        prompt, language = Prompt.from_json(kept), visitor.language
        words = escape(t(language, "talk.exact_made", words=node.messages[at].split("\n")[0][:20]))
        bar = prompt_html.budget(prompt, language, over=True)
        # Its tokens are those of the model of that time, which may not be loaded any more.
        return f'<p class="made"><b>{words}</b></p>{bar}{_drawn(prompt, None, language)}'


def _drawn(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase | None", language: str) -> str:
    if tokenizer is None:
        drawn = prompt_html.text(prompt, language)
    else:
        drawn = prompt_html.tokens(prompt, tokenizer, language, ids=False)
    name = escape(t(language, "talk.seen"))
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">{drawn}</div>'


def build(services: Services, shared: Shared, box: gr.Textbox, chosen: gr.State) -> gr.HTML:
    """The card; returns the bar, which the talk draws. `box` holds what is about to be said, `chosen` a message."""
    handlers = PromptCardHandlers(services)
    with gr.Column(elem_classes="card"):
        gr.Markdown(t_heading("talk.seen"), elem_classes="title")
        seen = gr.HTML(padding=False, elem_id="seen")
        with gr.Accordion(t_client("talk.exact"), open=False, elem_id="seen-fold") as fold:
            choices = [(t_client(f"talk.exact_{view}"), view) for view in VIEWS]
            view = gr.Radio(
                choices,
                value="text",
                label=t_client("talk.exact"),
                show_label=False,
                container=False,
                elem_id="seen-view",
            )
            exact = gr.HTML(padding=False, elem_id="seen-exact", elem_classes="exact")
    opened = gr.State(False)
    shown = ([shared.key, shared.conversation, box, chosen, view, opened], exact)
    fold.expand(lambda: True, None, opened, **EVENT).then(handlers.exact, *shown, **EVENT)
    fold.collapse(lambda: False, None, opened, **EVENT)
    gr.on([seen.change, view.change, chosen.change], handlers.exact, *shown, trigger_mode="always_last", **EVENT)
    return seen
