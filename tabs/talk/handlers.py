"""What happens when a person talks: send, retry, go on, edit, undo, stop, begin and delete."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import gradio as gr

from core.chat.conversation import Conversation
from core.errors import InputError
from tabs.talk.replies import Replies, seen_of
from tabs.talk.view import NOTHING_CHOSEN, drawn, is_thought, message_of, shown, typed, versions
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


@dataclass(frozen=True)
class TalkHandlers:
    """The transcript lives on the server; what the page sends is words and which conversation."""

    services: Services
    replies: Replies

    @handler
    def open_talk(self, visitor: Visitor, conversation: str) -> tuple:
        """Draw a conversation: (list of talks, adapter choice, *OUTPUTS)."""
        talk = stored(self.services, visitor, conversation)
        return self.titles(visitor, talk), self._adapters(visitor, talk), *self._whole(visitor, talk)

    @handler
    def send(self, visitor: Visitor, conversation: str, text: str, human: bool) -> Iterator[tuple]:
        """Say something and stream the answer, once the person has paused. Nothing said: the persona speaks first."""
        words = self.services.chat.rate_limiter.check(text)
        with self.replies.lock(visitor, conversation):
            talk = self._quiet(visitor, conversation)
            if not words and talk.path and talk.path[-1].role == "assistant":
                yield shown()
                return
            if words:
                self._check_fits(visitor, talk, words)
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            talk = self.services.conversations.save(visitor.owner, talk.said("user", words, time=time.time()))
            writing = self.replies.begin(visitor, talk)
        yield from self.replies.stream(visitor, talk, writing, human=human and bool(words))

    @handler
    def retry(self, visitor: Visitor, conversation: str, human: bool) -> Iterator[tuple]:
        """Another version of the last reply; the one that was there stays beside it."""
        with self.replies.lock(visitor, conversation):
            talk = self._quiet(visitor, conversation).without_reply()
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            writing = self.replies.begin(visitor, talk)
        yield from self.replies.stream(visitor, talk, writing, human=False)

    @handler
    def continue_(self, visitor: Visitor, conversation: str) -> Iterator[tuple]:
        """Let the persona say more: its last reply grows."""
        with self.replies.lock(visitor, conversation):
            talk = self._quiet(visitor, conversation)
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            writing = self.replies.begin(visitor, talk)
        answered = bool(talk.path) and talk.path[-1].role == "assistant"
        yield from self.replies.stream(visitor, talk, writing, human=False, go_on=answered)

    @handler
    def undo(self, visitor: Visitor, conversation: str) -> tuple:
        """Take the last exchange back; the words return to the message box."""
        with self.replies.lock(visitor, conversation):
            talk = self._quiet(visitor, conversation)
            asked = talk.without_reply()
            words = "\n".join(asked.path[-1].messages) if asked.path else ""
            talk = self.services.conversations.save(visitor.owner, talk.without_exchange())
        return self._whole(visitor, talk, box=words)

    @handler
    def edit(self, visitor: Visitor, conversation: str, human: bool, event: gr.EditData) -> Iterator[tuple]:
        """Change a message. After one's own the persona answers anew; the persona's is a correction to learn from."""
        words = self.services.chat.rate_limiter.check(typed(str(event.value)))
        if not words:
            raise InputError("An empty message cannot be kept. Use undo to take it back.",
                             "空のメッセージにはできません。取り消すには「戻す」を使ってください。")  # fmt: skip
        with self.replies.lock(visitor, conversation):
            talk = self._quiet(visitor, conversation)
            first = self.replies.parts.first(visitor.owner, talk)
            if is_thought(event, talk, first):
                raise InputError("Thoughts cannot be edited. Edit the reply below them.",
                                 "考えたことは編集できません。その下の返事を編集してください。")  # fmt: skip
            talk = talk.edited(message_of(event, talk, first), words)
            answered = talk.path[-1].role == "assistant"
            if not answered:
                self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            talk = self.services.conversations.save(visitor.owner, talk)
            writing = None if answered else self.replies.begin(visitor, talk)
        if writing:
            yield from self.replies.stream(visitor, talk, writing, human=False)
        else:
            yield self._whole(visitor, talk)

    @handler
    def show_earlier(self, visitor: Visitor, conversation: str) -> tuple:
        """Draw more of a long conversation's beginning."""
        talk = stored(self.services, visitor, conversation)
        self.replies.parts.show_more(visitor.owner, talk)
        return shown(**drawn(talk, self.replies.parts.first(visitor.owner, talk), visitor.language))

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
    def begin(self, visitor: Visitor, persona: str, adapter: str) -> str:
        """A new conversation with this persona and adapter; the old one stays in the list."""
        talk = self.services.chat.open_conversation(
            visitor.owner, visitor.language, persona=persona or "", adapter=adapter or ""
        )
        return talk.id

    @handler
    def change_adapter(self, visitor: Visitor, conversation: str, adapter: str) -> str:
        """Go on with another adapter, or with the base model: what the model sees then."""
        with self.replies.lock(visitor, conversation):
            talk = self._quiet(visitor, conversation)
            persona = talk.persona
            if not persona and not adapter:  # it was the adapter's own
                persona = self.services.personas.entries(visitor.owner, visitor.language)[0].id
            changed = replace(talk, adapter=adapter or "", persona=persona)
            talk = self.services.conversations.save(visitor.owner, changed)
        return seen_of(self.services, visitor, talk)

    @handler
    def delete(self, visitor: Visitor, conversation: str) -> str:
        """Remove this conversation for good and open the newest of the others, or a new one."""
        self.replies.give_up(visitor, conversation)
        self.services.chat.delete(visitor.owner, conversation)
        others = self.services.conversations.list_all(visitor.owner, most=1)
        return (others[0] if others else self.services.chat.open_conversation(visitor.owner, visitor.language)).id

    @handler
    def refresh_list(self, visitor: Visitor, conversation: str) -> gr.Radio:
        """The list of talks, with the title that a talk has by now."""
        return self.titles(visitor, stored(self.services, visitor, conversation))

    def titles(self, visitor: Visitor, talk: Conversation) -> gr.Radio:
        """The list of talks, standing on this one."""
        found = self.services.conversations.titles(visitor.owner)
        choices = [(title or t(visitor.language, "talk.untitled"), one) for one, title in found]
        return gr.Radio(choices=choices, value=talk.id)

    def _quiet(self, visitor: Visitor, conversation: str) -> Conversation:
        """The stored conversation, with no reply being written into it any more."""
        self.replies.give_up(visitor, conversation)
        return stored(self.services, visitor, conversation)

    def _check_fits(self, visitor: Visitor, talk: Conversation, words: str) -> None:
        """Raise before anything is stored, so that the words stay in the message box."""
        setting = self.services.chat.context(visitor.owner, talk, visitor.language)
        self.services.chat.prompt(setting, talk, words)

    def _whole(self, visitor: Visitor, talk: Conversation, **more: object) -> tuple:
        first = self.replies.parts.first(visitor.owner, talk)
        bubbles, chosen = drawn(talk, first, visitor.language), versions(talk, NOTHING_CHOSEN, visitor.language)
        seen = seen_of(self.services, visitor, talk)
        return shown(stop=gr.Button(visible=False), seen=seen, **bubbles, **chosen, **more)

    def _adapters(self, visitor: Visitor, talk: Conversation) -> gr.Dropdown:
        choices = [(t(visitor.language, "talk.base_only"), "")]
        choices += [(adapter.name, adapter.name) for adapter in self.services.adapters.list_all(visitor.owner)]
        return gr.Dropdown(choices=choices, value=talk.adapter)
