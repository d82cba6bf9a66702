"""Data: what will it learn, and what got lost?

One thing after the other: a log, who is in it, its rows and its account, learning. What goes further is folded away.
"""

import json
from collections.abc import Callable
from typing import cast

import gradio as gr

from core.data.gaps import GAP_STEPS
from core.data.log_rows import LARGEST_BUDGET
from core.data.open_log import SMALLEST_BUDGET
from tabs.data.data_context import DataContext
from tabs.data.log import everybody, guesses, profile_view, without_training
from tabs.data.log.guesses import ReadingForm
from tabs.data.log.open_handlers import OpenLogHandlers
from tabs.data.outputs import View
from tabs.data.page import Page
from tabs.data.rows import exports, recipe_form, row_edits, variants_view
from tabs.data.rows.recipe_form import RecipeForm
from tabs.data.rows.walk import RowHandlers
from tabs.data.sets import corrections, load_sets, mix_sets, saved_sets
from tabs.ui import html_parts
from tabs.ui.form import parts
from tabs.ui.handler import EVENT
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client, t_heading
from tabs.ui.upload_button import build_upload

WORKING = html_parts.working("…")


def build(services: Services, shared: Shared) -> tuple[gr.Radio, gr.Column]:
    """An invitation while nothing is open; then the log, its rows and the account side by side.

    Returns the list of saved data sets and its card.
    """
    context = DataContext(services, services.open_logs)
    opening, rows = OpenLogHandlers(context), RowHandlers(context)
    page = cast(Page, {"log": gr.State(""), "made": gr.State("")})  # the rest is added below, piece by piece
    with gr.Row(elem_id="data-working"):
        page["progress"] = gr.HTML(WORKING, padding=False)
        stop = gr.Button(t_client("data.stop"), size="sm", elem_id="data-stop", scale=0, min_width=80)
    page["problem"] = gr.HTML(padding=False, elem_id="data-problem")
    file, sample, formats = _start(page)
    with gr.Row(visible=False, elem_classes="columns", elem_id="data-content") as page["content"]:
        with gr.Column(scale=6, min_width=260):
            read_chats, read_zone, reread, another, newer, put_away = _log(page)
            _who(page)
            _silences(page)
            _recipe(page)
        with gr.Column(scale=11, min_width=320, elem_classes="middle"):
            previous, following, listen_to_edits = _rows(page)
            _privacy(page)
            profile_view.build(context, page, shared.key)
            variant, take = variants_view.build(context, page, shared.key)
        with gr.Column(scale=6, min_width=260):
            learn, save = _use(context, page, shared)
            each = everybody.build(page)
            with gr.Column(elem_classes="card", elem_id="data-account"):
                gr.Markdown(t_heading("data.ledger"), elem_classes="title")
                page["ledger"] = gr.HTML(padding=False, elem_id="data-ledger")
    saved, card = saved_sets.build(services, shared)
    mix_sets.build(services, shared, saved, card)
    load_sets.build(services, shared, saved, card)
    corrections.build(services, shared, saved, card)

    inputs = [shared.key, page["log"]]
    outputs = parts(page, View._fields)
    arriving = {"fn": opening.arrive, "inputs": shared.key, "outputs": [formats, *outputs], **EVENT}
    shared.opened("data")(**arriving)
    # The page sends the events of one trigger one after the other, in this order: the quick ones come first.
    marking = {"queue": False, "trigger_mode": "always_last", **EVENT}
    page["gap"].input(opening.mark, [*inputs, page["gap"]], page["plot"], **marking)
    at_once = {"fn": None, "outputs": page["progress"], "js": f"() => {json.dumps(WORKING)}"}
    fields = [file, another, newer]
    for press in (*(field.upload for field in fields), sample.click):
        press(**at_once, api_visibility="private")
    answers, form = ReadingForm.inputs(page), RecipeForm.inputs(page)
    opened = [
        file.upload(opening.upload, [shared.key, file], [*fields, *outputs], **EVENT),
        another.upload(opening.upload, [shared.key, another], [*fields, *outputs], **EVENT),
        newer.upload(opening.add, [*inputs, newer], [*fields, *outputs], **EVENT),
        sample.click(opening.sample, shared.key, outputs, **EVENT),
        gr.on([reread.click, read_chats.click, read_zone.click], opening.reread, [*inputs, *answers], outputs, **EVENT),
        gr.on(_choosing(page), opening.choose, [*inputs, *form], outputs, trigger_mode="always_last", **EVENT),
        take.click(opening.take_variant, [*inputs, variant], outputs, **EVENT),
        page["make"].click(opening.make_rows, inputs, outputs, **EVENT),
        shared.changed["rows"].click(opening.watch, inputs, outputs, **EVENT),
        shared.tabs.select(opening.watch, inputs, outputs, **EVENT),
    ]
    for event in opened[:5]:  # after a file was read: the browser's own zone, where none is chosen
        event.then(None, page["zone"], page["zone"], js=guesses.BROWSERS_ZONE, api_visibility="private")
    stop.click(opening.stop, shared.key, [formats, *outputs], **EVENT, cancels=[*opened])
    put_away.click(opening.put_away, shared.key, outputs, **EVENT)

    walked = [page["number"], page["row"]]
    at = [*inputs, page["split"], page["number"]]
    page["number"].input(rows.row, at, walked, trigger_mode="always_last", **EVENT)
    page["split"].input(rows.first, [*inputs, page["split"]], walked, **EVENT)
    previous.click(rows.previous, at, walked, trigger_mode="multiple", **EVENT)
    following.click(rows.next, at, walked, trigger_mode="multiple", **EVENT)
    everybody.wire(everybody.EverybodyHandlers(context), shared, page, each, saved, card)
    listen_to_edits(context, inputs, outputs)
    named = [*inputs, page["name"]]
    save.click(rows.save, named, [page["name"], saved, card], **EVENT)
    learn.click(rows.learn, named, [page["name"], saved, card, shared.dataset, shared.tabs], **EVENT)
    return saved, card


