"""Which strings of the text at hand would become special tokens, and what the chat does with them."""

from html import escape

import gradio as gr

from core.tokens.special import SpecialStrings, special_strings
from tabs.tokens import table_view
from tabs.tokens.tokens_context import LOG, TokensContext, TokensHandlers, TokensPage
from tabs.ui.handler import EVENT, handler
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

EXAMPLE = "-"  # where there is no text yet: the model's special tokens are listed all the same
HEADS = ("special_text", "special_id", "special_count", "special_in_chat")


class SpecialHandlers(TokensHandlers):
    """Looks for special tokens."""

    @handler
    def look(self, visitor: Visitor, source: str, text: str) -> str:
        """What would be special, and what the chat makes of it."""
        loaded = self.context.loaded()
        whole = self.context.text(visitor, source, text) if text.strip() or source == LOG else EXAMPLE
        return drawn(special_strings(whole, loaded.tokenizer), visitor.language, loaded.name)


def drawn(found: SpecialStrings, language: str, model: str) -> str:
    """What was found, as HTML."""
    if found.found:
        said = t(language, "tokens.special_found", n=len(found.found), model=model)
        heads = [t(language, f"tokens.{head}") for head in HEADS]
        table = table_view.table(found.table((heads[0], heads[1], heads[2], heads[3])), language)
    else:
        said, table = t(language, "tokens.special_none", model=model), ""
    safe = t(language, "tokens.special_leaks" if found.leaks else "tokens.special_safe", what=" ".join(found.leaks))
    lines = [f'<p class="{"warn" if found.leaks else "muted"}">{escape(safe)}</p>'] if found.found else []
    if found.labels:
        labels = t(language, "tokens.special_labels", what=" / ".join(found.labels[:5]), template=found.template)
        lines.append(f'<p class="muted">{escape(labels)}</p>')
    known = "".join(f'<span class="t4">{escape(text)}<sub>{token}</sub></span>' for text, token in found.known)
    title = t(language, "tokens.special_known", n=len(found.known), model=model)
    listed = f'<details><summary>{escape(title)}</summary><div class="tokens">{known}</div></details>'
    return f'<p class="said-first">{escape(said)}</p>{table}{"".join(lines)}{listed}'


def build(context: TokensContext, page: TokensPage) -> None:
    """The fold."""
    handlers = SpecialHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"]),
        gr.Accordion(t_client("tokens.special_fold"), open=False, elem_id="tokens-special-fold") as fold,
    ):
        gr.Markdown(t_client("tokens.special_what"), elem_classes="muted")
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.special_go"), variant="primary", size="sm", elem_id="tokens-special")
        shown = table_view.build_shown("tokens-special-shown")
    gr.on([go.click, fold.expand], handlers.look, page.inputs, shown, **EVENT)
