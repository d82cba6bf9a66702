"""The character book of a persona: entries that enter the prompt when their words come up in the talk.

The shape is that of character cards (V2 `character_book`, V3 lorebooks) and of SillyTavern's world info. The
raw entries are kept beside what is understood of them, so that nothing is lost when a card is written again.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache

import regex

from core.messages import Turn
from core.text import normalize_for_match

SCAN_DEPTH = 4  # messages that are searched where the book does not say
ROUNDS = 4  # of recursive scanning
REGEX_SECONDS = 0.05  # for one pattern
REGEX_SECONDS_OF_A_TURN = 0.1  # for all patterns of a book together; those left over find nothing
LONGEST_PATTERN = 1000  # characters
SCANNED = 20_000  # characters of the newest messages that are searched
DELIMITED = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-z]*)", re.DOTALL)
DECORATOR = re.compile(r"@@@?(\w+)(|\W.*)")


@dataclass(frozen=True)
class LorebookEntry:
    """Something both know, and the words that bring it to mind."""

    keys: tuple[str, ...]
    content: str
    name: str = ""
    enabled: bool = True
    constant: bool = False
    """Always in the prompt, whatever was said."""
    order: int = 100
    """Lower stands higher among entries that come in together."""
    priority: int = 100
    """The lowest goes first when there is no room for all."""
    secondary: tuple[str, ...] = ()
    """Where there are any, one of these must come up, too."""
    is_regex: bool = False
    case_sensitive: bool = False
    excluded: tuple[str, ...] = ()
    """None of these may come up."""
    scan_depth: int | None = None
    not_before: int = 0
    """Replies of the persona before it may come in."""
    raw: dict = field(default_factory=dict, compare=False)
    """The entry as a card wrote it."""


@dataclass(frozen=True)
class Lorebook:
    """The entries of a persona."""

    entries: tuple[LorebookEntry, ...] = ()
    scan_depth: int = SCAN_DEPTH
    recursive: bool = False
    raw: dict = field(default_factory=dict, compare=False)
    """The book as a card wrote it, without its entries."""

    def matched(self, messages: Sequence[str], *, replies: int = 0) -> list[LorebookEntry]:
        """Entries for the next reply, most important first; `messages` are the talk's, oldest first."""
        found: list[LorebookEntry] = []
        told: list[str] = []  # contents that may wake others
        waiting, patterns = list(self.entries), _Patterns()
        for _ in range(ROUNDS if self.recursive else 1):
            scan = self._scanner(messages, told)
            woken = [self._wakes(entry, scan, replies, patterns) for entry in waiting]
            new = [entry for entry, awake in zip(waiting, woken, strict=True) if awake]
            if not new:
                break
            waiting = [entry for entry, awake in zip(waiting, woken, strict=True) if not awake]
            found += new
            told = [entry.content for entry in new]
        return sorted(found, key=lambda entry: (-entry.priority, entry.order))

    def brought_up(self, turns: Sequence[Turn]) -> tuple[str, ...]:
        """What the next reply should know of the book, most important first."""
        messages = [text for turn in turns for text in turn.messages]
        replies = sum(turn.role == "assistant" for turn in turns)
        return tuple(entry.content.strip() for entry in self.matched(messages, replies=replies))

    def _scanner(self, messages: Sequence[str], told: Sequence[str]) -> "Callable[[LorebookEntry], _Scanned]":
        """Makes the text that an entry is looked for in, once for each depth."""

        @cache
        def at(depth: int) -> _Scanned:
            return _Scanned("\n".join([*(messages[-depth:] if depth > 0 else ()), *told])[-SCANNED:])

        return lambda entry: at(self.scan_depth if entry.scan_depth is None else entry.scan_depth)

    def _wakes(
        self,
        entry: LorebookEntry,
        scan: "Callable[[LorebookEntry], _Scanned]",
        replies: int,
        patterns: "_Patterns",
    ) -> bool:
        if not entry.enabled or not entry.content.strip() or replies < entry.not_before:
            return False
        if entry.constant:
            return True
        text = scan(entry)
        if not _any(entry, entry.keys, text, patterns) or _any(entry, entry.excluded, text, patterns):
            return False
        return not entry.secondary or _any(entry, entry.secondary, text, patterns)


NO_LOREBOOK = Lorebook()


@dataclass(frozen=True)
class _Scanned:
    """A text that keys are looked for in."""

    text: str

    @cached_property
    def normalized(self) -> str:
        return normalize_for_match(self.text)


def _any(entry: LorebookEntry, keys: Sequence[str], scanned: _Scanned, patterns: "_Patterns") -> bool:
    if entry.is_regex:
        return any(patterns.find(key, scanned.text) for key in keys)
    plain = (lambda words: words) if entry.case_sensitive else normalize_for_match
    within = scanned.text if entry.case_sensitive else scanned.normalized
    return any(plain(key.strip()) in within for key in keys if key.strip())


class _Patterns:
    """Strangers' patterns, searched within one budget of time for a whole turn."""

    def __init__(self) -> None:
        self._left = REGEX_SECONDS_OF_A_TURN

    def find(self, key: str, text: str) -> bool:
        """Whether a pattern is found; one that is no pattern, or for which no time is left, finds nothing."""
        if self._left <= 0:
            return False
        started = time.perf_counter()
        try:
            pattern = _compiled(key)
            return pattern is not None and pattern.search(text, timeout=min(REGEX_SECONDS, self._left)) is not None
        except TimeoutError:
            return False
        finally:
            self._left -= time.perf_counter() - started


