"""What happens when a person talks: send, stop, begin, delete, and what was changed elsewhere."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import gradio as gr

from core.chat.conversation import Conversation
from core.chat.group import MOST_ALONE
from core.chat.viewpoint import said_in
from core.errors import AppError, InputError
from core.personas import Persona
from tabs.talk.painter import mark
from tabs.talk.replies import Replies, Writing, seen_of
from tabs.talk.replies_in_a_row import replies_in_a_row
from tabs.talk.talks_drawn import Removed, TalkList
from tabs.talk.view import OUTPUTS, shown
from tabs.ui import html_parts
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


def stored(services: Services, visitor: Visitor, conversation: str) -> Conversation:
    """The visitor's conversation. Raises InputError when it is gone."""
    talk = services.conversations.get(visitor.owner, conversation) if conversation else None
    if talk is None:
        raise InputError(
            "This conversation is not here any more. Begin a new one.",
            "この会話はもうありません。新しい会話を始めてください。",
        )
    return talk


def persona_of(services: Services, visitor: Visitor, conversation: str) -> Persona:
    """Whom the visitor talks with there; whom a new talk would be with when it is gone."""
    talk = services.conversations.get(visitor.owner, conversation)
    return services.chat.persona(
        visitor.owner, talk.persona if talk else "", talk.adapter if talk else "", visitor.language
    )


def refusal(error: AppError, language: str, *, back: bool = False) -> str:
    """Why something was not done, to stand beside the message box; `back`: the words return into it."""
    said = html_parts.escape(error.text.in_language(language))
    return f'<p class="refused" role="alert"{" data-back" if back else ""}>{said}</p>'


