"""Decorators of the card specification V3: lines `@@name value` at the top of an entry's content."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.personas.lorebook import FOREVER, LorebookEntry

DECORATOR = re.compile(r"@@@?(\w+)(|\W.*)")


def undecorated(content: str) -> tuple[str, dict[str, str]]:
    """The content without the decorators at its top, and these."""
    found: dict[str, str] = {}
    lines = content.split("\n")
    first = 0
    while first < len(lines) and (match := DECORATOR.fullmatch(lines[first].strip())):
        found.setdefault(match[1], match[2].strip())
        first += 1
    return "\n".join(lines[first:]), found


@dataclass(frozen=True)
class Decorators:
    """What an entry's decorators say, by name."""

    values: Mapping[str, str]

    def applied(self, entry: LorebookEntry) -> LorebookEntry:
        """The entry as they make it; those that are not known, and values that are none, change nothing."""
        changes: dict[str, Any] = {
            "keys": entry.keys + tuple(key for key in self._words("additional_keys") if key not in entry.keys),
            "excluded": entry.excluded + self._words("exclude_keys"),
            "enabled": entry.enabled and "dont_activate" not in self.values,
            "constant": entry.constant or "activate" in self.values,
        }
        numbers = {"scan_depth": "scan_depth", "activate_only_after": "not_before", "activate_only_every": "every"}
        for name, of in numbers.items():
            if (number := self._number(name)) is not None:
                changes[of] = number
        if (depth := self._number("depth")) is not None:
            changes |= {"position": "at_depth", "depth": depth}
        if self.values.get("role") in ("system", "user", "assistant"):
            changes["role"] = self.values["role"]
        places = {"before_desc": "before_char", "after_desc": "after_char"}
        if self.values.get("position") in places:
            changes["position"] = places[self.values["position"]]
        if "keep_activate_after_match" in self.values:
            changes["sticky"] = FOREVER
        if "dont_activate_after_match" in self.values:
            changes["cooldown"] = FOREVER
        return replace(entry, **changes)

    def _words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.values.get(name, "").split(",") if word.strip())

    def _number(self, name: str) -> int | None:
        value = self.values.get(name, "")
        return min(int(value), FOREVER) if value.isascii() and value.isdecimal() and len(value) < 10 else None
