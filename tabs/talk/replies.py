"""A reply on its way to the page: held while a person still writes, shown at a human pace, given up when they go on."""

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import gradio as gr

from core.chat.asking import instructed
from core.chat.context import ChatContext
from core.chat.conversation import Conversation
from core.chat.engine import Reply
from core.chat.typing_speed import TypingSimulator
from core.errors import AppError, ModelError
from core.prompt import Prompt
from tabs.talk.bubbles import TYPING
from tabs.talk.fired import fired
from tabs.talk.painter import Painter
from tabs.talk.view import shown
from tabs.ui import html_parts, prompt_html
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

LONGEST_WAIT = 30.0  # seconds until a reply is shown though the page never reported a pause: it may be gone
STORED_WITHIN = 10.0  # seconds that a stopped reply gets to end: a token of a large model on a CPU takes one
MOST_UNDONE = 200  # conversations of all visitors of which the last change can be taken back
REDRAW = 0.05  # seconds between two views of a growing reply: 20 a second look steady and cost little


@dataclass
class Writing:
    """A reply under way. Another one in its place makes it the older one, which then gives up."""

    began: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)
    paused: bool = False
    """Whether the person has stopped writing, as their page reports."""
    given_up: bool = False
    seconds: float = 0.0
    """How long the model has been at it."""
    stored: threading.Event = field(default_factory=threading.Event)
    speaker: str = ""
    """Who of a group is to say it; "": who it is by the group's rule."""
    instruction: str = ""
    """What is wished of this reply alone."""
    stopped: bool = False
    """The person wanted no more of it."""
    follow: "Writing | None" = None
    """The reply of a group that comes right after it, unless this one is stopped or says nothing."""

    def held(self, wait: bool) -> bool:
        """Whether the person may still be writing."""
        return wait and not self.paused and time.monotonic() < self.began + LONGEST_WAIT


@dataclass(frozen=True)
class ReplyFrame:
    """One view of a growing reply."""

    seen: tuple[str, ...]
    whole: int
    """How many of the messages that are seen are complete."""
    typing: bool
    """Whether a sign says that more is coming."""
    reply: Reply


NOTHING_YET = ReplyFrame((), 0, True, Reply("", 0))


@dataclass(frozen=True)
class Undone:
    """A conversation as it was before something was taken away."""

    talk: Conversation
    what: str
    """What was done, in words."""