@dataclass(frozen=True)
class TalkHandlers:
    """The transcript lives on the server; what the page sends is words and which conversation."""

    services: Services
    replies: Replies

    @cached_property
    def talk_list(self) -> TalkList:
        """Draws the list of talks for all handlers of the tab."""
        return TalkList(self.services)

    @handler
    def open_talk(self, visitor: Visitor, conversation: str, query: str) -> tuple:
        """Draw a conversation: (list of talks, adapter choice, *OUTPUTS); `query` is what is searched in the list."""
        talk = stored(self.services, visitor, conversation)
        listed = self.talk_list.drawn(visitor, conversation, query)
        return listed, self._adapters(visitor, talk), *self.whole(visitor, talk)

    @handler
    def send(self, visitor: Visitor, conversation: str, text: str, human: bool) -> Iterator[tuple]:
        """Say something and stream the answer, once the person has paused. Nothing said: the persona speaks first.

        What cannot be said goes back into the message box, and beside it stands why.
        """
        try:
            admitted = self.admitted(visitor, conversation, text)
        except AppError as error:
            yield shown(stop=gr.Button(visible=False), notice=refusal(error, visitor.language, back=True))
            return
        yield from self.unfailing(visitor, conversation, self.answered(visitor, admitted, human and bool(text.strip())))

    def admitted(self, visitor: Visitor, conversation: str, text: str) -> tuple[Conversation, Writing | None] | None:
        """What was said is stored, and a reply to it announced; None where there is nothing to reply to. Raises.

        Nobody replies at once where it is chosen by hand who does.
        """
        words = self.services.chat.rate_limiter.check(text)
        with self.replies.lock(visitor, conversation):
            talk = self.quiet(visitor, conversation)
            by_hand = bool(talk.group) and talk.group.order == "hand"
            if not words and (by_hand or (talk.path and talk.path[-1].role == "assistant" and not talk.group)):
                return None
            if words:
                self._check_fits(visitor, talk, words)
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            talk = self.services.conversations.save(visitor.owner, talk.said("user", words, time=time.time()))
            return talk, None if by_hand else self.replies.begin(visitor, talk)

    def answered(
        self, visitor: Visitor, admitted: tuple[Conversation, Writing | None] | None, human: bool
    ) -> Iterator[tuple]:
        """The reply that was announced, as values of OUTPUTS; in a group, everybody's who replies to it."""
        if admitted is None:
            yield shown(notice="")
            return
        talk, writing = admitted
        if writing is None:
            yield self.whole(visitor, talk)
        elif talk.group:
            count = talk.group.replies_to(said_in(talk))
            yield from replies_in_a_row(self.services, self.replies, visitor, talk, writing, count, human=human)
        else:
            yield from self.replies.stream(visitor, talk, writing, human=human)

    def among_themselves(self, visitor: Visitor, conversation: str, count: str, human: bool) -> Iterator[tuple]:
        """A group goes on without the user, for as many replies as are wanted, or until it is stopped."""
        with self.replies.lock(visitor, conversation):
            talk = self.quiet(visitor, conversation)
            if not talk.group or talk.group.order == "hand":
                raise InputError("Nobody speaks by themselves here. Choose who speaks next.",
                                 "ここでは、だれも自分からは話しません。次に話す人を選んでください。")  # fmt: skip
            wanted = int(count) if count.isdecimal() and len(count) < 4 else talk.group.alone
            group = replace(talk.group, alone=min(max(wanted, 1), MOST_ALONE))
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            talk = self.services.conversations.save(visitor.owner, replace(talk, group=group))
            writing = self.replies.begin(visitor, talk)
            writing.paused = True  # nobody writes meanwhile
        yield from replies_in_a_row(self.services, self.replies, visitor, talk, writing, group.alone, human=human)

    def unfailing(self, visitor: Visitor, conversation: str, values: Iterator[tuple]) -> Iterator[tuple]:
        """The same values; an error ends them as a sentence beside the message box, and the talk as it is stored."""
        try:
            yield from values
        except AppError as error:
            drawn: dict[str, object] = {}
            with suppress(AppError):  # it may be this very talk that cannot be read
                drawn = self.replies.painter.drawn(visitor, stored(self.services, visitor, conversation))
            yield shown(stop=gr.Button(visible=False), notice=refusal(error, visitor.language), **drawn)

    @handler
    def show_earlier(self, visitor: Visitor, conversation: str) -> tuple:
        """Draw more of a long conversation's beginning."""
        talk = stored(self.services, visitor, conversation)
        self.replies.painter.parts.show_more(visitor.owner, talk)
        return shown(**self.replies.painter.drawn(visitor, talk))

    @handler
    def refresh(self, visitor: Visitor, conversation: str, drawn: str, query: str) -> tuple:
        """(list of talks, *OUTPUTS) where the conversation was changed elsewhere: in another tab, on another device."""
        talk = self.services.conversations.get(visitor.owner, conversation) if conversation else None
        if talk is None or mark(talk) == drawn or self.replies.is_writing(visitor, conversation):
            return (gr.skip(),) * (1 + len(OUTPUTS))
        return self.talk_list.drawn(visitor, conversation, query), *self.whole(visitor, talk)

    @handler
    def redraw(self, visitor: Visitor, conversation: str) -> tuple:
        """A conversation whose persona was changed."""
        return self.whole(visitor, stored(self.services, visitor, conversation))

    @handler
    def show_head(self, visitor: Visitor, conversation: str) -> str | dict:
        """The head of the chat, when another model is there."""
        talk = self.services.conversations.get(visitor.owner, conversation) if conversation else None
        return self.replies.painter.head(visitor, talk) if talk else gr.skip()

    @handler
    def stop(self, visitor: Visitor, conversation: str) -> None:
        """End the reply that is being written; what is there stays."""
        self.replies.stop(visitor, conversation)

    @handler
    def pause(self, visitor: Visitor, conversation: str) -> None:
        """The person has stopped writing, so the reply is shown."""
        self.replies.pause(visitor, conversation)

    @handler
    def preview(self, visitor: Visitor, conversation: str, text: str) -> str | dict:
        """What the model would see if this were sent."""
        if not conversation:  # the page has not arrived yet
            return gr.skip()
        return seen_of(self.services, visitor, stored(self.services, visitor, conversation), text)

    @handler
    def preview_draft(self, visitor: Visitor, conversation: str, text: str) -> str | dict:
        """`preview` of what was written while the talk was being opened; nothing where the box is empty."""
        if not conversation or not (text or "").strip():
            return gr.skip()
        return seen_of(self.services, visitor, stored(self.services, visitor, conversation), text)

    @handler
    def begin(self, visitor: Visitor, conversation: str, adapter: str) -> str:
        """A new conversation with the same persona, and this adapter; the old one stays in the list."""
        persona = stored(self.services, visitor, conversation).persona
        talk = self.services.chat.open_conversation(
            visitor.owner, visitor.language, persona=persona, adapter=adapter or ""
        )
        return talk.id

    @handler
    def change_adapter(self, visitor: Visitor, conversation: str, adapter: str) -> str:
        """Go on with another adapter, or with the base model: what the model sees then."""
        with self.replies.lock(visitor, conversation):
            talk = self.quiet(visitor, conversation)
            persona = talk.persona
            if not persona and not adapter:  # it was the adapter's own
                persona = self.services.personas.entries(visitor.owner, visitor.language)[0].id
            changed = replace(talk, adapter=adapter or "", persona=persona, group=talk.group.led_by(persona, adapter))
            talk = self.services.conversations.save(visitor.owner, changed)
        return seen_of(self.services, visitor, talk)

    def removed(self, visitor: Visitor, conversation: str) -> str:
        """Take a conversation out of sight, which the list then offers to put back; the id of another one to open."""
        self.replies.give_up(visitor, conversation)
        if talk := self.services.conversations.get(visitor.owner, conversation):
            self.services.chat.remove(visitor.owner, conversation)
            self.talk_list.offer(visitor, Removed(conversation, talk.title))
        others = self.services.conversations.list_all(visitor.owner, most=1)
        return (others[0] if others else self.services.chat.open_conversation(visitor.owner, visitor.language)).id

    @handler
    def refresh_list(self, visitor: Visitor, conversation: str, query: str) -> str:
        """The list of talks, with the title that a talk has by now; what was removed is offered no longer."""
        self.talk_list.offered.pop(visitor.owner, None)
        return self.talk_list.drawn(visitor, conversation, query)

    def quiet(self, visitor: Visitor, conversation: str) -> Conversation:
        """The stored conversation, with no reply being written into it any more."""
        self.replies.give_up(visitor, conversation)
        return stored(self.services, visitor, conversation)

    def _check_fits(self, visitor: Visitor, talk: Conversation, words: str) -> None:
        """Raise before anything is stored, so that the words stay in the message box."""
        talk = self.services.chat.before_reply(visitor.owner, talk.said("user", words), visitor.language)
        setting = self.services.chat.context(visitor.owner, talk, visitor.language)
        self.services.chat.prompt(setting, talk)

    def whole(self, visitor: Visitor, talk: Conversation, **more: object) -> tuple:
        """Everything of a conversation that stands still."""
        about = {"seen": seen_of(self.services, visitor, talk), "head": self.replies.painter.head(visitor, talk)}
        drawn = self.replies.painter.drawn(visitor, talk, undo=self.replies.undone(visitor, talk))
        return shown(stop=gr.Button(visible=False), notice="", **drawn, **about, **more)

    def _adapters(self, visitor: Visitor, talk: Conversation) -> gr.Dropdown:
        choices = [(t(visitor.language, "talk.base_only"), "")]
        choices += [(adapter.name, adapter.name) for adapter in self.services.adapters.list_all(visitor.owner)]
        return gr.Dropdown(choices=choices, value=talk.adapter)
