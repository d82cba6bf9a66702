"""The leaderboard on the page: what is compared on what, measured step by step, and how it comes out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.errors import AppError, InputError
from core.evaluate.leaderboard import Leaderboard, leaderboard, to_csv
from core.evaluate.leaks import LeakReports
from core.evaluate.measure import EvaluationSet, Measured, MeasureStep, Measuring
from core.files import write_text
from tabs.compare import board_view
from tabs.compare.choices import BASE_VALUE, CandidateChoice, choices_of, measurements, picked, preselected
from tabs.ui import html_parts
from tabs.ui.download import build_download
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

COPY = """() => {
  const table = document.querySelector("#compare-board table");
  if (table) navigator.clipboard?.writeText(table.innerText);
}"""


@dataclass(frozen=True)
class BoardHandlers:
    """Measures and draws."""

    services: Services

    @handler
    def fill(self, visitor: Visitor, dataset: str | None, chosen: list[str] | None) -> tuple:
        """What there is now, keeping what is chosen: (data sets, candidates, what to do first, the ways to it to Data
        and to Train, form, on how much is measured)."""
        sets, language = self.services.datasets.list_all(visitor.owner), visitor.language
        names = [saved.folder.name for saved in sets if saved.info.validation_rows]
        value = dataset if dataset in names else (names[0] if names else None)
        if value is None:
            return _todo("no_validation" if sets else "no_dataset", [], None, language)
        try:
            choices, data = self.choices(visitor, value)
        except AppError as error:
            sentence = f'<p class="muted">{escape(error.text.in_language(language))}</p>'
            return _state(gr.Dropdown(choices=names, value=value, visible=True), sentence)
        if len(choices) < 2:
            return _todo("no_adapter", names, value, language)
        known = [one.value for one in choices]
        kept = [one for one in chosen or () if one in known] if dataset == value else []
        group = gr.CheckboxGroup(
            choices=[(one.label, one.value) for one in choices], value=kept or preselected(choices, value)
        )
        about = board_view.what_for(data, language)
        return _state(gr.Dropdown(choices=names, value=value, visible=True), group=group, form=True, about=about)

    @handler
    def compare(self, visitor: Visitor, dataset: str | None, chosen: list[str] | None) -> Iterator[tuple]:
        """Measure what is not known yet: (how it goes, leaderboard, stop button, what can be done with it)."""
        if not dataset:
            raise InputError("Choose a data set first.", "先にデータセットを選んでください。")
        choices, data = self.choices(visitor, dataset)
        wanted, language = picked(choices, chosen or ()), visitor.language
        yield board_view.measuring(None, 0, len(wanted), language), gr.skip(), gr.Button(visible=True), gr.skip()

        def work(report: Callable[[tuple[int, MeasureStep]], None]) -> tuple[Leaderboard, list[Measured]]:
            measured = [
                self._measured(visitor, one, data, lambda s, n=n: report((n, s))) for n, one in enumerate(wanted)
            ]
            return leaderboard(data, measured, self._leaks(visitor.owner, wanted, measured)), measured

        try:
            for step in with_progress(work):
                if isinstance(step, Result):
                    board, _ = step.value
                    base = next((one.label for one in wanted if one.value == BASE_VALUE), "")
                    yield "", board_view.board(board, base, language), gr.Button(visible=False), gr.Column(visible=True)
                else:
                    done, inner = step
                    now = board_view.measuring(inner, done, len(wanted), language)
                    yield now, gr.skip(), gr.skip(), gr.skip()
        except AppError as error:
            yield in_words(error, language), gr.skip(), gr.Button(visible=False), gr.skip()

    @handler
    def save(self, visitor: Visitor, dataset: str | None, chosen: list[str] | None) -> str:
        """The leaderboard as a table for a spreadsheet: the path of a file. Nothing is measured anew."""
        choices, data = self.choices(visitor, dataset or "")
        wanted = picked(choices, chosen or ())
        measured = [self.known(visitor, one, data) for one in wanted]
        board = leaderboard(data, measured, self._leaks(visitor.owner, wanted, measured))
        base = next((one.label for one in wanted if one.value == BASE_VALUE), "")
        with self.services.workspace.download_folder(visitor.owner) as folder:
            file = folder / f"{data.info.name}-comparison.csv"
            write_text(file, "\ufeff" + to_csv(board, base))  # else Excel takes Japanese for something else
            return str(self.services.workspace.hand_out(visitor.owner, file))

    def choices(self, visitor: Visitor, dataset: str) -> tuple[list[CandidateChoice], EvaluationSet]:
        """What can be compared on a data set. Raises AppError."""
        data = EvaluationSet.of(self.services.datasets.get(visitor.owner, dataset))
        return choices_of(self.services, visitor, data), data

    def known(self, visitor: Visitor, choice: CandidateChoice, data: EvaluationSet) -> Measured:
        """What was measured of a candidate. Raises InputError where that is not all yet."""

        def untold(step: MeasureStep) -> None:
            raise InputError("Compare first: something that is chosen has not been measured yet.",
                             "先に「比べる」を押してください。まだ測っていないものがあります。")  # fmt: skip

        return self._measured(visitor, choice, data, untold)

    def _measured(
        self, visitor: Visitor, choice: CandidateChoice, data: EvaluationSet, report: Callable[[MeasureStep], None]
    ) -> Measured:
        if choice.measured:
            return choice.measured
        kept = measurements(self.services, visitor.owner)
        measuring = Measuring(self.services.models, self.services.chat.engine, kept, visitor.owner)
        return measuring.measure(choice.candidate, data, report)

    def _leaks(self, owner: str, wanted: list[CandidateChoice], measured: list[Measured]) -> dict[str, int]:
        """What leak checks found, by the candidate's digest; nothing of who was not checked."""
        reports = LeakReports(self.services.workspace.folder(owner, "evaluations"))
        found = ((one.digest, choice.adapter and reports.get(choice.adapter))
                 for choice, one in zip(wanted, measured, strict=True))  # fmt: skip
        return {digest: report.leaks for digest, report in found if report}


