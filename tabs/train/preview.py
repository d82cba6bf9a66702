"""A row as it will be learned with the settings of the form, before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import islice

import gradio as gr

from core.data.rows import read_rows
from core.train.worker.rows import encode
from tabs.train.form_values import FormValues, chosen_dataset, find_base, prompt_config_of
from tabs.train.settings import SettingsForm
from tabs.ui import html_parts, prompt_html
from tabs.ui.form import Control
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class PreviewHandlers:
    """Walks over the rows of the chosen data set."""

    services: Services

    @handler
    def row(self, visitor: Visitor, number: float, form: FormValues, settings: SettingsForm) -> tuple[gr.Slider, str]:
        """(slider over the rows, the row with what it teaches)."""
        language, hidden = visitor.language, gr.Slider(visible=False)
        if not form.dataset:
            return hidden, html_parts.empty(t(language, "tokens.no_rows"), t(language, "tokens.no_rows_hint"))
        base = find_base(self.services, form.base)
        if base.parameters is None:
            return hidden, f'<p class="muted">{escape(t(language, "train.preview_unloaded", name=base.name))}</p>'
        saved, config = chosen_dataset(self.services, visitor, form), settings.config()
        count = saved.info.train_rows
        at = max(1, min(int(number or 1), count))
        row = next(islice(read_rows(saved.file("train")), at - 1, None))
        prompt_config = prompt_config_of(form, saved, base, template=self.services.template(visitor.owner))
        tokenizer = self.services.models.current().tokenizer
        found = encode(
            [row], prompt_config, tokenizer, max_length=min(config.max_length, base.window),
            loss_on=config.loss_on, context_weight=config.prompt_loss_weight,
        )  # fmt: skip
        slider = gr.Slider(minimum=1, maximum=max(count, 2), value=at, visible=count > 1)
        blocks = [prompt_html.example(row, tokenizer, language) for row in found.examples]
        return slider, "".join(blocks) or f'<p class="warn">{escape(t(language, "train.preview_nothing"))}</p>'


def build(services: Services, key: gr.BrowserState, components: Mapping[str, Control]) -> None:
    """A fold under the curve. `components` are those of FormValues and of SettingsForm."""
    handlers = PreviewHandlers(services)
    with (
        gr.Column(elem_classes="card fold"),
        gr.Accordion(t_client("train.preview"), open=False, elem_id="train-preview") as fold,
    ):
        gr.Markdown(t_client("train.preview_info"), elem_classes="muted")
        number = gr.Slider(1, 2, 1, step=1, label=t_client("tokens.number"), visible=False, elem_id="train-row-number")
        row = gr.HTML(padding=False, elem_id="train-row")
    form, settings = FormValues.inputs(components), SettingsForm.inputs(components)
    matter = [components[name] for name in ("max_length", "loss_on", "prompt_loss_weight")]
    gr.on(
        [fold.expand, number.release, components["dataset"].change, *(control.input for control in matter)],
        handlers.row, [key, number, *form, *settings], [number, row],
        trigger_mode="always_last", **EVENT,
    )  # fmt: skip
