"""What the sections of the Tokens tab have in common: the text or log at hand, and the tokenizers by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import gradio as gr

from core.catalogue.bundled import NAME as BUNDLED
from core.data.open_log import read_files
from core.data.sessions import talking_order
from core.errors import AppError, InputError
from core.logs.log import Log
from core.messages import Kind, Message
from core.models.loading import LoadedModel
from core.tokens.pieces import check_text
from core.tokens.sources import OWN, TokenizerSources
from tabs.ui.html_parts import working
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.text import t_client
from tabs.ui.visitor import Visitor

TEXT, LOG = "text", "log"
LONGEST = 20_000  # characters of a log where a text is looked at as a whole
T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class TokensContext:
    """Looks things up; changes nothing."""

    services: Services
    sources: TokenizerSources

    def loaded(self) -> LoadedModel:
        """The model that talks. Raises ModelError while there is none."""
        return self.services.models.current()

    def has_log(self, visitor: Visitor) -> bool:
        """Whether the visitor has a log open."""
        return self.services.open_logs.choices(visitor.owner) is not None

    def at_hand(self, visitor: Visitor) -> list[str]:
        """The tokenizers that can be compared without a download, as `TokenizerSources.open_named` takes them."""
        choices = self.sources.choices(visitor.owner)
        return [value for _, value in choices if value in ("", BUNDLED) or value.startswith(OWN)]

    def log(self, visitor: Visitor) -> Log:
        """The visitor's open log. Raises InputError where none is."""
        logs = self.services.open_logs
        opened, choices = logs.get(visitor.owner), logs.choices(visitor.owner)
        if choices is None:
            raise InputError(
                "No chat log is open. Open one in Data first, or the sample there, or look at the text above.",
                "トーク履歴が開かれていません。「データ」で開くか、そこのサンプルを試すか、上の文章を使ってください。",
            )
        if opened and opened.choices == choices:
            return opened.log
        place = partial(logs.place, visitor.owner)
        return read_files(choices, place, lambda step: None, self.services.reading)[0]

    def messages(self, visitor: Visitor, source: str, text: str) -> Sequence[Message]:
        """What was said, in order: the words of the open log, or the lines of the text."""
        if source == LOG:
            every = self.log(visitor).messages
            ordered = (every[at] for at in talking_order(every))
            return [message for message in ordered if message.kind is Kind.TEXT and message.text.strip()]
        lines = enumerate(check_text(text).splitlines(), start=1)
        return [Message(None, line, number) for number, line in lines if line.strip()]

    def text(self, visitor: Visitor, source: str, text: str, most: int = LONGEST) -> str:
        """The text at hand, of a log its first `most` characters by whole messages. Raises InputError for none."""
        if source != LOG:
            return check_text(text)
        taken, size = [], 0
        for message in self.messages(visitor, source, text):
            size += len(message.text) + 1
            if taken and size > most:
                break
            taken.append(message.text)
        return check_text("\n".join(taken)[:most])


@dataclass(frozen=True)
class TokensHandlers:
    """What a class of the tab's handlers begins with."""

    context: TokensContext

    @property
    def services(self) -> Services:
        return self.context.services


@dataclass(frozen=True)
class TokensPage:
    """The components that all sections read."""

    key: gr.BrowserState
    source: gr.Radio
    text: gr.Textbox

    @property
    def inputs(self) -> list[gr.BrowserState | gr.Radio | gr.Textbox]:
        """The visitor's key, and what is looked at."""
        return [self.key, self.source, self.text]


def told(
    work: Callable[[Callable[[S], None]], T], sentence: Callable[[S], str], draw: Callable[[T], str], *, first: str,
    language: str, under: Callable[[S], str] = lambda step: "",
) -> Iterator[str]:  # fmt: skip
    """Run `work(report)` and yield HTML: the sentence of each step under a moving bar, at last what `draw` makes.

    `first` is said before the first step, and what `under` makes of a step stands below its sentence.
    Raises what `work` raises, and leaves its sentence on the page.
    """
    yield working(first)
    try:
        for step in with_progress(work):
            yield draw(step.value) if isinstance(step, Result) else working(sentence(step)) + under(step)
    except AppError as error:
        yield in_words(error, language)
        raise


def build_stop(elem_id: str) -> gr.Button:
    """A button that is in sight only while its section works, beside the one that began it."""
    return gr.Button(t_client("tokens.stop"), size="sm", elem_id=elem_id, elem_classes="while-working")
