"""Characters of other programs (Agnai, Character.AI, text-generation-webui) under the names that cards use."""

from collections.abc import Mapping
from typing import Any

from core.personas.lorebook_dialects import as_book

LARGEST_YAML = 200_000  # characters: its parser takes seconds for more
AGNAI = {
    "greeting": "first_mes", "sampleChat": "mes_example", "systemPrompt": "system_prompt",
    "postHistoryInstructions": "post_history_instructions", "alternateGreetings": "alternate_greetings",
    "description": "creator_notes",
}  # fmt: skip


def yaml_card(text: str) -> object:
    """What a file of text-generation-webui says; None for what is no such file, or has names for other parts."""
    import yaml

    if len(text) > LARGEST_YAML or not text.lstrip("\ufeff \n").startswith(("name:", "context:", "greeting:")):
        return None
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            return None
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def as_card(value: dict[str, Any]) -> dict[str, Any]:
    """`value` with what it says under the names that cards use, beside its own."""
    if value.get("kind") == "character" and isinstance(value.get("persona"), Mapping):
        return value | _of_agnai(value)
    inner = value.get("character")
    if "name" not in value and isinstance(inner, Mapping) and "name" in inner:  # Character.AI
        return {**value, **inner, "first_mes": inner.get("greeting"), "mes_example": inner.get("definition")}
    return value


def _of_agnai(value: Mapping[str, Any]) -> dict[str, Any]:
    found = {new: value[old] for old, new in AGNAI.items() if value.get(old)}
    book = value.get("characterBook")
    if isinstance(book, Mapping):
        found["character_book"] = as_book(dict(book))
    attributes = value["persona"].get("attributes")
    return found | {"description": _described(attributes if isinstance(attributes, Mapping) else {})}


def _described(attributes: Mapping[str, Any]) -> str:
    """Attributes as text: free text as it is, others as a line each."""
    lines = []
    for name, values in attributes.items():
        words = ", ".join(map(str, values)) if isinstance(values, list) else str(values)
        lines.append(words if name == "text" else f"{name}: {words}")
    return "\n".join(lines)
