"""Opening a log: uploads, the sample, what was guessed, and the choices that make the rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import gradio as gr

from core.data.io.export import PreambleKind
from core.data.recipe import Burst, RowShape
from core.errors import AppError
from core.settings import ROOT
from tabs.data import guesses, log_view, outputs, variants_view
from tabs.data.data_context import DataContext
from tabs.data.gaps import STEPS
from tabs.data.open_log import LogChoices
from tabs.data.outputs import UNCHANGED, View
from tabs.data.recipe_form import RecipeForm
from tabs.data.rows import SMALLEST_BUDGET, check_description, open_log
from tabs.ui.errors import shows_errors
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.text import t
from tabs.ui.visitor import Visitor

SET_RIGHT = ("names", "columns", "conversations")  # guesses that may be why there are no rows
MOST_LISTED = 50  # people of a large group whose names are put on the list at once
SAMPLES = {"ja": ROOT / "datasets" / "sample_line_aoi.txt", "en": ROOT / "datasets" / "sample_whatsapp_wren.txt"}


@dataclass(frozen=True)
class OpenLogHandlers:
    """Each yields the page step by step: what is under way, then the log and its rows."""

    desk: DataContext

    @shows_errors
    def arrive(self, key: str, request: gr.Request, token: gr.OAuthToken | None = None) -> Iterator[tuple]:
        """A page that loads: (formats that can be read, *View) of the log that was open, or of none."""
        visitor = self.desk.services.visitor(key, request, token)
        formats = f'<p class="muted">{escape(log_view.formats(visitor.language))}</p>'
        choices = self.desk.logs.choices(visitor.owner)
        if choices is None:
            yield formats, *outputs.nothing_open()
            return
        opened, loaded = self.desk.logs.get(visitor.owner), self.desk.model()
        if opened and opened.choices == choices and (loaded is None or loaded.name == opened.model):
            yield formats, *self.desk.view(visitor, opened)
            return
        for view in self._open(visitor, choices, t(visitor.language, "data.reading", name=choices.name)):
            yield formats, *view

    @shows_errors
    def upload(
        self, key: str, cached: list[str] | None, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> Iterator[tuple]:
        """Open the uploaded files as one log: (the three upload fields, cleared, *View)."""
        visitor = self.desk.services.visitor(key, request, token)
        if not cached:
            yield None, None, None, *UNCHANGED
            return
        for view in self._open_new(visitor, lambda: self._taken(visitor, cached)):
            yield None, None, None, *view

    @shows_errors
    def add(
        self, key: str, log: str, cached: list[str] | None, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> Iterator[tuple]:
        """Add what further files hold to the open log: as `upload`."""
        visitor = self.desk.services.visitor(key, request, token)
        if not cached:
            yield None, None, None, *UNCHANGED
            return
        for view in self._open_new(visitor, lambda: self._taken(visitor, cached), log):
            yield None, None, None, *view

    @shows_errors
    def sample(self, key: str, request: gr.Request, token: gr.OAuthToken | None = None) -> Iterator[View]:
        """Open the sample in the visitor's language."""
        visitor = self.desk.services.visitor(key, request, token)
        sample = SAMPLES[visitor.language]
        copied = lambda: [(self.desk.logs.copy(visitor.owner, sample).name, sample.name)]  # noqa: E731
        yield from self._open_new(visitor, copied)

    @shows_errors
    def reread(
        self, key: str, log: str, format: str | None, order: str | None, names: list[str] | None, sender: str | None,
        text: str | None, time: str | None, conversations: list[str] | None,
        request: gr.Request, token: gr.OAuthToken | None = None,
    ) -> Iterator[View]:  # fmt: skip
        """Read the file again with a person's answers to what was guessed."""
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.opened(visitor, log)
        choices = guesses.answered(opened, format, order, names, (sender, text, time), conversations)
        yield from self._open(visitor, choices, t(visitor.language, "data.reading", name=opened.choices.name))

    @shows_errors
    def choose(
        self, key: str, log: str, persona: str | None, description: str, budget: float | None, gap: float | None,
        shape: RowShape, burst: Burst, separator: str | None, clean: bool, turns: float | None, context: float | None,
        validation: float | None, test: float | None, line: PreambleKind, private: bool, secrets: list[str] | None,
        request: gr.Request, token: gr.OAuthToken | None = None,
    ) -> Iterator[View]:  # fmt: skip
        """Make the rows anew for what is chosen now; nothing where none of it changed."""
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.opened(visitor, log)
        others = tuple(s.name for s in opened.speakers if s.name != opened.persona)[:MOST_LISTED]
        form = RecipeForm(gap, shape, burst, separator, clean, turns, context, validation, test, line, private, secrets)
        choices = form.applied(opened.choices, others)
        if description.strip() != opened.description:
            written = {**choices.descriptions, opened.persona: check_description(description)}
            choices = replace(choices, descriptions=written)
        if persona and persona != opened.persona:
            choices = replace(choices, persona=persona)
        if budget and int(budget) != opened.budget and opened.budget:
            choices = replace(choices, budget=max(int(budget), SMALLEST_BUDGET))
        if choices == opened.choices:
            yield UNCHANGED
            return
        listed = choices.recipe.names != tuple(secrets or ())
        for view in self._open(visitor, choices):
            now = self.desk.logs.get(visitor.owner)
            done = now and now.choices == choices and view.row is not UNCHANGED.row
            yield outputs.after_choice(view, now, listed=listed) if done else view

    @shows_errors
    def take_variant(
        self, key: str, log: str, name: str | None, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> Iterator[View]:
        """Make the rows as a variant that was compared does."""
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.opened(visitor, log)
        variant = variants_view.chosen(opened, name)
        shape = {field: getattr(variant.recipe, field) for field in ("shape", "turns", "burst", "clean")}
        recipe = replace(opened.choices.recipe, **shape)
        yield from self._open(visitor, replace(opened.choices, recipe=recipe, line=variant.line))

    @shows_errors
    def mark(self, key: str, log: str, gap: float, request: gr.Request, token: gr.OAuthToken | None = None) -> str:
        """The histogram with the gap that the slider stands on, before the rows follow."""
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.opened(visitor, log)
        return outputs.plot(opened, float(STEPS[min(max(int(gap), 0), len(STEPS) - 1)]), visitor.language)

    @shows_errors
    def watch(self, key: str, log: str, request: gr.Request, token: gr.OAuthToken | None = None) -> Iterator[View]:
        """Make the rows when a model has come, or another one."""
        visitor = self.desk.services.visitor(key, request, token)
        opened, loaded = self.desk.logs.get(visitor.owner), self.desk.model()
        failed = self.desk.services.models.status.error if loaded is None else None
        if opened is None or opened.choices.file != log:
            yield UNCHANGED
        elif failed and opened.prepared is None and opened.problem is not failed:
            opened = replace(opened, problem=failed)
            self.desk.logs.remember(visitor.owner, opened)
            yield UNCHANGED._replace(row=log_view.row(opened, "train", 1, None, visitor.language))
        elif loaded is None or loaded.name == opened.model:
            yield UNCHANGED
        else:
            yield from self._open(visitor, opened.choices)

    @shows_errors
    def put_away(self, key: str, request: gr.Request, token: gr.OAuthToken | None = None) -> View:
        """Remove the log from the server; saved data sets stay."""
        visitor = self.desk.services.visitor(key, request, token)
        self.desk.logs.close(visitor.owner)
        gr.Info(t(visitor.language, "data.put_away_done"))
        return outputs.nothing_open()

    def _taken(self, visitor: Visitor, cached: Sequence[str]) -> list[tuple[str, str]]:
        """Uploaded files, on the shelf: (there, as the visitor calls them). All or none."""
        taken: list[tuple[str, str]] = []
        try:
            for path in cached:
                taken.append((self.desk.services.take_upload(visitor.owner, path).name, Path(path).name))
        except AppError:
            self.desk.logs.discard(visitor.owner, [file for file, _ in taken])
            raise
        return taken

    def _open_new(self, visitor: Visitor, take: Callable[[], list[tuple[str, str]]], log: str = "") -> Iterator[View]:
        """Open the files that `take` puts on the shelf, or add them to the open `log`.

        When that fails they go, and what was open stays.
        """
        try:
            before = self.desk.opened(visitor, log).choices if log else None
            files = take()
        except AppError as error:
            yield outputs.idle(in_words(error, visitor.language))
            raise
        (file, name), *more = files
        choices = replace(before, more=(*before.more, *files)) if before else LogChoices(file, name, tuple(more))
        try:
            yield from self._open(visitor, choices, t(visitor.language, "data.reading", name=name), new=not log)
        finally:
            self.desk.logs.discard(visitor.owner, [file for file, _ in files])

    def _open(self, visitor: Visitor, choices: LogChoices, sentence: str = "", *, new: bool = False) -> Iterator[View]:
        if sentence:
            yield outputs.busy(sentence)
        loaded, opened = self.desk.model(), None
        try:
            for step in with_progress(lambda report: open_log(
                self.desk.logs, visitor.owner, choices, loaded=loaded, language=visitor.language, report=report
            )):  # fmt: skip
                if isinstance(step, Result):
                    opened = step.value
                else:
                    yield outputs.busy(step)
            if new and opened.problem and not any(guess.about in SET_RIGHT for guess in opened.log.guesses):
                raise opened.problem  # nothing that could be set right here
            self.desk.logs.keep(visitor.owner, opened)
        except AppError as error:
            yield outputs.idle(in_words(error, visitor.language))
            raise
        yield self.desk.view(visitor, opened)
