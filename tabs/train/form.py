"""What to learn and how: the form that starts a training, with the settings recommended for it."""

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.events import Dependency

from core.data.io.store import prompt_config_for
from core.errors import AppError, InputError, ModelError
from core.text import format_parameters
from core.train.config.run_file import going_on
from tabs.train import files
from tabs.train.advice_view import Advice, advice_for, advised
from tabs.train.form_values import BaseModel, FormValues, find_base, free_name, request_of
from tabs.train.settings import SettingsForm, controls
from tabs.ui.form import Control
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class TrainForm:
    """What the rest of the tab needs of the form."""

    model: gr.State
    """Names the loaded model; a change asks for advice anew."""
    started: Dependency
    components: dict[str, Control]
    """Those of FormValues and of SettingsForm, by name."""


@dataclass(frozen=True)
class FormHandlers:
    """Fills the form, and puts what it says in the queue."""

    services: Services

    @handler
    def datasets(self, visitor: Visitor, chosen: str) -> tuple[gr.Dropdown, gr.Column]:
        """(picker of the owner's data sets, standing on `chosen` or the newest; the hint while there are none)."""
        choices = dataset_choices(self.services, visitor)
        names = [name for _, name in choices]
        value = chosen if chosen in names else (names[0] if names else None)
        return gr.Dropdown(choices=choices, value=value), gr.Column(visible=not names)

    @handler
    def persona(self, visitor: Visitor, dataset: str | None) -> tuple[str, str, str, str]:
        """(adapter's name, persona's name, description, the other side's name) for a data set."""
        if not dataset:
            return "", "", "", ""
        info = self.services.datasets.get(visitor.owner, dataset).info
        name = free_name(self.services, visitor.owner, dataset)
        return name, info.persona, info.description, prompt_config_for(info, context_window=1).user

    @handler
    def advise(self, visitor: Visitor, dataset: str | None, base: str) -> tuple:
        """For a data set on a base: (line on the base, advice as HTML, the Advice, start button, *values)."""
        language, nothing = visitor.language, (None, _start(False), *(gr.skip(),) * len(SettingsForm.field_names()))
        try:
            found = find_base(self.services, base)
        except ModelError:
            return _muted(t(language, "train.base_waits")), "", *nothing
        except AppError as error:
            return f'<p class="warn">{escape(error.text.in_language(language))}</p>', "", *nothing
        if not dataset:
            return _base_line(found, language), _muted(t(language, "train.advice_first")), *nothing
        advice = advice_for(self.services, found, self.services.datasets.get(visitor.owner, dataset))
        config = advice.recommendation.config
        shown = advised(advice, config, language)
        return _base_line(found, language), shown, advice, _start(True), *SettingsForm.showing(config).values()

    @handler
    def review(self, visitor: Visitor, advice: Advice | None, settings: SettingsForm) -> str:
        """The advice again, after a person changed a setting."""
        if advice is None:
            return _muted(t(visitor.language, "train.advice_first"))
        try:
            return advised(advice, settings.config(), visitor.language)
        except InputError as error:
            return f'<p class="warn">{escape(error.text.in_language(visitor.language))}</p>'

    @handler
    def adapters(self, visitor: Visitor, chosen: str | None) -> gr.Dropdown:
        """The owner's adapters, to go on from one."""
        names = [adapter.name for adapter in self.services.adapters.list_all(visitor.owner)]
        choices = [(t(visitor.language, "train.start_fresh"), ""), *((name, name) for name in names)]
        return gr.Dropdown(choices=choices, value=chosen if chosen in names else "")

    @handler
    def going_on(self, visitor: Visitor, start_from: str | None, base: str, settings: SettingsForm) -> tuple:
        """An adapter's own shape and names in the form: (persona, description, other side's name, *values)."""
        if not start_from:
            return (gr.skip(),) * (3 + len(settings.field_names()))
        adapter = self.services.adapters.get(visitor.owner, start_from)
        config = going_on(settings.config(), adapter.folder, find_base(self.services, base).source)
        held = adapter.prompt_config
        names = (held.persona, held.description, held.user) if held else (gr.skip(),) * 3
        return *names, *SettingsForm.showing(config).values()

    @handler
    def start(self, visitor: Visitor, form: FormValues, settings: SettingsForm) -> tuple[str, str]:
        """Put a training in the queue: (its id, a name for the next one)."""
        request = request_of(self.services, visitor, form, settings)
        job = self.services.jobs.submit(visitor.owner, request.spec, start=request.start)
        return job.id, free_name(self.services, visitor.owner, request.spec.dataset.name)


def dataset_choices(services: Services, visitor: Visitor) -> list[tuple[str, str]]:
    """(what is shown, name) of the owner's data sets, newest first."""
    return [
        (t(visitor.language, "train.rows", name=saved.folder.name, n=f"{saved.info.train_rows:,}"), saved.folder.name)
        for saved in services.datasets.list_all(visitor.owner)
    ]


