"""How a persona sounds: the fold of its editor with the voices of this device and of the engine."""

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from core.personas.voice import PITCHES, RATES, ReadingVoice
from tabs.talk.speech import SpeechHandlers
from tabs.ui.form import Form
from tabs.ui.handler import EVENT
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client

# The engine's voices come from the server, this device's are known to the page only.
FILL = "(engine, chosen) => ({ __type__: 'update', choices: window.omokageVoices(JSON.parse(engine || '[]')) })"
TRY = """(name, rate, pitch) => {
  const lang = JSON.parse(document.querySelector('#chat-said .bubbles')?.dataset.voice || '{}').lang;
  document.dispatchEvent(new CustomEvent('try-voice', { detail: { name: name ?? '', rate, pitch, lang } }));
}"""


@dataclass(frozen=True)
class VoiceForm(Form):
    """A persona's voice as a person sets it."""

    voice_name: str | None = None
    voice_rate: float | None = None
    voice_pitch: float | None = None

    @classmethod
    def showing(cls, voice: ReadingVoice) -> "VoiceForm":
        """The inverse of `voice`."""
        return cls(voice.name, voice.rate, voice.pitch)

    def voice(self) -> ReadingVoice:
        """What it says."""
        return ReadingVoice.within(self.voice_name or "", self.voice_rate, self.voice_pitch)


@dataclass(frozen=True)
class VoiceFold:
    """The fold's components; `wire` joins them to the page."""

    fold: gr.Accordion
    components: dict[str, Component]
    engine: gr.Textbox
    listen: gr.Button

    def wire(self, services: Services, shared: Shared) -> None:
        """The events: what can be chosen is looked up when the fold is opened."""
        handlers = SpeechHandlers(services)
        name, rate, pitch = VoiceForm.inputs(self.components)
        looked = self.fold.expand(handlers.voices, shared.key, self.engine, **EVENT)
        looked.then(None, [self.engine, name], name, js=FILL, **EVENT)
        self.listen.click(None, [name, rate, pitch], None, js=TRY, **EVENT)


def build() -> VoiceFold:
    """The fold, closed."""
    with gr.Accordion(t_client("voice.of_persona"), open=False, elem_id="persona-voice") as fold:
        components: dict[str, Component] = {
            "voice_name": gr.Dropdown(
                choices=[(t_client("voice.by_language"), "")], value="", allow_custom_value=True,
                label=t_client("voice.name"), info=t_client("voice.name_info"), elem_id="persona-voice-name",
            ),
        }  # fmt: skip
        with gr.Row():
            for part, bounds in (("rate", RATES), ("pitch", PITCHES)):
                components[f"voice_{part}"] = gr.Slider(*bounds, 1, step=0.05, label=t_client(f"voice.{part}"))
        listen = gr.Button(t_client("voice.try"), size="sm", elem_id="persona-voice-try")
        engine = gr.Textbox(visible="hidden", show_label=False)
    return VoiceFold(fold, components, engine, listen)
