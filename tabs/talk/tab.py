"""Talk: what does the persona say, and what did it see?"""

from typing import TypedDict, cast

import gradio as gr

from tabs.talk import model, note, persona, prompt_card, remote, transfer
from tabs.talk.handlers import TalkHandlers
from tabs.talk.replies import Replies
from tabs.talk.versions import VersionHandlers
from tabs.talk.view import NOTHING_CHOSEN, OUTPUTS, THUMBS
from tabs.ui.handler import EVENT
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client, t_heading

COUNT_SENT = "(messages) => String((messages ?? []).filter((message) => message.role === 'user').length)"
EXPECT_PAUSE = "() => document.dispatchEvent(new Event('message-drawn'))"


def build(services: Services, shared: Shared) -> None:
    """Three columns: who, the talk, what the model sees."""
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=230):
            who, persona_saved = persona.build(services, shared)
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("talk.talks"), elem_classes="title")
                talks = gr.Radio(
                    choices=[], label=t_client("talk.talks"), show_label=False, container=False, elem_id="talks"
                )
                with gr.Row():
                    new = gr.Button(t_client("talk.new"), size="sm", elem_id="talk-new")
                    delete = gr.Button(t_client("talk.delete"), size="sm", variant="stop", elem_id="talk-delete")
                transfer.build(services, shared)
        with gr.Column(scale=13, min_width=320, elem_classes="middle"), gr.Column(elem_classes="card"):
            page = _chat(services.public)
            note_parts = note.build()
        with gr.Column(scale=6, min_width=250):
            page["seen"] = prompt_card.build(services, shared, page["box"], page["chosen"])
            adapter, model_state = model.build(services, shared)
            with gr.Column(elem_classes=["card", "fold"]):
                afar = remote.build(services, shared)

    replies = Replies(services)
    services.on_close.append(replies.end_all)
    handlers = TalkHandlers(services, replies)
    _wire_chat(page, talks, handlers, VersionHandlers(services, replies), shared)
    where, box, seen = [shared.key, shared.conversation], page["box"], page["seen"]
    note.wire(note.AuthorsNoteHandlers(services, replies), shared, note_parts, seen)
    shared.conversation.change(handlers.open_talk, where, [talks, adapter, *(page[name] for name in OUTPUTS)], **EVENT)
    for changed in (model_state, *([afar] if afar else ())):
        changed.change(handlers.preview, [*where, box], seen, **EVENT)
    for saved in persona_saved:
        saved.then(handlers.preview, [*where, box], seen, **EVENT)
    talks.input(lambda chosen: chosen, talks, shared.conversation, **EVENT)
    gr.on([new.click, who.input], handlers.begin, [shared.key, who, adapter], shared.conversation, **EVENT)
    adapter.input(handlers.change_adapter, [*where, adapter], seen, **EVENT)
    delete.click(handlers.delete, where, shared.conversation, **EVENT)


class ChatPage(TypedDict):
    """The parts of the middle column, among them view.OUTPUTS."""

    chat: gr.Chatbot
    box: gr.Textbox
    stop: gr.Button
    send: gr.Button
    seen: gr.HTML
    versions: gr.HTML
    older: gr.Button
    newer: gr.Button
    again: gr.Button
    go_on: gr.Button
    branch: gr.Button
    remove: gr.Button
    chosen: gr.State
    earlier: gr.Button
    leaving: gr.Textbox
    drawn: gr.Textbox
    paused: gr.Button
    human: gr.Checkbox


