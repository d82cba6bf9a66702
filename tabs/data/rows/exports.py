"""Rows as other tools train on them: a form, a look at the first sample, and the file."""

import json
import zipfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import gradio as gr

from core.data.io.export import (
    EXPORT_FORMATS,
    FILE_TYPES,
    Export,
    ExportFormat,
    FileType,
    PreambleKind,
    sample_of,
    write_samples,
)
from core.data.open_log import OpenLog, preamble_of
from core.errors import InputError
from core.files import safe_name
from core.workspace import SPLIT_FILES
from tabs.data.data_context import DataContext, DataHandlers
from tabs.data.page import Page
from tabs.data.rows.recipe_form import PREAMBLES, choice_names
from tabs.ui.download import build_download
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

MARKED = ("instruction", "instruction_input")  # formats of one text with ### marks
AS_ROWS = "rows"
LONGEST = 1500  # characters of a sample that are shown


@dataclass(frozen=True)
class ExportForm(Form):
    """In which form rows are written."""

    export_format: ExportFormat | Literal["rows"]
    preamble: PreambleKind
    breaks: bool
    """<NL> in the place of line ends."""
    kind: FileType

    def export(self, opened: OpenLog) -> Export | None:
        """As another tool wants them; None for rows as the app itself keeps them."""
        if self.export_format == "rows":
            return None
        return Export(self.export_format, preamble_of(opened, self.preamble), newline="<NL>" if self.breaks else "\n")


class ExportHandlers(DataHandlers):
    """Shows and writes the rows of the open log in another form."""

    @handler
    def look(self, visitor: Visitor, log: str, form: ExportForm) -> tuple[gr.Radio, gr.Checkbox, str]:
        """(the preamble, <NL> or not, each where the form has it; the first sample)."""
        fields = gr.Radio(visible=form.export_format != AS_ROWS), gr.Checkbox(visible=form.export_format in MARKED)
        if not log:
            return *fields, ""
        opened = self.context.opened(visitor, log)
        if opened.plain is None or not opened.plain.train:
            return *fields, ""
        export = form.export(opened)
        if export is None:
            text = json.dumps(opened.rows("train")[0].to_json(), ensure_ascii=False, indent=1)
        else:
            sample = sample_of(opened.plain.train[0], export)
            text = (
                str(sample["text"])
                if form.export_format in MARKED
                else json.dumps(sample, ensure_ascii=False, indent=1)
            )
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n…"
        title = escape(t(visitor.language, "data.export_sample"))
        return *fields, f'<p class="muted">{title}</p><pre class="sample" tabindex="0">{escape(shown)}</pre>'

    @handler
    def download(self, visitor: Visitor, log: str, name: str, form: ExportForm) -> str:
        """The path of a zip with a file a split."""
        opened, _ = self.context.with_rows(visitor, log)
        if form.kind not in FILE_TYPES:
            raise InputError(
                f"There is no file type “{form.kind}”.", f"「{form.kind}」というファイルの種類はありません。"
            )
        with self.services.workspace.download_folder(visitor.owner) as folder:
            target = folder / f"{safe_name(name, 'rows')}.zip"
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
                for split, file in SPLIT_FILES.items():
                    part = folder / f"{Path(file).stem}.{form.kind}"
                    if _write(part, opened, split, form):
                        archive.write(part, part.name)
            return str(self.services.workspace.hand_out(visitor.owner, target))


def _write(path: Path, opened: OpenLog, split: str, form: ExportForm) -> bool:
    """Write one split; False where it has no rows. `rows` are the app's own, with bursts and sessions."""
    if export := form.export(opened):
        rows = getattr(opened.plain, split)
        return bool(rows and write_samples(path, rows, export, form.kind))
    rows = [row.to_json() for row in getattr(opened.prepared, split)]
    if not rows:
        return False
    if form.kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form.kind == "json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=0), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return True


def build(context: DataContext, page: Page, key: gr.BrowserState) -> None:
    """The fold "Download" with its events, where the page has the name of the data set."""
    handlers = ExportHandlers(context)
    choices = [(t_client(f"data.export_format_{name}"), name) for name in (AS_ROWS, *EXPORT_FORMATS)]
    with gr.Accordion(t_client("data.download_fold"), open=False, elem_id="data-download-fold") as fold:
        export_format = gr.Dropdown(
            choices, value=AS_ROWS, label=t_client("data.export_format"), elem_id="data-export-format"
        )
        preamble = gr.Radio(choice_names("preamble", PREAMBLES), value="none", label=t_client("data.preamble"),
                            visible=False, elem_id="data-export-preamble", elem_classes="list")  # fmt: skip
        breaks = gr.Checkbox(True, label=t_client("data.export_breaks"), visible=False, elem_id="data-export-breaks")
        kind = gr.Radio([("JSONL", "jsonl"), ("JSON", "json"), ("Parquet", "parquet")], value="jsonl",
                        label=t_client("data.file_type"), elem_id="data-file-type")  # fmt: skip
        sample = gr.HTML(padding=False, elem_id="data-sample-shown")
        download = gr.Button(t_client("data.download"), size="sm", elem_id="data-download")
        zipped = build_download("data-zip")
    form = ExportForm.inputs({"export_format": export_format, "preamble": preamble, "breaks": breaks, "kind": kind})
    gr.on([fold.expand, export_format.input, preamble.input, breaks.input, page["made"].change], handlers.look,
          [key, page["log"], *form], [preamble, breaks, sample], trigger_mode="always_last", **EVENT)  # fmt: skip
    wanted = [key, page["log"], page["name"], *form]
    zipped.after(download.click(handlers.download, wanted, zipped.file, **EVENT))
