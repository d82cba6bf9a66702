"""Talk: what does the persona say, and what did it see?"""

from pathlib import Path
from typing import TypedDict, cast

import gradio as gr

from tabs.talk import (
    gallery,
    group,
    help_writing,
    learn,
    model,
    model_choice,
    note,
    persona,
    prompt_card,
    remote,
    speech,
    talk_list,
    transfer,
    you,
)
from tabs.talk.acts import ActHandlers
from tabs.talk.handlers import TalkHandlers
from tabs.talk.replies import Replies
from tabs.talk.talk_list import TalkListParts
from tabs.talk.view import NOTHING_CHOSEN, OUTPUTS
from tabs.ui.handler import EVENT
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client, t_heading

SCRIPT = Path(__file__).with_name("chat.js")
OPEN_FOLD = """
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-load]")) trigger("select", {});
  const fold = document.querySelector(event.target.closest("[data-open]")?.dataset.open ?? "#none");
  if (!fold) return;
  const label = fold.querySelector(".label-wrap");
  if (!label.classList.contains("open")) label.click();
  fold.scrollIntoView({ behavior: "smooth", block: "center" });
});
"""
# The browser empties the box at once: an answer from the server would wipe out what was typed since.
LEAVE = "(words) => [words, '']"
# Words that were refused are not lost.
COME_BACK = "(why, words, now) => (why ?? '').includes('data-back') ? now || words : now"


def build(services: Services, shared: Shared) -> None:
    """Three columns: who, the talk, what the model sees."""
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=230):
            with gr.Column(elem_classes="card"):
                people = gallery.build()
                you_parts = you.build()
            with gr.Column(elem_classes="card"):
                with gr.Row(elem_id="talks-top"):
                    gr.Markdown(t_heading("talk.talks"), elem_classes="title")
                    new = gr.Button(t_client("talk.new"), size="sm", elem_id="talk-new", min_width=90)
                listed = talk_list.build()
                transfer.build(services, shared)
                learn.build(services, shared)
        with gr.Column(scale=13, min_width=320, elem_classes="middle"):
            editor = persona.build()
            with gr.Column(elem_classes="card", elem_id="talk-card"):
                page = _chat(services.public)
                note_parts = note.build()
                members = group.build()
                speech.build(services, shared, page["voice"], page["notice"])
                help_writing.build(services, shared, page["box"])
        with gr.Column(scale=6, min_width=250):
            page["seen"] = prompt_card.build(services, shared, page["box"], page["chosen"])
            adapter, model_state, asked = model.build(services, shared)
            with gr.Column(elem_classes=["card", "fold"]):
                afar = remote.build(services, shared)

    replies = Replies(services)
    services.on_close.append(replies.end_all)
    handlers = TalkHandlers(services, replies)
    _wire_chat(page, listed, handlers, ActHandlers(services, replies, handlers), shared)
    talk_list.wire(talk_list.TalkListHandlers(services, handlers), shared, listed)
    inputs, box, seen = [shared.key, shared.conversation], page["box"], page["seen"]
    note.wire(note.AuthorsNoteHandlers(services, replies), shared, note_parts, seen)
    shared.conversation.change(
        handlers.open_talk, [*inputs, listed.query], [listed.talks, adapter, *(page[name] for name in OUTPUTS)], **EVENT
    ).then(handlers.preview_draft, [*inputs, box], seen, **EVENT)
    page["head"].select(model_choice.ChoiceHandlers(services).load_suggested, shared.key, None, queue=False, **EVENT)
    changes = [model_state.change, *([afar.change] if afar else ()), *(event.then for event in asked)]
    for changed in changes:
        changed(handlers.preview, [*inputs, box], seen, **EVENT)
        changed(handlers.show_head, inputs, page["head"], **EVENT)
    you.wire(services, shared, you_parts, seen)
    faces = gallery.GalleryHandlers(services)
    made = gallery.wire(faces, shared, people, adapter)
    for joined in group.wire(group.GroupHandlers(services, handlers), shared, members, page):
        joined.then(faces.show, inputs, people.people, **EVENT)
    opens = [page["edit_persona"].click, made.then]
    for saved in persona.wire(services, shared, editor, people.open_card, opens):
        redrawn = saved.then(handlers.redraw, inputs, [page[name] for name in OUTPUTS], **EVENT)
        redrawn.then(handlers.preview, [*inputs, box], seen, **EVENT)
        saved.then(faces.show, inputs, people.people, **EVENT)
    new.click(handlers.begin, [*inputs, adapter], shared.conversation, **EVENT)
    adapter.input(handlers.change_adapter, [*inputs, adapter], seen, **EVENT).then(
        handlers.show_head, inputs, page["head"], **EVENT
    )


