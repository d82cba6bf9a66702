"""Character books as files: a card's book, a lorebook file (V3) and SillyTavern's world info, with nothing lost."""

import json
from typing import Any, get_args

from core.errors import InputError
from core.personas.decorators import Decorators, undecorated
from core.personas.key_match import is_pattern
from core.personas.lengths import check_numbers, parse_bounded
from core.personas.lorebook import ENTRY_DEPTH, FOREVER, SCAN_DEPTH, Logic, Lorebook, LorebookEntry, Position
from core.personas.lorebook_dialects import as_book

LARGEST_FILE = 8_000_000  # bytes
LOGICS: tuple[Logic, ...] = ("and_any", "not_all", "not_any", "and_all")  # by SillyTavern's numbers
POSITIONS: tuple[Position, ...] = ("before_char", "after_char", "note_top", "note_bottom", "at_depth")  # likewise
ROLES = ("system", "user", "assistant")  # likewise
# World info's name of a field, a card's; further ones stand among a card's extensions.
CARD_NAMES = {
    "key": "keys", "keysecondary": "secondary_keys", "comment": "comment", "content": "content",
    "constant": "constant", "selective": "selective", "order": "insertion_order", "uid": "id",
}  # fmt: skip
EXTENSION_NAMES = {
    "excludeRecursion": "exclude_recursion", "preventRecursion": "prevent_recursion",
    "delayUntilRecursion": "delay_until_recursion", "displayIndex": "display_index", "groupOverride": "group_override",
    "groupWeight": "group_weight", "scanDepth": "scan_depth", "matchWholeWords": "match_whole_words",
    "useGroupScoring": "use_group_scoring", "caseSensitive": "case_sensitive", "automationId": "automation_id",
}  # fmt: skip


def read_book(data: bytes) -> Lorebook:
    """The book in a file's bytes: a lorebook file, world info, a book alone, or a card's. Raises InputError."""
    if len(data) > LARGEST_FILE:
        raise _no_book(f"{len(data):,} bytes, at most {LARGEST_FILE:,}")
    try:
        value = parse_bounded(data.decode("utf-8-sig"))
    except ValueError as error:
        raise _no_book(f"JSON: {error}") from error
    value = as_book(value)
    if not isinstance(value, dict):
        raise _no_book(f"JSON: {type(value).__name__}")
    inner = wrapped if isinstance(wrapped := value.get("data"), dict) else value
    inner = next((one for one in (inner.get("character_book"), inner) if isinstance(one, dict)), inner)
    if not isinstance(inner.get("entries"), (list, dict)):
        raise _no_book("entries: —")
    return book_from(inner)


def lorebook_v3(book: Lorebook) -> bytes:
    """The book as a lorebook file of the card specification V3."""
    value = {"spec": "lorebook_v3", "data": book_to_json(book)}
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def world_info(book: Lorebook) -> bytes:
    """The book as SillyTavern's world info."""
    entries = [_to_world_info(place, entry_to_json(entry)) for place, entry in enumerate(book.entries)]
    rest = {name: value for name, value in book.raw.items() if name != "extensions" or value}
    return json.dumps(rest | {"entries": {str(place): entry for place, entry in enumerate(entries)}},
                      ensure_ascii=False, indent=2).encode()  # fmt: skip


def book_from(value: dict) -> Lorebook:
    """The book of a card, of a lorebook file (V3) or of SillyTavern's world info. Odd fields count as absent.

    Raises InputError for more entries than a book may have, before it looks at any.
    """
    if value.get("spec") == "lorebook_v3" and isinstance(value.get("data"), dict):
        value = value["data"]
    found = value.get("entries")
    entries = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []
    check_numbers(len(entries))
    known = tuple(_entry_from(_as_card_entry(entry)) for entry in entries if isinstance(entry, dict))
    rest = {name: kept for name, kept in value.items() if name != "entries"}
    budget = _whole(value.get("token_budget"), 0)
    return Lorebook(
        known, _whole(value.get("scan_depth"), SCAN_DEPTH), value.get("recursive_scanning") is True,
        budget if budget > 0 else None, rest,
    )  # fmt: skip


