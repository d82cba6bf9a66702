"""At the foot of the page: what is kept of a visitor, what of it is damaged, and the way to be rid of all of it."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.own_files import DiskUse
from core.stored import DamagedError
from core.text import format_bytes
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform, warn
from tabs.ui.visitor import Visitor

RELOAD = "() => { location.reload(); }"


@dataclass(frozen=True)
class OwnFilesHandlers:
    """Looks, sets aside, deletes."""

    services: Services

    @handler
    def notice(self, visitor: Visitor) -> None:
        """Say what could not be read of the things that the page lists."""
        for error in self.services.own_files.damaged(visitor.owner, thorough=False)[:3]:
            warn(error, visitor.language)

    @handler
    def look(self, visitor: Visitor) -> tuple[str, gr.Radio, gr.Button]:
        """(what there is, as a table; the damaged ones; the button that sets one aside)."""
        own = self.services.own_files
        used, damaged = own.used(visitor.owner), own.damaged(visitor.owner)
        choices = [(error.text.in_language(visitor.language), str(error.path)) for error in damaged]
        return (
            self._table(used, damaged, visitor.language),
            gr.Radio(choices=choices, value=choices[0][1] if choices else None, visible=bool(choices)),
            gr.Button(visible=bool(choices)),
        )

    @handler
    def set_aside(self, visitor: Visitor, place: str | None) -> None:
        """Move the chosen damaged thing where the app no longer looks."""
        if place:
            kept = self.services.own_files.set_aside(visitor.owner, place)
            inform(visitor.language, "files.set_aside_done", place="/".join(kept.parts[-2:]))

    @handler
    def delete_all(self, visitor: Visitor) -> None:
        """Remove everything of the visitor's."""
        own = self.services.own_files
        size = sum(use.bytes for use in own.used(visitor.owner))
        own.delete_all(visitor.owner)
        inform(visitor.language, "files.deleted", size=format_bytes(size))

    def _table(self, used: list[DiskUse], damaged: list[DamagedError], language: str) -> str:
        if not used:
            return f'<div class="muted">{escape(t(language, "files.nothing"))}</div>'
        lines = [(t(language, f"files.{use.kind}"), _amount(use, language), "") for use in used]
        total = format_bytes(sum(use.bytes for use in used))
        notes = [t(language, "files.broken" if damaged else "files.whole")]
        if days := self.services.workspace.limits.expire_days:
            notes.insert(0, t(language, "files.expires", days=days))
        said = "".join(f'<p class="muted">{escape(note)}</p>' for note in notes)
        return html_parts.ledger([*lines, ("", t(language, "files.total", size=total), "total")]) + said


def _amount(use: DiskUse, language: str) -> str:
    return f"{t(language, 'files.files', n=use.files)}・{format_bytes(use.bytes)}"


def build(services: Services, shared: Shared) -> None:
    """A fold at the foot of the page."""
    handlers = OwnFilesHandlers(services)
    with gr.Accordion(t_client("files.title"), open=False, elem_id="own-files") as fold:
        gr.Markdown(t_client("files.how"), elem_classes="muted")
        table = gr.HTML(padding=False, elem_id="own-files-table")
        damaged = gr.Radio(choices=[], label=t_client("files.broken"),
                           show_label=False, container=False, visible=False, elem_classes="lines",
                           elem_id="own-files-damaged")  # fmt: skip
        aside = gr.Button(t_client("files.set_aside"), size="sm", visible=False, elem_id="own-files-aside")
        delete = gr.Button(t_client("files.delete"), variant="stop", size="sm", elem_id="own-files-delete")
        with gr.Column(visible=False, elem_classes="bare") as sure:
            gr.Markdown(t_client("files.sure"), elem_classes="muted")
            with gr.Row(elem_classes="actions"):
                yes = gr.Button(t_client("files.yes"), variant="stop", size="sm", elem_id="own-files-yes")
                no = gr.Button(t_client("files.no"), size="sm")
    outputs = [table, damaged, aside]
    fold.expand(handlers.look, shared.key, outputs, **EVENT)
    aside.click(handlers.set_aside, [shared.key, damaged], None, **EVENT).success(
        handlers.look, shared.key, outputs, **EVENT
    )
    delete.click(lambda: gr.Column(visible=True), None, sure, queue=False, **EVENT)
    no.click(lambda: gr.Column(visible=False), None, sure, queue=False, **EVENT)
    yes.click(handlers.delete_all, shared.key, None, **EVENT).success(None, None, None, js=RELOAD, **EVENT)
    shared.arrived.then(handlers.notice, shared.key, None, **EVENT)
