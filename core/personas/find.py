"""A persona as somebody names it in a terminal: the id of a built-in one, or a character card's file."""

from pathlib import Path

from core.errors import InputError
from core.personas.card import read_card
from core.personas.persona import Persona
from core.personas.store import built_in


def find_persona(wanted: str, language: str) -> Persona:
    """Raises InputError, naming what there is, for what is neither."""
    known = built_in(language)
    for persona in known:
        if wanted == persona.id:
            return persona
    try:
        return read_card(Path(wanted).expanduser().read_bytes()).persona
    except OSError as error:
        ids = ", ".join(persona.id for persona in known)
        raise InputError(
            f"“{wanted}” is neither a persona nor a file that can be read. Take {ids}, or a character card.",
            f"「{wanted}」は人格でも読めるファイルでもありません。{ids} か、キャラクターカードを指定してください。",
        ) from error