def _base_line(base: BaseModel, language: str) -> str:
    if base.parameters is None:
        return _muted(t(language, "train.base_unknown", name=base.name))
    size = format_parameters(base.parameters)
    return _muted(t(language, "train.base_line", name=base.name, size=size, context=f"{base.window:,}"))


def _start(ready: bool) -> gr.Button:
    """The button, as soon as there is something to learn and a model to learn it."""
    return gr.Button(interactive=ready)


def _muted(text: str) -> str:
    return f'<p class="muted">{escape(text)}</p>'


def build(services: Services, shared: Shared, chosen: gr.State) -> TrainForm:
    """The form's cards; a training that is started has its id put into `chosen`."""
    handlers = FormHandlers(services)
    advice = gr.State(None)
    with gr.Column(elem_classes="card"):
        gr.Markdown(t_heading("train.what"), elem_classes="title")
        dataset = gr.Dropdown(choices=[], label=t_client("train.dataset"), elem_id="train-dataset")
        with gr.Column(elem_classes="bare") as none_yet:
            gr.Markdown(t_client("train.no_dataset"), elem_classes="muted")
            to_data = gr.Button(t_client("train.to_data"), size="sm", elem_id="train-to-data")
        base_line = gr.HTML(padding=False, elem_id="train-base-line")
        with gr.Accordion(t_client("train.base_other"), open=False):
            info = "train.base_info" if services.models.local_folders else "train.base_info_public"
            base = gr.Textbox(
                label=t_client("train.base"),
                info=t_client(info),
                placeholder="Qwen/Qwen3-0.6B",
                max_lines=1,
                elem_id="train-base",
            )
        with gr.Accordion(t_client("train.go_on"), open=False, elem_id="train-go-on") as go_on:
            start_from = gr.Dropdown(
                choices=[],
                value=None,
                label=t_client("train.start_from"),
                allow_custom_value=False,
                info=t_client("train.start_from_info"),
                elem_id="train-start-from",
            )
        with gr.Accordion(t_client("train.persona_details"), open=False, elem_id="train-persona"):
            named = {
                "name": gr.Textbox(label=t_client("train.name"), max_lines=1, elem_id="train-name"),
                "persona": gr.Textbox(label=t_client("train.persona"), max_lines=1, elem_id="train-persona-name"),
                "description": gr.Textbox(label=t_client("train.description"), info=t_client("train.description_info"),
                                          lines=4, max_lines=12, elem_id="train-description"),
                "user": gr.Textbox(label=t_client("train.user"), max_lines=1, elem_id="train-user"),
            }  # fmt: skip
    with gr.Column(elem_classes="card"):
        gr.Markdown(t_heading("train.advice"), elem_classes="title")
        shown = gr.HTML(padding=False, elem_id="train-advice")
        with gr.Accordion(t_client("train.details"), open=False, elem_id="train-details"):
            settings = controls()
            again = gr.Button(t_client("train.again"), size="sm", elem_id="train-again")
            components: dict[str, Control] = {
                "dataset": dataset,
                "base": base,
                "start_from": start_from,
                **named,
                **settings,
            }
            read = files.build(services, shared.key, advice, components)
    start = gr.Button(t_client("train.start"), variant="primary", interactive=False, elem_id="train-start")
    model = gr.State("")

    picked, values = [shared.key, dataset], SettingsForm.inputs(settings)
    filling = {"fn": handlers.datasets, "inputs": [shared.key, shared.dataset], "outputs": [dataset, none_yet], **EVENT}
    advising = ([*picked, base], [base_line, shown, advice, start, *values])
    shared.opened("train")(**filling)
    shared.dataset.change(**filling)
    names = [named[name] for name in ("persona", "description", "user")]
    dataset.change(handlers.persona, picked, [named["name"], *names], **EVENT)
    gr.on(
        [dataset.change, base.input, model.change, again.click],
        handlers.advise,
        *advising,
        trigger_mode="always_last",
        **EVENT,
    )
    reviewing = {"trigger_mode": "always_last", **EVENT}
    review = {"fn": handlers.review, "inputs": [shared.key, advice, *values], "outputs": shown, **reviewing}
    gr.on([control.input for control in settings.values()], **review)
    read.then(**review)
    go_on.expand(handlers.adapters, [shared.key, start_from], start_from, **EVENT)
    taking = ([shared.key, start_from, base, *values], [*names, *values])
    start_from.input(handlers.going_on, *taking, **EVENT).then(**review)
    to_data.click(lambda: gr.Tabs(selected="data"), None, shared.tabs, queue=False, api_visibility="private")
    started = start.click(
        handlers.start, [shared.key, *FormValues.inputs(components), *values], [chosen, named["name"]], **EVENT
    )
    return TrainForm(model, started, components)
