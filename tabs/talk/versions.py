"""The row of buttons below the chat: other versions of a message, a branch of its own, taking it out, thumbs."""

from dataclasses import dataclass

import gradio as gr

from core.chat.conversation import Conversation, Thumb
from tabs.talk.handlers import stored
from tabs.talk.replies import Replies, seen_of
from tabs.talk.view import NOTHING_CHOSEN, acted_on, drawn, message_of, shown, versions
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class VersionHandlers:
    """Each acts on the message that was clicked, or else on the last one."""

    services: Services
    replies: Replies

    @handler
    def choose(self, visitor: Visitor, conversation: str, chosen: int, event: gr.SelectData) -> tuple:
        """A message was clicked: the buttons are about it; about the last one again when it is clicked twice."""
        talk = stored(self.services, visitor, conversation)
        index = message_of(event, talk, self.replies.parts.first(visitor.owner, talk))
        return shown(**versions(talk, NOTHING_CHOSEN if index == chosen else index, visitor.language))

    @handler
    def older(self, visitor: Visitor, conversation: str, chosen: int) -> tuple:
        """The version before."""
        return self._turn(visitor, conversation, chosen, -1)

    @handler
    def newer(self, visitor: Visitor, conversation: str, chosen: int) -> tuple:
        """The version after."""
        return self._turn(visitor, conversation, chosen, 1)

    @handler
    def branch(self, visitor: Visitor, conversation: str, chosen: int) -> str:
        """A conversation of its own that begins like this one up to the message; the id of it."""
        self.replies.give_up(visitor, conversation)
        talk = stored(self.services, visitor, conversation)
        branch = self.services.conversations.branch(visitor.owner, talk, acted_on(talk, chosen))
        inform(visitor.language, "talk.branched")
        return branch.id

    @handler
    def remove(self, visitor: Visitor, conversation: str, chosen: int) -> tuple:
        """Take a message out; what followed it stays."""
        with self.replies.lock(visitor, conversation):
            self.replies.give_up(visitor, conversation)
            talk = stored(self.services, visitor, conversation)
            talk = self.services.conversations.save(visitor.owner, talk.without_message(acted_on(talk, chosen)))
        return self._drawn(visitor, talk, NOTHING_CHOSEN)

    @handler
    def thumb(self, visitor: Visitor, conversation: str, event: gr.LikeData) -> None:
        """A reply was liked, disliked, or neither any more."""
        thumbs: dict[object, Thumb] = {True: "up", "Like": "up", False: "down", "Dislike": "down"}
        given = thumbs.get(event.liked, "")
        with self.replies.lock(visitor, conversation):
            talk = stored(self.services, visitor, conversation)
            index = message_of(event, talk, self.replies.parts.first(visitor.owner, talk))
            self.services.conversations.save(visitor.owner, talk.rated(index, given))

    def _turn(self, visitor: Visitor, conversation: str, chosen: int, step: int) -> tuple:
        with self.replies.lock(visitor, conversation):
            self.replies.give_up(visitor, conversation)
            talk = stored(self.services, visitor, conversation)
            index = acted_on(talk, chosen)
            first = index - talk.node_at(index)[1]  # another version may have fewer messages
            talk = self.services.conversations.save(visitor.owner, talk.switch_version(index, step))
        return self._drawn(visitor, talk, first if chosen == index else NOTHING_CHOSEN)

    def _drawn(self, visitor: Visitor, talk: Conversation, chosen: int) -> tuple:
        first = self.replies.parts.first(visitor.owner, talk)
        return shown(seen=seen_of(self.services, visitor, talk), **drawn(talk, first, visitor.language),
                     **versions(talk, chosen, visitor.language))  # fmt: skip
