"""The head of the chat: whose face and name, which model answers and how it is asked, as HTML."""

from html import escape

from core.catalogue.bundled import NAME as EMBEDDED
from core.chat.context import ChatContext
from core.chat.conversation import Conversation
from core.errors import AppError
from core.models.sizing.suitable import suggested_model
from core.prompt.chat_template import resolve_template
from core.text import format_bytes
from tabs.talk.bubbles import speed
from tabs.talk.faces import face_of
from tabs.talk.group_view import member_faces
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor

CHOOSE = "#model-other"
SHOWN = 4  # faces of a group


def head(services: Services, visitor: Visitor, talk: Conversation) -> str:
    """The head of a conversation; what is not known before the model is ready is left out."""
    language = visitor.language
    persona = services.chat.persona(visitor.owner, talk.persona, talk.adapter, language)
    learned = (
        f' <span class="muted">{escape(t(language, "talk.learned_as", name=talk.adapter))}</span>'
        if talk.adapter and not talk.group
        else ""
    )
    called = t(language, "group.between").join(talk.group.names) if talk.group else persona.name
    lines = [f"<h2>{escape(called)}{learned}</h2>"]
    try:
        setting = services.chat.context(
            visitor.owner, services.chat.before_reply(visitor.owner, talk, language), language
        )
        lines.append(f'<p class="muted num">{"・".join(map(escape, _asked(setting, talk, language)))}</p>')
        lines += _warnings(services, setting, talk, language)
    except AppError:  # the model is on its way, and the card beside says how far
        if persona.summary:
            lines.append(f'<p class="muted">{escape(persona.summary)}</p>')
    faces = [face.html() for face in member_faces(services, visitor, talk.group).values()]
    face = (
        f'<span class="faces">{"".join(faces[:SHOWN])}</span>'
        if faces
        else face_of(services, visitor.owner, persona).html("large")
    )
    return f'<div class="chat-head">{face}<div>{"".join(lines)}</div></div>'


def _asked(setting: ChatContext, talk: Conversation, language: str) -> list[str]:
    """Which model, how it is asked, and how fast it answered last."""
    if setting.remote:
        said = [setting.remote.name, t(language, "talk.asked_server")]
        said += [setting.remote.adapter_word.in_language(language)] if setting.remote.adapter_word else []
    else:
        template = resolve_template(setting.loaded.tokenizer, setting.prompt_config.template).name
        said = [setting.loaded.name, t(language, "talk.asked_own") if template == "model" else template]
    made = next((node.metadata for node in reversed(talk.path) if node.metadata and node.metadata.seconds), None)
    if made and made.reply_tokens > 1 and made.model == said[0]:
        said.append(speed(made, language))
    return said


def _offer(language: str) -> str:
    """A button for the model that suits this machine, once it is known how fast the machine is."""
    found = suggested_model(measure=False)
    if found is None:
        return ""
    size = format_bytes(found.download) if found.download else "?"
    words = escape(t(language, "talk.demo_load", name=found.entry.name, size=size))
    pace = t(language, "talk.demo_pace", n=f"{found.pace.tokens_per_second:.0f}") if found.pace else ""
    return f'<button type="button" data-load>{words}</button><span class="muted">{escape(pace)}</span>'


def _warnings(services: Services, setting: ChatContext, talk: Conversation, language: str) -> list[str]:
    """That the model is only a small one to begin with, and that another one answers than before."""
    said = []
    name = setting.remote.name if setting.remote else setting.loaded.name
    if name == EMBEDDED and not setting.remote:
        words, button = escape(t(language, "talk.demo")), ""
        if not services.models.locked:
            button = _offer(language) or (
                f'<button type="button" data-open="{CHOOSE}">{escape(t(language, "talk.demo_choose"))}</button>'
            )
        said.append(f'<p class="demo"><span>{words}</span>{button}</p>')
    before = next((node.metadata.model for node in reversed(talk.path) if node.metadata and node.metadata.model), name)
    if before != name:
        said.append(
            f'<p class="other-model warn">{escape(t(language, "talk.other_model", before=before, now=name))}</p>'
        )
    return said
