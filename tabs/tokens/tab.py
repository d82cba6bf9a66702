"""Tokens: how much fits, what becomes a token, and which tokens a row teaches."""

from dataclasses import dataclass
from itertools import islice

import gradio as gr

from core.data.io.store import prompt_config_for
from core.data.rows import read_rows
from core.errors import InputError
from core.prompt.token_text import count_tokens, split
from core.tokens.sources import TokenizerSources
from core.train.worker.rows import encode
from tabs.tokens import bits, compare, dataset, density, special, study, training
from tabs.tokens.tokens_context import LOG, TEXT, TokensContext, TokensPage
from tabs.ui import html_parts, prompt_html
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

MANUSCRIPT = 400  # characters on a sheet of Japanese manuscript paper
SHOWN_OF_LOG = 2_000  # characters


@dataclass(frozen=True)
class TokenHandlers:
    """Shows what the current model's tokenizer does; changes nothing."""

    context: TokensContext

    @property
    def services(self) -> Services:
        return self.context.services

    @handler
    def choose(self, visitor: Visitor, source: str) -> gr.Textbox:
        """The field for a text, where that is what is looked at."""
        return gr.Textbox(visible=source != LOG)

    @handler
    def sample(self, visitor: Visitor) -> str:
        """A text to begin with: several scripts, an emoji and a rare letter."""
        return t(visitor.language, "tokens.sample_text")

    @handler
    def inspect(self, visitor: Visitor, source: str, text: str, ids: bool) -> tuple[str, str]:
        """The text at hand, of a log its beginning: (coloured tokens, figures)."""
        if source == LOG and not self.context.has_log(visitor):
            return html_parts.empty(t(visitor.language, "tokens.no_log"), t(visitor.language, "tokens.no_log_hint")), ""
        if source == LOG:
            text = self.context.text(visitor, source, text, SHOWN_OF_LOG)
        if not text:
            return self._empty(visitor), ""
        loaded = self.services.models.current()
        items = split(text, loaded.tokenizer)
        return html_parts.tokens(items, ids=ids), self._figures(text, len(items), loaded.context, visitor.language)

    @handler
    def prompt(self, visitor: Visitor, conversation: str, ids: bool) -> tuple[str, str]:
        """The talk's next prompt, part by part: (coloured tokens, figures)."""
        talk = self.services.conversations.get(visitor.owner, conversation)
        if talk is None:
            raise InputError("There is no conversation yet. Say something in Chat first.",
                             "まだ会話がありません。先に「話す」で話しかけてください。")  # fmt: skip
        talk = self.services.chat.before_reply(visitor.owner, talk, visitor.language)
        setting = self.services.chat.context(visitor.owner, talk, visitor.language)
        prompt = self.services.chat.prompt(setting, talk)
        shown = prompt_html.tokens(prompt, setting.loaded.tokenizer, visitor.language, ids=ids)
        return shown, prompt_html.whose(talk.speaker, visitor.language) + prompt_html.budget(prompt, visitor.language)

    @handler
    def row(self, visitor: Visitor, dataset: str, number: float, ids: bool) -> tuple:
        """A row of a data set as it is trained: (its tokens with those that carry loss marked, slider)."""
        if not dataset:
            return self._no_rows(visitor), gr.Slider(visible=False)
        loaded = self.services.models.current()
        saved = self.services.datasets.get(visitor.owner, dataset)
        count = saved.info.train_rows
        at = max(1, min(int(number or 1), count))
        row = next(islice(read_rows(saved.file("train")), at - 1, None))
        prompt_config = prompt_config_for(
            saved.info, context_window=loaded.context, template=self.services.template(visitor.owner)
        )
        found = encode([row], prompt_config, loaded.tokenizer, max_length=loaded.context)
        shown = "".join(prompt_html.example(row, loaded.tokenizer, visitor.language, ids=ids) for row in found.examples)
        slider = gr.Slider(minimum=1, maximum=max(count, 2), value=at, visible=count > 1)
        return shown, slider

    @handler
    def datasets(self, visitor: Visitor) -> gr.Dropdown:
        """The owner's data sets, to pick a row from."""
        names = [saved.folder.name for saved in self.services.datasets.list_all(visitor.owner)]
        return gr.Dropdown(choices=names, value=names[0] if names else None)

    def _figures(self, text: str, tokens: int, context: int, language: str) -> str:
        measured = count_tokens(text, range(tokens))
        fits = int(context * measured.characters_per_token)
        over = tokens > context
        rows = [
            (t(language, "tokens.count"), f"{tokens:,}", "total"),
            (t(language, "tokens.characters"), f"{measured.characters:,}", ""),
            (t(language, "tokens.per_token"), f"{measured.characters_per_token:.2f}", ""),
            (t(language, "tokens.bytes"), f"{measured.utf8_bytes:,}", ""),
            (t(language, "tokens.share", context=f"{context:,}"), f"{tokens / context:.1%}", "warn" if over else ""),
        ]
        width, part = min(100.0, 100 * tokens / context), "new" if over else "persona"
        bar = f'<div class="bar"><i class="part-{part}" style="width:{width:.1f}%"></i></div>'
        sheets = f"{fits / MANUSCRIPT:.1f}"
        room = t(language, "tokens.fits", characters=f"{fits:,}", sheets=sheets, context=f"{context:,}")
        return f'{bar}{html_parts.ledger(rows)}<p class="muted">{room}</p>'

    def _empty(self, visitor: Visitor) -> str:
        return html_parts.empty(t(visitor.language, "tokens.empty"), t(visitor.language, "tokens.empty_hint"))

    def _no_rows(self, visitor: Visitor) -> str:
        return html_parts.empty(t(visitor.language, "tokens.no_rows"), t(visitor.language, "tokens.no_rows_hint"))