def _choosing(page: Page) -> list:
    """What a person does to choose how rows are made."""
    typed = [page["description"].blur, page["separator"].blur, page["separator"].submit]
    moved = ("persona", "gap", "budget", "shape", "burst", "clean", "turns", "context", "validation", "test",
             "preamble", "private", "secrets")  # fmt: skip
    return [*typed, *(page[name].input for name in moved)]


def _start(page: Page) -> tuple[gr.File, gr.Button, gr.HTML]:
    """The invitation: (upload, sample, the list of formats)."""
    # Hidden until the page knows whose it is: what is loaded before that would be nobody's.
    with gr.Column(visible=False, elem_classes=["card", "start"], elem_id="data-start") as page["start"]:
        gr.Markdown(t_heading("data.empty"), elem_classes="big")
        gr.Markdown(t_client("data.empty_hint"), elem_classes="muted")
        file = gr.File(label=t_client("data.upload"), file_count="multiple", height=150, elem_id="data-file")
        gr.Markdown(t_client("data.or"), elem_classes="muted")
        sample = gr.Button(t_client("data.sample"), variant="primary", elem_id="data-sample")
        gr.Markdown(t_client("data.sample_what"), elem_classes="muted")
        with gr.Accordion(t_client("data.how"), open=False):
            gr.Markdown(t_client("data.how_text"), elem_classes="how")
            formats = gr.HTML(padding=False)
        gr.Markdown(t_client("data.private_file"), elem_classes="muted")
    return file, sample, formats


def _log(page: Page) -> tuple[gr.Button, gr.Button, gr.Button, gr.UploadButton, gr.UploadButton, gr.Button]:
    """The file: (read the chosen chats, read with a zone, read again, another file, a newer one, put away)."""
    with gr.Column(elem_classes="card", elem_id="data-log-card"):
        gr.Markdown(t_heading("data.log"), elem_classes="title")
        page["about"] = gr.HTML(padding=False, elem_id="data-about")
        read_chats = guesses.build_chats(page)
        read_zone = guesses.build_zone(page)
        with gr.Accordion(t_client("data.reading_fix"), open=False, elem_id="data-fix"):
            guesses.build(page)
            reread = gr.Button(t_client("data.reread"), size="sm", elem_id="data-reread")
        with gr.Row(elem_classes="actions"):
            newer = build_upload("data.newer", "data-newer", count="multiple")
            another = build_upload("data.other", "data-another", count="multiple")
            put_away = gr.Button(t_client("data.put_away"), variant="stop", size="sm", elem_id="data-put-away")
    return read_chats, read_zone, reread, another, newer, put_away


