"""What a talk opens on before anything was said: what the app is for, an example, and words to begin with, as HTML."""

from html import escape

from core.chat.example_talk import ExampleTalk, example_talk
from core.personas import Persona
from core.text import is_japanese
from tabs.talk.faces import face_of
from tabs.ui.formatted import formatted
from tabs.ui.services import Services
from tabs.ui.text import t, texts
from tabs.ui.visitor import Visitor

TILES = ("talk", "data", "tokens")
DEFAULT_OPENERS = 3


def has_begun(services: Services, owner: str) -> bool:
    """Whether an owner has ever said something here, or brought something."""
    if services.datasets.list_all(owner) or services.jobs.list_all(owner):
        return True
    talks = services.conversations.list_all(owner, most=8)
    return any(node.role == "user" for talk in talks for node in talk.path)


def tiles(services: Services, visitor: Visitor) -> str:
    """The app's promise, three ways to begin and an example; "" for who has begun."""
    if has_begun(services, visitor.owner):
        return ""
    language = visitor.language
    drawn = [_tile(name, language) for name in TILES]
    promise = escape(t(language, "welcome.promise"))
    return (
        f'<section class="welcome"><h2>{promise}</h2><div class="tiles">{"".join(drawn)}</div>'
        f"{_example(services, visitor, example_talk(language))}</section>"
    )


def _tile(name: str, language: str) -> str:
    title, words = escape(t(language, f"welcome.{name}")), escape(t(language, f"welcome.{name}_words"))
    act = 'data-act="write"' if name == "talk" else f'data-act="tab" data-tab="{name}"'
    return f'<button type="button" class="tile" {act}><b>{title}</b><span>{words}</span></button>'


def _example(services: Services, visitor: Visitor, talk: ExampleTalk) -> str:
    language = visitor.language
    persona = services.personas.get(visitor.owner, talk.persona, language)
    face = face_of(services, visitor.owner, persona)
    said = "".join(
        f'<p class="{"mine" if turn.role == "user" else "theirs"}">{formatted(text)}</p>'
        for turn in talk.turns
        for text in turn.messages
    )
    source = (
        t(language, "welcome.recorded", model=talk.model, settings=talk.settings)
        if talk.model
        else t(language, "welcome.written")
    )
    return (
        f'<figure class="example" style="{escape(face.style)}"><div>{said}</div>'
        f"<figcaption>{escape(source)}</figcaption></figure>"
    )


def openers(persona: Persona, language: str) -> str:
    """Words to begin with, below the greeting: the persona's own, else some that suit anybody."""
    words = persona.openers or _default_openers(persona)
    buttons = "".join(f'<button type="button" data-act="say">{escape(text)}</button>' for text in words)
    return f'<div class="openers" role="group" aria-label="{escape(t(language, "welcome.openers"))}">{buttons}</div>'


def _default_openers(persona: Persona) -> tuple[str, ...]:
    """In the language that the persona speaks."""
    speaks = "ja" if is_japanese(persona.greeting + persona.description + persona.name) else "en"
    return tuple(texts()[f"welcome.opener_{n}"].in_language(speaks) for n in range(1, DEFAULT_OPENERS + 1))


def unanswered(language: str) -> str:
    """Below words that nobody has answered: the page was left, or the reply was stopped before its first word."""
    return f'<p class="aside" role="status">{escape(t(language, "talk.unanswered"))}</p>'


def put_back(what: str, language: str) -> str:
    """What was done, and the way to have it undone."""
    button = escape(t(language, "talk.put_back"))
    return (
        f'<p class="aside" role="status">{escape(what)} '
        f'<button type="button" id="talk-put-back" data-act="put_back">{button}</button></p>'
    )