class ChatPage(TypedDict):
    """The parts of the middle column, among them view.OUTPUTS."""

    head: gr.HTML
    edit_persona: gr.Button
    chat: gr.HTML
    growing: gr.HTML
    notice: gr.HTML
    box: gr.Textbox
    voice: gr.HTML
    stop: gr.Button
    send: gr.Button
    seen: gr.HTML
    chosen: gr.State
    mark: gr.State
    earlier: gr.Button
    leaving: gr.Textbox
    paused: gr.Button
    human: gr.Checkbox


def _chat(public: bool) -> ChatPage:
    """The head, the bubbles with their bar, and the message box; `seen` is added to it."""
    page = cast(ChatPage, {})
    with gr.Row(elem_id="chat-top"):
        page["head"] = gr.HTML(padding=False, elem_id="chat-head", js_on_load=OPEN_FOLD)
        page["edit_persona"] = gr.Button(t_client("persona.edit"), size="sm", elem_id="persona-edit")
    with gr.Column(elem_id="chat"):
        page["earlier"] = gr.Button("", visible=False, size="sm", elem_id="talk-earlier")
        page["chat"] = gr.HTML(
            padding=False, elem_id="chat-said", js_on_load=SCRIPT.read_text(encoding="utf-8"), apply_default_css=False
        )
        page["growing"] = gr.HTML(padding=False, elem_id="chat-growing", apply_default_css=False)
    page["notice"] = gr.HTML(padding=False, elem_id="talk-notice")
    help_writing.build_quick()
    with gr.Row(elem_id="say"):
        page["box"] = gr.Textbox(
            placeholder=t_client("talk.placeholder"), label=t_client("talk.message"),
            show_label=False, container=False, lines=1, max_lines=8,
            scale=8, elem_id="talk-box", autofocus=True,
        )  # fmt: skip
        page["voice"] = speech.build_tools()
        page["stop"] = gr.Button(
            t_client("talk.stop"), variant="stop", visible=False, scale=1, min_width=80, elem_id="talk-stop"
        )
        page["send"] = gr.Button(t_client("talk.send"), variant="primary", scale=1, min_width=80, elem_id="talk-send")
    # Of who comes through a share link that was opened from the page, first.js knows by the address.
    gr.Markdown(
        t_client("talk.is_ai"), elem_classes=["muted"] if public else ["muted", "visitors-only"],
        elem_id="talk-is-ai" if public else "talk-is-ai-afar",
    )  # fmt: skip
    page["leaving"] = gr.Textbox(visible="hidden", show_label=False)
    page["mark"] = gr.State("")
    page["paused"] = gr.Button(visible="hidden", elem_id="talk-paused")
    page["human"] = gr.Checkbox(True, label=t_client("talk.human"), container=False, elem_id="talk-human")
    page["chosen"] = gr.State(NOTHING_CHOSEN)
    return page


def _wire_chat(
    page: ChatPage, listed: TalkListParts, handlers: TalkHandlers, acts: ActHandlers, shared: Shared
) -> None:
    inputs, outputs = [shared.key, shared.conversation], [page[name] for name in OUTPUTS]
    chat, box, human = page["chat"], page["box"], page["human"]
    # Several at once: what comes later gives the earlier ones up, see Replies.
    streaming = {"trigger_mode": "multiple", "concurrency_limit": None, **EVENT}
    leaving = {"fn": None, "inputs": box, "outputs": [page["leaving"], box], "js": LEAVE}
    sent = gr.on([box.submit, page["send"].click], trigger_mode="multiple", **leaving, **EVENT).then(
        handlers.send, [*inputs, page["leaving"], human], outputs, **streaming
    )
    sent.then(None, [page["notice"], page["leaving"], box], box, js=COME_BACK, **EVENT)
    sent.then(handlers.refresh_list, [*inputs, listed.query], listed.talks, **EVENT)
    chat.select(acts.act, [*inputs, human], [*outputs, shared.conversation], **streaming)
    page["earlier"].click(handlers.show_earlier, inputs, outputs, **EVENT)
    page["stop"].click(handlers.stop, inputs, None, queue=False, **EVENT)
    # The page knows of a key at once, the server only when a busy page gets round to it: so the page finds the pause.
    page["paused"].click(handlers.pause, inputs, None, queue=False, trigger_mode="multiple", **EVENT)
    box.change(handlers.preview, [*inputs, box], page["seen"], trigger_mode="always_last", **EVENT)
    shared.changed["talks"].click(
        handlers.refresh, [*inputs, page["mark"], listed.query], [listed.talks, *outputs],
        trigger_mode="always_last", **EVENT,
    )  # fmt: skip
