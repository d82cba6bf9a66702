"""Loading a data set back: from a file of one's own, or from a repository of the Hub."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from core.data.io.load import LoadedDataset, load_set, pull_set
from core.data.io.records import left_out_text
from core.errors import AppError
from core.hub.client import login_token
from tabs.data.log_view import working
from tabs.data.saved_sets import listed
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

UNCHANGED = (gr.skip(), gr.skip())


@dataclass(frozen=True)
class LoadHandlers:
    """Each yields (how it goes, the field, cleared; list of data sets, their card)."""

    services: Services

    @handler
    def upload(self, visitor: Visitor, cached: str | None, persona: str) -> Iterator[tuple]:
        """Keep the data set in an uploaded file; the file itself goes."""
        if not cached:
            yield "", None, *UNCHANGED
            return
        name = Path(cached).name
        taken = self.services.take_upload(visitor, cached)
        try:
            for step in self._kept(visitor, lambda _: load_set(taken, name=name, persona=persona.strip()), name):
                yield step[0], None, *step[1:]
        finally:
            taken.unlink(missing_ok=True)

    @handler
    def pull(self, visitor: Visitor, repo: str, typed: str, persona: str) -> Iterator[tuple]:
        """Keep the data set in a repository of the Hub; the typed token is forgotten at once."""
        secret = self._token(typed, visitor.signed_in)
        for step in self._kept(
            visitor, lambda report: pull_set(repo, token=secret, persona=persona.strip(), on_progress=report), repo
        ):  # fmt: skip
            yield step[0], "", *step[1:]

    def _kept(
        self, visitor: Visitor, load: Callable[[Callable[[str], None]], LoadedDataset], name: str
    ) -> Iterator[tuple]:
        """(how it goes, list, card) step by step."""
        language = visitor.language
        yield working(t(language, "data.reading", name=name)), *UNCHANGED
        try:
            for step in with_progress(load):
                if not isinstance(step, Result):
                    yield working(t(language, "data.reading", name=step)), *UNCHANGED
                    continue
                loaded = step.value
                yield self._keep(visitor, loaded, name)
        except AppError as error:
            yield in_words(error, language), *UNCHANGED
            raise

    def _keep(self, visitor: Visitor, loaded: LoadedDataset, name: str) -> tuple:
        """Rows become a data set, pairs corrections; (what was kept and what not, list, card)."""
        language, kept, shown = visitor.language, [], UNCHANGED
        if loaded.rows.get("train"):
            saved = self.services.datasets.import_rows(visitor.owner, loaded.info, loaded.rows)
            rows = saved.info.train_rows + saved.info.validation_rows + saved.info.test_rows
            kept.append(t(language, "data.loaded", name=saved.folder.name, n=f"{rows:,}"))
            shown = listed(self.services, visitor, saved.folder.name)
        for pair in loaded.pairs:
            self.services.preferences.add(visitor.owner, pair)
        if loaded.pairs:
            kept.append(t(language, "data.loaded_pairs", name=name, n=f"{len(loaded.pairs):,}"))
        if loaded.systems:
            kept.append(t(language, "data.loaded_systems", n=f"{loaded.systems:,}"))
        lines = [f'<p class="good" role="status">{escape(words)}</p>' for words in kept]
        left = [
            (escape(left_out_text(why).in_language(language)), f"{count:,}", "")
            for why, count in loaded.left_out.items()
        ]
        if left:
            lines += [f'<p class="muted">{escape(t(language, "data.loaded_left"))}</p>', html_parts.ledger(left)]
        lines += [f'<p class="muted">{escape(example)}</p>' for example in loaded.examples]
        return "".join(lines), *shown

    def _token(self, typed: str | None, signed_in: gr.OAuthToken | None) -> str | None:
        """The visitor's own token; the machine's only where nobody else can reach the server."""
        if self.services.settings.on_space:
            return signed_in.token if signed_in else None
        return (typed or "").strip() or (None if self.services.public else login_token())


def build(services: Services, shared: Shared, saved: gr.Radio, card: gr.Column) -> None:
    """The fold under the saved data sets."""
    handlers = LoadHandlers(services)
    on_space = services.settings.on_space
    with (
        gr.Column(elem_classes=["card", "fold"], elem_id="data-load-card"),
        gr.Accordion(t_client("data.load_fold"), open=False, elem_id="data-load-fold"),
    ):
        gr.Markdown(t_client("data.load_what"), elem_classes="muted")
        with gr.Row(elem_classes="saved"):
            with gr.Column(min_width=240, elem_classes="bare"):
                persona = gr.Textbox(label=t_client("data.load_persona"), info=t_client("data.load_persona_info"),
                                     max_lines=1, elem_id="data-load-persona")  # fmt: skip
                file = gr.UploadButton(t_client("data.load_file"), size="sm", elem_id="data-load-file")
            with gr.Column(min_width=240, elem_classes="bare"):
                repo = gr.Textbox(label=t_client("data.load_repo"), placeholder="name/dataset", max_lines=1,
                                  elem_id="data-load-repo")  # fmt: skip
                typed = gr.Textbox(
                    label=t_client("data.load_token"), info=t_client("data.load_token_info"), type="password",
                    visible=not on_space, max_lines=1, placeholder="hf_…", elem_id="data-load-token",
                    html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
                )  # fmt: skip
                pull = gr.Button(t_client("data.load_pull"), size="sm", elem_id="data-load-pull")
        state = gr.HTML(padding=False, elem_id="data-load-state")
    file.upload(handlers.upload, [shared.key, file, persona], [state, file, saved, card], **EVENT)
    pull.click(handlers.pull, [shared.key, repo, typed, persona], [state, typed, saved, card], **EVENT)
