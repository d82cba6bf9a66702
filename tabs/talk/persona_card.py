"""Character cards and the picture of a persona: opened, saved, changed."""

from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
from gradio.events import Dependency

from core.errors import InputError
from core.files import safe_name
from core.personas import Persona
from core.personas.card import card_json, card_png, read_card
from core.personas.picture import drawn, portrait
from tabs.talk.handlers import persona_of
from tabs.ui.download import Download, build_download
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class CardHandlers:
    """What a card holds becomes a persona of the visitor, and the other way round."""

    services: Services

    @handler
    def open_card(self, visitor: Visitor, cached: str) -> tuple[None, str]:
        """(the empty upload, id of a new talk with the card's persona)."""
        card = read_card(self._uploaded(visitor, cached))
        named = replace(card.persona, user=t(visitor.language, "persona.you"))
        persona = self.services.personas.save(visitor.owner, named)
        if card.picture:
            self.services.personas.save_picture(visitor.owner, persona.id, card.picture)
        entries = len(persona.book.entries)
        inform(visitor.language, "persona.opened_book" if entries else "persona.opened", name=persona.name, n=entries)
        return None, self.services.chat.open_conversation(visitor.owner, visitor.language, persona=persona.id).id

    @handler
    def save_png(self, visitor: Visitor, conversation: str) -> str:
        """The path of a picture that carries the persona's card."""
        persona = persona_of(self.services, visitor, conversation)
        picture = _picture(self.services, visitor.owner, persona)
        return self._saved(visitor, f"{safe_name(persona.name, 'persona')}.png", card_png(persona, picture))

    @handler
    def save_json(self, visitor: Visitor, conversation: str) -> str:
        """The path of the persona's card in JSON."""
        persona = persona_of(self.services, visitor, conversation)
        return self._saved(visitor, f"{safe_name(persona.name, 'persona')}.json", card_json(persona))

    @handler
    def change_picture(self, visitor: Visitor, conversation: str, cached: str) -> tuple[None, str]:
        """(the empty upload, id of the talk): a built-in persona becomes one's own copy with the picture."""
        picture = portrait(self._uploaded(visitor, cached))
        if picture is None:
            raise InputError(
                *(t(language, "persona.picture_wrong", name=Path(cached).name) for language in ("en", "ja"))
            )
        before = persona_of(self.services, visitor, conversation)
        persona = self.services.personas.save(visitor.owner, before) if before.built_in else before
        self.services.personas.save_picture(visitor.owner, persona.id, picture)
        if persona.id == before.id:
            return None, conversation
        return None, self.services.chat.open_conversation(visitor.owner, visitor.language, persona=persona.id).id

    def _saved(self, visitor: Visitor, name: str, data: bytes) -> str:
        with self.services.workspace.download_folder(visitor.owner) as folder:
            (folder / name).write_bytes(data)
            return str(self.services.workspace.hand_out(visitor.owner, folder / name))

    def _uploaded(self, visitor: Visitor, cached: str) -> bytes:
        file = self.services.take_upload(visitor, cached)
        try:
            return file.read_bytes()
        finally:
            file.unlink()


def _picture(services: Services, owner: str, persona: Persona) -> bytes:
    path = services.personas.picture(owner, persona.id)
    return path.read_bytes() if path else drawn(persona.name)


@dataclass(frozen=True)
class CardParts:
    """The fold's components; `wire` joins them to the page once all of it is there."""

    png: gr.Button
    json: gr.Button
    picture: gr.UploadButton
    file: Download


def build() -> CardParts:
    """The fold with cards and picture."""
    with gr.Accordion(t_client("persona.card"), open=False, elem_id="persona-card"):
        gr.Markdown(t_client("persona.card_info"), elem_classes="muted")
        with gr.Row():
            png = gr.Button(t_client("persona.card_png"), size="sm", elem_id="card-png", min_width=90)
            plain = gr.Button(t_client("persona.card_json"), size="sm", elem_id="card-json", min_width=90)
        picture = build_upload("persona.picture_change", "card-picture", types=("image",))
        file = build_download("persona-file")
    return CardParts(png, plain, picture, file)


def wire(
    services: Services, shared: Shared, parts: CardParts, open_card: gr.UploadButton, edited: gr.State
) -> Dependency:
    """The events, `edited` the talk whose persona is edited; returns the one after which the picture is another."""
    handlers = CardHandlers(services)
    where = [shared.key, edited]
    open_card.upload(handlers.open_card, [shared.key, open_card], [open_card, shared.conversation], **EVENT)
    for press, save in ((parts.png, handlers.save_png), (parts.json, handlers.save_json)):
        parts.file.after(press.click(save, where, parts.file.file, **EVENT))
    changed = [parts.picture, shared.conversation]
    return parts.picture.upload(handlers.change_picture, [*where, parts.picture], changed, **EVENT)
