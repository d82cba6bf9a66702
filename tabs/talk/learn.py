"""Learning from talks: the fold that hands them to the Data tab, with whose words are learned of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.chat.conversation import Conversation
from core.chat.learning import WHOSE_WORDS, ChatLines, WhoseWords, chat_lines
from core.data.log_choices import LogChoices
from core.errors import AppError
from core.files import safe_name
from core.logs.detect import read_log
from core.personas import Persona
from tabs.talk.handlers import stored
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

MOST_TALKS = 200
# The Data tab fills itself when it is opened for the first time; now it is to do so again.
FILL_DATA_TAB = "() => document.querySelector('#changed-opened-data')?.click()"


@dataclass(frozen=True)
class LearnHandlers:
    """Makes a log of a visitor's talks."""

    services: Services

    @handler
    def look(self, visitor: Visitor, conversation: str, others: list[str] | None) -> tuple[gr.Dropdown, gr.Radio, str]:
        """The fold is opened: (the other talks, whose words can be learned, what these talks hold)."""
        talk = stored(self.services, visitor, conversation)
        entries = self.services.conversations.entries(visitor.owner, MOST_TALKS)
        choices = [(entry.title, entry.id) for entry in entries if entry.id != talk.id and entry.title]
        known = {place for _, place in choices}
        kept = [one for one in others or () if one in known]
        persona, user = self._names(visitor, talk)
        whose = [(t(visitor.language, f"learn.{one}", persona=persona, user=user), one) for one in WHOSE_WORDS]
        lines = self._lines(visitor, talk, kept, "replies")
        approved = lines.count(lambda line: line.by_model and line.approved) if isinstance(lines, ChatLines) else 0
        chosen: WhoseWords = "approved" if approved else "replies"
        return (
            gr.Dropdown(choices=choices, value=kept, visible=bool(choices)),
            gr.Radio(choices=whose, value=chosen),
            self._counted(visitor, talk, kept, chosen),
        )

    @handler
    def count(self, visitor: Visitor, conversation: str, whose: WhoseWords, others: list[str] | None) -> str:
        """What the talks hold, with a warning where a persona would learn its own words."""
        return self._counted(visitor, stored(self.services, visitor, conversation), others or (), whose)

    @handler
    def learn(
        self, visitor: Visitor, conversation: str, whose: WhoseWords, others: list[str] | None
    ) -> tuple[gr.Tabs, str]:
        """The talks become the open log of the Data tab: (that tab, "")."""
        talk = stored(self.services, visitor, conversation)
        talks = self._talks(visitor, talk, others or ())
        found = chat_lines(talks, lambda one: self._names(visitor, one), _known(whose))
        logs, persona = self.services.open_logs, self._persona(visitor, talk)
        path = logs.write(visitor.owner, found.file(), ".jsonl")
        name = f"{safe_name(talk.title or persona.name, 'chat')}.jsonl"
        described = {found.persona: persona.description} if found.whose != "mine" and persona.description else {}
        logs.begin(visitor.owner)
        logs.choose(
            visitor.owner,
            LogChoices(path.name, name, persona=found.persona, descriptions=described,
                       edits=found.edits(read_log(path))),
        )  # fmt: skip
        return gr.Tabs(selected="data"), ""

    def _counted(self, visitor: Visitor, talk: Conversation, others: Sequence[str], whose: WhoseWords) -> str:
        language, found = visitor.language, self._lines(visitor, talk, others, _known(whose))
        if isinstance(found, AppError):
            return f'<p class="warn" role="status">{escape(found.text.in_language(language))}</p>'
        counts = {
            "replies": found.count(lambda line: line.by_model),
            "corrected": found.count(lambda line: line.by_model and bool(line.node.original)),
            "liked": found.count(lambda line: line.by_model and line.node.thumb == "up"),
            "disliked": found.count(lambda line: line.by_model and line.disliked),
        }
        said = escape(t(language, "learn.counts", **{name: f"{n:,}" for name, n in counts.items()}))
        own = escape(t(language, "learn.own_words")) if found.whose == "replies" and counts["replies"] else ""
        return f'<p class="muted num">{said}</p>' + (f'<p class="warn" role="status">{own}</p>' if own else "")

    def _lines(
        self, visitor: Visitor, talk: Conversation, others: Sequence[str], whose: WhoseWords
    ) -> ChatLines | AppError:
        try:
            return chat_lines(self._talks(visitor, talk, others), lambda one: self._names(visitor, one), whose)
        except AppError as error:
            return error

    def _talks(self, visitor: Visitor, talk: Conversation, others: Sequence[str]) -> list[Conversation]:
        """The talk on the page and the others that are still there."""
        more = (self.services.conversations.get(visitor.owner, one) for one in others[:MOST_TALKS] if one != talk.id)
        return [talk, *(one for one in more if one and one.path)]

    def _names(self, visitor: Visitor, talk: Conversation) -> tuple[str, str]:
        named = self._persona(visitor, talk).talking_with(self.services.chat.profiles.get(visitor.owner))
        return named.name, named.user

    def _persona(self, visitor: Visitor, talk: Conversation) -> Persona:
        try:
            return self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language)
        except AppError:  # it was deleted; what was said with it is still there
            return Persona(talk.persona or talk.adapter, "")


def _known(whose: object) -> WhoseWords:
    """What the page says was chosen, read with suspicion."""
    known: tuple[WhoseWords, ...] = tuple(one for one in WHOSE_WORDS if one == whose)
    return known[0] if known else WHOSE_WORDS[0]


def build(services: Services, shared: Shared) -> None:
    """The fold below the list of talks."""
    handlers = LearnHandlers(services)
    with gr.Accordion(t_client("learn.title"), open=False, elem_id="talk-learn") as fold:
        gr.Markdown(t_client("learn.info"), elem_classes="muted")
        whose = gr.Radio(choices=[], label=t_client("learn.whose"), elem_id="learn-whose")
        others = gr.Dropdown(
            choices=[], multiselect=True, label=t_client("learn.others"), visible=False, elem_id="learn-others"
        )
        counted = gr.HTML(padding=False, elem_id="learn-counts")
        make = gr.Button(t_client("learn.make"), variant="primary", size="sm", elem_id="learn-make")
    where = [shared.key, shared.conversation]
    fold.expand(handlers.look, [*where, others], [others, whose, counted], **EVENT)
    gr.on([whose.input, others.input], handlers.count, [*where, whose, others], counted,
          trigger_mode="always_last", **EVENT)  # fmt: skip
    made = make.click(handlers.learn, [*where, whose, others], [shared.tabs, counted], **EVENT)
    made.success(None, None, None, js=FILL_DATA_TAB, **EVENT)
