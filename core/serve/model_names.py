"""What a persona is called as a model of the API: `socrates`, `hanako-3f2a1b`, with an adapter `花子+hanako-line`."""

from dataclasses import dataclass

from core.chat.service import ChatService
from core.errors import AppError, InputError

JOINT = "+"  # no name of a persona's id or an adapter has one (`core.files.check_name`)


@dataclass(frozen=True)
class ServedModel:
    """A persona that can be asked, alone or with an adapter."""

    name: str
    persona: str
    """Its id; "" for the one in the adapter's prompt config."""
    adapter: str = ""
    title: str = ""
    """What the persona is called, for people."""


def served_models(talk: ChatService, owner: str, language: str) -> list[ServedModel]:
    """All personas of an owner and the built-in ones, then each adapter as it was trained.

    Every persona can also be asked with every adapter, as `persona+adapter`.
    """
    found = [ServedModel(one.id, one.id, title=one.name) for one in talk.personas.entries(owner, language)]
    for adapter in talk.adapters.list_all(owner):
        own = adapter.prompt_config.persona if adapter.prompt_config else ""
        found.append(ServedModel(f"{own}{JOINT}{adapter.name}", "", adapter.name, own))
    return found


def find_model(talk: ChatService, owner: str, name: str, language: str) -> ServedModel:
    """The model called `name`: an id or a unique name of a persona, alone or before `+` and an adapter.

    Nothing or the adapter's own persona before the `+` asks the adapter as it was trained. Raises InputError.
    """
    before, joint, adapter = name.strip().rpartition(JOINT)
    wanted = before.strip() if joint else adapter
    try:
        held = talk.adapters.get(owner, adapter) if joint else None
    except AppError as error:
        raise _unknown(name) from error
    if held and wanted in ("", held.prompt_config.persona if held.prompt_config else ""):
        return ServedModel(name, "", held.name, wanted)
    personas = talk.personas.entries(owner, language)
    fitting = [one for one in personas if one.id == wanted] or [one for one in personas if one.name == wanted]
    if len(fitting) != 1:
        raise _unknown(name)
    return ServedModel(name, fitting[0].id, held.name if held else "", fitting[0].name)


def _unknown(name: str) -> InputError:
    shown = " ".join(name.split())[:120]
    return InputError(
        f"There is no model “{shown}”. GET /v1/models lists them; a persona with an adapter is persona+adapter.",
        f"「{shown}」というモデルはありません。一覧は GET /v1/models で見られます。"
        "人格とアダプターは「人格+アダプター」とつなぎます。",
    )
