"""Data: what will it learn, and what got lost?"""

import json
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from core.data.store import FILES, Split, to_jsonl
from core.workspace import safe_name
from tabs.data import log_view, outputs, saved_sets
from tabs.data.desk import Desk
from tabs.data.gaps import STEPS
from tabs.data.open_log import OpenLogs
from tabs.data.opening import OpeningHandlers
from tabs.data.outputs import View
from tabs.data.rows import LARGEST_BUDGET, SMALLEST_BUDGET
from tabs.frame.errors import shows_errors
from tabs.frame.services import Services
from tabs.frame.shared import Shared
from tabs.frame.text import label, say
from tabs.frame.visitor import Visitor

LOOK_EVERY = 1.0  # seconds between looks at a model that is still being loaded
WORKING = log_view.working("…")
CLICK_DOWNLOAD = "() => setTimeout(() => document.querySelector('#data-zip')?.click(), 150)"


@dataclass(frozen=True)
class RowHandlers:
    """Walks over the rows of the open log, and keeps them."""

    desk: Desk

    @shows_errors
    def row(
        self, key: str, log: str, split: Split, number: float, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[gr.Slider, str]:
        """A row: (its number, the row)."""
        return self._row(key, log, split, number, request, token)

    @shows_errors
    def first(
        self, key: str, log: str, split: Split, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[gr.Slider, str]:
        """The first row of a split."""
        return self._row(key, log, split, 1, request, token)

    @shows_errors
    def previous(
        self, key: str, log: str, split: Split, number: float, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[gr.Slider, str]:
        """The row before."""
        return self._row(key, log, split, number - 1, request, token)

    @shows_errors
    def next(
        self, key: str, log: str, split: Split, number: float, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[gr.Slider, str]:
        """The row behind."""
        return self._row(key, log, split, number + 1, request, token)

    @shows_errors
    def save(self, key: str, log: str, name: str, request: gr.Request, token: gr.OAuthToken | None = None) -> tuple:
        """Keep the rows as a data set: (its name, list of data sets, their card)."""
        visitor = self.desk.services.visitor(key, request, token)
        saved = self._save(visitor, log, name)
        return saved, *saved_sets.listed(self.desk.services, visitor, saved)

    @shows_errors
    def learn(self, key: str, log: str, name: str, request: gr.Request, token: gr.OAuthToken | None = None) -> tuple:
        """Keep the rows and go on to training: (name, list, card, data set to train on, the way there)."""
        visitor = self.desk.services.visitor(key, request, token)
        saved = self._save(visitor, log, name)
        return saved, *saved_sets.listed(self.desk.services, visitor, saved), saved, gr.Tabs(selected="train")

    @shows_errors
    def download(
        self, key: str, log: str, name: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> gr.DownloadButton:
        """The rows as a zip of JSONL files, in the button that downloads it."""
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.with_rows(visitor, log)
        folder = Path(tempfile.mkdtemp(dir=self.desk.services.workspace.cache()))
        target = folder / f"{safe_name(name, 'rows')}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for split, file in FILES.items():
                if rows := log_view.rows_of(opened, split):
                    archive.writestr(file, "".join(to_jsonl(rows)))
        return gr.DownloadButton(value=str(target))

    def _row(
        self, key: str, log: str, split: Split, number: float, request: gr.Request, token: gr.OAuthToken | None
    ) -> tuple[gr.Slider, str]:
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.opened(visitor, log)
        count = len(log_view.rows_of(opened, split))
        at = max(1, min(int(number), count))
        return outputs.number(count, at), log_view.row(opened, split, at, self.desk.model(), visitor.language)

    def _save(self, visitor: Visitor, log: str, name: str) -> str:
        """The name under which the rows are saved; the same rows are not saved twice under one name."""
        opened = self.desk.with_rows(visitor, log)
        wanted = name.strip() or self.desk.suggested_name(opened)
        if wanted == opened.saved and wanted in self.desk.services.workspace.names(visitor.owner, "datasets"):
            return wanted
        saved = self.desk.services.datasets.save(
            visitor.owner, wanted, opened.prepared, description=opened.description, model=opened.model
        ).folder.name
        self.desk.logs.remember(visitor.owner, replace(opened, saved=saved))
        gr.Info(say(visitor.language, "data.saved_done", name=saved))
        return saved


def build(services: Services, shared: Shared) -> None:
    """An invitation while nothing is open; then the log, its rows and the account side by side."""
    desk = Desk(services, OpenLogs(services.workspace))
    opening, rows = OpeningHandlers(desk), RowHandlers(desk)
    page: dict[str, gr.blocks.Block] = {"log": gr.State("")}
    with gr.Row(elem_id="data-working"):
        page["progress"] = gr.HTML(WORKING, padding=False)
        stop = gr.Button(label("data.stop"), size="sm", elem_id="data-stop", scale=0, min_width=80)
    page["problem"] = gr.HTML(padding=False, elem_id="data-problem")
    # Hidden until the page knows whose it is: what is loaded before that would be nobody's.
    with gr.Column(visible=False, elem_classes=["card", "start"], elem_id="data-start") as page["start"]:
        gr.Markdown(label("data.empty"), elem_classes="big")
        gr.Markdown(label("data.empty_hint"), elem_classes="muted")
        file = gr.File(label=label("data.upload"), height=150, elem_id="data-file")
        gr.Markdown(label("data.or"), elem_classes="muted")
        sample = gr.Button(label("data.sample"), variant="primary", elem_id="data-sample")
        gr.Markdown(label("data.sample_what"), elem_classes="muted")
        with gr.Accordion(label("data.how"), open=False):
            gr.Markdown(label("data.how_text"), elem_classes="how")
            formats = gr.HTML(padding=False)
        gr.Markdown(label("data.private"), elem_classes="muted")
    with gr.Row(visible=False, elem_classes="columns", elem_id="data-desk") as page["desk"]:
        with gr.Column(scale=6, min_width=260):
            with gr.Column(elem_classes="card"):
                gr.Markdown(label("data.log"), elem_classes="title")
                page["about"] = gr.HTML(padding=False, elem_id="data-about")
                with gr.Accordion(label("data.reading_fix"), open=False, elem_id="data-fix"):
                    page["format"] = gr.Dropdown(choices=[], label=label("data.format"), elem_id="data-read-as")
                    page["order"] = gr.Radio(choices=[], label=label("data.order"), visible=False, elem_id="data-order")
                    page["names"] = gr.Dropdown(
                        choices=[], multiselect=True, allow_custom_value=True, label=label("data.names"),
                        info=label("data.names_info"), visible=False, elem_id="data-names",
                    )  # fmt: skip
                    reread = gr.Button(label("data.reread"), size="sm", elem_id="data-reread")
                with gr.Row(elem_classes="actions"):
                    another = gr.UploadButton(label("data.other"), size="sm", elem_id="data-another")
                    put_away = gr.Button(label("data.put_away"), size="sm", elem_id="data-put-away")
            with gr.Column(elem_classes="card"):
                gr.Markdown(label("data.who"), elem_classes="title")
                page["persona"] = gr.Radio(choices=[], show_label=False, container=False, elem_id="data-persona",
                                           elem_classes="pick")  # fmt: skip
                with gr.Accordion(label("data.description_fold"), open=False, elem_id="data-describe"):
                    page["description"] = gr.Textbox(label=label("data.description"), lines=3, max_lines=10,
                                                     elem_id="data-description")  # fmt: skip
            with gr.Column(elem_classes="card") as page["gaps"]:
                gr.Markdown(label("data.gaps"), elem_classes="title")
                page["plot"] = gr.HTML(padding=False, elem_id="data-gaps")
                page["gap"] = gr.Slider(0, len(STEPS) - 1, 0, step=1, label=label("data.gap"), elem_id="data-gap")
            with (
                gr.Column(elem_classes="card"),
                gr.Accordion(label("data.budget_fold"), open=False, elem_id="data-longest"),
            ):
                page["budget"] = gr.Slider(
                    SMALLEST_BUDGET, LARGEST_BUDGET, LARGEST_BUDGET, step=32, label=label("data.budget"),
                    info=label("data.budget_info"), elem_id="data-budget",
                )  # fmt: skip
        with gr.Column(scale=11, min_width=320, elem_classes="middle"), gr.Column(elem_classes="card"):
            gr.Markdown(label("data.rows"), elem_classes="title")
            page["split"] = gr.Radio(choices=[], show_label=False, container=False, elem_id="data-split")
            page["row"] = gr.HTML(padding=False, elem_id="data-row")
            with gr.Row(elem_id="data-walk") as page["walk"]:
                previous = gr.Button(label("data.previous"), size="sm", elem_id="data-previous")
                following = gr.Button(label("data.next"), size="sm", elem_id="data-next")
                page["number"] = gr.Slider(1, 2, 1, step=1, label=label("data.number"), elem_id="data-number")
        with gr.Column(scale=6, min_width=260):
            with gr.Column(elem_classes="card", visible=False) as page["use"]:
                page["name"] = gr.Textbox(label=label("data.name"), max_lines=1, elem_id="data-name")
                learn = gr.Button(label("data.learn"), variant="primary", elem_id="data-learn")
                with gr.Row(elem_classes="actions"):
                    save = gr.Button(label("data.save"), size="sm", elem_id="data-save")
                    download = gr.Button(label("data.download"), size="sm", elem_id="data-download")
                    zipped = gr.DownloadButton("zip", elem_id="data-zip", elem_classes="unseen")
            with gr.Column(elem_classes="card"):
                gr.Markdown(label("data.ledger"), elem_classes="title")
                page["ledger"] = gr.HTML(padding=False, elem_id="data-ledger")
    saved, card = saved_sets.build(services, shared)
    page["timer"] = gr.Timer(LOOK_EVERY, active=False)

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    here = [shared.key, page["log"]]
    drawn = [page[name] for name in View._fields]
    arriving = {"fn": opening.arrive, "inputs": shared.key, "outputs": [formats, *drawn], **quiet}
    shared.arrived.then(**arriving)
    # The page sends the events of one trigger one after the other, in this order: the quick ones come first.
    marking = {"queue": False, "trigger_mode": "always_last", **quiet}
    page["gap"].input(opening.mark, [*here, page["gap"]], page["plot"], **marking)
    at_once = {"fn": None, "outputs": page["progress"], "js": f"() => {json.dumps(WORKING)}"}
    for press in (file.upload, another.upload, sample.click):
        press(**at_once, api_visibility="private")
    opened = [
        file.upload(opening.upload, [shared.key, file], [file, another, *drawn], **quiet),
        another.upload(opening.upload, [shared.key, another], [file, another, *drawn], **quiet),
        sample.click(opening.sample, shared.key, drawn, **quiet),
        reread.click(opening.reread, [*here, page["format"], page["order"], page["names"]], drawn, **quiet),
        gr.on(
            [page["persona"].input, page["description"].blur, page["gap"].input, page["budget"].input], opening.choose,
            [*here, page["persona"], page["description"], page["gap"], page["budget"]], drawn,
            trigger_mode="always_last", **quiet,
        ),
        page["timer"].tick(opening.watch, here, drawn, **quiet),
        shared.tabs.select(opening.watch, here, drawn, **quiet),
    ]  # fmt: skip
    stop.click(**arriving, cancels=opened)
    put_away.click(opening.put_away, shared.key, drawn, **quiet)

    walked = [page["number"], page["row"]]
    at = [*here, page["split"], page["number"]]
    page["number"].input(rows.row, at, walked, trigger_mode="always_last", **quiet)
    page["split"].input(rows.first, [*here, page["split"]], walked, **quiet)
    previous.click(rows.previous, at, walked, trigger_mode="multiple", **quiet)
    following.click(rows.next, at, walked, trigger_mode="multiple", **quiet)
    named = [*here, page["name"]]
    save.click(rows.save, named, [page["name"], saved, card], **quiet)
    learn.click(rows.learn, named, [page["name"], saved, card, shared.dataset, shared.tabs], **quiet)
    download.click(rows.download, named, zipped, **quiet).then(None, None, None, js=CLICK_DOWNLOAD)
