"""What a file could not decide by itself, as a form: a person confirms it or sets it right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

import gradio as gr

from core.data.log_choices import LogChoices
from core.data.open_log import OpenLog
from core.logs.detect import FORMATS
from core.logs.log import Guess
from tabs.data.page import Page
from tabs.ui.form import Form
from tabs.ui.text import t, t_client

COLUMNS = ("sender", "text", "time")
BROWSERS_ZONE = "(zone) => zone || Intl.DateTimeFormat().resolvedOptions().timeZone"


@dataclass(frozen=True)
class ReadingForm(Form):
    """A person's answers to what was guessed; None where nothing was asked."""

    format: str | None = None
    order: str | None = None
    names: Sequence[str] | None = None
    sender: str | None = None
    text: str | None = None
    time: str | None = None
    conversations: Sequence[str] | None = None
    presumed: Sequence[str] | None = None
    zone: str | None = None

    def applied(self, opened: OpenLog) -> LogChoices:
        """The choices with these answers. Another format has other guesses, so it takes none of them along."""
        if (self.format or "") != opened.choices.format:
            forgotten = {"date_order": "", "names": (), "columns": (), "conversations": (), "presumed": None}
            return replace(opened.choices, format=self.format or "", **forgotten)
        taken = {guess.about: guess.value for guess in opened.log.guesses}
        answers: dict[str, str | tuple[str, ...]] = {}
        if self.zone and taken.get("zone") not in (None, (self.zone,)):
            answers["zone"] = self.zone
        if "presumed" in taken and set(self.presumed or ()) != set(taken["presumed"]):
            answers["presumed"] = tuple(self.presumed or ())
        if self.order and taken.get("date_order") not in (None, (self.order,)):
            answers["date_order"] = self.order
        if self.names and set(self.names) != set(taken.get("names", self.names)):
            answers["names"] = tuple(self.names)
        mapped = tuple(column or "" for column in (self.sender, self.text, self.time))
        if any(mapped) and mapped != taken.get("columns", mapped):
            answers["columns"] = mapped
        chats = tuple(self.conversations or ())
        if "conversations" in taken and set(chats) != set(_shown_chats(opened)):
            answers["conversations"] = chats
        return replace(opened.choices, **answers)


def build(page: Page) -> None:
    """The fold "Correct the reading"; adds its components to `page`."""
    page["format"] = gr.Dropdown(choices=[], label=t_client("data.format"), elem_id="data-read-as")
    page["order"] = gr.Radio(choices=[], label=t_client("data.order"), visible=False, elem_id="data-order")
    page["names"] = gr.Dropdown(
        choices=[], multiselect=True, allow_custom_value=True, label=t_client("data.names"),
        info=t_client("data.names_info"), visible=False, elem_id="data-names",
    )  # fmt: skip
    page["presumed"] = gr.Dropdown(
        choices=[], multiselect=True, label=t_client("data.presumed"), info=t_client("data.presumed_info"),
        visible=False, elem_id="data-presumed",
    )  # fmt: skip
    for column in COLUMNS:
        page[column] = gr.Dropdown(choices=[], label=t_client(f"data.column_{column}"), visible=False,
                                   elem_id=f"data-column-{column}")  # fmt: skip


def build_zone(page: Page) -> gr.Button:
    """Where people were, in sight, for a file in UTC; the browser's own zone stands there. Returns what reads again."""
    with gr.Column(visible=False, elem_classes="bare", elem_id="data-zones") as page["zones"]:
        page["zone"] = gr.Dropdown(
            choices=[], allow_custom_value=True, label=t_client("data.zone"), info=t_client("data.zone_info"),
            elem_id="data-zone",
        )  # fmt: skip
        return gr.Button(t_client("data.zone_read"), size="sm", elem_id="data-read-zone")


