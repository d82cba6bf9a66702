"""Chats as files: the one on the page to be downloaded, others to be brought in."""

from dataclasses import dataclass

import gradio as gr

from core.chat.transfer import TRANSFER_FORMATS, TransferFormat, export, read, speakers
from core.chat.web_page import web_page
from core.files import safe_name
from tabs.talk.group_brought import group_of_names
from tabs.talk.handlers import stored
from tabs.ui.download import build_download
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client
from tabs.ui.toasts import inform
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor

FILES = [f".{form}" for form in TRANSFER_FORMATS]


@dataclass(frozen=True)
class TransferHandlers:
    """Files of the visitor's own conversations."""

    services: Services

    @handler
    def as_text(self, visitor: Visitor, conversation: str) -> str:
        """The file of the conversation as plain text."""
        return self._save(visitor, conversation, "txt")

    @handler
    def as_lines(self, visitor: Visitor, conversation: str) -> str:
        """The file of the conversation in SillyTavern's form."""
        return self._save(visitor, conversation, "jsonl")

    @handler
    def as_messages(self, visitor: Visitor, conversation: str) -> str:
        """The file of the conversation as chat messages."""
        return self._save(visitor, conversation, "json")

    @handler
    def as_page(self, visitor: Visitor, conversation: str, hide_names: bool) -> str:
        """The file of the conversation as a web page to be shared."""
        talk = stored(self.services, visitor, conversation)
        names = self._names(visitor, talk.persona, talk.adapter)
        called = "chat" if hide_names else names["persona"]
        return self._hand_out(
            visitor, f"{safe_name(called, 'chat')}.html", web_page(talk, **names, hide_names=hide_names)
        )

    @handler
    def bring(self, visitor: Visitor, conversation: str, cached: str) -> str:
        """A chat of a file becomes a new conversation with the persona on the page; its id."""
        talk = stored(self.services, visitor, conversation)
        path = self.services.take_upload(visitor, cached)
        try:
            data, names = path.read_bytes(), self._names(visitor, talk.persona, talk.adapter)
            found = read(data, self.services.conversations.new(talk.persona, talk.adapter), **names)
        finally:
            path.unlink(missing_ok=True)
        if in_it := speakers(data, persona=names["persona"]):
            found = found.with_group(group_of_names(self.services, visitor, in_it))
        count = sum(len(turn.messages) for turn in found.turns)
        inform(visitor.language, "talk.brought", n=count)
        return self.services.conversations.save(visitor.owner, found).id

    def _save(self, visitor: Visitor, conversation: str, form: TransferFormat) -> str:
        talk = stored(self.services, visitor, conversation)
        names = self._names(visitor, talk.persona, talk.adapter)
        return self._hand_out(visitor, f"{safe_name(names['persona'], 'chat')}.{form}", export(talk, form, **names))

    def _hand_out(self, visitor: Visitor, name: str, text: str) -> str:
        with self.services.workspace.download_folder(visitor.owner) as folder:
            made = folder / name
            made.write_text(text, encoding="utf-8")
            return str(self.services.workspace.hand_out(visitor.owner, made))

    def _names(self, visitor: Visitor, persona: str, adapter: str) -> dict[str, str]:
        chosen = self.services.chat.persona(visitor.owner, persona, adapter, visitor.language)
        named = chosen.talking_with(self.services.chat.profiles.get(visitor.owner))
        return {"persona": named.name, "user": named.user}


def build(services: Services, shared: Shared) -> None:
    """A fold with the downloads and an upload."""
    handlers = TransferHandlers(services)
    where = [shared.key, shared.conversation]
    with gr.Accordion(t_client("talk.files"), open=False, elem_id="talk-files"):
        file = build_download("talk-file")
        with gr.Row():
            for form, write in zip(
                TRANSFER_FORMATS, (handlers.as_lines, handlers.as_messages, handlers.as_text), strict=True
            ):
                button = gr.Button(t_client(f"talk.form_{form}"), size="sm", min_width=60, elem_id=f"talk-{form}")
                file.after(button.click(write, where, file.file, **EVENT))
            share = gr.Button(t_client("talk.form_html"), size="sm", min_width=60, elem_id="talk-html")
        hide = gr.Checkbox(False, label=t_client("talk.hide_names"), container=False, elem_id="talk-hide-names")
        file.after(share.click(handlers.as_page, [*where, hide], file.file, **EVENT))
        bring = build_upload("talk.bring", "talk-bring", types=FILES)
    bring.upload(handlers.bring, [*where, bring], shared.conversation, **EVENT)
