"""What the handlers of the Data tab have in common: the model that counts, and the log that is open."""

from dataclasses import dataclass, replace
from functools import partial

from core.data.io.open_logs import OpenLogs
from core.data.log_choices import LogChoices
from core.data.open_log import LogRead, MakingRows, MakingVariants, OpenLog, OpenStep, ReadingFile, StepReport, open_log
from core.data.prepare import Prepared
from core.errors import AppError, InputError
from core.files import safe_name
from core.models.loading import LoadedModel
from tabs.data import outputs
from tabs.data.outputs import View
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class DataContext:
    """Looks things up; opening and saving are the handlers' business."""

    services: Services
    logs: OpenLogs

    def model(self) -> LoadedModel | None:
        """The model whose tokenizer counts; None while there is none."""
        try:
            return self.services.models.current()
        except AppError:
            return None

    def opened(self, visitor: Visitor, log: str) -> OpenLog:
        """The owner's open log, read again where memory has lost it.

        Raises InputError when nothing is open, or when the page shows another log than `log`.
        """
        opened = self.logs.get(visitor.owner)
        if opened is None:
            choices = self.logs.choices(visitor.owner)
            if choices is None:
                raise gone()
            opened = self.read(visitor, choices, lambda _: None)
            self.logs.remember(visitor.owner, opened)
        if log and opened.choices.file != log:  # a page that outlived the server has no id
            raise gone()
        return opened

    def read(self, visitor: Visitor, choices: LogChoices, report: StepReport) -> OpenLog:
        """The log with these choices, as it is where only the choice of rows has changed.

        Raises InputError for a file that cannot be read, or was put away meanwhile.
        """
        before, place = self.logs.get(visitor.owner), partial(self.logs.place, visitor.owner)
        loaded, reading = self.model(), self.services.reading
        choices = replace(choices, template=self.services.template(visitor.owner))
        try:
            opened = open_log(choices, place, before=before, loaded=loaded, report=report, reading=reading)
            if loaded is None and (loaded := self.model()):  # it came meanwhile, and nobody will tell the page again
                opened = open_log(choices, place, before=opened, loaded=loaded, report=report, reading=reading)
            return opened
        except FileNotFoundError as error:
            raise gone() from error

    def with_rows(self, visitor: Visitor, log: str) -> tuple[OpenLog, Prepared]:
        """The open log and its rows. Raises the reason when it has none."""
        opened = self.opened(visitor, log)
        if opened.prepared is None:
            raise opened.problem or InputError(
                "There are no rows yet: the model is still being loaded. Try again in a moment.",
                "まだ行がありません。モデルの準備ができるまで、少し待ってください。",
            )
        return opened, opened.prepared

    def suggested_name(self, opened: OpenLog) -> str:
        """A data set's name after the persona and the format."""
        return safe_name(f"{opened.persona}-{opened.log.format.id}", "dataset")

    def view(self, visitor: Visitor, opened: OpenLog) -> View:
        """The page of an open log."""
        free = self.services.workspace.free_name(visitor.owner, "datasets", self.suggested_name(opened))
        return outputs.view_of(opened, self.model(), opened.saved or free, visitor.language)


@dataclass(frozen=True)
class DataHandlers:
    """What a class of the tab's handlers begins with."""

    context: DataContext

    @property
    def services(self) -> Services:
        return self.context.services


def step_text(step: OpenStep, language: str) -> str:
    """What is under way, as a sentence."""
    match step:
        case ReadingFile(name):
            return t(language, "data.reading", name=name)
        case LogRead():
            return t(language, "data.making", percent="0%")
        case MakingRows(share):
            return t(language, "data.making", percent=f"{share:.0%}")
        case MakingVariants(made, number):
            return t(language, "data.comparing", n=made, all=number)


def gone() -> InputError:
    """For a page that shows a log which is no longer the open one."""
    return InputError(
        "This log was put away or replaced in another window. Reload the page to see what is open now.",
        "この記録は、別の画面で片づけられたか置きかえられました。ページを読み込み直してください。",
    )