def build_chats(page: Page) -> gr.Button:
    """Which chats of an archive to take, in sight, for that is decided first; returns what reads them."""
    with gr.Column(visible=False, elem_classes="bare", elem_id="data-chats") as page["chats"]:
        page["conversations"] = gr.Dropdown(
            choices=[],
            multiselect=True,
            label=t_client("data.conversations"),
            info=t_client("data.conversations_info"),
            elem_id="data-conversations",
        )
        return gr.Button(t_client("data.conversations_read"), size="sm", elem_id="data-read-chats")


def guess_about(opened: OpenLog, about: str) -> Guess | None:
    """What was guessed about one thing; None where the file left no doubt."""
    return next((guess for guess in opened.log.guesses if guess.about == about), None)


def values_of(opened: OpenLog, language: str) -> dict[str, object]:
    """The components by name, filled with what was taken."""
    return {
        "format": _formats(opened, language),
        "order": _order(opened, language),
        "names": _names(opened),
        "chats": gr.Column(visible=guess_about(opened, "conversations") is not None),
        "conversations": _conversations(opened),
        "presumed": _presumed(opened),
        "zones": gr.Column(visible=guess_about(opened, "zone") is not None),
        "zone": _zone(opened),
        **_columns(opened, language),
    }


def _shown_chats(opened: OpenLog) -> tuple[str, ...]:
    """The chats that are chosen; none where all are: an archive may hold hundreds."""
    guess = guess_about(opened, "conversations")
    return () if guess is None or set(guess.value) == set(guess.choices) else guess.value


def _formats(opened: OpenLog, language: str) -> gr.Dropdown:
    choices = [(t(language, "data.format_auto"), "")]
    choices += [(form.name.in_language(language), form.id) for form in FORMATS]
    return gr.Dropdown(choices=choices, value=opened.choices.format)


def _order(opened: OpenLog, language: str) -> gr.Radio:
    guess = guess_about(opened, "date_order")
    if guess is None:
        return gr.Radio(choices=[], value=None, visible=False)
    choices = [(t(language, f"data.order_{order}"), order) for order in guess.choices]
    return gr.Radio(choices=choices, value=guess.value[0], visible=True)


def _names(opened: OpenLog) -> gr.Dropdown:
    guess = guess_about(opened, "names")
    if guess is None:
        return gr.Dropdown(choices=[], value=[], multiselect=True, allow_custom_value=True, visible=False)
    choices = dict.fromkeys((*guess.value, *guess.choices))
    return gr.Dropdown(
        choices=list(choices), value=list(guess.value), multiselect=True, allow_custom_value=True, visible=True
    )


def _presumed(opened: OpenLog) -> gr.Dropdown:
    guess = guess_about(opened, "presumed")
    if guess is None:
        return gr.Dropdown(choices=[], value=[], multiselect=True, visible=False)
    return gr.Dropdown(choices=list(guess.choices), value=list(guess.value), multiselect=True, visible=True)


def _zone(opened: OpenLog) -> gr.Dropdown:
    """Every zone; none chosen yet, so that the browser puts its own there."""
    if guess_about(opened, "zone") is None:
        return gr.Dropdown(choices=[], value=None)
    return gr.Dropdown(choices=sorted(available_timezones()), value=opened.choices.zone or None)


def _columns(opened: OpenLog, language: str) -> dict[str, gr.Dropdown]:
    guess = guess_about(opened, "columns")
    if guess is None:
        return {column: gr.Dropdown(choices=[], value=None, visible=False) for column in COLUMNS}
    none = (t(language, "data.column_none"), "")
    return {
        column: gr.Dropdown(
            choices=[none, *((name, name) for name in guess.choices)] if column == "time" else list(guess.choices),
            value=value, visible=True,
        )
        for column, value in zip(COLUMNS, (*guess.value, "", "", ""), strict=False)
    }  # fmt: skip


def _conversations(opened: OpenLog) -> gr.Dropdown:
    guess = guess_about(opened, "conversations")
    return gr.Dropdown(choices=list(guess.choices) if guess else [], value=list(_shown_chats(opened)), multiselect=True)