def build(services: Services, shared: Shared) -> None:
    """A text or the open log and its figures, and below it a fold for every further question."""
    context = TokensContext(services, TokenizerSources(services.models, services.trained_tokenizers))
    handlers = TokenHandlers(context)
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=9, min_width=320), gr.Column(elem_classes="card"):
            source = gr.Radio([(t_client(f"tokens.source_{one}"), one) for one in (TEXT, LOG)], value=TEXT,
                              label=t_client("tokens.source"), show_label=False, container=False,
                              elem_id="tokens-source")  # fmt: skip
            text = gr.Textbox(label=t_client("tokens.text"), placeholder=t_client("tokens.placeholder"),
                              lines=3, max_lines=12, elem_id="tokens-text")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                sample = gr.Button(t_client("tokens.sample"), size="sm", elem_id="tokens-sample")
                prompt = gr.Button(t_client("tokens.prompt"), size="sm", elem_id="tokens-prompt")
                ids = gr.Checkbox(True, label=t_client("tokens.ids"), container=False, elem_classes="bare",
                                  elem_id="tokens-ids")  # fmt: skip
            shown = gr.HTML(padding=False, elem_id="tokens-shown")
        with gr.Column(scale=4, min_width=250), gr.Column(elem_classes="card"):
            gr.Markdown(t_heading("tokens.figures"), elem_classes="title")
            figures = gr.HTML(padding=False, elem_id="tokens-figures")
    page = TokensPage(shared.key, source, text)
    wanted = compare.build(context, page)
    density.build(context, page)
    bits.build(context, page)
    training.build(context, page, wanted)
    special.build(context, page)
    study.build(context, page)
    _build_row(handlers, shared, ids)

    typed = ([shared.key, source, text, ids], [shown, figures])
    looked = [text.change, ids.change, source.change]
    gr.on(looked, handlers.inspect, *typed, trigger_mode="always_last", **EVENT)
    source.change(handlers.choose, [shared.key, source], text, **EVENT)
    sample.click(handlers.sample, shared.key, text, **EVENT)
    shared.opened("tokens")(handlers.inspect, *typed, **EVENT)
    prompt.click(handlers.prompt, [shared.key, shared.conversation, ids], [shown, figures], **EVENT)


def _build_row(handlers: TokenHandlers, shared: Shared, ids: gr.Checkbox) -> None:
    """A row of a data set, token by token."""
    with gr.Column(elem_classes="card"):
        gr.Markdown(t_heading("tokens.row"), elem_classes="title")
        chosen = gr.Dropdown(choices=[], label=t_client("train.dataset"), show_label=False, container=False,
                              elem_id="tokens-dataset")  # fmt: skip
        number = gr.Slider(1, 2, 1, step=1, label=t_client("tokens.number"), visible=False)
        row = gr.HTML(padding=False, elem_id="tokens-row")
        dataset.build(handlers.context, shared.key, chosen)
    row_shown = ([shared.key, chosen, number, ids], [row, number])
    gr.on([chosen.change, number.release, ids.change], handlers.row, *row_shown, trigger_mode="always_last", **EVENT)
    shared.opened("tokens")(handlers.datasets, shared.key, chosen, **EVENT)
    shared.dataset.change(handlers.datasets, shared.key, chosen, **EVENT)
