"""A sweep from the page: data sets, shares of the rows, ranks, learning rates and seeds, each with each, queued."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from core.errors import AppError, InputError
from core.evaluate.sweep import SHARES, SweepGrid, SweepPoint, learning_rates, shared_set
from core.text import Text
from core.train.config.estimate import this_device, training_seconds
from tabs.train.advice_view import Advice, advice_for
from tabs.train.form import TrainForm, dataset_choices
from tabs.train.form_values import FormValues, find_base, request_of
from tabs.train.settings import SettingsForm
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.status_bar import duration
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

RANKS = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class SweepForm(Form):
    """The grid as the page holds it."""

    datasets: list[str] | None
    shares: list[int] | None
    ranks: list[int] | None
    rates: str | None
    seeds: int | None

    def grid(self, dataset: str | None, recommended: float) -> SweepGrid:
        """What is tried; without data sets of its own, the form's. Raises InputError."""
        sets = tuple(self.datasets or ([dataset] if dataset else ()))
        shares, ranks = (tuple(int(one) for one in values or ()) for values in (self.shares, self.ranks))
        return SweepGrid(
            sets, shares, ranks, learning_rates(self.rates or "", recommended), max(1, int(self.seeds or 1))
        )


@dataclass(frozen=True)
class SweepHandlers:
    """Counts what a grid comes to, and queues it."""

    services: Services

    @handler
    def sets(self, visitor: Visitor, chosen: list[str] | None, dataset: str | None) -> gr.CheckboxGroup:
        """The owner's data sets; the form's is chosen at first."""
        choices = dataset_choices(self.services, visitor)
        names = [name for _, name in choices]
        kept = [name for name in chosen or () if name in names]
        return gr.CheckboxGroup(choices=choices, value=kept or ([dataset] if dataset in names else []))

    @handler
    def count(self, visitor: Visitor, form: FormValues, settings: SettingsForm, sweep: SweepForm) -> tuple:
        """(how many trainings and about how long, start button) of the grid."""
        try:
            points = sweep.grid(form.dataset, settings.config().learning_rate).points()
            seconds = self._seconds(visitor, form, settings, points)
        except AppError as error:
            words = escape(error.text.in_language(visitor.language))
            return f'<p class="warn">{words}</p>', gr.Button(interactive=False)
        key = "train.sweep_takes" if seconds else "train.sweep_count"
        words = t(visitor.language, key, n=len(points), time=duration(seconds, visitor.language))
        return f'<p class="muted num">{escape(words)}</p>', gr.Button(interactive=True)

    def _seconds(
        self, visitor: Visitor, form: FormValues, settings: SettingsForm, points: Sequence[SweepPoint]
    ) -> float | None:  # fmt: skip
        """About how long all take; None where nothing is known of the model."""
        base, config, device = find_base(self.services, form.base), settings.config(), this_device()
        advice: dict[str, Advice] = {}
        total = 0.0
        for point in points:
            if point.dataset not in advice:
                saved = self.services.datasets.get(visitor.owner, point.dataset)
                advice[point.dataset] = advice_for(self.services, base, saved)
            known = advice[point.dataset]
            if known.shape is None or known.sizes is None:
                return None
            rows = replace(known.sizes, count=max(1, known.sizes.count * point.share // 100))
            total += training_seconds(known.shape, point.config(config), device, rows, known.validation)
        return total

    @handler
    def begin(self, visitor: Visitor, form: FormValues, settings: SettingsForm, sweep: SweepForm) -> tuple[str, str]:
        """Queue all trainings of the grid: (id of the first, what to look at)."""
        points = sweep.grid(form.dataset, settings.config().learning_rate).points()
        first, queued = "", 0
        for point in points:
            try:
                job = self._submit(visitor, form, settings, point)
            except InputError as error:
                if not queued:
                    raise
                raise _stopped(queued, len(points), error) from error
            first, queued = first or job, queued + 1
        return first, f'<p class="good" role="status">{escape(t(visitor.language, "train.sweep_queued", n=queued))}</p>'

    def _submit(self, visitor: Visitor, form: FormValues, settings: SettingsForm, point: SweepPoint) -> str:
        asked = replace(form, dataset=point.dataset, name=point.name, start_from="")
        if point.dataset != form.dataset:  # its own persona, not the one that the form describes
            info = self.services.datasets.get(visitor.owner, point.dataset).info
            asked = replace(asked, persona=info.persona, description=info.description, user=info.user)
        request = request_of(self.services, visitor, asked, settings)
        saved = self.services.datasets.get(visitor.owner, point.dataset)
        with (
            self.services.workspace.download_folder(visitor.owner) as folder,
            shared_set(saved, point.share, folder) as part,
        ):
            spec = replace(request.spec, dataset=part.folder, config=point.config(request.spec.config))
            return self.services.jobs.submit(visitor.owner, spec).id


def _stopped(queued: int, of: int, error: AppError) -> InputError:
    """Some are in the queue, the rest may not be."""
    said = Text(f"{queued} of {of} trainings are queued.", f"{of} 回中 {queued} 回を順番待ちに入れました。")
    return InputError(f"{said.en} {error.text.en}", f"{said.ja}{error.text.ja}")


def _controls() -> dict[str, gr.CheckboxGroup | gr.Textbox | gr.Number]:
    """The components of SweepForm, by name."""
    shares, ranks = [(f"{n} %", n) for n in SHARES], [(f"r {n}", n) for n in RANKS]
    return {
        "datasets": gr.CheckboxGroup([], label=t_client("train.sweep_datasets"), elem_id="sweep-datasets"),
        "shares": gr.CheckboxGroup(
            shares, value=[100], label=t_client("train.sweep_shares"), info=t_client("train.sweep_shares_info"),
            elem_id="sweep-shares",
        ),
        "ranks": gr.CheckboxGroup(ranks, value=[8, 16], label=t_client("train.sweep_ranks"), elem_id="sweep-ranks"),
        "rates": gr.Textbox(
            "×1", label=t_client("train.sweep_rates"), info=t_client("train.sweep_rates_info"), max_lines=1,
            elem_id="sweep-rates",
        ),
        "seeds": gr.Number(
            1, precision=0, minimum=1, maximum=5, label=t_client("train.sweep_seeds"),
            info=t_client("train.sweep_seeds_info"), elem_id="sweep-seeds",
        ),
    }  # fmt: skip


def build(services: Services, shared: Shared, made: TrainForm, chosen: gr.State) -> None:
    """The fold."""
    handlers, title = SweepHandlers(services), t_client("train.sweep")
    with gr.Column(elem_classes=["card", "fold"]), gr.Accordion(title, open=False, elem_id="sweep") as fold:
        gr.Markdown(t_client("train.sweep_what"), elem_classes="muted")
        controls = _controls()
        takes = gr.HTML(padding=False, elem_id="sweep-takes")
        begin = gr.Button(t_client("train.sweep_go"), variant="primary", interactive=False, elem_id="sweep-go")
        state = gr.HTML(padding=False, elem_id="sweep-state")
    form, settings = FormValues.inputs(made.components), SettingsForm.inputs(made.components)
    inputs = [shared.key, *form, *settings, *SweepForm.inputs(controls)]
    sets, dataset = controls["datasets"], made.components["dataset"]
    opened = fold.expand(handlers.sets, [shared.key, sets, dataset], sets, **EVENT)
    counting = {"fn": handlers.count, "inputs": inputs, "outputs": [takes, begin], **EVENT}
    opened.then(**counting)
    gr.on([control.change for control in controls.values()], **counting, trigger_mode="always_last")
    begin.click(handlers.begin, inputs, [chosen, state], **EVENT)