def _todo(key: str, names: list[str], value: str | None, language: str) -> tuple:
    """What `fill` returns where something has to be done first."""
    first = html_parts.empty(t(language, f"compare.{key}_title"), t(language, f"compare.{key}"))
    train = key == "no_adapter"
    return _state(gr.Dropdown(choices=names, value=value, visible=train), first, data=not train, train=train)


def _state(
    picker: gr.Dropdown, first: str = "", *, data: bool = False, train: bool = False, form: bool = False,
    group: gr.CheckboxGroup | None = None, about: str = "",
) -> tuple:  # fmt: skip
    """The outputs of `fill`."""
    ways = gr.Button(visible=data), gr.Button(visible=train)
    return picker, group or gr.CheckboxGroup(choices=[], value=[]), first, *ways, gr.Column(visible=form), about


@dataclass(frozen=True)
class BoardForm:
    """What the other cards need of this one."""

    handlers: BoardHandlers
    dataset: gr.Dropdown
    candidates: gr.CheckboxGroup


def build(services: Services, shared: Shared) -> BoardForm:
    """The card of the leaderboard."""
    handlers = BoardHandlers(services)
    with gr.Column(elem_classes="card", elem_id="compare-card"):
        gr.Markdown(t_heading("compare.which"), elem_classes="title")
        first = gr.HTML(padding=False, elem_id="compare-first")
        with gr.Row(elem_classes="actions centred"):
            to_data = gr.Button(t_client("compare.to_data"), variant="primary", visible=False,
                                elem_id="compare-to-data")  # fmt: skip
            to_train = gr.Button(t_client("compare.to_train"), variant="primary", visible=False,
                                 elem_id="compare-to-train")  # fmt: skip
        dataset = gr.Dropdown(choices=[], visible=False, label=t_client("compare.dataset"), elem_id="compare-dataset")
        with gr.Column(visible=False, elem_classes="bare") as form:
            about = gr.HTML(padding=False, elem_id="compare-about")
            candidates = gr.CheckboxGroup(choices=[], label=t_client("compare.candidates"),
                                          elem_id="compare-candidates")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                go = gr.Button(t_client("compare.go"), variant="primary", elem_id="compare-go")
                stop = gr.Button(t_client("compare.stop"), variant="stop", visible=False, elem_id="compare-stop")
        going = gr.HTML(padding=False, elem_id="compare-going")
        shown = gr.HTML(padding=False, elem_id="compare-board")
        with gr.Column(visible=False, elem_classes="bare") as after, gr.Row(elem_classes="actions"):
            copy = gr.Button(t_client("compare.copy"), size="sm", elem_id="compare-copy")
            save = gr.Button(t_client("compare.save"), size="sm", elem_id="compare-save")
            file = build_download("compare-file")
    inputs = [shared.key, dataset, candidates]
    outputs = [dataset, candidates, first, to_data, to_train, form, about]
    # Unchecked: Gradio would hold a value against the choices of another event that is still on its way.
    filling = {"fn": handlers.fill, "inputs": inputs, "outputs": outputs, "preprocess": False, **EVENT}
    shared.changed["compare"].click(**filling, trigger_mode="always_last")
    dataset.input(**filling)
    running = go.click(handlers.compare, inputs, [going, shown, stop, after], preprocess=False, **EVENT)
    stop_running(stop.click, running, lambda: ("", gr.Button(visible=False)), [going, stop])
    stop_running(dataset.input, running, lambda: ("", gr.Column(visible=False)), [shown, after])
    copy.click(None, None, None, js=COPY, **EVENT)
    file.after(save.click(handlers.save, inputs, file.file, **EVENT))
    to_data.click(lambda: gr.Tabs(selected="data"), None, shared.tabs, queue=False, **EVENT)
    to_train.click(lambda: gr.Tabs(selected="train"), None, shared.tabs, queue=False, **EVENT)
    return BoardForm(handlers, dataset, candidates)
