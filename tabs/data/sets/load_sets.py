"""Loading a data set back: from a file of one's own, or from a repository of the Hub."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import gradio as gr

from core.data.io.columns import left_out_text
from core.data.io.load import LoadedDataset, UnknownShapeError, download_set
from core.data.io.mappings import Mappings, preview
from core.data.io.waiting import WaitingSets
from core.errors import AppError, InputError
from core.hub.client import login_token
from tabs.data.sets import mapping
from tabs.data.sets.mapping import Dialog, MappingForm, WaitingSet
from tabs.data.sets.saved_sets import listed
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.html_parts import working
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor

UNCHANGED = (gr.skip(), gr.skip())
Shown = tuple[object, ...]


@dataclass(frozen=True)
class LoadHandlers:
    """Each yields (how it goes, list of data sets, their card, *Dialog); before them the field, cleared, if one has."""

    services: Services

    @property
    def waiting(self) -> WaitingSets:
        return WaitingSets(self.services.workspace)

    @property
    def mappings(self) -> Mappings:
        return Mappings(self.services.workspace)

    @handler
    def upload(self, visitor: Visitor, cached: str | None, persona: str) -> Iterator[Shown]:
        """Keep the data set in an uploaded file; the file itself goes, or waits until columns are chosen."""
        if not cached:
            yield None, "", *UNCHANGED, *mapping.UNCHANGED
            return
        name = Path(cached).name
        taken = self.services.take_upload(visitor, cached)
        try:
            waiting = self.waiting.keep(visitor.owner, taken)
        finally:
            taken.unlink(missing_ok=True)
        for shown in self._arrived(visitor, waiting, name, persona):
            yield None, *shown

    @handler
    def pull(self, visitor: Visitor, repo: str, typed: str, persona: str) -> Iterator[Shown]:
        """Keep the data set in a repository of the Hub; the typed token is forgotten at once."""
        secret = self._token(typed, visitor.signed_in)
        waiting = self.waiting.new(visitor.owner)
        folder = self.waiting.folder(visitor.owner, waiting)
        for shown in self._arrived(
            visitor, waiting, repo, persona, lambda report: download_set(repo, folder, token=secret, on_progress=report)
        ):  # fmt: skip
            yield "", *shown

    @handler
    def read(self, visitor: Visitor, waiting: WaitingSet | None, form: MappingForm) -> Iterator[Shown]:
        """Read what waits as the dialog says, and remember that for these columns."""
        if waiting is None:
            yield "", *UNCHANGED, *mapping.closed()
            return
        chosen = form.mapping(waiting.found)
        if not preview(waiting.found.records, chosen).rows:
            raise InputError(
                "None of the first records has words of the persona when it is read so. Choose another column.",
                "この選び方では、最初の数件に人格の発言がありません。別の列を選んでください。",
            )
        path = self.waiting.place(visitor.owner, waiting.id)
        for step in self._steps(visitor, waiting.called, lambda _: self.services.reading.data_set(
            path, name=waiting.called, persona=waiting.persona, mapping=chosen
        )):  # fmt: skip
            if not isinstance(step, LoadedDataset):
                yield *step, *mapping.UNCHANGED
                continue
            if waiting.made:  # what the remembered mapping made of the same file
                with suppress(InputError):
                    self.services.datasets.delete(visitor.owner, waiting.made)
            shown = self._keep(visitor, step, waiting.called)
            self.mappings.keep(visitor.owner, waiting.found.columns, chosen)
            self.waiting.clear(visitor.owner)
            yield *shown[:3], *mapping.closed()

    @handler
    def choose_again(self, visitor: Visitor, waiting: WaitingSet | None) -> Shown:
        """Ask what the remembered mapping answered; it is forgotten."""
        if waiting is None:
            return "", *UNCHANGED, *mapping.closed()
        before = self.mappings.get(visitor.owner, waiting.found.columns)
        self.mappings.forget(visitor.owner, waiting.found.columns)
        return "", *UNCHANGED, *mapping.opened(waiting, before, visitor.language)

    @handler
    def put_away(self, visitor: Visitor) -> Shown:
        """The file goes unread."""
        self.waiting.clear(visitor.owner)
        return "", *UNCHANGED, *mapping.closed()

    def _arrived(
        self, visitor: Visitor, waiting: str, name: str, persona: str,
        fetch: Callable[[Callable[[str], None]], object] = lambda _: None,
    ) -> Iterator[Shown]:  # fmt: skip
        """Read a new file: by itself, by what is remembered for its columns, or not before somebody has chosen."""
        persona = persona.strip()

        def load(report: Callable[[str], None]) -> LoadedDataset:
            fetch(report)
            return self.services.reading.data_set(
                self.waiting.place(visitor.owner, waiting), name=name, persona=persona
            )

        try:
            for step in self._steps(visitor, name, load):
                if isinstance(step, LoadedDataset):
                    yield *self._keep(visitor, step, name)[:3], *mapping.closed()
                else:
                    yield *step, *mapping.closed()
        except UnknownShapeError as error:
            asked = WaitingSet(waiting, name, persona, error.found)
            yield from self._mapped(visitor, asked)
            return
        except (AppError, GeneratorExit):  # or the page was left
            self.waiting.clear(visitor.owner)
            raise
        self.waiting.clear(visitor.owner)

    def _mapped(self, visitor: Visitor, asked: WaitingSet) -> Iterator[Shown]:
        """By the remembered mapping; without one, or if it no longer fits, the question."""
        known = self.mappings.get(visitor.owner, asked.found.columns)
        if known and preview(asked.found.records, known).rows:
            path = self.waiting.place(visitor.owner, asked.id)
            for step in self._steps(
                visitor, asked.called,
                lambda _: self.services.reading.data_set(path, name=asked.called, persona=asked.persona, mapping=known),
            ):  # fmt: skip
                if isinstance(step, LoadedDataset):
                    state, saved, card, made = self._keep(visitor, step, asked.called)
                    said = f'<p role="status">{escape(t(visitor.language, "sets.map_remembered"))}</p>'
                    again = mapping.may_choose_again(replace(asked, made=made))
                    yield f"{state}{said}", saved, card, *again
                else:
                    yield *step, *mapping.UNCHANGED
            return
        asks = f'<p role="status">{escape(t(visitor.language, "sets.map_asks", name=asked.called))}</p>'
        yield asks, *UNCHANGED, *mapping.opened(asked, known, visitor.language)

    def _steps(
        self, visitor: Visitor, name: str, load: Callable[[Callable[[str], None]], LoadedDataset]
    ) -> "Iterator[Shown | LoadedDataset]":
        """(how it goes, list, card) step by step, and last what was loaded."""
        language = visitor.language
        yield working(t(language, "data.reading", name=name)), *UNCHANGED
        try:
            for step in with_progress(load):
                if isinstance(step, Result):
                    yield step.value
                else:
                    yield working(t(language, "data.reading", name=step)), *UNCHANGED
        except UnknownShapeError:
            raise
        except AppError as error:
            yield in_words(error, language), *UNCHANGED
            raise

    def _keep(self, visitor: Visitor, loaded: LoadedDataset, name: str) -> tuple[str, object, object, str]:
        """Rows become a data set, pairs corrections; (what was kept and what not, list, card, the data set)."""
        language, kept, made = visitor.language, [], ""
        names: object = gr.skip()
        panel: object = gr.skip()
        if loaded.rows.get("train"):
            saved = self.services.datasets.import_rows(visitor.owner, loaded.info, loaded.rows)
            made = saved.folder.name
            rows = saved.info.train_rows + saved.info.validation_rows + saved.info.test_rows
            kept.append(t(language, "data.loaded", name=made, n=f"{rows:,}"))
            names, panel = listed(self.services, visitor, made)
        if loaded.pairs:
            self.services.preferences.add_all(visitor.owner, loaded.pairs)
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
        return "".join(lines), names, panel, made

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
                file = build_upload("data.load_file", "data-load-file")
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
        dialog, buttons = mapping.build(services, shared.key)
    shown = [state, saved, card, *(dialog[name] for name in Dialog._fields)]
    file.upload(handlers.upload, [shared.key, file, persona], [file, *shown], **EVENT)
    pull.click(handlers.pull, [shared.key, repo, typed, persona], [typed, *shown], **EVENT)
    chosen = [shared.key, dialog["waiting"]]
    buttons["read"].click(handlers.read, [*chosen, *MappingForm.inputs(dialog)], shown, **EVENT)
    buttons["again"].click(handlers.choose_again, chosen, shown, **EVENT)
    buttons["cancel"].click(handlers.put_away, shared.key, shown, **EVENT)