@dataclass(frozen=True)
class Replies:
    """Every reply that is being written on this server, by owner and conversation."""

    services: Services
    writing: dict[str, Writing] = field(default_factory=dict)
    taken_back: dict[str, Undone] = field(default_factory=dict)
    """What each conversation was before the last change that took something away."""
    _locks: tuple[threading.Lock, ...] = field(default_factory=lambda: tuple(threading.Lock() for _ in range(64)))

    @cached_property
    def painter(self) -> Painter:
        """Draws conversations for all handlers of the chat."""
        return Painter(self.services)

    def lock(self, visitor: Visitor, conversation: str) -> threading.Lock:
        """Held while words are added, so that two sends in one moment do not lose each other's."""
        return self._locks[hash(_place(visitor, conversation)) % len(self._locks)]

    def pause(self, visitor: Visitor, conversation: str) -> None:
        """The person has stopped writing: what was held is shown."""
        if writing := self.writing.get(_place(visitor, conversation)):
            writing.paused = True

    def is_writing(self, visitor: Visitor, conversation: str) -> bool:
        """Whether a reply is on its way."""
        return _place(visitor, conversation) in self.writing

    def keep_for_undo(self, visitor: Visitor, undone: Undone) -> None:
        """Remember what a conversation was, until it goes on."""
        self.taken_back[_place(visitor, undone.talk.id)] = undone
        while len(self.taken_back) > MOST_UNDONE:
            self.taken_back.pop(next(iter(self.taken_back)))

    def undone(self, visitor: Visitor, talk: Conversation) -> str:
        """What could be put back, in words, or ""."""
        undone = self.taken_back.get(_place(visitor, talk.id))
        return undone.what if undone else ""

    def put_back(self, visitor: Visitor, talk: Conversation) -> Conversation | None:
        """What the conversation was, once."""
        undone = self.taken_back.pop(_place(visitor, talk.id), None)
        return undone.talk.with_settings_of(talk) if undone else None

    def stop(self, visitor: Visitor, conversation: str) -> None:
        """End the reply; what is to be seen of it stays."""
        if writing := self.writing.get(_place(visitor, conversation)):
            writing.stopped = True
            writing.stop.set()

    def give_up(self, visitor: Visitor, conversation: str) -> None:
        """End the reply because the person went on; of what is to be seen, whole messages stay. Waits for it."""
        if writing := self.writing.get(_place(visitor, conversation)):
            writing.given_up = True
            writing.stop.set()
            writing.stored.wait(STORED_WITHIN)

    def end_all(self) -> None:
        """Before the server ends: every reply is kept as far as it got."""
        writings = list(self.writing.values())
        for writing in writings:
            writing.stop.set()
        for writing in writings:
            writing.stored.wait(STORED_WITHIN)

    def begin(self, visitor: Visitor, talk: Conversation, speaker: str = "") -> Writing:
        """Announce a reply to `talk`, which `stream` then writes; `speaker`: who of a group is to say it."""
        place = _place(visitor, talk.id)
        self.taken_back.pop(place, None)  # what goes on cannot be put back without losing what was said since
        writing = self.writing[place] = Writing(speaker=speaker)
        return writing

    def release(self, visitor: Visitor, talk: Conversation, writing: Writing) -> None:
        """Let go of a reply that was announced and is not written."""
        if self.writing.get(_place(visitor, talk.id)) is writing:
            del self.writing[_place(visitor, talk.id)]
        writing.stop.set()
        writing.stored.set()

    def stream(
        self, visitor: Visitor, talk: Conversation, writing: Writing, *, human: bool, go_on: bool = False
    ) -> Generator[tuple, None, Conversation]:
        """The persona's turn as values of OUTPUTS; returns the talk with it.

        `human`: wait for a pause and show messages at a person's pace. In a group it is the turn of who is next.
        """
        services, language, frame, setting, prompt = self.services, visitor.language, NOTHING_YET, None, None
        view, speaker = talk, writing.speaker
        try:
            chat = services.chat
            view = (chat.after_reply(visitor.owner, talk, language) if go_on else
                    chat.before_reply(visitor.owner, talk, language, speaker))  # fmt: skip
            writing.speaker = speaker = view.speaker
            setting = instructed(services.chat.context(visitor.owner, view, language), writing.instruction)
            prompt = services.chat.prompt(setting, view.without_reply() if go_on else view)
            kept = talk.without_last() if go_on else talk
            frozen = self.painter.drawn(visitor, kept, writing=True)
            grown = talk.path[-1].messages if go_on else (TYPING,)
            yield shown(stop=gr.Button(visible=True), seen=budget(setting, prompt, language), notice="",
                        **frozen | {"growing": self.painter.growing(visitor, kept, grown, speaker)})  # fmt: skip
            replies = services.chat.reply(setting, view, writing.stop, prompt=prompt, go_on=go_on)
            before, at, last = None, 0.0, frame.reply
            for frame in _frames(services, setting, replies, writing, human and not go_on):
                if last.only_thought and not frame.reply.only_thought:
                    inform(language, "talk.thinks_again", n=f"{last.tokens:,}")
                last = frame.reply
                if (frame.seen, frame.typing) != before and time.monotonic() - at > REDRAW:
                    before, at = (frame.seen, frame.typing), time.monotonic()
                    words = [*(frame.seen or (grown if go_on else ())), *[TYPING] * frame.typing]
                    yield shown(growing=self.painter.growing(visitor, kept, words, speaker))
        finally:
            writing.stop.set()
            talk = self._store(visitor, talk, writing, setting, prompt, frame, go_on)
        if writing.given_up:
            yield shown()  # the last values are set once more when an event ends: they must change nothing
            return talk
        if frame.seen and setting:
            services.chat.on_reply_saved(setting, services.chat.after_reply(visitor.owner, talk, language))
        elif frame.reply.only_thought:
            inform(language, "talk.only_thought", n=f"{frame.reply.tokens:,}")
        else:
            inform(language, "talk.silent")
        following = writing.follow is not None
        yield shown(stop=gr.Button(visible=following), seen=seen_of(services, visitor, talk),
                    head=self.painter.head(visitor, talk),
                    **self.painter.drawn(visitor, talk, writing=following))  # fmt: skip
        return talk

    def _store(
        self,
        visitor: Visitor,
        talk: Conversation,
        writing: Writing,
        setting: ChatContext | None,
        prompt: Prompt | None,
        frame: ReplyFrame,
        go_on: bool,
    ) -> Conversation:
        """Keep what was seen, and let go of the place. A reply that was given up unseen leaves no trace."""
        conversations, place = self.services.conversations, _place(visitor, talk.id)
        seen = frame.seen[: frame.whole] if writing.given_up else frame.seen
        try:
            if self.writing.get(place) is writing:
                writing.follow = writing.follow if seen and not writing.stopped else None
                if writing.follow:
                    self.writing[place] = writing.follow
                else:
                    del self.writing[place]
                if seen and setting and prompt:
                    now = conversations.get(visitor.owner, talk.id)  # its note may have been changed meanwhile
                    talk = talk.with_settings_of(now) if now else talk
                    made = self.services.chat.reply_metadata(setting, frame.reply, writing.seconds)
                    talk = (
                        talk.with_continuation(seen, made)
                        if go_on
                        else talk.said("assistant", *seen, made=made, name=writing.speaker, time=time.time())
                    )
                    talk = conversations.save(visitor.owner, talk)
                    conversations.keep_prompt(visitor.owner, talk, prompt.to_json())
        finally:
            writing.stored.set()
        return talk


