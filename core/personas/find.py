"""A persona as somebody names it in a terminal: the id of a built-in one, or a file that holds one."""

from contextlib import suppress
from pathlib import Path

from core.errors import InputError
from core.files import parse_json
from core.personas.card import read_card
from core.personas.persona import Persona
from core.personas.store import built_in, persona_from_json


def find_persona(wanted: str, language: str) -> Persona:
    """Raises InputError, naming what there is, for what is neither."""
    known = built_in(language)
    for persona in known:
        if wanted == persona.id:
            return persona
    try:
        return read_persona(Path(wanted).expanduser().read_bytes())
    except OSError as error:
        ids = ", ".join(persona.id for persona in known)
        raise InputError(
            f"“{wanted}” is neither a persona nor a file that can be read. Take {ids}, or a character card.",
            f"「{wanted}」は人格でも読めるファイルでもありません。{ids} か、キャラクターカードを指定してください。",
        ) from error


def read_persona(data: bytes) -> Persona:
    """The persona of a file, in the form in which the app keeps its own or as a card. Raises InputError for neither."""
    with suppress(ValueError, TypeError):
        return persona_from_json(value if isinstance(value := parse_json(data), dict) and "sampling" in value else {})
    return read_card(data).persona
