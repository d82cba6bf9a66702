"""Choosing another model: a few good ones, the whole catalogue, or any id; what it takes, before it is loaded."""

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.events import Dependency

from core.catalogue.catalogue import BITS, Bits, CatalogueEntry, catalogue, entry_of
from core.errors import AppError, InputError
from core.models.loading import HUB_ID
from core.models.options import LoadOptions, Quantization, Trust
from core.models.sizing.machine import FitRating, this_machine
from core.models.sizing.requirements import (
    QUANTIZATIONS,
    ModelRequirements,
    fit_ratings,
    inspect_model,
    ratings_of,
)
from core.models.sizing.suitable import Suitability, ranked, suggested_model
from core.text import format_bytes, format_parameters
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

SHOWN_FIRST = 4
ORDER: tuple[FitRating, ...] = ("fits", "tight", "too big", "unknown")  # best first


def best_mark(entry: CatalogueEntry) -> FitRating:
    """The mark of the number of bits in which the model has the best chances here."""
    return min(fit_ratings(entry, this_machine()).values(), key=ORDER.index)


def suggestion_text(found: Suitability, language: str) -> str:
    """Two lines: the name; its size, why it suits this machine or does not, and its terms where it has some."""
    about = [_size(found.entry.parameters), found.reason.in_language(language)]
    about += [t(language, "model.gated_short")] if found.entry.gated else []
    return f"{found.entry.name}\n{'・'.join(about)}"


def facts(prospect: ModelRequirements, language: str) -> str:
    """The choice in figures: size, context, licence, format, and what it takes in each number of bits."""
    entry, unknown = prospect.entry, t(language, "model.unknown")
    rows = [
        (t(language, "model.size"), _size(prospect.parameters) or unknown, ""),
        (t(language, "model.context"), f"{prospect.context:,}" if prospect.context else unknown, ""),
    ]
    if entry:
        gate = f" · {t(language, 'model.gated_short')}" if entry.gated else ""
        rows += [(t(language, "model.licence"), (entry.licence or unknown) + gate, "")]
        form = t(language, "model.format_own") if entry.format == "model" else entry.format
        rows += [(t(language, "model.format"), form or unknown, "")]
    said = [f'<p class="num"><b>{escape(entry.name if entry else prospect.name)}</b></p>']
    if entry:
        said += [_muted(entry.notes.in_language(language))]
        said += [_gate(entry, language)] if entry.gated else []
    said += [html_parts.ledger([(escape(name), value, css) for name, value, css in rows]), _memory(prospect, language)]
    return "".join(said + ([_muted(entry.tried.in_language(language))] if entry else []))


def _muted(text: str) -> str:
    return f'<p class="muted">{escape(text)}</p>'


