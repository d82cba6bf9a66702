"""How a persona's replies are drawn: three moods by name, and every dial behind them."""

import gradio as gr

from core.models.sampling import DRAWING, PRESETS, Sampling, preset_of
from tabs.ui.handler import EVENT
from tabs.ui.text import t_client

NAMES = (*DRAWING, "max_new_tokens", "seed")
SamplingValue = float | int | str | None


def shown(sampling: Sampling) -> list[SamplingValue]:
    """The values of the form: the mood, then the dials in the order of NAMES."""
    return [preset_of(sampling) or None, *(getattr(sampling, name) for name in NAMES)]


def drawn(*values: float | None) -> Sampling:
    """The settings of the dials; one that was left empty has its default. Raises InputError out of bounds."""
    return Sampling(**{name: value for name, value in zip(NAMES, values, strict=True) if value is not None})


def build() -> list[gr.components.Component]:
    """The form, as `shown` fills it."""
    mood = gr.Radio([(t_client(f"persona.{name}"), name) for name in PRESETS], label=t_client("persona.preset"),
                    elem_id="persona-preset")  # fmt: skip
    with gr.Accordion(t_client("persona.sampling"), open=False):
        dials = [
            gr.Slider(0, 2, 0.6, step=0.05, label=t_client("persona.temperature")),
            gr.Slider(0.05, 1, 0.95, step=0.01, label=t_client("persona.top_p")),
            gr.Slider(0, 200, 0, step=1, label=t_client("persona.top_k")),
            gr.Slider(0, 0.5, 0.05, step=0.01, label=t_client("persona.min_p")),
            gr.Slider(0.1, 1, 1, step=0.01, label=t_client("persona.typical_p")),
            gr.Slider(1, 1.5, 1.05, step=0.01, label=t_client("persona.repetition")),
            gr.Slider(0, 10, 0, step=1, label=t_client("persona.no_repeat_ngram")),
        ]
        rest = [
            gr.Slider(16, 1024, 200, step=8, label=t_client("persona.length")),
            gr.Number(-1, precision=0, label=t_client("persona.seed"), info=t_client("persona.seed_info")),
        ]
    quiet = {"queue": False, **EVENT}
    mood.input(lambda name: [getattr(PRESETS[name], dial) for dial in DRAWING], mood, dials, **quiet)
    gr.on([dial.input for dial in dials], lambda *values: preset_of(drawn(*values, None, None)) or None,
          dials, mood, **quiet)  # fmt: skip
    return [mood, *dials, *rest]
