"""Walking over the rows of the open log, and keeping them as a data set."""

from dataclasses import dataclass, replace

import gradio as gr

from core.data.io.store import Split
from tabs.data import log_view, outputs, saved_sets
from tabs.data.data_context import DataContext
from tabs.ui.errors import shows_errors
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class RowHandlers:
    """Walks over the rows of the open log, and keeps them."""

    desk: DataContext

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
        gr.Info(t(visitor.language, "data.saved_done", name=saved))
        return saved
