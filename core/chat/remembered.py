"""What of the memory a reply was given, out of the prompt that was kept with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

from core.prompt import Prompt
from core.prompt.segments import Part
from core.stored import UNREADABLE

REMEMBERED: Final[tuple[Part, ...]] = ("recalled", "knowledge", "timeline", "lorebook")
"""What is looked up for a reply; the rest of its prompt is the same for every one."""


@dataclass(frozen=True)
class Remembered:
    """Lines of one part of a prompt."""

    part: Part
    lines: tuple[str, ...]


def remembered(kept: dict | None) -> tuple[Remembered, ...]:
    """What a prompt as `Conversations.prompt_of` gives it held of the memory; nothing where it cannot be read."""
    try:
        prompt = Prompt.from_json(kept) if kept else None
    except UNREADABLE:
        prompt = None
    if prompt is None:
        return ()
    found = {part: tuple(_lines("\n".join(one.text for one in prompt.segments if one.part == part)))
             for part in get_args(Part) if part in REMEMBERED}  # fmt: skip
    return tuple(Remembered(part, found[part]) for part in REMEMBERED if found[part])


def _lines(text: str) -> Iterator[str]:
    """The lines without their marks, and without the heading over them."""
    for line in filter(None, map(str.strip, text.splitlines())):
        if not line.endswith((":", "：")):
            yield line.removeprefix("- ").strip()
