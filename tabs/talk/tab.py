"""Talk: what does the persona say, and what did it see?"""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import gradio as gr

from core.chat.conversation import Conversation
from core.errors import AppError, InputError, ModelError
from tabs.frame import parts
from tabs.frame.errors import shows_errors
from tabs.frame.services import Services
from tabs.frame.shared import Shared
from tabs.frame.text import label, say
from tabs.frame.visitor import Visitor
from tabs.talk import model, persona, remote

STORED_WITHIN = 10.0  # seconds that a stopped reply gets to end: a token of a large model on a CPU takes one
REDRAW = 0.05  # seconds between two views of a growing reply: 20 a second look steady and cost little


# The Chatbot renders tags and entities even in plain text. An invisible joiner behind their first character
# shows them as they were written, in the bubble, in the edit box and in what is copied.
JOINER = "\u2060"
MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")


def view(conversation: Conversation, growing: list[str] | None = None) -> list[dict]:
    """The transcript as the Chatbot shows it, with a reply that is still being written."""
    said = [(turn.role, text) for turn in conversation.turns for text in turn.messages]
    said += [("assistant", text) for text in growing or ()]
    return [{"role": role, "content": MARKUP.sub(lambda m: m[0] + JOINER, text)} for role, text in said]


@dataclass(frozen=True)
class Writing:
    """A reply under way: how to stop it, and how to know that it is stored."""

    stop: threading.Event = field(default_factory=threading.Event)
    stored: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class TalkHandlers:
    """The transcript lives on the server; what the page sends is words and which conversation."""

    services: Services
    writing: dict[str, "Writing"] = field(default_factory=dict)
    """The reply that is being written, by owner and conversation."""

    @shows_errors
    def open(self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None) -> tuple:
        """Draw a conversation: (transcript, list of talks, adapter choice, what the model sees)."""
        visitor = self.services.visitor(key, request, token)
        talk = self._stored(visitor, conversation)
        return view(talk), self._talks(visitor, talk), self._adapters(visitor, talk), self._seen(visitor, talk)

    @shows_errors
    def send(
        self, key: str, conversation: str, text: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> Iterator[tuple]:
        """Say something and stream the answer."""
        visitor = self.services.visitor(key, request, token)
        talk = self._talk(visitor, conversation)
        words = self.services.talk.limits.check(text)
        if not words:
            if not talk.turns or talk.turns[-1].role == "user":
                yield from self._reply(visitor, talk)  # nothing said: the persona speaks first, or goes on
            else:
                yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        self._check_fits(visitor, talk, words)
        yield from self._reply(visitor, self.services.conversations.save(visitor.owner, talk.said("user", words)))

    @shows_errors
    def retry(
        self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> Iterator[tuple]:
        """Another reply in place of the last one."""
        visitor = self.services.visitor(key, request, token)
        talk = self._talk(visitor, conversation).without_reply()
        yield from self._reply(visitor, self.services.conversations.save(visitor.owner, talk))

    @shows_errors
    def undo(self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None) -> tuple:
        """Take the last exchange back; the words return to the message box."""
        visitor = self.services.visitor(key, request, token)
        talk = self._talk(visitor, conversation)
        asked = talk.without_reply()
        words = "\n".join(asked.turns[-1].messages) if asked.turns else ""
        talk = self.services.conversations.save(visitor.owner, talk.without_exchange())
        return view(talk), words, self._seen(visitor, talk)

    @shows_errors
    def edit(
        self, key: str, conversation: str, event: gr.EditData, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> Iterator[tuple]:
        """Change a message; after one's own, the persona answers anew."""
        visitor = self.services.visitor(key, request, token)
        index = event.index[0] if isinstance(event.index, (list, tuple)) else event.index
        words = self.services.talk.limits.check(str(event.value).replace(JOINER, ""))
        if not words:
            raise InputError("An empty message cannot be kept. Use undo to take it back.",
                             "空のメッセージにはできません。取り消すには「戻す」を使ってください。")  # fmt: skip
        talk = self.services.conversations.save(
            visitor.owner, self._talk(visitor, conversation).edited(int(index), words)
        )
        if talk.turns[-1].role == "user":
            yield from self._reply(visitor, talk)
        else:
            yield view(talk), gr.skip(), gr.skip(), self._seen(visitor, talk)

    @shows_errors
    def stop(self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None) -> None:
        """End the reply that is being written; what is there stays."""
        visitor = self.services.visitor(key, request, token)
        if writing := self.writing.get(f"{visitor.owner}/{conversation}"):
            writing.stop.set()

    @shows_errors
    def preview(
        self, key: str, conversation: str, text: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> str:
        """What the model would see if this were sent."""
        visitor = self.services.visitor(key, request, token)
        return self._seen(visitor, self._stored(visitor, conversation), text)

    @shows_errors
    def begin(
        self, key: str, persona: str, adapter: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> str:
        """A new conversation with this persona and adapter; the old one stays in the list."""
        visitor = self.services.visitor(key, request, token)
        talk = self.services.talk.open(visitor.owner, visitor.language, persona=persona or "", adapter=adapter or "")
        return talk.id

    @shows_errors
    def change_adapter(
        self, key: str, conversation: str, adapter: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> str:
        """Go on with another adapter, or with the base model: what the model sees then."""
        visitor = self.services.visitor(key, request, token)
        talk = self._talk(visitor, conversation)
        persona = talk.persona
        if not persona and not adapter:  # it was the adapter's own
            persona = self.services.personas.list(visitor.owner, visitor.language)[0].id
        talk = self.services.conversations.save(visitor.owner, replace(talk, adapter=adapter or "", persona=persona))
        return self._seen(visitor, talk)

    @shows_errors
    def delete(self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None) -> str:
        """Remove this conversation for good and open the newest of the others, or a new one."""
        visitor = self.services.visitor(key, request, token)
        self.services.talk.delete(visitor.owner, conversation)
        others = self.services.conversations.list(visitor.owner, most=1)
        return (others[0] if others else self.services.talk.open(visitor.owner, visitor.language)).id

    def _talk(self, visitor: Visitor, conversation: str) -> Conversation:
        """The stored conversation, with no reply being written into it any more."""
        if writing := self.writing.get(f"{visitor.owner}/{conversation}"):
            writing.stop.set()
            writing.stored.wait(STORED_WITHIN)
        return self._stored(visitor, conversation)

    def _stored(self, visitor: Visitor, conversation: str) -> Conversation:
        talk = self.services.conversations.get(visitor.owner, conversation) if conversation else None
        if talk is None:
            raise InputError(
                "This conversation is not here any more. Begin a new one.",
                "この会話はもうありません。新しい会話を始めてください。",
            )
        return talk

    def _check_fits(self, visitor: Visitor, talk: Conversation, words: str) -> None:
        """Raise before anything is stored, so that the words stay in the message box."""
        setting = self.services.talk.setting(visitor.owner, talk, visitor.language)
        self.services.talk.prompt(setting, talk, words)

    def _reply(self, visitor: Visitor, talk: Conversation) -> Iterator[tuple]:
        """Stream the persona's turn: (transcript, message box, stop button, what the model sees) at each step."""
        services, place, writing = self.services, f"{visitor.owner}/{talk.id}", Writing()
        setting = services.talk.setting(visitor.owner, talk, visitor.language)
        services.talk.limits.ask(visitor.owner)
        self.writing[place] = writing
        words: list[str] = []
        drawn = 0.0
        try:
            yield view(talk, ["…"]), "", gr.Button(visible=True), self._seen(visitor, talk)
            for reply in services.talk.reply(setting, talk, writing.stop):
                words = services.talk.messages_of(setting, reply.text)
                if time.monotonic() - drawn > REDRAW:
                    drawn = time.monotonic()
                    yield view(talk, words or ["…"]), gr.skip(), gr.skip(), gr.skip()
        finally:
            writing.stop.set()
            if self.writing.get(place) is writing:
                del self.writing[place]
            talk = services.conversations.save(visitor.owner, talk.said("assistant", *words))
            writing.stored.set()
        if words:
            services.talk.settle(setting, talk)
        else:
            gr.Info(say(visitor.language, "talk.silent"))
        yield view(talk), gr.skip(), gr.Button(visible=False), self._seen(visitor, talk)

    def _seen(self, visitor: Visitor, talk: Conversation, draft: str = "") -> str:
        language = visitor.language
        try:
            setting = self.services.talk.setting(visitor.owner, talk, language)
            prompt = self.services.talk.prompt(setting, talk, draft)
        except ModelError:
            return f'<p class="muted">{say(language, "talk.model_waits")}</p>'
        except AppError as error:
            return f'<p class="warn">{error.text(language)}</p>'
        note = f'<p class="muted warn">{say(language, "talk.differs")}</p>' if setting.differs else ""
        return note + parts.budget(prompt, language)

    def _talks(self, visitor: Visitor, talk: Conversation) -> gr.Radio:
        found = list(self.services.conversations.list(visitor.owner))
        choices = [(c.title or say(visitor.language, "talk.untitled"), c.id) for c in found]
        return gr.Radio(choices=choices, value=talk.id)

    def _adapters(self, visitor: Visitor, talk: Conversation) -> gr.Dropdown:
        choices = [(say(visitor.language, "talk.base_only"), "")]
        choices += [(adapter.name, adapter.name) for adapter in self.services.adapters.list(visitor.owner)]
        return gr.Dropdown(choices=choices, value=talk.adapter)


def build(services: Services, shared: Shared) -> None:
    """Three columns: who, the talk, what the model sees."""
    handlers = TalkHandlers(services)
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=230):
            who = persona.build(services, shared)
            with gr.Column(elem_classes="card"):
                gr.Markdown(label("talk.talks"), elem_classes="title")
                talks = gr.Radio(choices=[], show_label=False, container=False, elem_id="talks")
                with gr.Row():
                    new = gr.Button(label("talk.new"), size="sm", elem_id="talk-new")
                    delete = gr.Button(label("talk.delete"), size="sm", variant="stop", elem_id="talk-delete")
        with gr.Column(scale=13, min_width=320, elem_classes="middle"), gr.Column(elem_classes="card"):
            chat = gr.Chatbot(
                show_label=False, container=False, height="62vh", min_height=320, layout="bubble", editable="all",
                elem_id="chat", elem_classes="talk", buttons=["copy"], render_markdown=False, feedback_options=None,
                group_consecutive_messages=False,
            )  # fmt: skip
            with gr.Row(elem_id="say"):
                box = gr.Textbox(
                    placeholder=label("talk.placeholder"), show_label=False, container=False, lines=1, max_lines=8,
                    scale=8, elem_id="talk-box", autofocus=True,
                )  # fmt: skip
                small = {"scale": 1, "min_width": 80}
                stop = gr.Button(label("talk.stop"), variant="stop", visible=False, elem_id="talk-stop", **small)
                send = gr.Button(label("talk.send"), variant="primary", elem_id="talk-send", **small)
        with gr.Column(scale=6, min_width=250):
            with gr.Column(elem_classes="card"):
                gr.Markdown(label("talk.seen"), elem_classes="title")
                seen = gr.HTML(padding=False, elem_id="seen")
            adapter, model_state = model.build(services, shared)
            with gr.Column(elem_classes=["card", "fold"]):
                afar = remote.build(services, shared)

    where = [shared.key, shared.conversation]
    page = [chat, talks, adapter, seen]
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    shared.conversation.change(handlers.open, where, page, **quiet)
    streaming = {"outputs": [chat, box, stop, seen], "trigger_mode": "multiple", **quiet}
    gr.on([box.submit, send.click], handlers.send, [*where, box], **streaming).then(handlers.open, where, page, **quiet)
    chat.retry(handlers.retry, where, **streaming)
    chat.edit(handlers.edit, where, **streaming)
    chat.undo(handlers.undo, where, [chat, box, seen], **quiet)
    stop.click(handlers.stop, where, None, queue=False, **quiet)
    box.change(handlers.preview, [*where, box], seen, trigger_mode="always_last", **quiet)
    for changed in (model_state, *([afar] if afar else ())):
        changed.change(handlers.preview, [*where, box], seen, **quiet)
    talks.input(lambda chosen: chosen, talks, shared.conversation, **quiet)
    gr.on([new.click, who.input], handlers.begin, [shared.key, who, adapter], shared.conversation, **quiet)
    adapter.input(handlers.change_adapter, [*where, adapter], seen, **quiet)
    delete.click(handlers.delete, where, shared.conversation, **quiet)