def book_to_json(book: Lorebook) -> dict:
    """The inverse of `book_from`, in the shape of a card's `character_book`."""
    return {"extensions": {}} | book.raw | {"entries": [entry_to_json(entry) for entry in book.entries]}


def entry_to_json(entry: LorebookEntry) -> dict:
    """The entry as a card's: the raw one with what was changed here."""
    raw = entry.raw
    before = _entry_from(raw)
    if raw and before == entry:
        return raw
    written = str(raw.get("content") or "")
    decorators = written[: len(written) - len(undecorated(written)[0])]
    known = {
        "keys": list(entry.keys),
        "content": decorators + entry.content,
        "enabled": entry.enabled,
        ("comment" if raw.get("comment") and not raw.get("name") else "name"): entry.name,
        "insertion_order": entry.order,
        "constant": entry.constant,
        "use_regex": raw.get("use_regex") is True if entry.is_regex == before.is_regex else entry.is_regex,
    }
    extensions = dict(raw["extensions"]) if isinstance(raw.get("extensions"), dict) else {}
    if (entry.position, entry.depth) != (before.position, before.depth):
        extensions |= {"depth": entry.depth}
        if entry.position:
            extensions["position"] = POSITIONS.index(entry.position)
        else:
            extensions.pop("position", None)
        known["position"] = entry.position if entry.position in POSITIONS[:2] else ""
    if entry.probability != before.probability:
        extensions |= {"probability": entry.probability, "useProbability": True}
    return raw | known | {"extensions": extensions}


def _as_card_entry(raw: dict) -> dict:
    """An entry of SillyTavern's world info as a card's, as SillyTavern writes it; a card's own stays as it is."""
    if "keys" in raw or "key" not in raw:
        return raw
    position = _whole(raw.get("position"), 0)
    entry: dict[str, Any] = {"enabled": raw.get("disable") is not True, "use_regex": True,
                             "position": "before_char" if position == 0 else "after_char"}  # fmt: skip
    extensions: dict[str, Any] = dict(raw["extensions"]) if isinstance(raw.get("extensions"), dict) else {}
    # Its patterns stand between slashes; with `selectiveLogic` an entry is known as one of SillyTavern's.
    extensions.setdefault("selectiveLogic", 0)
    for name, value in raw.items():
        if known := CARD_NAMES.get(name):
            entry[known] = value
        elif name not in ("disable", "extensions"):
            extensions[str(EXTENSION_NAMES.get(name, name))] = value
    return entry | {"extensions": extensions}


def _to_world_info(place: int, entry: dict) -> dict:
    """The inverse of `_as_card_entry`: also of an entry that was a card's from the beginning."""
    extensions = entry["extensions"] if isinstance(entry.get("extensions"), dict) else {}
    own = {card: world for world, card in CARD_NAMES.items()}
    names = {card: world for world, card in EXTENSION_NAMES.items()}
    known: dict[str, Any] = {"uid": place, "key": [], "keysecondary": [], "comment": entry.get("name") or ""}
    known |= {own[name]: value for name, value in entry.items() if name in own}
    known["disable"] = entry.get("enabled", True) is False
    known["position"] = 1 if entry.get("position") == "after_char" else 0
    kept = {name: value for name, value in entry.items()
            if name not in own and name not in ("enabled", "use_regex", "position", "extensions")}  # fmt: skip
    return {**kept, **known, **{names.get(name, name): value for name, value in extensions.items()}}


