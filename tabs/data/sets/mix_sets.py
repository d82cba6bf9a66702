"""Mixing saved data sets: which, how much of each, what that comes to, and the new set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from core.data.io.store import SavedDataSet
from core.data.mix import MixedPart, mix_saved, planned
from core.errors import AppError, InputError
from core.files import safe_name
from tabs.data.sets.saved_sets import listed
from tabs.ui import html_parts
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.html_parts import working
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

MOST_OTHERS = 4
SUGGESTED = 20  # percent of the mix
UNCHANGED = (gr.skip(), gr.skip())
SLIDERS = tuple(f"share_{k}" for k in range(MOST_OTHERS))


@dataclass(frozen=True)
class MixForm(Form):
    """What is to be mixed. A cleared field is None; shares in percent, in the order of `others`."""

    main: str | None
    others: list[str] | None
    share_0: float | None
    share_1: float | None
    share_2: float | None
    share_3: float | None
    name: str | None

    @property
    def shares(self) -> dict[str, float]:
        """The share of each of the other sets, from 0 to 1."""
        given = (getattr(self, slider) for slider in SLIDERS)
        named = [name for name in self.others or () if name != self.main][:MOST_OTHERS]
        return {name: float(share or 0) / 100 for name, share in zip(named, given, strict=False)}


@dataclass(frozen=True)
class MixHandlers:
    """Shows what a mix would hold, and makes it."""

    services: Services

    @handler
    def refresh(self, visitor: Visitor, form: MixForm, chosen: str | None) -> tuple:
        """The saved sets to choose from: (card, main, others, *sliders, name, plan). `chosen` is that of the list."""
        names = [saved.folder.name for saved in self.services.datasets.list_all(visitor.owner)]
        main = next((name for name in (form.main, chosen) if name in names), None)
        others = [name for name in form.others or () if name in names and name != main]
        now = replace(form, main=main, others=others)
        return (
            gr.Column(visible=bool(names)),
            gr.Dropdown(choices=names, value=main),
            *self._others(visitor, now, names),
        )

    @handler
    def choose(self, visitor: Visitor, form: MixForm) -> tuple:
        """Other sets were chosen: (others, *sliders, name, plan)."""
        names = [saved.folder.name for saved in self.services.datasets.list_all(visitor.owner)]
        return self._others(visitor, form, names)

    @handler
    def plan(self, visitor: Visitor, form: MixForm) -> str:
        """What the mix would hold, as the shares stand."""
        return self._plan(visitor, form)

    @handler
    def mix(self, visitor: Visitor, form: MixForm) -> Iterator[tuple]:
        """Make the new set: (how it went, list of data sets, their card)."""
        if not form.main or not form.shares:
            raise InputError(
                "Choose a main data set and at least one other.", "主なデータセットと、混ぜるものを選んでください。"
            )
        name = safe_name((form.name or "").strip() or _suggested_name(form), "mix")
        main, shares, language = form.main, form.shares, visitor.language
        yield working(t(language, "sets.mix_working")), *UNCHANGED
        try:
            for step in with_progress(lambda _: mix_saved(self.services.datasets, visitor.owner, name, main, shares)):
                if isinstance(step, Result):
                    saved, mixed = step.value
                    said = t(language, "sets.mix_done", name=saved.folder.name, n=f"{saved.info.train_rows:,}")
                    state = f'<p class="good" role="status">{escape(said)}</p>{parts_html(mixed.parts, language)}'
                    yield state, *listed(self.services, visitor, saved.folder.name)
        except AppError as error:
            yield in_words(error, language), *UNCHANGED
            raise

    def _others(self, visitor: Visitor, form: MixForm, names: Sequence[str]) -> tuple:
        """(others, *sliders, name, plan)."""
        chosen = list(form.shares)
        sliders = [
            gr.Slider(visible=k < len(chosen), label=chosen[k] if k < len(chosen) else "",
                      value=getattr(form, slider) or SUGGESTED)
            for k, slider in enumerate(SLIDERS)
        ]  # fmt: skip
        return (
            gr.Dropdown(choices=[name for name in names if name != form.main], value=chosen, multiselect=True),
            *sliders,
            gr.Textbox(placeholder=_suggested_name(form)),
            self._plan(visitor, form, few=len(names) < 2),
        )

    def _plan(self, visitor: Visitor, form: MixForm, *, few: bool = False) -> str:
        language = visitor.language
        if few:
            return html_parts.empty(t(language, "sets.mix_few"), t(language, "sets.mix_few_hint"))
        if not form.main or not form.shares:
            return html_parts.empty(t(language, "sets.mix_none"), t(language, "sets.mix_none_hint"))
        try:
            main = self.services.datasets.get(visitor.owner, form.main)
            others = [self.services.datasets.get(visitor.owner, name) for name in form.shares]
            counts = planned(
                main.info.train_rows,
                [(one.info.train_rows, share) for one, share in zip(others, form.shares.values(), strict=True)],
            )
        except InputError as error:
            return in_words(error, language)
        return parts_html(_planned_parts(main, others, counts, form.shares), language)


def parts_html(parts: Sequence[MixedPart], language: str) -> str:
    """The sets of a mix with their rows and shares, their sum, and where a set had too few."""
    total = max(sum(part.rows for part in parts), 1)
    lines = [
        (escape(part.name), t(language, "sets.mix_part", n=f"{part.rows:,}", of=f"{part.of:,}",
                              share=f"{part.rows / total:.0%}"), "")
        for part in parts
    ]  # fmt: skip
    lines.append((escape(t(language, "sets.mix_total")), f"{total:,}", "total"))
    notes = [
        t(language, "sets.mix_short", name=part.name, asked=f"{part.asked_share:.0%}", share=f"{part.rows / total:.0%}")
        for part in parts
        if part.asked_share and part.rows / total < part.asked_share - 0.01
    ]
    notes += [
        t(language, "sets.mix_held_out", name=part.name, n=f"{part.held_out:,}") for part in parts if part.held_out
    ]
    said = "".join(f'<p class="muted" role="status">{escape(note)}</p>' for note in notes)
    return html_parts.ledger(lines) + said


def _planned_parts(
    main: SavedDataSet, others: Sequence[SavedDataSet], counts: Sequence[int], shares: dict[str, float]
) -> list[MixedPart]:
    whole = MixedPart(main.folder.name, "", "", 0.0, main.info.train_rows, main.info.train_rows)
    return [whole, *(
        MixedPart(one.folder.name, "", "", shares[one.folder.name], count, one.info.train_rows)
        for one, count in zip(others, counts, strict=True)
    )]  # fmt: skip


def _suggested_name(form: MixForm) -> str:
    return f"{form.main}-mix" if form.main else ""


def build(services: Services, shared: Shared, saved: gr.Radio, card: gr.Column) -> None:
    """The fold under the saved data sets, hidden while there are none."""
    handlers, part = MixHandlers(services), {}
    with (
        gr.Column(visible=False, elem_classes=["card", "fold"], elem_id="data-mix-card") as mix_card,
        gr.Accordion(t_client("sets.mix_fold"), open=False, elem_id="data-mix-fold") as fold,
    ):
        gr.Markdown(t_client("sets.mix_what"), elem_classes="muted")
        with gr.Row(elem_classes="saved"):
            with gr.Column(min_width=240, elem_classes="bare"):
                part["main"] = gr.Dropdown(choices=[], label=t_client("sets.mix_main"), elem_id="data-mix-main")
                part["others"] = gr.Dropdown(
                    choices=[], multiselect=True, max_choices=MOST_OTHERS, label=t_client("sets.mix_others"),
                    elem_id="data-mix-others",
                )  # fmt: skip
                for k, slider in enumerate(SLIDERS):
                    part[slider] = gr.Slider(1, 90, SUGGESTED, step=1, visible=False, label=t_client("data.name"),
                                             info=t_client("sets.mix_share"),
                                             elem_id=f"data-mix-share-{k}")  # fmt: skip
            with gr.Column(min_width=240, elem_classes="bare"):
                plan = gr.HTML(padding=False, elem_id="data-mix-plan")
                part["name"] = gr.Textbox(label=t_client("data.name"), max_lines=1, elem_id="data-mix-name")
                make = gr.Button(t_client("sets.mix_make"), variant="primary", size="sm", elem_id="data-mix-make")
                state = gr.HTML(padding=False, elem_id="data-mix-state")
    form = [shared.key, *MixForm.inputs(part)]
    below = [part["others"], *(part[slider] for slider in SLIDERS), part["name"], plan]
    everything = [mix_card, part["main"], *below]
    gr.on([saved.change, fold.expand], handlers.refresh, [*form, saved], everything, **EVENT)
    shared.opened("data")(handlers.refresh, [*form, saved], everything, **EVENT)
    gr.on([part["main"].input, part["others"].input], handlers.choose, form, below, trigger_mode="always_last", **EVENT)
    gr.on([part[slider].input for slider in SLIDERS], handlers.plan, form, plan, trigger_mode="always_last", **EVENT)
    make.click(handlers.mix, form, [state, saved, card], **EVENT)