def _chat(public: bool) -> ChatPage:
    """The bubbles, the row of what can be done with one, and the message box; `seen` is added to it."""
    small = {"scale": 0, "min_width": 44, "size": "sm"}
    page = cast(ChatPage, {})
    page["earlier"] = gr.Button("", visible=False, size="sm", elem_id="talk-earlier")
    page["chat"] = gr.Chatbot(
        label=t_client("talk.chat"),
        show_label=False, container=False, height="58vh", min_height=300, layout="bubble", editable="all",
        elem_id="chat", elem_classes="talk", buttons=["copy"], render_markdown=False,
        feedback_options=[value for value in THUMBS.values() if value], group_consecutive_messages=False,
    )  # fmt: skip
    with gr.Row(elem_id="talk-acts"):
        page["older"] = gr.Button("‹", visible=False, elem_id="talk-older", **small)
        page["versions"] = gr.HTML(padding=False, elem_id="talk-versions")
        page["newer"] = gr.Button("›", visible=False, elem_id="talk-newer", **small)
        for name in ("again", "go_on", "branch", "remove"):
            page[name] = gr.Button(t_client(f"talk.{name}"), elem_id=f"talk-{name.replace('_', '-')}", **small)
    with gr.Row(elem_id="say"):
        page["box"] = gr.Textbox(
            placeholder=t_client("talk.placeholder"), label=t_client("talk.message"),
            show_label=False, container=False, lines=1, max_lines=8,
            scale=8, elem_id="talk-box", autofocus=True,
        )  # fmt: skip
        page["stop"] = gr.Button(
            t_client("talk.stop"), variant="stop", visible=False, scale=1, min_width=80, elem_id="talk-stop"
        )
        page["send"] = gr.Button(t_client("talk.send"), variant="primary", scale=1, min_width=80, elem_id="talk-send")
    if public:
        gr.Markdown(t_client("talk.is_ai"), elem_classes="muted", elem_id="talk-is-ai")
    page["leaving"] = gr.Textbox(visible="hidden", show_label=False)
    page["drawn"] = gr.Textbox(visible="hidden", show_label=False)
    page["paused"] = gr.Button(visible="hidden", elem_id="talk-paused")
    page["human"] = gr.Checkbox(True, label=t_client("talk.human"), container=False, elem_id="talk-human")
    page["chosen"] = gr.State(NOTHING_CHOSEN)
    return page


def _wire_chat(
    page: ChatPage, talks: gr.Radio, handlers: TalkHandlers, acts: VersionHandlers,
    shared: Shared,
) -> None:  # fmt: skip
    where, outputs = [shared.key, shared.conversation], [page[name] for name in OUTPUTS]
    chat, box, human, chosen = page["chat"], page["box"], page["human"], page["chosen"]
    # Several at once: what comes later gives the earlier ones up, see Replies.
    streaming = {"outputs": outputs, "trigger_mode": "multiple", "concurrency_limit": None, **EVENT}
    # The browser empties the box at once: an answer from here would wipe out what was typed since.
    leaving = {"fn": None, "inputs": box, "outputs": [page["leaving"], box], "js": "(words) => [words, '']"}
    sent = gr.on([box.submit, page["send"].click], trigger_mode="multiple", **leaving, **EVENT).then(
        handlers.send, [*where, page["leaving"], human], **streaming
    )
    sent.then(handlers.refresh_list, where, talks, **EVENT)
    back = {"fn": None, "inputs": [page["leaving"], box], "outputs": box, "js": "(words, now) => now || words"}
    sent.failure(**back, **EVENT)  # words that were refused are not lost
    gr.on([chat.retry, page["again"].click], handlers.retry, [*where, human], **streaming)
    page["go_on"].click(handlers.continue_, where, **streaming)
    chat.edit(handlers.edit, [*where, human], **streaming)
    chat.undo(handlers.undo, where, outputs, **EVENT)
    page["earlier"].click(handlers.show_earlier, where, outputs, **EVENT)
    page["stop"].click(handlers.stop, where, None, queue=False, **EVENT)
    # The page knows of a key at once, the server only when a busy page gets round to it: so the page finds the pause.
    chat.change(None, chat, page["drawn"], js=COUNT_SENT, **EVENT)
    page["drawn"].change(None, js=EXPECT_PAUSE, **EVENT)
    page["paused"].click(handlers.pause, where, None, queue=False, trigger_mode="multiple", **EVENT)
    box.change(handlers.preview, [*where, box], page["seen"], trigger_mode="always_last", **EVENT)

    about = [*where, chosen]
    chat.select(acts.choose, about, outputs, **EVENT)
    chat.like(acts.thumb, where, None, **EVENT)
    page["older"].click(acts.older, about, outputs, **EVENT)
    page["newer"].click(acts.newer, about, outputs, **EVENT)
    page["remove"].click(acts.remove, about, outputs, **EVENT)
    page["branch"].click(acts.branch, about, shared.conversation, **EVENT)
