"""The saved data sets: a list, what each is, and what can be done with it."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.data.mix import parts_of
from core.errors import InputError
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.publish import build_publish
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


def listed(services: Services, visitor: Visitor, chosen: str | None = None) -> tuple[gr.Radio, gr.Column]:
    """(the list with `chosen` selected, its card, which only shows when there is one)."""
    choices = [
        (t(visitor.language, "data.saved_line", name=s.folder.name, n=f"{s.info.train_rows:,}"), s.folder.name)
        for s in services.datasets.list_all(visitor.owner)
    ]
    names = [name for _, name in choices]
    return gr.Radio(choices=choices, value=chosen if chosen in names else None), gr.Column(visible=bool(names))


@dataclass(frozen=True)
class SavedHandlers:
    """Lists, describes and deletes an owner's data sets."""

    services: Services

    @handler
    def refresh_list(self, visitor: Visitor, chosen: str | None) -> tuple[gr.Radio, gr.Column]:
        """(list, card)."""
        return listed(self.services, visitor, chosen)

    @handler
    def show(self, visitor: Visitor, chosen: str | None) -> tuple[str, gr.Column, gr.Column]:
        """(what it is, the actions, the question that is asked before deleting)."""
        if not chosen:
            return "", gr.Column(visible=False), gr.Column(visible=False)
        info = self.services.datasets.get(visitor.owner, chosen).info
        counts = (info.train_rows, info.validation_rows, *((info.test_rows,) if info.test_rows else ()))
        rows = [
            (escape(t(visitor.language, f"data.saved_{name}")), value, "")
            for name, value in (
                ("persona", info.persona), ("source", info.source),
                ("rows_test" if info.test_rows else "rows", "・".join(f"{n:,}" for n in counts)),
                ("created", info.created[:10]),
            )
        ]  # fmt: skip
        mixed = [
            (escape(t(visitor.language, "data.saved_mixed", name=part.name)), f"{part.rows:,} / {part.of:,}", "")
            for part in parts_of(info.recipe)
        ]
        return html_parts.ledger([*rows, *mixed]), gr.Column(visible=True), gr.Column(visible=False)

    @handler
    def learn(self, visitor: Visitor, chosen: str | None) -> tuple[str, gr.Tabs]:
        """Train on it: (its name, the way to the Train tab)."""
        return self.services.datasets.get(visitor.owner, chosen or "").folder.name, gr.Tabs(selected="train")

    @handler
    def delete(self, visitor: Visitor, chosen: str | None, dataset: str) -> tuple[gr.Radio, gr.Column, str]:
        """Remove it for good: (list, card, the data set that training stands on)."""
        if not chosen:
            raise InputError("Choose a data set in the list first.", "先に、一覧からデータセットを選んでください。")
        self.services.datasets.delete(visitor.owner, chosen)
        inform(visitor.language, "data.deleted", name=chosen)
        return *listed(self.services, visitor), "" if dataset == chosen else dataset


def build(services: Services, shared: Shared) -> tuple[gr.Radio, gr.Column]:
    """The card; returns the list and the card, for those who save."""
    handlers = SavedHandlers(services)
    with gr.Column(elem_classes="card", visible=False, elem_id="data-saved-card") as card:
        gr.Markdown(t_heading("data.saved"), elem_classes="title")
        with gr.Row(elem_classes="saved"):
            with gr.Column(scale=5, min_width=240, elem_classes="bare"):
                saved = gr.Radio(choices=[], label=t_client("data.saved"),
                                 show_label=False, container=False, elem_id="data-saved",
                                 elem_classes="pick")  # fmt: skip
            with gr.Column(scale=8, min_width=300, visible=False, elem_classes="bare") as actions:
                facts = gr.HTML(padding=False, elem_id="data-saved-facts")
                with gr.Row(elem_classes="actions"):
                    learn = gr.Button(t_client("data.saved_learn"), variant="primary", size="sm",
                                      elem_id="data-saved-learn")  # fmt: skip
                    delete = gr.Button(t_client("data.delete"), variant="stop", size="sm", elem_id="data-delete")
                with gr.Column(visible=False, elem_classes="bare") as sure:
                    gr.Markdown(t_client("data.delete_sure"), elem_classes="muted")
                    with gr.Row(elem_classes="actions"):
                        yes = gr.Button(
                            t_client("data.delete_yes"), variant="stop", size="sm", elem_id="data-delete-yes"
                        )
                        no = gr.Button(t_client("data.delete_no"), size="sm", elem_id="data-delete-no")
                build_publish(services, shared, what="dataset", chosen=saved)

    chosen = [shared.key, saved]
    shared.opened("data")(handlers.refresh_list, chosen, [saved, card], **EVENT)
    saved.change(handlers.show, chosen, [facts, actions, sure], **EVENT)
    learn.click(handlers.learn, chosen, [shared.dataset, shared.tabs], **EVENT)
    delete.click(lambda: gr.Column(visible=True), None, sure, queue=False, **EVENT)
    no.click(lambda: gr.Column(visible=False), None, sure, queue=False, **EVENT)
    yes.click(handlers.delete, [*chosen, shared.dataset], [saved, card, shared.dataset], **EVENT)
    return saved, card
