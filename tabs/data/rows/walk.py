"""The rows of the open log: walking over them, drawing one, and keeping them as a data set."""

from dataclasses import replace

import gradio as gr

from core.data.profile import typing_pace
from core.workspace import Split
from tabs.data import outputs
from tabs.data.data_context import DataHandlers
from tabs.data.rows import row_view
from tabs.data.sets import saved_sets
from tabs.ui.handler import handler
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


class RowHandlers(DataHandlers):
    """Walks over the rows of the open log, and keeps them."""

    @handler
    def row(self, visitor: Visitor, log: str, split: Split, number: float) -> tuple[gr.Slider, str]:
        """A row: (its number, the row)."""
        return self._row(visitor, log, split, number)

    @handler
    def first(self, visitor: Visitor, log: str, split: Split) -> tuple[gr.Slider, str]:
        """The first row of a split."""
        return self._row(visitor, log, split, 1)

    @handler
    def previous(self, visitor: Visitor, log: str, split: Split, number: float) -> tuple[gr.Slider, str]:
        """The row before."""
        return self._row(visitor, log, split, number - 1)

    @handler
    def next(self, visitor: Visitor, log: str, split: Split, number: float) -> tuple[gr.Slider, str]:
        """The row behind."""
        return self._row(visitor, log, split, number + 1)

    @handler
    def save(self, visitor: Visitor, log: str, name: str) -> tuple:
        """Keep the rows as a data set: (its name, list of data sets, their card)."""
        saved = self._save(visitor, log, name)
        return saved, *saved_sets.listed(self.services, visitor, saved)

    @handler
    def learn(self, visitor: Visitor, log: str, name: str) -> tuple:
        """Keep the rows and go on to training: (name, list, card, data set to train on, the way there)."""
        saved = self._save(visitor, log, name)
        return saved, *saved_sets.listed(self.services, visitor, saved), saved, gr.Tabs(selected="train")

    def _row(self, visitor: Visitor, log: str, split: Split, number: float) -> tuple[gr.Slider, str]:
        opened = self.context.opened(visitor, log)
        count = len(opened.rows(split))
        at = max(1, min(int(number), count))
        return outputs.number(count, at), row_view.row(opened, split, at, self.context.model(), visitor.language)

    def _save(self, visitor: Visitor, log: str, name: str) -> str:
        """The name under which the rows are saved; the same rows are not saved twice under one name."""
        opened, prepared = self.context.with_rows(visitor, log)
        wanted = name.strip() or self.context.suggested_name(opened)
        if wanted == opened.saved and wanted in self.services.workspace.names(visitor.owner, "datasets"):
            return wanted
        saved = self.services.datasets.save(
            visitor.owner,
            wanted,
            prepared,
            description=opened.description,
            model=opened.model,
            typing=typing_pace(opened.log.messages, opened.persona),
        ).folder.name
        self.context.logs.remember(visitor.owner, replace(opened, saved=saved))
        inform(visitor.language, "data.saved_done", name=saved)
        return saved