def _entry_from(raw: dict) -> LorebookEntry:
    content, found = undecorated(str(raw.get("content") or ""))
    decorators = Decorators(found)
    extensions = raw["extensions"] if isinstance(raw.get("extensions"), dict) else {}
    more = {**{name: value for name, value in raw.items() if name in EXTENSION_NAMES.values()}, **extensions}
    keys = _words(raw.get("keys"))
    logic = _whole(more.get("selectiveLogic"), 0)
    entry = LorebookEntry(
        keys=keys,
        content=content,
        name=str(raw.get("name") or raw.get("comment") or ""),
        enabled=raw.get("enabled", True) is not False,
        constant=raw.get("constant") is True,
        order=_whole(raw.get("insertion_order"), 100),
        priority=_whole(raw.get("priority"), 100),
        secondary=_words(raw.get("secondary_keys")) if raw.get("selective") else (),
        logic=LOGICS[logic] if 0 <= logic < len(LOGICS) else "and_any",
        # SillyTavern writes use_regex into every card; its own patterns stand between slashes.
        is_regex=raw.get("use_regex") is True and "selectiveLogic" not in extensions,
        case_sensitive=raw.get("case_sensitive") is True or more.get("case_sensitive") is True,
        whole_words=more.get("match_whole_words") is True,
        scan_depth=_whole(more["scan_depth"], SCAN_DEPTH) if more.get("scan_depth") is not None else None,
        probability=_percent(more.get("probability")) if more.get("useProbability", True) is not False else 100.0,
        delay=_count(more.get("delay")),
        sticky=_count(more.get("sticky")),
        cooldown=_count(more.get("cooldown")),
        exclude_recursion=more.get("exclude_recursion") is True,
        prevent_recursion=more.get("prevent_recursion") is True,
        recursion_level=_count(more.get("delay_until_recursion")),
        groups=_words(more.get("group")),
        group_override=more.get("group_override") is True,
        group_weight=_whole(more.get("group_weight"), 100),
        position=_position(raw.get("position"), extensions.get("position")),
        depth=max(_whole(more.get("depth"), ENTRY_DEPTH), 0),
        role=ROLES[_count(more.get("role"))] if _count(more.get("role")) < len(ROLES) else "system",
        raw=raw,
    )  # fmt: skip
    return decorators.applied(entry) if found else entry


def _position(plain: object, number: object) -> Position:
    if type(number) is int:
        return POSITIONS[number] if 0 <= number < len(POSITIONS) else ""
    return plain if plain in get_args(Position) else ""  # type: ignore[return-value]


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return listed(value)
    return tuple(str(word) for word in value if str(word).strip()) if isinstance(value, list) else ()


def listed(value: str) -> tuple[str, ...]:
    """Keys as a person lists them, between commas; those of a pattern between slashes belong to it.

    >>> listed("cat, /a{1,2}/i, dog")
    ('cat', '/a{1,2}/i', 'dog')
    """
    keys: list[str] = []
    open_pattern = False  # a key that begins with a slash and has not come to its second one
    for piece in value.split(","):
        if open_pattern:
            keys[-1] += f",{piece}"
            open_pattern = not _ends_pattern(piece)
        else:
            keys.append(piece)
            start = piece.strip()
            open_pattern = start.startswith("/") and not is_pattern(start)
    if open_pattern:  # it was none
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return tuple(key.strip() for key in keys if key.strip())


def _ends_pattern(piece: str) -> bool:
    flags = piece.strip().rpartition("/")
    return bool(flags[1]) and (flags[2] == "" or flags[2].isalpha())


def _whole(value: object, otherwise: int) -> int:
    try:
        return int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return otherwise


def _count(value: object) -> int:
    """A number of messages, from 0; true is 1."""
    return min(max(_whole(value, 0), 0), FOREVER)


def _percent(value: object) -> float:
    return float(min(max(value, 0), 100)) if isinstance(value, (int, float)) else 100.0


def _no_book(found: str) -> InputError:
    return InputError(
        f"This file is no lorebook ({found[:200]}). SillyTavern's world info, lorebook files of the card "
        "specification V3, books of NovelAI, Agnai, RisuAI and KoboldAI, and cards with a book in them (JSON) can be "
        "read.",
        f"ロアブックとして読めません（{found[:200]}）。SillyTavern のワールド情報、V3 のロアブック、"
        "NovelAI・Agnai・RisuAI・KoboldAI のもの、キャラクターブックの入ったカード（JSON）を読み込めます。",
    )
