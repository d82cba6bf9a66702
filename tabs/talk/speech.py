"""Speech: the microphone beside the message box, the fold that sets it up, and what an engine reads."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import gradio as gr

from core.errors import AppError
from core.personas.voice import ReadingVoice
from core.speech.engines import VoiceEngines
from tabs.talk.handlers import refusal, stored
from tabs.ui.handler import EVENT, PRIVATE, handler
from tabs.ui.page_scripts import words_of
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import LANGUAGES, t, t_client
from tabs.ui.visitor import Visitor

SCRIPT, OPTIONS = (Path(__file__).with_name(f"{name}.js") for name in ("speech", "voice_options"))
USUAL_ADDRESS = "http://127.0.0.1:50021"
TOOLS = '<div class="voice-tools"></div>'
EngineStanding = tuple[str, gr.Button]
"""(which engine reads, as HTML; the way back)."""


@dataclass(frozen=True)
class SpokenAsk:
    """What the page wants read by the engine; a page can send anything, so it is read with suspicion."""

    number: int
    message: int
    voice: ReadingVoice | None
    """For a sample."""

    @classmethod
    def of(cls, event: gr.EventData) -> "SpokenAsk":
        sent = event._data if isinstance(event._data, Mapping) else {}
        number, message = (value if type(value := sent.get(key)) is int else -1 for key in ("asked", "message"))
        voice = sent.get("voice")
        if not isinstance(voice, Mapping):
            return cls(number, message, None)
        name = value if isinstance(value := voice.get("name"), str) else ""
        rate, pitch = (value if isinstance(value := voice.get(key), int | float) else None for key in ("rate", "pitch"))
        return cls(number, message, ReadingVoice.within(name, rate, pitch))


@dataclass(frozen=True)
class SpeechHandlers:
    """Has words of a visitor's own talk read by the engine that they have chosen."""

    services: Services

    @cached_property
    def engines(self) -> VoiceEngines:
        return VoiceEngines.of(self.services.workspace, self.services.chat.remotes)

    @handler
    def read(self, visitor: Visitor, conversation: str, event: gr.EventData) -> tuple[str, str]:
        """(a message as a sound, or nothing; why not)."""
        asked = SpokenAsk.of(event)
        try:
            if asked.voice:
                words, voice = t(visitor.language, "voice.sample"), asked.voice
            else:
                talk = stored(self.services, visitor, conversation)
                node, at = talk.node_at(asked.message)
                words = node.messages[at]
                voice = self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language).voice
            made = self.engines.read(visitor.owner, words, voice, visitor.address)
        except AppError as error:
            return f'<i data-asked="{asked.number}"></i>', refusal(error, visitor.language)
        sound = f"data:audio/wav;base64,{base64.b64encode(made).decode()}"
        return f'<audio data-asked="{asked.number}" src="{sound}"></audio>', ""

    @handler
    def show(self, visitor: Visitor) -> EngineStanding:
        """The fold is opened: how it stands."""
        return self._standing(visitor)

    @handler
    def connect(self, visitor: Visitor, url: str) -> EngineStanding:
        """Try an engine, and use it from now on."""
        self.engines.connect(visitor.owner, url or "")
        return self._standing(visitor)

    @handler
    def leave(self, visitor: Visitor) -> EngineStanding:
        """Use no engine any more."""
        self.engines.leave(visitor.owner)
        return self._standing(visitor)

    @handler
    def voices(self, visitor: Visitor) -> str:
        """What the engine can sound like: [[name of the voice, as it is called], …] as JSON."""
        return json.dumps([[one.voice, f"VOICEVOX: {one.name}"] for one in self.engines.styles(visitor.owner)])

    def _standing(self, visitor: Visitor) -> EngineStanding:
        url = self.engines.address(visitor.owner)
        if not url:
            return "", gr.Button(visible=False)
        n = len(self.engines.styles(visitor.owner))
        said = t(visitor.language, "voice.engine_in_use" if n else "voice.engine_away", url=url, n=n)
        return f'<p class="muted" role="status">{escape(said)}</p>', gr.Button(visible=True)


def build_tools() -> gr.HTML:
    """The microphone and what stops a voice, in the message bar; neither is there where the browser has none."""
    return gr.HTML(TOOLS, padding=False, elem_id="talk-voice", js_on_load=_script(), apply_default_css=False)


def build(services: Services, shared: Shared, tools: gr.HTML, notice: gr.HTML) -> SpeechHandlers:
    """The fold below the message box."""
    handlers = SpeechHandlers(services)
    spoken = gr.HTML(padding=False, elem_id="talk-spoken", elem_classes="unseen")
    with gr.Accordion(t_client("voice.title"), open=False, elem_id="talk-voice-fold") as fold:
        gr.HTML(_options(), padding=False, elem_id="voice-options", js_on_load=OPTIONS.read_text(encoding="utf-8"))
        gr.Markdown(t_client("voice.about"), elem_classes="muted")
        if handlers.engines.possible:
            with gr.Row(elem_id="voice-engine"):
                address = {"label": t_client("voice.engine"), "info": t_client("voice.engine_info"),
                           "elem_id": "voice-url", "scale": 4}  # fmt: skip
                allowed = services.chat.remotes.allowed
                url = (gr.Dropdown(choices=list(allowed), value=allowed[0], **address) if allowed
                       else gr.Textbox(USUAL_ADDRESS, max_lines=1, **address))  # fmt: skip
                use = gr.Button(t_client("voice.engine_use"), size="sm", scale=1, min_width=80, elem_id="voice-use")
            state = gr.HTML(padding=False, elem_id="voice-state")
            leave = gr.Button(t_client("voice.engine_leave"), size="sm", visible=False, elem_id="voice-leave")
            standing = [state, leave]
            fold.expand(handlers.show, shared.key, standing, **EVENT)
            use.click(handlers.connect, [shared.key, url], standing, **PRIVATE)
            leave.click(handlers.leave, shared.key, standing, **PRIVATE)
    tools.select(handlers.read, [shared.key, shared.conversation], [spoken, notice], **EVENT)
    return handlers


def _options() -> str:
    """The two switches, in both languages: one is hidden by the page's."""
    lines = []
    for name, needs in (("read_aloud", ""), ("send_at_once", "listening")):
        said = "".join(f'<span lang="{one}">{escape(t(one, f"voice.{name}"))}</span>' for one in LANGUAGES)
        kept = name.replace("_", "-")
        lines.append(
            f'<label data-needs="{needs}"><input type="checkbox" id="voice-{kept}" data-keep="{kept}"> {said}</label>'
        )
    about = "".join(f'<span lang="{one}">{escape(t(one, "voice.about_listening"))}</span>' for one in LANGUAGES)
    return f'<div class="voice-options">{"".join(lines)}<p class="muted" data-needs="listening">{about}</p></div>'


def _script() -> str:
    return f"{words_of('voice')}\n{SCRIPT.read_text(encoding='utf-8')}"