def _place(visitor: Visitor, conversation: str) -> str:
    return f"{visitor.owner}/{conversation}"


def _frames(
    services: Services, setting: ChatContext, replies: Iterator[Reply], writing: Writing, human: bool
) -> Iterator[ReplyFrame]:
    """What is to be seen, again and again while the reply is made and after it, until all of it is there."""
    pacing = TypingSimulator(setting.typing_speed) if human else None
    reply, messages, began = Reply("", 0), [], time.monotonic()

    def frame(done: bool) -> ReplyFrame:
        if writing.held(human):
            return NOTHING_YET
        seen = pacing.shown(messages, done=done, now=time.monotonic()) if pacing else messages
        whole = min(len(seen), len(messages) - (not done))
        return ReplyFrame(tuple(seen), whole, len(seen) < len(messages) or not (seen or done), reply)

    for reply in replies:
        writing.seconds = time.monotonic() - began
        messages = services.chat.messages_of(setting, reply.text)
        yield frame(done=False)
    while (last := frame(done=True)).typing and not writing.stop.wait(REDRAW):
        yield last
    yield frame(done=reply.finished or not writing.given_up)


def budget(setting: ChatContext, prompt: Prompt, language: str) -> str:
    """The bar of what the model sees."""
    note = f'<p class="muted warn">{t(language, "talk.differs")}</p>' if setting.differs else ""
    return note + prompt_html.budget(prompt, language)


def seen_of(services: Services, visitor: Visitor, talk: Conversation, draft: str = "") -> str:
    """What the model would see for the next reply, or why that cannot be said."""
    try:
        talk = services.chat.before_reply(visitor.owner, talk.said("user", draft), visitor.language)
        setting = services.chat.context(visitor.owner, talk, visitor.language)
        drawn = prompt_html.whose(talk.speaker, visitor.language) + budget(
            setting, services.chat.prompt(setting, talk), visitor.language
        )
        return drawn + fired(services.chat.entries(setting, talk), visitor.language)
    except ModelError:
        return f'<p class="muted">{t(visitor.language, "talk.model_waits")}</p>'
    except AppError as error:
        return f'<p class="warn">{html_parts.escape(error.text.in_language(visitor.language))}</p>'