def _who(page: Page) -> None:
    with gr.Column(elem_classes="card", elem_id="data-who"):
        gr.Markdown(t_heading("data.who"), elem_classes="title")
        gr.Markdown(t_client("data.whose_words"), elem_classes="muted", elem_id="data-whose-words")
        page["persona"] = gr.Radio(choices=[], label=t_client("data.who"),
                                   show_label=False, container=False, elem_id="data-persona",
                                   elem_classes="pick")  # fmt: skip
        with gr.Accordion(t_client("data.description_fold"), open=False, elem_id="data-describe"):
            page["description"] = gr.Textbox(label=t_client("data.description"), lines=3, max_lines=10,
                                             elem_id="data-description")  # fmt: skip


def _silences(page: Page) -> None:
    with gr.Column(elem_classes="card", elem_id="data-silences") as page["gaps"]:
        gr.Markdown(t_heading("data.gaps"), elem_classes="title")
        page["plot"] = gr.HTML(padding=False, elem_id="data-gaps")
        page["gap"] = gr.Slider(0, len(GAP_STEPS) - 1, 0, step=1, label=t_client("data.gap"), elem_id="data-gap")


def _recipe(page: Page) -> None:
    with (
        gr.Column(elem_classes=["card", "fold"], elem_id="data-recipe"),
        gr.Accordion(t_client("data.recipe_fold"), open=False, elem_id="data-recipe-fold"),
    ):
        page["recipe"] = gr.HTML(padding=False, elem_id="data-recipe-now")
        page["budget"] = gr.Slider(
            SMALLEST_BUDGET, LARGEST_BUDGET, LARGEST_BUDGET, step=32, label=t_client("data.budget"),
            info=t_client("data.budget_info"), elem_id="data-budget",
        )  # fmt: skip
        recipe_form.build(page)


def _rows(page: Page) -> tuple[gr.Button, gr.Button, Callable]:
    """The rows: (one back, one on, what listens to edits of a row)."""
    with gr.Column(elem_classes="card", elem_id="data-rows"):
        gr.Markdown(t_heading("data.rows"), elem_classes="title")
        page["split"] = gr.Radio(
            choices=[], label=t_client("data.split"), show_label=False, container=False, elem_id="data-split"
        )
        page["row"] = gr.HTML(padding=False, elem_id="data-row")
        page["make"] = gr.Button(t_client("data.make_rows"), size="sm", visible=False, elem_id="data-make")
        with gr.Row(elem_id="data-walk") as page["walk"]:
            previous = gr.Button(t_client("data.previous"), size="sm", elem_id="data-previous")
            following = gr.Button(t_client("data.next"), size="sm", elem_id="data-next")
            page["number"] = gr.Slider(1, 2, 1, step=1, label=t_client("data.number"), elem_id="data-number")
        listen_to_edits = row_edits.build(page)
    return previous, following, listen_to_edits


def _privacy(page: Page) -> None:
    """The fold "Protect privacy": off or on, the list of names, and what becomes of the texts."""
    with (
        gr.Column(elem_classes=["card", "fold"], elem_id="data-private-card"),
        gr.Accordion(t_client("data.private_fold"), open=False, elem_id="data-private-fold"),
    ):
        page["private"] = gr.Checkbox(label=t_client("data.private"), info=t_client("data.private_info"),
                                      elem_id="data-private")  # fmt: skip
        page["secrets"] = gr.Dropdown(
            choices=[], multiselect=True, allow_custom_value=True, label=t_client("data.secrets"),
            info=t_client("data.secrets_info"), visible=False, elem_id="data-secrets",
        )  # fmt: skip
        page["diff"] = gr.HTML(padding=False, elem_id="data-diff")


def _use(context: DataContext, page: Page, shared: Shared) -> tuple[gr.Button, gr.Button]:
    """What to do with the rows: (learn from them, only save them)."""
    with gr.Column(elem_classes="card", visible=False, elem_id="data-use") as page["use"]:
        page["name"] = gr.Textbox(label=t_client("data.name"), max_lines=1, elem_id="data-name")
        learn = gr.Button(t_client("data.learn"), variant="primary", elem_id="data-learn")
        save = gr.Button(t_client("data.save"), size="sm", elem_id="data-save")
        without_training.build(context, shared, page["log"])
        exports.build(context, page, shared.key)
    return learn, save
