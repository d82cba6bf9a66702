"""What to learn and how: the form that starts a training, with the settings recommended for it."""

from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from core.data.store import SavedDataSet
from core.errors import AppError, InputError, ModelError
from core.personas import LONGEST_DESCRIPTION
from core.prompt import PromptContract
from core.train.advice import Recommendation, recommend
from core.train.config import TrainConfig
from core.train.spec import JobSpec
from core.workspace import check_name, safe_name
from tabs.frame.errors import shows_errors
from tabs.frame.services import Services
from tabs.frame.shared import Shared
from tabs.frame.text import label, say
from tabs.frame.visitor import Visitor
from tabs.train import settings
from tabs.train.base import BaseModel, find_base


@dataclass(frozen=True)
class Advice:
    """What was recommended, for the base and the data set that stand in the form."""

    recommendation: Recommendation
    rows: int
    fitted: bool
    """Whether the model's size was known."""


@dataclass(frozen=True)
class FormHandlers:
    """Fills the form, and puts what it says in the queue."""

    services: Services

    @shows_errors
    def datasets(
        self, key: str, chosen: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[gr.Dropdown, gr.Column]:
        """(picker of the owner's data sets, standing on `chosen` or the newest; the hint while there are none)."""
        visitor = self.services.visitor(key, request, token)
        choices = dataset_choices(self.services, visitor)
        names = [name for _, name in choices]
        value = chosen if chosen in names else (names[0] if names else None)
        return gr.Dropdown(choices=choices, value=value), gr.Column(visible=not names)

    @shows_errors
    def persona(
        self, key: str, dataset: str | None, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[str, str, str, str]:
        """(adapter's name, persona's name, description, the other side's name) for a data set."""
        visitor = self.services.visitor(key, request, token)
        if not dataset:
            return ("",) * 4
        info = self.services.datasets.get(visitor.owner, dataset).info
        name = self._free_name(visitor.owner, dataset)
        return name, info.persona, info.description, say(visitor.language, "persona.you")

    @shows_errors
    def advise(
        self, key: str, dataset: str | None, base: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple:
        """For a data set on a base: (line on the base, advice as HTML, the Advice, start button, *values)."""
        visitor = self.services.visitor(key, request, token)
        language, nothing = visitor.language, (None, _start(False), *(gr.skip(),) * len(settings.CONTROLS))
        try:
            found = find_base(self.services, base)
        except ModelError:
            return _muted(say(language, "train.base_waits")), "", *nothing
        except AppError as error:
            return f'<p class="warn">{escape(error.text(language))}</p>', "", *nothing
        if not dataset:
            return _base_line(found, language), _muted(say(language, "train.advice_first")), *nothing
        advice = self._advice(visitor, found, self.services.datasets.get(visitor.owner, dataset))
        config = advice.recommendation.config
        shown = advised(advice, config, language)
        return _base_line(found, language), shown, advice, _start(True), *settings.values_of(config)

    @shows_errors
    def review(
        self, key: str, advice: Advice | None, request: gr.Request, token: gr.OAuthToken | None, *values: settings.Value
    ) -> str:
        """The advice again, after a person changed a setting."""
        visitor = self.services.visitor(key, request, token)
        if advice is None:
            return _muted(say(visitor.language, "train.advice_first"))
        try:
            return advised(advice, settings.config_of(values), visitor.language)
        except InputError as error:
            return f'<p class="warn">{escape(error.text(visitor.language))}</p>'

    @shows_errors
    def start(
        self, key: str, dataset: str | None, base: str, name: str, persona: str, description: str, user: str,
        request: gr.Request, token: gr.OAuthToken | None, *values: settings.Value,
    ) -> tuple[str, str]:  # fmt: skip
        """Put a training in the queue: (its id, a name for the next one)."""
        visitor = self.services.visitor(key, request, token)
        if not dataset:
            raise InputError("Choose a data set first. You can make one from a chat log in Data.",
                             "データセットを選んでください。なければ「記録」でトーク履歴から作れます。")  # fmt: skip
        saved = self.services.datasets.get(visitor.owner, dataset)
        config = settings.config_of(values)
        found = find_base(self.services, base)
        if len(description or "") > LONGEST_DESCRIPTION:
            raise InputError(
                f"The description has {len(description)} characters; {LONGEST_DESCRIPTION} are allowed.",
                f"説明が {len(description)} 文字あります。{LONGEST_DESCRIPTION} 文字までにしてください。",
            )
        plain = PromptContract("")
        contract = PromptContract(
            persona=(persona or "").strip() or saved.info.persona,
            description=(description or "").strip(),
            user=(user or "").strip() or say(visitor.language, "persona.you"),
            context_window=found.window,
            reply_reserve=min(plain.reply_reserve, found.window // 2),
        )
        wanted = check_name(name) if (name or "").strip() else self._free_name(visitor.owner, dataset)
        spec = JobSpec(found.source, saved.folder, contract, config, wanted, found.revision, trust=found.trust)
        job = self.services.jobs.submit(visitor.owner, spec)
        return job.id, self._free_name(visitor.owner, dataset)

    def _free_name(self, owner: str, dataset: str) -> str:
        """A name that neither a training nor a kept adapter of this owner has: "hanako-line-01", "-02", …"""
        taken = {job.name for job in self.services.jobs.list(owner)}
        taken |= set(self.services.workspace.names(owner, "adapters"))
        stem = safe_name(dataset, "adapter")
        return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-{n:02d}") not in taken)

    def _advice(self, visitor: Visitor, base: BaseModel, saved: SavedDataSet) -> Advice:
        rows = saved.info.train_rows
        if base.parameters is None:
            return Advice(Recommendation(TrainConfig(), ()), rows, fitted=False)
        tokens = self._learned_tokens(visitor, saved)
        found = recommend(base.parameters, rows, tokens)
        config = replace(found.config, max_length=min(found.config.max_length, base.window))
        return Advice(Recommendation(config, found.reasons), rows, fitted=True)

    def _learned_tokens(self, visitor: Visitor, saved: SavedDataSet) -> int:
        """Tokens of the persona's words in the rows, with the loaded model's tokenizer."""
        rows = self.services.datasets.read_rows(visitor.owner, saved.folder.name, "train")
        said = [text for row in rows for turn in row.turns if turn.role == "assistant" for text in turn.messages]
        tokenizer = self.services.models.current().tokenizer
        return sum(map(len, tokenizer(said, add_special_tokens=False)["input_ids"])) if said else 0


def dataset_choices(services: Services, visitor: Visitor) -> list[tuple[str, str]]:
    """(what is shown, name) of the owner's data sets, newest first."""
    return [
        (say(visitor.language, "train.rows", name=saved.folder.name, n=f"{saved.info.train_rows:,}"), saved.folder.name)
        for saved in services.datasets.list(visitor.owner)
    ]


def advised(advice: Advice, config: TrainConfig, language: str) -> str:
    """The settings in one line, the steps they make, what was changed, and the reasons behind a fold."""
    recommended = advice.recommendation
    steps = say(language, "train.steps", rows=f"{advice.rows:,}", together=config.batch_size,
                steps=f"{settings.steps_of(config, advice.rows):,}")  # fmt: skip
    lines = [f'<p class="num"><b>{escape(settings.summary(config, language))}</b></p>', _muted(steps)]
    if changed := settings.changed(settings.values_of(config), recommended.config):
        names = "、".join(changed) if language == "ja" else ", ".join(changed)
        lines.append(f'<p class="now">{escape(say(language, "train.changed", names=names))}</p>')
    if not advice.fitted:
        lines.append(_muted(say(language, "train.advice_plain")))
    if recommended.reasons:
        reasons = "".join(f"<li>{escape(ja if language == 'ja' else en)}</li>" for en, ja in recommended.reasons)
        lines.append(f"<details><summary>{escape(say(language, 'train.why'))}</summary><ul>{reasons}</ul></details>")
    return f'<div class="advice">{"".join(lines)}</div>'


def _base_line(base: BaseModel, language: str) -> str:
    if base.parameters is None:
        return _muted(say(language, "train.base_unknown", name=base.name))
    size = f"{base.parameters / 1e9:.1f} B" if base.parameters >= 1e9 else f"{base.parameters / 1e6:.1f} M"
    return _muted(say(language, "train.base_line", name=base.name, size=size, context=f"{base.window:,}"))


def _start(ready: bool) -> gr.Button:
    """The button, as soon as there is something to learn and a model to learn it."""
    return gr.Button(interactive=ready)


def _muted(text: str) -> str:
    return f'<p class="muted">{escape(text)}</p>'


def build(services: Services, shared: Shared, chosen: gr.Textbox) -> tuple[gr.Textbox, gr.events.Dependency]:
    """The form's cards; a training that is started has its id put into `chosen`.

    Returns a hidden field that names the loaded model (a change asks for advice anew), and the start event.
    """
    handlers = FormHandlers(services)
    with gr.Column(elem_classes="card"):
        gr.Markdown(label("train.what"), elem_classes="title")
        dataset = gr.Dropdown(choices=[], label=label("train.dataset"), elem_id="train-dataset")
        with gr.Column(elem_classes="bare") as none_yet:
            gr.Markdown(label("train.no_dataset"), elem_classes="muted")
            to_data = gr.Button(label("train.to_data"), size="sm", elem_id="train-to-data")
        base_line = gr.HTML(padding=False, elem_id="train-base-line")
        with gr.Accordion(label("train.base_other"), open=False):
            info = "train.base_info" if services.models.local_folders else "train.base_info_public"
            base = gr.Textbox(label=label("train.base"), info=label(info), placeholder="Qwen/Qwen3-0.6B", max_lines=1,
                              elem_id="train-base")  # fmt: skip
        with gr.Accordion(label("train.persona_details"), open=False, elem_id="train-persona"):
            named = [
                gr.Textbox(label=label("train.name"), max_lines=1, elem_id="train-name"),
                gr.Textbox(label=label("train.persona"), max_lines=1, elem_id="train-persona-name"),
                gr.Textbox(label=label("train.description"), info=label("train.description_info"), lines=4,
                           max_lines=12, elem_id="train-description"),
                gr.Textbox(label=label("train.user"), max_lines=1, elem_id="train-user"),
            ]  # fmt: skip
    with gr.Column(elem_classes="card"):
        gr.Markdown(label("train.advice"), elem_classes="title")
        shown = gr.HTML(padding=False, elem_id="train-advice")
        with gr.Accordion(label("train.details"), open=False, elem_id="train-details"):
            values = settings.controls()
            again = gr.Button(label("train.again"), size="sm", elem_id="train-again")
    start = gr.Button(label("train.start"), variant="primary", interactive=False, elem_id="train-start")
    model = gr.Textbox(elem_id="train-model", elem_classes="unseen")
    advice = gr.State(None)

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    picked = [shared.key, dataset]
    filling = {"fn": handlers.datasets, "inputs": [shared.key, shared.dataset], "outputs": [dataset, none_yet], **quiet}
    advising = ([*picked, base], [base_line, shown, advice, start, *values])
    shared.arrived.then(**filling)
    shared.dataset.change(**filling)
    dataset.change(handlers.persona, picked, named, **quiet)
    gr.on(
        [dataset.change, base.input, model.change, again.click],
        handlers.advise,
        *advising,
        trigger_mode="always_last",
        **quiet,
    )
    reviewing = {"trigger_mode": "always_last", **quiet}
    gr.on([v.input for v in values], handlers.review, [shared.key, advice, *values], shown, **reviewing)
    to_data.click(lambda: gr.Tabs(selected="data"), None, shared.tabs, queue=False, api_visibility="private")
    started = start.click(handlers.start, [*picked, base, *named, *values], [chosen, named[0]], **quiet)
    return model, started
