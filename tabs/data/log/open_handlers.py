"""Opening a log: uploads, the sample, what was guessed, and the choices that make the rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

from core.data.gaps import GAP_STEPS
from core.data.log_choices import LogChoices
from core.data.open_log import LogRead, OpenLog, StepReport
from core.errors import AppError, InputError
from core.settings import ROOT
from tabs.data import outputs
from tabs.data.data_context import DataHandlers, step_text
from tabs.data.log import log_view
from tabs.data.log.guesses import ReadingForm
from tabs.data.outputs import UNCHANGED, View
from tabs.data.rows import row_view
from tabs.data.rows.recipe_form import RecipeForm
from tabs.ui import html_parts
from tabs.ui.handler import handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.text import t
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

SET_RIGHT = ("names", "columns", "conversations")  # guesses that may be why there are no rows
SAMPLES = {"ja": ROOT / "datasets" / "sample_line_aoi.txt", "en": ROOT / "datasets" / "sample_whatsapp_wren.txt"}


class OpenLogHandlers(DataHandlers):
    """Each yields the page step by step: what is under way, then the log and its rows."""

    @handler
    def arrive(self, visitor: Visitor) -> Iterator[tuple]:
        """A page that loads: (formats that can be read, *View) of the log that was open, or of none."""
        yield from self._arrived(visitor)

    def _arrived(self, visitor: Visitor) -> Iterator[tuple]:
        formats = f'<p class="muted">{escape(log_view.formats(visitor.language))}</p>'
        choices = self.context.logs.choices(visitor.owner)
        if choices is None:
            yield formats, *outputs.nothing_open()
            return
        opened, loaded = self.context.logs.get(visitor.owner), self.context.model()
        made = opened and (opened.prepared or opened.problem)
        if opened and opened.choices == choices and (loaded is None or (made and loaded.name == opened.model)):
            yield formats, *self.context.view(visitor, opened)
            return
        for view in self._open(visitor, choices, t(visitor.language, "data.reading", name=choices.name)):
            yield formats, *view

    @handler
    def upload(self, visitor: Visitor, cached: list[str] | None) -> Iterator[tuple]:
        """Open the uploaded files as one log: (the three upload fields, cleared, *View)."""
        if not cached:
            yield None, None, None, *UNCHANGED
            return
        for view in self._open_new(visitor, lambda: self._taken(visitor, cached)):
            yield None, None, None, *view

    @handler
    def add(self, visitor: Visitor, log: str, cached: list[str] | None) -> Iterator[tuple]:
        """Add what further files hold to the open log: as `upload`."""
        if not cached:
            yield None, None, None, *UNCHANGED
            return
        for view in self._open_new(visitor, lambda: self._taken(visitor, cached), log):
            yield None, None, None, *view

    @handler
    def sample(self, visitor: Visitor) -> Iterator[View]:
        """Open the sample in the visitor's language."""
        sample = SAMPLES[visitor.language]
        copied = lambda: [(self.context.logs.copy(visitor.owner, sample).name, sample.name)]  # noqa: E731
        yield from self._open_new(visitor, copied)

    @handler
    def reread(self, visitor: Visitor, log: str, form: ReadingForm) -> Iterator[View]:
        """Read the file again with a person's answers to what was guessed."""
        opened = self.context.opened(visitor, log)
        reading = t(visitor.language, "data.reading", name=opened.choices.name)
        yield from self._open(visitor, form.applied(opened), reading)

    @handler
    def stop(self, visitor: Visitor) -> Iterator[tuple]:
        """Give up what is under way: as `arrive`. A log that was read stays; its rows can be made later."""
        self.context.logs.begin(visitor.owner)
        opened = self.context.logs.get(visitor.owner)
        if opened and opened.model and not (opened.prepared or opened.problem):
            self.context.logs.remember(visitor.owner, replace(opened, problem=stopped()))
        yield from self._arrived(visitor)

    @handler
    def make_rows(self, visitor: Visitor, log: str) -> Iterator[View]:
        """Make the rows of a log whose rows were given up."""
        yield from self._open(visitor, self.context.opened(visitor, log).choices)

    @handler
    def choose(self, visitor: Visitor, log: str, form: RecipeForm) -> Iterator[View]:
        """Make the rows anew for what is chosen now; nothing where none of it changed."""
        opened = self.context.opened(visitor, log)
        choices = form.applied(opened)
        if choices == opened.choices:
            yield UNCHANGED
            return
        listed = choices.recipe.names != tuple(form.secrets or ())
        for view in self._open(visitor, choices):
            now = self.context.logs.get(visitor.owner)
            if now and now.choices == choices and view.row is not UNCHANGED.row:
                view = outputs.after_choice(view, now, listed=listed)
            yield view

    @handler
    def take_variant(self, visitor: Visitor, log: str, name: str | None) -> Iterator[View]:
        """Make the rows as a variant that was compared does."""
        opened = self.context.opened(visitor, log)
        variant = opened.variant(name)
        shape = {field: getattr(variant.recipe, field) for field in ("shape", "turns", "burst", "clean")}
        recipe = replace(opened.choices.recipe, **shape)
        yield from self._open(visitor, replace(opened.choices, recipe=recipe, preamble_kind=variant.preamble_kind))

    @handler
    def mark(self, visitor: Visitor, log: str, gap: float) -> str:
        """The histogram with the gap that the slider stands on, before the rows follow."""
        opened = self.context.opened(visitor, log)
        return outputs.plot(opened, float(GAP_STEPS[min(max(int(gap), 0), len(GAP_STEPS) - 1)]), visitor.language)

    @handler
    def watch(self, visitor: Visitor, log: str) -> Iterator[View]:
        """Make the rows when a model has come, or another one."""
        opened, loaded = self.context.logs.get(visitor.owner), self.context.model()
        failed = self.services.models.status.error if loaded is None else None
        if opened is None or opened.choices.file != log:
            yield UNCHANGED
        elif failed and opened.prepared is None and opened.problem is not failed:
            opened = replace(opened, problem=failed)
            self.context.logs.remember(visitor.owner, opened)
            yield UNCHANGED._replace(row=row_view.row(opened, "train", 1, None, visitor.language))
        elif loaded is None or (loaded.name == opened.model and self._same_template(visitor, opened)):
            yield UNCHANGED
        else:
            yield from self._open(visitor, opened.choices)

    def _same_template(self, visitor: Visitor, opened: OpenLog) -> bool:
        return opened.choices.template == self.services.template(visitor.owner)

    @handler
    def put_away(self, visitor: Visitor) -> View:
        """Remove the log from the server; saved data sets stay."""
        self.context.logs.close(visitor.owner)
        inform(visitor.language, "data.put_away_done")
        return outputs.nothing_open()

    def _taken(self, visitor: Visitor, cached: Sequence[str]) -> list[tuple[str, str]]:
        """Uploaded files, stored: (there, as the visitor calls them). All or none."""
        taken: list[tuple[str, str]] = []
        try:
            for path in cached:
                taken.append((self.services.take_upload(visitor, path).name, Path(path).name))
        except AppError:
            self.context.logs.discard(visitor.owner, [file for file, _ in taken])
            raise
        return taken

    def _open_new(self, visitor: Visitor, take: Callable[[], list[tuple[str, str]]], log: str = "") -> Iterator[View]:
        """Open the files that `take` stores, or add them to the open `log`.

        When that fails they go, and what was open stays.
        """
        try:
            before = self.context.opened(visitor, log).choices if log else None
            files = take()
        except AppError as error:
            yield outputs.idle(in_words(error, visitor.language))
            raise
        (file, name), *more = files
        choices = replace(before, more=(*before.more, *files)) if before else LogChoices(file, name, tuple(more))
        try:
            yield from self._open(visitor, choices, t(visitor.language, "data.reading", name=name), new=not log)
        finally:
            self.context.logs.discard(visitor.owner, [file for file, _ in files])

    def _open(self, visitor: Visitor, choices: LogChoices, sentence: str = "", *, new: bool = False) -> Iterator[View]:
        if sentence:
            yield outputs.busy(sentence)
        logs, mark = self.context.logs, self.context.logs.begin(visitor.owner)
        read = False

        def work(report: StepReport) -> OpenLog:
            return self.context.read(visitor, choices, report)

        try:
            for step in with_progress(work):
                if not logs.is_newest(visitor.owner, mark):  # something else was chosen meanwhile, or it was stopped
                    yield outputs.idle()
                    return
                if isinstance(step, Result):
                    opened = step.value
                    settable = read or any(guess.about in SET_RIGHT for guess in opened.log.guesses)
                    if new and opened.problem and not settable:
                        raise opened.problem  # nothing that could be set right here
                    logs.keep(visitor.owner, opened)
                    yield self.context.view(visitor, opened)
                elif isinstance(step, LogRead):
                    read = True
                    logs.keep(visitor.owner, step.opened)
                    making = html_parts.working(step_text(step, visitor.language))
                    yield self.context.view(visitor, step.opened)._replace(progress=making, made=UNCHANGED.made)
                else:
                    yield outputs.busy(step_text(step, visitor.language))
        except AppError as error:
            yield outputs.idle(in_words(error, visitor.language))
            raise


def stopped() -> InputError:
    """Said of a log whose rows were given up."""
    return InputError(
        "You stopped it. Make the rows now, or choose another person first.",
        "途中でやめました。このまま行をつくるか、先に別の人を選んでください。",
    )
