"""How a persona's replies are drawn: three moods by name, and every dial behind them."""

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from core.models.sampling import DRAWING, PRESETS, Sampling, preset_of
from tabs.ui.form import Form
from tabs.ui.handler import EVENT
from tabs.ui.text import t_client


@dataclass(frozen=True)
class SamplingForm(Form):
    """The dials, by the names of Sampling's fields, and the mood that they make together."""

    preset: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram: float | None = None
    max_new_tokens: float | None = None
    seed: float | None = None

    @classmethod
    def showing(cls, sampling: Sampling) -> "SamplingForm":
        """The inverse of `sampling`."""
        dials = {name: getattr(sampling, name) for name in cls.field_names() if name != "preset"}
        return cls(preset_of(sampling) or None, **dials)

    def sampling(self) -> Sampling:
        """What the dials say; one that was left empty has its default. Raises InputError out of bounds."""
        held = {name: getattr(self, name) for name in self.field_names() if name != "preset"}
        return Sampling(**{name: value for name, value in held.items() if value is not None})


def build() -> dict[str, Component]:
    """The components of SamplingForm."""
    mood = gr.Radio([(t_client(f"persona.{name}"), name) for name in PRESETS], label=t_client("persona.preset"),
                    elem_id="persona-preset")  # fmt: skip
    with gr.Accordion(t_client("persona.sampling"), open=False):
        components = {
            "preset": mood,
            "temperature": gr.Slider(0, 2, 0.6, step=0.05, label=t_client("persona.temperature")),
            "top_p": gr.Slider(0.05, 1, 0.95, step=0.01, label=t_client("persona.top_p")),
            "top_k": gr.Slider(0, 200, 0, step=1, label=t_client("persona.top_k")),
            "min_p": gr.Slider(0, 0.5, 0.05, step=0.01, label=t_client("persona.min_p")),
            "typical_p": gr.Slider(0.1, 1, 1, step=0.01, label=t_client("persona.typical_p")),
            "repetition_penalty": gr.Slider(1, 1.5, 1.05, step=0.01, label=t_client("persona.repetition")),
            "no_repeat_ngram": gr.Slider(0, 10, 0, step=1, label=t_client("persona.no_repeat_ngram")),
            "max_new_tokens": gr.Slider(16, 1024, 200, step=8, label=t_client("persona.length")),
            "seed": gr.Number(-1, precision=0, label=t_client("persona.seed"), info=t_client("persona.seed_info")),
        }
    dials = [components[name] for name in DRAWING]
    mood.input(lambda name: [getattr(PRESETS[name], dial) for dial in DRAWING], mood, dials, queue=False, **EVENT)
    gr.on([dial.input for dial in dials], _mood, dials, mood, queue=False, **EVENT)
    return components


def _mood(*values: float | None) -> str | None:
    """The mood that the dials of DRAWING make."""
    return preset_of(SamplingForm(**dict(zip(DRAWING, values, strict=True))).sampling()) or None
