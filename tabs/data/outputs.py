"""The Data tab's page as values: everything that changes when a log is opened, in the order of its outputs."""

import uuid
from html import escape
from typing import NamedTuple

import gradio as gr

from core.data.log_rows import LARGEST_BUDGET
from core.data.open_log import SMALLEST_BUDGET, OpenLog
from core.models.loading import LoadedModel
from core.workspace import Split
from tabs.data.log import account_view, guesses, log_group, log_view
from tabs.data.rows import recipe_form, row_view
from tabs.ui import html_parts
from tabs.ui.text import t

OutputValue = object  # a value or an update of a component


class View(NamedTuple):
    """A value for each output. Fields are named after the components of `data.build`."""

    log: OutputValue
    made: OutputValue
    """Another text whenever the page was made anew, for what hangs on all of it."""
    progress: OutputValue
    problem: OutputValue
    start: OutputValue
    content: OutputValue
    about: OutputValue
    format: OutputValue
    order: OutputValue
    names: OutputValue
    sender: OutputValue
    text: OutputValue
    time: OutputValue
    presumed: OutputValue
    zones: OutputValue
    zone: OutputValue
    chats: OutputValue
    conversations: OutputValue
    persona: OutputValue
    description: OutputValue
    gaps: OutputValue
    plot: OutputValue
    gap: OutputValue
    budget: OutputValue
    shape: OutputValue
    burst: OutputValue
    separator: OutputValue
    clean: OutputValue
    turns: OutputValue
    context: OutputValue
    validation: OutputValue
    test: OutputValue
    preamble: OutputValue
    recipe: OutputValue
    private: OutputValue
    secrets: OutputValue
    diff: OutputValue
    split: OutputValue
    number: OutputValue
    walk: OutputValue
    row: OutputValue
    make: OutputValue
    ledger: OutputValue
    use: OutputValue
    everybody: OutputValue
    name: OutputValue


UNCHANGED = View(*(gr.skip() for _ in View._fields))


def busy(sentence: str) -> View:
    """Work is under way: only the sentence changes."""
    return UNCHANGED._replace(progress=html_parts.working(sentence))


def idle(problem: str = "") -> View:
    """Work has ended without changing what is open."""
    return UNCHANGED._replace(progress="", problem=problem)


def nothing_open() -> View:
    """The start: nothing is open."""
    return idle()._replace(log="", start=gr.Column(visible=True), content=gr.Row(visible=False))


def view_of(opened: OpenLog, loaded: LoadedModel | None, name: str, language: str) -> View:
    """An open log. `name` is suggested for its data set."""
    train = opened.rows("train")
    return View(
        log=opened.choices.file,
        made=uuid.uuid4().hex,
        progress="",
        problem="",
        start=gr.Column(visible=False),
        content=gr.Row(visible=True),
        about=log_view.about(opened, language),
        persona=_speakers(opened, language),
        description=opened.description,
        gaps=gr.Column(visible=bool(opened.histogram)),
        plot=plot(opened, opened.choices.recipe.gap_minutes, language),
        budget=_budget(opened, loaded),
        recipe=f'<p class="muted">{escape(recipe_form.sentence(opened, language))}</p>',
        diff=account_view.diff(opened, language),
        split=splits(opened, language),
        number=number(len(train), 1),
        walk=gr.Row(visible=len(train) > 1),
        row=row_view.row(opened, "train", 1, loaded, language),
        make=gr.Button(visible=bool(opened.model and opened.prepared is None and opened.problem)),
        ledger=account_view.account(opened, language),
        use=gr.Column(visible=bool(train)),
        everybody=gr.Column(visible=bool(train) and log_group.is_group(opened)),
        name=name,
        **guesses.values_of(opened, language),
        **recipe_form.values_of(opened),
    )


def after_choice(view: View, opened: OpenLog, *, listed: bool) -> View:
    """The same page for who made the choice on it: the form keeps its values, some may be on the move.

    `listed`: the list of names was filled by the app.
    """
    form = set(recipe_form.RecipeForm.field_names()) - {"persona", "description"}
    kept = {name: getattr(UNCHANGED, name) for name in form}
    changed = recipe_form.visible_for(opened.choices.recipe)
    secrets = recipe_form.secrets_of(opened) if listed else gr.Dropdown(visible=opened.choices.recipe.private)
    return view._replace(**kept | changed | {"secrets": secrets})


def plot(opened: OpenLog, gap: float, language: str) -> str:
    """The histogram of silences; the number of talks where it is known for this gap."""
    made = opened.prepared
    sessions = made.sessions if made and made.gap_minutes == gap else None
    return log_view.gaps_picture(opened.histogram, gap, sessions, language)


def number(rows: int, value: int) -> gr.Slider:
    """The slider that walks over `rows` rows."""
    return gr.Slider(minimum=1, maximum=max(rows, 2), value=value, visible=rows > 1)


def splits(opened: OpenLog, language: str, chosen: Split = "train") -> gr.Radio:
    """Which rows to look at; those for the last test only where there are some."""
    counts = {split: len(opened.rows(split)) for split in ("train", "validation", "test")}
    choices = [
        (t(language, f"data.split_{split}", n=f"{n:,}"), split) for split, n in counts.items() if n or split != "test"
    ]
    return gr.Radio(choices=choices, value=chosen, visible=counts["train"] > 0)


def _speakers(opened: OpenLog, language: str) -> gr.Radio:
    speakers = [speaker for speaker in opened.speakers if speaker.texts]
    choices = [(t(language, "data.speaker", name=s.name, n=f"{s.texts:,}"), s.name) for s in speakers]
    return gr.Radio(choices=choices, value=opened.persona or None)


def _budget(opened: OpenLog, loaded: LoadedModel | None) -> gr.Slider:
    most = loaded.context if loaded else LARGEST_BUDGET
    return gr.Slider(minimum=SMALLEST_BUDGET, maximum=max(most, 2 * SMALLEST_BUDGET), value=opened.budget or most)
