"""The bar at a message: other versions, more, other words, a branch of its own, taking it out, thumbs; and undo."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import gradio as gr

from core.chat.conversation import Conversation, Thumb
from core.chat.viewpoint import speaker_of
from core.errors import InputError
from tabs.talk.handlers import TalkHandlers, stored
from tabs.talk.replies import Replies, Undone, seen_of
from tabs.talk.view import NOTHING_CHOSEN, acted_on, shown
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

QUOTED = 24  # characters


@dataclass(frozen=True)
class Act:
    """What a button of the chat asks for; a page can send anything, so it is read with suspicion."""

    name: str
    message: int = NOTHING_CHOSEN
    words: str = ""

    @classmethod
    def of(cls, event: gr.EventData) -> "Act":
        sent = event._data if isinstance(event._data, Mapping) else {}
        name, message, words = (sent.get(key) for key in ("act", "message", "words"))
        return cls(
            name if isinstance(name, str) else "",
            message if type(message) is int else NOTHING_CHOSEN,
            words if isinstance(words, str) else "",
        )


@dataclass(frozen=True)
class ActHandlers:
    """Each act is about the message that its bar stands at, or else the last one."""

    services: Services
    replies: Replies
    talking: TalkHandlers

    @handler
    def act(self, visitor: Visitor, conversation: str, human: bool, event: gr.EventData) -> Iterator[tuple]:
        """What a button of the chat asks for: (*OUTPUTS, the conversation to open)."""
        asked = Act.of(event)
        if asked.name in ("branch", "origin"):
            opened = self.branch if asked.name == "branch" else self.origin
            yield *shown(), opened(visitor, conversation, asked.message)
            return
        for values in self.talking.unfailing(visitor, conversation, self.done(visitor, conversation, asked, human)):
            yield *values, gr.skip()

    def done(self, visitor: Visitor, conversation: str, asked: Act, human: bool = False) -> Iterator[tuple]:
        """An act as values of OUTPUTS; nothing where there is no act of that name. Raises what was wrong."""
        if asked.name == "say":
            admitted = self.talking.admitted(visitor, conversation, asked.words)
            yield from self.talking.answered(visitor, admitted, human)
        elif asked.name == "alone":
            yield from self.talking.among_themselves(visitor, conversation, asked.words, human)
        elif asked.name in WRITING:
            yield from WRITING[asked.name](self, visitor, conversation, asked)
        elif asked.name in CHANGES:
            yield CHANGES[asked.name](self, visitor, conversation, asked.message)
        else:
            yield shown()

    # A reply is written

    def again(self, visitor: Visitor, conversation: str, asked: Act) -> Iterator[tuple]:
        """Another version of the last reply; the one that was there stays beside it."""
        with self.replies.lock(visitor, conversation):
            before = self.talking.quiet(visitor, conversation)
            talk, speaker = before.without_reply(), speaker_of(before, before.path[-1]) if before.path else ""
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            writing = self.replies.begin(visitor, talk, speaker)
            writing.instruction = self.services.chat.rate_limiter.check(asked.words)
        yield from self.replies.stream(visitor, talk, writing, human=False)

    def speak(self, visitor: Visitor, conversation: str, asked: Act) -> Iterator[tuple]:
        """Whoever of a group was chosen speaks."""
        with self.replies.lock(visitor, conversation):
            talk = self.talking.quiet(visitor, conversation)
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            writing = self.replies.begin(visitor, talk, asked.words)
        yield from self.replies.stream(visitor, talk, writing, human=False)

    def go_on(self, visitor: Visitor, conversation: str, asked: Act) -> Iterator[tuple]:
        """Let the persona say more: its last reply grows."""
        with self.replies.lock(visitor, conversation):
            talk = self.talking.quiet(visitor, conversation)
            self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            writing = self.replies.begin(visitor, talk)
        answered = bool(talk.path) and talk.path[-1].role == "assistant"
        yield from self.replies.stream(visitor, talk, writing, human=False, go_on=answered)

    def keep(self, visitor: Visitor, conversation: str, asked: Act) -> Iterator[tuple]:
        """A message in other words. After one's own the persona answers anew; its own is a correction to learn from."""
        words = self.services.chat.rate_limiter.check(asked.words)
        if not words:
            raise InputError("An empty message cannot be kept. Remove it instead.",
                             "空のメッセージにはできません。なくすには「消す」を使ってください。")  # fmt: skip
        with self.replies.lock(visitor, conversation):
            talk = self.talking.quiet(visitor, conversation)
            if talk.node_at(asked.message)[0].messages[talk.node_at(asked.message)[1]] == words:
                yield self.talking.whole(visitor, talk)
                return
            talk = talk.edited(asked.message, words)
            answered = talk.path[-1].role == "assistant"
            if not answered:
                self.services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
            talk = self.services.conversations.save(visitor.owner, talk)
            writing = None if answered else self.replies.begin(visitor, talk)
        if writing:
            yield from self.replies.stream(visitor, talk, writing, human=False)
        else:
            yield self.talking.whole(visitor, talk)

    # What stands is changed

    def choose(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """A message was clicked: the bar stands at it."""
        return shown(
            **self.replies.painter.drawn(visitor, stored(self.services, visitor, conversation), chosen=message)
        )

    def edit(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """The message becomes a text field."""
        talk = stored(self.services, visitor, conversation)
        return shown(**self.replies.painter.drawn(visitor, talk, editing=acted_on(talk, message)))

    def leave(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """Out of the text field again."""
        return shown(**self.replies.painter.drawn(visitor, stored(self.services, visitor, conversation)))

    def older(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """The version before."""
        return self._turn(visitor, conversation, message, -1)

    def newer(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """The version after."""
        return self._turn(visitor, conversation, message, 1)

    def remove(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """Take a message out; what followed it stays."""
        with self.replies.lock(visitor, conversation):
            before = self.talking.quiet(visitor, conversation)
            index = acted_on(before, message)
            node, at = before.node_at(index)
            talk = self.services.conversations.save(visitor.owner, before.without_message(index))
            self._may_be_put_back(visitor, before, "talk.removed", node.messages[at])
        return self.talking.whole(visitor, talk)

    def undo(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """Take the last exchange back; the words return to the message box."""
        with self.replies.lock(visitor, conversation):
            before = self.talking.quiet(visitor, conversation)
            asked = before.without_replies()
            words = "\n".join(asked.path[-1].messages) if asked.path else ""
            talk = self.services.conversations.save(visitor.owner, before.without_exchange())
            self._may_be_put_back(visitor, before, "talk.taken_back", words)
        return self.talking.whole(visitor, talk, box=words)

    def put_back(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """The conversation as it was before something was taken away."""
        with self.replies.lock(visitor, conversation):
            talk = self.talking.quiet(visitor, conversation)
            if before := self.replies.put_back(visitor, talk):
                talk = self.services.conversations.save(visitor.owner, before)
        return self.talking.whole(visitor, talk)

    def rate_up(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """A reply was liked, or not any more."""
        return self._rate(visitor, conversation, message, "up")

    def rate_down(self, visitor: Visitor, conversation: str, message: int) -> tuple:
        """A reply was disliked, or not any more."""
        return self._rate(visitor, conversation, message, "down")

    # Another conversation is opened

    def branch(self, visitor: Visitor, conversation: str, message: int) -> str:
        """A conversation of its own that begins like this one up to the message; the id of it."""
        self.replies.give_up(visitor, conversation)
        talk = stored(self.services, visitor, conversation)
        branch = self.services.conversations.branch(visitor.owner, talk, acted_on(talk, message))
        inform(visitor.language, "talk.branched")
        return branch.id

    def origin(self, visitor: Visitor, conversation: str, message: int) -> str | dict:
        """The conversation that this one is a branch of."""
        talk = stored(self.services, visitor, conversation)
        if talk.branch_of and self.services.conversations.get(visitor.owner, talk.branch_of):
            return talk.branch_of
        inform(visitor.language, "talk.origin_gone")
        return gr.skip()

    def _rate(self, visitor: Visitor, conversation: str, message: int, given: Thumb) -> tuple:
        with self.replies.lock(visitor, conversation):
            talk = stored(self.services, visitor, conversation)
            index = acted_on(talk, message)
            thumb: Thumb = "" if talk.node_at(index)[0].thumb == given else given
            talk = self.services.conversations.save(visitor.owner, talk.rated(index, thumb))
        return shown(**self.replies.painter.drawn(visitor, talk, chosen=message))

    def _turn(self, visitor: Visitor, conversation: str, message: int, step: int) -> tuple:
        with self.replies.lock(visitor, conversation):
            talk = self.talking.quiet(visitor, conversation)
            index = acted_on(talk, message)
            first = index - talk.node_at(index)[1]  # another version may have fewer messages
            last = index == acted_on(talk, NOTHING_CHOSEN)
            talk = self.services.conversations.save(visitor.owner, talk.switch_version(index, step))
        chosen = NOTHING_CHOSEN if last else first
        return shown(
            seen=seen_of(self.services, visitor, talk), **self.replies.painter.drawn(visitor, talk, chosen=chosen)
        )

    def _may_be_put_back(self, visitor: Visitor, before: Conversation, key: str, words: str) -> None:
        what = t(visitor.language, key, words=words.split("\n")[0][:QUOTED])
        self.replies.keep_for_undo(visitor, Undone(before, what))


WRITING: dict[str, Callable[[ActHandlers, Visitor, str, Act], Iterator[tuple]]] = {
    "again": ActHandlers.again, "go_on": ActHandlers.go_on, "keep": ActHandlers.keep,
    "speak": ActHandlers.speak,
}  # fmt: skip
CHANGES: dict[str, Callable[[ActHandlers, Visitor, str, int], tuple]] = {
    "choose": ActHandlers.choose, "edit": ActHandlers.edit, "leave": ActHandlers.leave, "older": ActHandlers.older,
    "newer": ActHandlers.newer, "remove": ActHandlers.remove, "undo": ActHandlers.undo,
    "put_back": ActHandlers.put_back, "up": ActHandlers.rate_up, "down": ActHandlers.rate_down,
}  # fmt: skip
