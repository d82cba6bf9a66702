"""Books of other programs (Agnai, NovelAI, RisuAI, KoboldAI) as a card's book: every field of theirs is kept."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]


def as_book(value: object) -> object:
    """A book whose entries are in the form of cards, where `value` is one of those; else `value` as it is."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "key" in one for one in value):
        return {"entries": [one | _of_kobold(one) for one in value]}
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), list):  # RisuAI
        rest = {name: kept for name, kept in value.items() if name != "data"}
        return rest | {"entries": [one | _of_risu(one) for one in value["data"] if isinstance(one, dict)]}
    if isinstance(value.get("worldinfo"), list):  # a story of KoboldAI
        return as_book(value["worldinfo"])
    entries, translate = value.get("entries"), _translation(value)
    if translate is None or not isinstance(entries, list):
        return value
    return value | {"entries": [one | translate(one) for one in entries if isinstance(one, dict)]}


def _translation(book: Entry) -> "Callable[[Entry], dict[str, Any]] | None":
    """How an entry of this book is read; None for a book that cards may hold."""
    entries = book.get("entries")
    first = next((one for one in entries if isinstance(one, dict)), {}) if isinstance(entries, list) else {}
    if "content" in first:
        return None
    if "entry" in first and "keywords" in first:
        return _of_agnai
    return _of_novelai if "text" in first and "keys" in first else None


def _of_agnai(entry: Entry) -> dict[str, Any]:
    return {"keys": entry.get("keywords"), "content": entry.get("entry"), "insertion_order": entry.get("weight"),
            "priority": entry.get("priority")}  # fmt: skip


def _of_novelai(entry: Entry) -> dict[str, Any]:
    context = entry["contextConfig"] if isinstance(entry.get("contextConfig"), dict) else {}
    named: dict[str, Any] = {
        "content": entry.get("text"), "name": entry.get("displayName"), "constant": entry.get("forceActivation"),
        "insertion_order": context.get("budgetPriority"),
        # Its patterns stand between slashes, among plain words: as SillyTavern's do.
        "extensions": {"selectiveLogic": 0},
    }  # fmt: skip
    return named


def _of_risu(entry: Entry) -> dict[str, Any]:
    return {
        "keys": _listed(entry.get("key")), "secondary_keys": _listed(entry.get("secondkey")),
        "constant": entry.get("alwaysActive"), "insertion_order": entry.get("insertorder"),
        "use_regex": entry.get("useRegex") is True, "enabled": entry.get("mode") != "folder",
    }  # fmt: skip


def _of_kobold(entry: Entry) -> dict[str, Any]:
    return {"keys": _listed(entry.get("key")), "secondary_keys": _listed(entry.get("keysecondary"))}


def _listed(written: object) -> list[str]:
    return list(_words(written)) if isinstance(written, str) else []


def _words(written: str) -> Iterator[str]:
    yield from (word.strip() for word in written.split(",") if word.strip())
