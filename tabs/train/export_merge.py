"""What can be made of a trained adapter: an export for other programs, a combination with others."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
from gradio.events import Dependency

from core.adapters.combine import METHODS, Method, Mixture, combine
from core.errors import AppError, InputError
from core.export.run import export_in_process, zipped
from tabs.ui.adapters import base_in_memory, kept
from tabs.ui.download import build_download
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class ExportMergeHandlers:
    """Exports and combines an owner's adapters."""

    services: Services

    @handler
    def export(self, visitor: Visitor, chosen: str) -> Iterator[tuple]:
        """The adapter for other programs as a zip: (its path, how it goes, cancel button)."""
        adapter = kept(self.services, visitor.owner, chosen)
        language = visitor.language
        yield gr.skip(), _muted(t(language, "after.stage_waiting")), gr.Button(visible=True)
        workspace = self.services.workspace
        with workspace.download_folder(visitor.owner) as folder:
            made = folder / adapter.name

            def work(report: Callable[[str], None]) -> Path:
                try:
                    export_in_process(adapter, made, report, base=base_in_memory(self.services, adapter))
                    return zipped(made, made.with_name(f"{adapter.name}-export.zip"), lambda _: report("zipping"))
                finally:  # where the page was left, the folder around it is gone before the process is
                    shutil.rmtree(made, ignore_errors=True)

            try:
                for step in with_progress(work):
                    if isinstance(step, Result):
                        file = str(workspace.hand_out(visitor.owner, step.value))
                        yield file, _good(t(language, "after.export_done")), gr.Button(visible=False)
                    else:
                        yield gr.skip(), _muted(t(language, f"after.stage_{step}")), gr.skip()
            except AppError as error:
                yield gr.skip(), in_words(error, language), gr.Button(visible=False)

    @handler
    def list_kept(self, visitor: Visitor, which: list[str] | None) -> tuple[gr.Dropdown, gr.Column, gr.Markdown]:
        """(picker of adapters, the form, the hint while there are too few)."""
        names = [adapter.name for adapter in self.services.adapters.list_all(visitor.owner)]
        enough = len(names) > 1
        picked = [name for name in which or () if name in names]
        return gr.Dropdown(choices=names, value=picked), gr.Column(visible=enough), gr.Markdown(visible=not enough)

    @handler
    def combine(
        self, visitor: Visitor, which: list[str] | None, weights: str, method: Method, density: float, name: str
    ) -> Iterator[str]:
        """Make a new stored adapter: how it goes."""
        parts = [self.services.adapters.get(visitor.owner, one) for one in which or ()]
        for part in parts:
            self.services.models.check_visitor_may_use(part.base)
        mixture = Mixture(weights_of(weights, len(parts)), method, float(density or 0))
        wanted = (name or "").strip() or "-".join(part.name for part in parts)[:64] or "mix"
        free = self.services.workspace.free_name(visitor.owner, "adapters", wanted)
        yield _muted(t(visitor.language, "after.combining"))
        try:
            combine(parts, mixture, self.services.workspace.place(visitor.owner, "adapters", free))
        except AppError as error:
            yield in_words(error, visitor.language)
            return
        yield _good(t(visitor.language, "after.combined", name=free))


def weights_of(text: str, count: int) -> tuple[float, ...]:
    """The weights in a line such as "1, 0.5"; equal shares for an empty one. Raises InputError for others."""
    if not (text or "").strip():
        return (1 / count,) * count if count else ()
    try:
        return tuple(float(part) for part in text.replace("、", ",").replace("，", ",").split(","))
    except ValueError as error:
        raise InputError(
            f"“{text[:80]}” are no weights. Write one number for each adapter, such as 1, 0.5.",
            f"「{text[:80]}」は重みとして読めません。1, 0.5 のように数字で書いてください。",
        ) from error


def _muted(text: str) -> str:
    return f'<p class="muted" role="status">{escape(text)}</p>'


def _good(text: str) -> str:
    return f'<p class="good" role="status">{escape(text)}</p>'


def build_export(services: Services, shared: Shared, chosen: gr.State) -> None:
    """The folded part of a training that ended."""
    handlers = ExportMergeHandlers(services)
    with gr.Accordion(t_client("after.export"), open=False, elem_id="export"):
        gr.Markdown(t_client("after.export_hint"), elem_classes="muted")
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("after.export_go"), size="sm", elem_id="export-go")
            stop = gr.Button(t_client("after.export_stop"), size="sm", visible=False, elem_id="export-stop")
            zipped = build_download("export-zip")
        state = gr.HTML(padding=False, elem_id="export-state")
    going = go.click(handlers.export, [shared.key, chosen], [zipped.file, state, stop], **EVENT)
    zipped.after(going)
    stop_running(stop.click, going, lambda: ("", gr.Button(visible=False)), [state, stop])
    chosen.change(lambda: "", None, state, queue=False, **EVENT)


def build_combine(services: Services, shared: Shared) -> Dependency:
    """The folded part; returns the event of a combination that was tried."""
    handlers = ExportMergeHandlers(services)
    with gr.Accordion(t_client("after.combine"), open=False, elem_id="combine") as fold:
        empty = gr.Markdown(t_client("after.combine_empty"), elem_classes="muted")
        with gr.Column(visible=False, elem_classes="bare") as form:
            gr.Markdown(t_client("after.combine_hint"), elem_classes="muted")
            which = gr.Dropdown([], multiselect=True, max_choices=4, label=t_client("after.combine_which"),
                                elem_id="combine-which")  # fmt: skip
            weights = gr.Textbox(label=t_client("after.weights"), info=t_client("after.weights_info"), max_lines=1,
                                 placeholder="0.7, 0.3", elem_id="combine-weights")  # fmt: skip
            method = gr.Radio([(t_client(f"after.method_{name}"), name) for name in METHODS], value="linear",
                              label=t_client("after.method"), elem_id="combine-method")  # fmt: skip
            density = gr.Slider(0.1, 1, 0.5, step=0.05, label=t_client("after.density"), visible=False)
            name = gr.Textbox(label=t_client("after.combine_name"), max_lines=1, max_length=64, elem_id="combine-name")
            go = gr.Button(t_client("after.combine_go"), size="sm", elem_id="combine-go")
        state = gr.HTML(padding=False, elem_id="combine-state")
    fold.expand(handlers.list_kept, [shared.key, which], [which, form, empty], **EVENT)
    method.change(lambda kind: gr.Slider(visible=kind != "linear"), method, density, queue=False, **EVENT)
    asked = [shared.key, which, weights, method, density, name]
    return go.click(handlers.combine, asked, state, **EVENT)