def _memory(prospect: ModelRequirements, language: str) -> str:
    """A table of bits against talking and learning, each with its mark in words and colour."""
    machine = this_machine()
    head = "".join(f"<th>{escape(t(language, f'model.{key}'))}</th>" for key in ("weights", "to_talk", "to_learn"))
    lines = []
    for bits in BITS[:1] if prospect.quantised else BITS:
        cells = [f"<td>{escape(_bits(bits, language, prospect))}</td>"]
        for training in (False, True):
            mark, need = (
                ratings_of(prospect, machine, training=training)[bits],
                prospect.memory(bits, training=training),
            )
            amount = format_bytes(need) if need else "—"
            word = escape(t(language, f"model.mark_{_css(mark)}"))
            cells.append(f'<td><span class="mark {_css(mark)}">{amount}<small>{word}</small></span></td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    where = t(language, "model.vram" if machine.vram else "model.ram", n=f"{machine.memory / 1e9:.0f}")
    body = f'<table class="memory num"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'{body}<p class="muted">{escape(where)}</p>'


def _gate(entry: CatalogueEntry, language: str) -> str:
    link = f'<a href="https://huggingface.co/{escape(entry.id)}" target="_blank" rel="noopener">{escape(entry.id)}</a>'
    return f'<p class="warn">{escape(t(language, "model.gated"))} {link}</p>'


def _bits(bits: Bits, language: str, prospect: ModelRequirements) -> str:
    if prospect.quantised:
        return t(language, "model.as_published")
    return t(language, "model.bits_16" if bits == 16 else "model.bits", n=bits)


def _size(parameters: int | None) -> str:
    return format_parameters(parameters) if parameters else ""


def _css(mark: FitRating) -> str:
    return mark.replace(" ", "_")


@dataclass(frozen=True)
class ChoiceHandlers:
    """Shows what a choice would mean, and begins to load it."""

    services: Services

    @handler
    def fill(self, visitor: Visitor) -> tuple[gr.Radio, gr.Dropdown]:
        """The suggestions and the catalogue in the visitor's language."""
        language = visitor.language
        few = [(suggestion_text(found, language), found.entry.id) for found in ranked(measure=False)[:SHOWN_FIRST]]
        every = [
            (f"{entry.name} · {t(language, f'model.mark_{_css(best_mark(entry))}')}", entry.id) for entry in catalogue()
        ]
        return gr.Radio(choices=few), gr.Dropdown(choices=every)

    @handler
    def look(self, visitor: Visitor, name: str, fetch: bool) -> tuple[str, gr.Radio]:
        """What is known of `name`, and the bits it can be held in; `fetch` also asks the Hub about others."""
        language, name = visitor.language, (name or "").strip()
        if not name:
            return "", _bit_choices(None, language)
        if entry_of(name) is None and not fetch:
            hint = "model.enter" if HUB_ID.fullmatch(name) or self.services.models.local_folders else "model.enter_id"
            return _muted(t(language, hint)), _bit_choices(None, language)
        try:
            prospect = inspect_model(name, local_folders=self.services.models.local_folders)
        except AppError as error:
            return f'<p class="warn">{escape(error.text.in_language(language))}</p>', _bit_choices(None, language)
        return facts(prospect, language), _bit_choices(prospect, language)

    @handler
    def load(self, visitor: Visitor, name: str, quantization: str, pickles: bool, code: bool) -> None:
        """Begin to load; the card shows how it goes."""
        offered: dict[str, Quantization] = {kind: kind for kind in QUANTIZATIONS.values()}
        wanted = offered.get(quantization, "none")
        self.services.models.start(name, LoadOptions(wanted, Trust(pickles=bool(pickles), code=bool(code))))

    @handler
    def measure(self, visitor: Visitor) -> gr.Radio | dict:
        """The suggestions with the speed that this machine would have, measured where that was not done yet."""
        if self.services.models.locked:
            return gr.skip()
        few = [(suggestion_text(found, visitor.language), found.entry.id) for found in ranked()[:SHOWN_FIRST]]
        return gr.Radio(choices=few)

    @handler
    def load_suggested(self, visitor: Visitor) -> None:
        """Begin to load the model that suits this machine best."""
        found = suggested_model()
        if found is None:
            raise InputError(
                "No model of the list fits in this machine’s memory. Choose one under “Use another model”.",
                "このマシンのメモリーに収まるモデルが一覧にありません。「別のモデルを使う」から選んでください。",
            )
        self.services.models.start(found.entry.id, LoadOptions(found.quantization))

    @handler
    def cancel(self, visitor: Visitor) -> None:
        """Take a load back."""
        self.services.models.cancel()


def _bit_choices(prospect: ModelRequirements | None, language: str) -> gr.Radio:
    """The numbers of bits, the best that fits chosen; hidden for a model that is published in fewer."""
    choices = [(t(language, "model.bits_16" if b == 16 else "model.bits", n=b), q) for b, q in QUANTIZATIONS.items()]
    best = prospect.best(this_machine()) if prospect else "none"
    return gr.Radio(choices=choices, value=best, visible=prospect is not None and not prospect.quantised)


def build(services: Services, shared: Shared) -> tuple[gr.Button, gr.Button, Dependency]:
    """The fold below the model; returns its buttons (load, cancel), which follow the model's state, and the event
    after which this machine's speed is known."""
    handlers = ChoiceHandlers(services)
    store = services.models
    with gr.Accordion(t_client("model.other"), open=False, elem_id="model-other") as fold:
        if store.locked:
            where = "model.locked_space" if services.settings.on_space else "model.locked"
            gr.Markdown(t_client(where), elem_classes="muted", elem_id="model-locked")
        with gr.Column(visible=not store.locked, elem_classes="bare"):
            few = gr.Radio(choices=[], label=t_client("model.few"), elem_id="model-few", elem_classes="choices")
            every = gr.Dropdown(choices=[], value=None, label=t_client("model.every"), elem_id="model-every")
            name = gr.Textbox(label=t_client("model.name"), placeholder="Qwen/Qwen3-0.6B", elem_id="model-name",
                              info=t_client("model.name_info"), max_lines=1)  # fmt: skip
            about = gr.HTML(padding=False, elem_id="model-about")
            bits = gr.Radio(
                choices=list(QUANTIZATIONS.values()), value="none", visible=False, label=t_client("model.weights"),
                info=t_client("model.weights_info"), elem_id="model-bits",
            )  # fmt: skip
            # Where strangers come, nobody may tick these; a model's code takes an option of the command line, too.
            with gr.Accordion(t_client("model.trust"), open=False, visible=store.local_folders, elem_id="model-trust"):
                pickles, code = (
                    gr.Checkbox(
                        label=t_client(f"model.{what}"), info=t_client(f"model.{what}_info"),
                        visible=what == "pickles" or store.remote_code, elem_id=f"model-{what}",
                    )
                    for what in ("pickles", "code")
                )  # fmt: skip
            with gr.Row():
                load = gr.Button(t_client("model.load"), size="sm", variant="primary", elem_id="model-load")
                cancel = gr.Button(t_client("model.cancel"), size="sm", visible=False, elem_id="model-cancel")
    shown = [about, bits]
    shared.arrived.then(handlers.fill, shared.key, [few, every], **EVENT)
    few.input(lambda chosen: (chosen, None), few, [name, every], queue=False, **EVENT)
    every.input(lambda chosen: (chosen, None), every, [name, few], queue=False, **EVENT)
    no, yes = gr.State(False), gr.State(True)
    name.change(handlers.look, [shared.key, name, no], shown, trigger_mode="always_last", **EVENT)
    gr.on([name.submit, name.blur], handlers.look, [shared.key, name, yes], shown, api_visibility="private",
          show_progress="minimal")  # fmt: skip
    load.click(handlers.load, [shared.key, name, bits, pickles, code], None, queue=False, **EVENT)
    cancel.click(handlers.cancel, shared.key, None, queue=False, **EVENT)
    measured = fold.expand(handlers.measure, shared.key, few, show_progress="minimal", api_visibility="private")
    return load, cancel, measured
