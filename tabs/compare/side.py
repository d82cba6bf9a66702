"""Side by side on the page: the same words to several columns at once, and one click says which is better."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.errors import AppError, InputError
from core.evaluate.measure import fits
from core.evaluate.side_by_side import MOST_COLUMNS, REMOTE, SideColumn, context_of, preferred, speak, spoken_like
from core.models.sampling import PRESETS
from core.prompt.chat_template import template_names
from tabs.compare.choices import BASE_VALUE, adapters_of, base_label
from tabs.ui.adapters import kept
from tabs.ui.form import Control, Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import in_words
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

DRAWN_EVERY = 4  # pieces of a reply


@dataclass(frozen=True)
class SideForm(Form):
    """The columns as the page holds them: four of each, of which the first `count` are in use."""

    count: int
    speaker_1: str | None
    speaker_2: str | None
    speaker_3: str | None
    speaker_4: str | None
    persona_1: str | None
    persona_2: str | None
    persona_3: str | None
    persona_4: str | None
    template_1: str | None
    template_2: str | None
    template_3: str | None
    template_4: str | None
    mood_1: str | None
    mood_2: str | None
    mood_3: str | None
    mood_4: str | None

    def column(self, number: int) -> tuple[str, str, str, str]:
        """(speaker, persona, template, mood) of column 1, 2, …"""
        names = ("speaker", "persona", "template", "mood")
        speaker, persona, template, mood = (getattr(self, f"{name}_{number}") or "" for name in names)
        return speaker, persona, template, mood


@dataclass(frozen=True)
class AskedColumns:
    """What was asked and said last: a choice counts for this, whatever the page shows by then."""

    asked: str
    columns: tuple[SideColumn, ...]
    said: tuple[tuple[str, ...], ...]
    personas: tuple[str, ...]


@dataclass(frozen=True)
class SideHandlers:
    """Asks the columns, and keeps what is preferred."""

    services: Services

    @handler
    def fill(self, visitor: Visitor, form: SideForm) -> tuple:
        """The lists of who can speak and as whom, keeping what is chosen: (four speakers, four personas)."""
        speakers = self._speakers(visitor)
        known = [value for _, value in speakers]
        preset = [BASE_VALUE, *[value for value in known if value != BASE_VALUE]]
        personas = [(t(visitor.language, "compare.persona_own"), "")]
        personas += [(one.name, one.id) for one in self.services.personas.entries(visitor.owner, visitor.language)]
        pickers, roles, taken = [], [], set[str | None]()
        for number in range(1, MOST_COLUMNS + 1):
            speaker, persona, _, _ = form.column(number)
            # Another one for each column, as long as there are any: what was chosen before there was another gives way.
            free = next((one for one in preset if one not in taken), preset[-1] if preset else None)
            chosen = speaker if speaker in known and speaker not in taken else free
            taken.add(chosen)
            pickers.append(gr.Dropdown(choices=speakers, value=chosen))
            held = persona if persona in [value for _, value in personas] else ""
            roles.append(gr.Dropdown(choices=personas, value=held))
        return *pickers, *roles

    def _speakers(self, visitor: Visitor) -> list[tuple[str, str]]:
        try:
            loaded, base = self.services.models.current(), base_label(self.services, visitor.language)
        except AppError:
            return []
        held = [(base, BASE_VALUE)]
        adapters = adapters_of(self.services, visitor.owner)
        held += [(name, value) for value, name, adapter in adapters if fits(loaded, adapter)]
        if remote := self.services.chat.remotes.of(visitor.owner):
            held.append((remote.name, REMOTE))
        return held

    def _column(self, visitor: Visitor, form: SideForm, number: int) -> SideColumn:
        speaker, persona, template, mood = form.column(number)
        kind, _, name = speaker.partition(":")
        if kind == "job":
            speaker = kept(self.services, visitor.owner, name).name
        elif kind == "adapter":
            speaker = name
        elif speaker == BASE_VALUE:
            speaker = ""
        elif speaker != REMOTE:
            raise InputError(f"Choose who answers in column {number}.", f"{number} 列めの相手を選んでください。")
        return SideColumn(speaker, persona, template if template in template_names() else "", mood)

    @handler
    def ask(self, visitor: Visitor, asked: str, form: SideForm) -> Iterator[tuple]:
        """The columns as they answer: (four replies, what was said, how it goes, stop button, the choice)."""
        columns = tuple(self._column(visitor, form, number) for number in range(1, int(form.count) + 1))
        for _ in columns:
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
        said: list[tuple[str, ...]] = [()] * len(columns)
        stop, language, pieces = threading.Event(), visitor.language, 0
        yield *_columns(said, 0, language), None, "", gr.Button(visible=True), gr.Row(visible=False)
        try:
            with closing(speak(self.services.chat, visitor.owner, language, columns, asked, stop)) as parts:
                for part in parts:
                    said[part.column], pieces = part.messages, pieces + 1
                    if part.finished or pieces % DRAWN_EVERY == 0:
                        now = part.column + part.finished
                        yield *_columns(said, now, language), *[gr.skip()] * 4
        except AppError as error:
            yield (
                *_columns(said, len(said) if any(said) else -1, language),
                gr.skip(),
                in_words(error, language),
                gr.Button(visible=False),
                gr.skip(),
            )
            return
        finally:
            stop.set()
        like, chat = spoken_like(columns), self.services.chat
        contexts = (context_of(chat, visitor.owner, language, one, like=like) for one in columns)
        names = (one.prompt_config.persona for one in contexts)
        held = AskedColumns(asked.strip(), columns, tuple(said), tuple(names))
        yield *_columns(said, len(said), language), held, "", gr.Button(visible=False), gr.Row(visible=True)

    @handler
    def choose(self, visitor: Visitor, held: AskedColumns | None, chosen: int) -> tuple:
        """Keep that a column is better, or -1 that none is: (what that came to, the choice)."""
        if held is None:
            raise InputError("Ask something first.", "先に何か聞いてください。")
        if chosen < 0:
            return _good(t(visitor.language, "compare.none_better")), gr.Row(visible=False)
        pairs = preferred(held.columns, held.said, chosen, held.asked, held.personas)
        if not pairs:
            raise InputError("The replies are the same, or of different personas: nothing can be learned from that.",
                             "返事が同じか、人格が違うので、好みのデータにできません。")  # fmt: skip
        self.services.preferences.add_all(visitor.owner, pairs)
        count = len(self.services.preferences.list_all(visitor.owner))
        return _good(t(visitor.language, "compare.preferred", n=len(pairs), all=count)), gr.Row(visible=False)


def _columns(said: Sequence[Sequence[str]], now: int, language: str) -> list[str]:
    """The replies as bubbles; the column at `now` is still writing."""
    shown = []
    for number in range(MOST_COLUMNS):
        texts = said[number] if number < len(said) else ()
        bubbles = "".join(f'<div class="said context">{escape(text)}</div>' for text in texts)
        waits, silent = number == now < len(said), number < min(now, len(said)) and not texts
        key = "compare.writing" if waits else "compare.silent" if silent else ""
        note = f'<p class="muted">{escape(t(language, key))}</p>' if key else ""
        shown.append(f'<div class="row-view" aria-live="polite">{bubbles}{note}</div>')
    return shown


def _good(text: str) -> str:
    return f'<p class="good" role="status">{escape(text)}</p>'


def build(services: Services, shared: Shared) -> None:
    """The card: the words, the columns, and the choice."""
    handlers = SideHandlers(services)
    numbers = range(1, MOST_COLUMNS + 1)
    templates = [(t_client("compare.template_own"), ""), *((name, name) for name in template_names())]
    moods = [(t_client("compare.mood_own"), ""), *((t_client(f"persona.{name}"), name) for name in PRESETS)]
    with gr.Column(elem_classes="card", elem_id="side-card"):
        gr.Markdown(t_heading("compare.side"), elem_classes="title")
        with gr.Row(elem_id="side-say"):
            asked = gr.Textbox(label=t_client("compare.asked"), show_label=False, max_lines=4, scale=5,
                               placeholder=t_client("compare.asked_hint"), elem_id="side-asked")  # fmt: skip
            go = gr.Button(t_client("compare.ask"), variant="primary", scale=0, min_width=90, elem_id="side-go")
            stop = gr.Button(t_client("compare.stop"), variant="stop", scale=0, min_width=90, visible=False,
                             elem_id="side-stop")  # fmt: skip
        state = gr.HTML(padding=False, elem_id="side-state")
        controls: dict[str, Control] = {}
        columns, replies, better = [], [], []
        with gr.Row(elem_id="side-columns"):
            for n in numbers:
                with gr.Column(min_width=190, visible=n <= 2, elem_classes="bare side-column") as column:
                    controls[f"speaker_{n}"] = gr.Dropdown(
                        choices=[], label=t_client(f"compare.column_{n}"), elem_id=f"side-speaker-{n}",
                    )  # fmt: skip
                    replies.append(gr.HTML(padding=False, elem_id=f"side-reply-{n}"))
                    better.append(gr.Button(t_client("compare.better"), size="sm", visible=False,
                                            elem_id=f"side-better-{n}"))  # fmt: skip
                    with gr.Accordion(t_client("compare.column_more"), open=False):
                        controls[f"persona_{n}"] = gr.Dropdown(choices=[], label=t_client("compare.persona"))
                        controls[f"template_{n}"] = gr.Dropdown(templates, value="", label=t_client("compare.template"),
                                                                elem_id=f"side-template-{n}")  # fmt: skip
                        controls[f"mood_{n}"] = gr.Dropdown(moods, value="", label=t_client("compare.mood"))
                columns.append(column)
        with gr.Row(visible=False, elem_classes="actions") as choosing:
            none = gr.Button(t_client("compare.none"), size="sm", elem_id="side-none")
        controls["count"] = gr.Radio([2, 3, 4], value=2, label=t_client("compare.count"), elem_id="side-count")
    held = gr.State(None)
    form = SideForm.inputs(controls)
    lists = [controls[f"{kind}_{n}"] for kind in ("speaker", "persona") for n in numbers]
    # Unchecked: Gradio would hold a value against the choices of another event that is still on its way.
    filling = {"fn": handlers.fill, "inputs": [shared.key, *form], "outputs": lists, "preprocess": False, **EVENT}
    shared.changed["compare"].click(**filling, trigger_mode="always_last")
    controls["count"].change(
        lambda count: [gr.Column(visible=n <= count) for n in numbers], controls["count"], columns, queue=False, **EVENT
    )
    out = [*replies, held, state, stop, choosing]
    running = gr.on([go.click, asked.submit], handlers.ask, [shared.key, asked, *form], out, preprocess=False, **EVENT)
    stop_running(stop.click, running, lambda: gr.Button(visible=False), [stop])
    held.change(
        lambda now: [gr.Button(visible=now is not None and n < len(now.columns)) for n in range(MOST_COLUMNS)],
        held, better, queue=False, **EVENT,
    )  # fmt: skip
    for button, number in zip((*better, none), (*range(MOST_COLUMNS), -1), strict=True):
        button.click(handlers.choose, [shared.key, held, gr.State(number)], [state, choosing], **EVENT)
