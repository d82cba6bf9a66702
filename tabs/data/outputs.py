"""The Data tab's page as values: everything that changes when a log is opened, in the order of its outputs."""

from typing import NamedTuple

import gradio as gr

from core.logs.detect import FORMATS
from core.models.loading import LoadedModel
from tabs.data import gaps, log_view
from tabs.data.open_log import OpenLog
from tabs.data.rows import LARGEST_BUDGET, SMALLEST_BUDGET
from tabs.frame.text import say

Value = object  # a value or an update of a component


class View(NamedTuple):
    """A value for each output. Fields are named after the components of `data.build`."""

    log: Value
    progress: Value
    problem: Value
    start: Value
    desk: Value
    about: Value
    format: Value
    order: Value
    names: Value
    persona: Value
    description: Value
    gaps: Value
    plot: Value
    gap: Value
    budget: Value
    split: Value
    number: Value
    walk: Value
    row: Value
    ledger: Value
    use: Value
    name: Value
    timer: Value


UNCHANGED = View(*(gr.skip() for _ in View._fields))


def busy(sentence: str) -> View:
    """Work is under way: only the sentence changes."""
    return UNCHANGED._replace(progress=log_view.working(sentence))


def idle(problem: str = "") -> View:
    """Work has ended without changing what is open."""
    return UNCHANGED._replace(progress="", problem=problem)


def nothing_open() -> View:
    """The start: nothing is open."""
    start, desk, timer = gr.Column(visible=True), gr.Row(visible=False), gr.Timer(active=False)
    return idle()._replace(log="", start=start, desk=desk, timer=timer)


def view_of(opened: OpenLog, loaded: LoadedModel | None, name: str, language: str) -> View:
    """An open log. `name` is suggested for its data set."""
    train, heldout = (log_view.rows_of(opened, split) for split in ("train", "heldout"))
    splits = [
        (say(language, "data.split_train", n=f"{len(train):,}"), "train"),
        (say(language, "data.split_heldout", n=f"{len(heldout):,}"), "heldout"),
    ]
    return View(
        log=opened.choices.file,
        progress="",
        problem="",
        start=gr.Column(visible=False),
        desk=gr.Row(visible=True),
        about=log_view.about(opened, language),
        format=_formats(opened, language),
        order=_order(opened, language),
        names=_names(opened),
        persona=_speakers(opened, language),
        description=opened.description,
        gaps=gr.Column(visible=bool(opened.histogram)),
        plot=plot(opened, opened.choices.gap_minutes, language),
        gap=gaps.nearest(opened.choices.gap_minutes),
        budget=_budget(opened, loaded),
        split=gr.Radio(choices=splits, value="train", visible=bool(train)),
        number=number(len(train), 1),
        walk=gr.Row(visible=len(train) > 1),
        row=log_view.row(opened, "train", 1, loaded, language),
        ledger=log_view.ledger(opened, language),
        use=gr.Column(visible=bool(train)),
        name=name,
        timer=gr.Timer(active=opened.prepared is None and loaded is None),
    )


def plot(opened: OpenLog, gap: float, language: str) -> str:
    """The histogram of silences; the number of talks where it is known for this gap."""
    made = opened.prepared
    return gaps.picture(opened.histogram, gap, made.sessions if made and made.gap_minutes == gap else None, language)


def number(rows: int, value: int) -> gr.Slider:
    """The slider that walks over `rows` rows."""
    return gr.Slider(minimum=1, maximum=max(rows, 2), value=value, visible=rows > 1)


def _formats(opened: OpenLog, language: str) -> gr.Dropdown:
    choices = [(say(language, "data.format_auto"), "")]
    choices += [(form.ja if language == "ja" else form.en, form.id) for form in FORMATS]
    return gr.Dropdown(choices=choices, value=opened.choices.format)


def _order(opened: OpenLog, language: str) -> gr.Radio:
    guess = next((g for g in opened.log.guesses if g.about == "date_order"), None)
    if guess is None:
        return gr.Radio(choices=[], value=None, visible=False)
    choices = [(say(language, f"data.order_{order}"), order) for order in guess.choices]
    return gr.Radio(choices=choices, value=guess.value[0], visible=True)


def _names(opened: OpenLog) -> gr.Dropdown:
    guess = next((g for g in opened.log.guesses if g.about == "names"), None)
    if guess is None:
        return gr.Dropdown(choices=[], value=[], multiselect=True, allow_custom_value=True, visible=False)
    choices = dict.fromkeys((*guess.value, *guess.choices))
    return gr.Dropdown(
        choices=list(choices), value=list(guess.value), multiselect=True, allow_custom_value=True, visible=True
    )


def _speakers(opened: OpenLog, language: str) -> gr.Radio:
    speakers = [speaker for speaker in opened.log.speakers() if speaker.texts]
    choices = [(say(language, "data.speaker", name=s.name, n=f"{s.texts:,}"), s.name) for s in speakers]
    return gr.Radio(choices=choices, value=opened.persona or None)


def _budget(opened: OpenLog, loaded: LoadedModel | None) -> gr.Slider:
    most = loaded.context if loaded else LARGEST_BUDGET
    return gr.Slider(minimum=SMALLEST_BUDGET, maximum=max(most, 2 * SMALLEST_BUDGET), value=opened.budget or most)