@lru_cache(maxsize=2048)
def _compiled(key: str) -> "regex.Pattern[str] | None":
    if len(key) > LONGEST_PATTERN:
        return None
    match = DELIMITED.fullmatch(key.strip())
    pattern, letters = (match["pattern"], match["flags"]) if match else (key, "")
    flags = sum(flag for letter, flag in (("i", regex.I), ("m", regex.M), ("s", regex.S)) if letter in letters)
    try:
        return regex.compile(pattern, flags)
    except (regex.error, RecursionError, MemoryError, OverflowError):
        return None


def book_from(value: dict) -> Lorebook:
    """The book of a card, of a lorebook file (V3) or of SillyTavern's world info. Odd fields count as absent."""
    if value.get("spec") == "lorebook_v3" and isinstance(value.get("data"), dict):
        value = value["data"]
    entries = value.get("entries") or []
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    known = tuple(_entry_from(entry) for entry in entries if isinstance(entry, dict))
    rest = {name: kept for name, kept in value.items() if name != "entries"}
    return Lorebook(known, _whole(value.get("scan_depth"), SCAN_DEPTH), value.get("recursive_scanning") is True, rest)


def _entry_from(raw: dict) -> LorebookEntry:
    content, decorators = _undecorated(str(raw.get("content") or ""))
    keys = _words(raw.get("keys", raw.get("key")))
    return LorebookEntry(
        keys=keys + _listed(decorators.get("additional_keys")),
        content=content,
        name=str(raw.get("name") or raw.get("comment") or ""),
        enabled=raw.get("enabled", not raw.get("disable", False)) is not False and "dont_activate" not in decorators,
        constant=raw.get("constant") is True or "activate" in decorators,
        order=_whole(raw.get("insertion_order", raw.get("order")), 100),
        priority=_whole(raw.get("priority"), 100),
        secondary=_words(raw.get("secondary_keys", raw.get("keysecondary"))) if raw.get("selective") else (),
        is_regex=raw.get("use_regex") is True or any(DELIMITED.fullmatch(key) for key in keys),
        case_sensitive=raw.get("case_sensitive") is True,
        excluded=_listed(decorators.get("exclude_keys")),
        scan_depth=_whole(decorators["scan_depth"], SCAN_DEPTH) if "scan_depth" in decorators else None,
        not_before=_whole(decorators.get("activate_only_after"), 0),
        raw=raw,
    )


def entry_to_json(entry: LorebookEntry) -> dict:
    """The entry as a card's: the raw one with what was changed here."""
    raw = entry.raw
    if raw and _entry_from(raw) == entry:
        return raw
    written = str(raw.get("content") or "")
    decorators = written[: len(written) - len(_undecorated(written)[0])]
    known = {
        "keys": list(entry.keys),
        "content": decorators + entry.content,
        "enabled": entry.enabled,
        "name": entry.name,
        "insertion_order": entry.order,
        "constant": entry.constant,
        "use_regex": entry.is_regex,
    }
    world_info = {"key", "keysecondary", "order", "disable"}
    return {"extensions": {}} | {name: v for name, v in raw.items() if name not in world_info} | known


def book_to_json(book: Lorebook) -> dict:
    """The inverse of `book_from`, in the shape of a card's `character_book`."""
    return {"extensions": {}} | book.raw | {"entries": [entry_to_json(entry) for entry in book.entries]}


def format_book(book: Lorebook) -> str:
    """The entries as a person edits them: "words: what comes to mind", its further lines indented; no words: always."""
    return "\n".join(_line(entry) for entry in book.entries)


def edited(book: Lorebook, text: str) -> Lorebook:
    """The book as it was edited. An entry whose lines were not changed stays what it was, wherever it stands now.

    >>> [(e.keys, e.content) for e in edited(Lorebook(), "むぎ、猫: 茶色い猫。\\n  鈴が鳴る。").entries]
    [(('むぎ', '猫'), '茶色い猫。\\n鈴が鳴る。')]
    """
    known = {_line(entry): entry for entry in book.entries}
    entries: list[LorebookEntry] = []
    for place, lines in enumerate(re.findall(r"^[^\S\n]*\S.*(?:\n[ \t\u3000]+\S.*)*", text, re.MULTILINE)):
        keys, colon, content = lines.strip().replace("：", ":", 1).partition(":")
        keys, content = (keys, content) if colon and "\n" not in keys else ("", lines)
        content = "\n".join(line.strip() for line in content.strip().split("\n"))
        if not content:
            continue
        before = book.entries[place] if place < len(book.entries) else LorebookEntry((), "")
        named = _listed(keys.replace("、", ",").replace("，", ","))
        constant = not named or (before.constant and bool(before.keys))
        entries.append(known.get(lines.strip(), replace(before, keys=named, content=content, constant=constant)))
    return replace(book, entries=tuple(entries))


def _line(entry: LorebookEntry) -> str:
    first, *more = (line.strip() for line in entry.content.strip().split("\n"))
    return "\n  ".join([f"{', '.join(entry.keys)}: {first}".strip(), *filter(None, more)])


def _undecorated(content: str) -> tuple[str, dict[str, str]]:
    """The content without the decorators (@@name value) at its top, and these."""
    found: dict[str, str] = {}
    lines = content.split("\n")
    first = 0
    while first < len(lines) and (match := DECORATOR.fullmatch(lines[first].strip())):
        found.setdefault(match[1], match[2].strip())
        first += 1
    return "\n".join(lines[first:]), found


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return _listed(value)
    return tuple(str(word) for word in value if str(word).strip()) if isinstance(value, list) else ()


def _listed(value: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (value or "").split(",") if word.strip())


def _whole(value: object, otherwise: int) -> int:
    try:
        return int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return otherwise
