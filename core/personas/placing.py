"""Entries of a character book at the places their authors gave them, among the other texts with a place."""

from collections.abc import Sequence

from core.personas.lorebook import ENTRY_DEPTH, LorebookEntry
from core.prompt import PlacedText


def among(placed: Sequence[PlacedText], entries: Sequence[LorebookEntry]) -> tuple[PlacedText, ...]:
    """`placed` and the entries that have a place, in the order in which they stand where they share one.

    The book's stand before the others, except those that want to stand below the note.
    """
    note = next((one for one in placed if one.part == "note" and one.text.strip()), None)
    depth = note.depth if note else ENTRY_DEPTH
    behind_note = [_placed(entry, depth) for entry in entries if entry.position == "note_bottom"]
    before = [_placed(entry, depth) for entry in entries if entry.position not in ("", "note_bottom")]
    notes = [one for one in placed if one.part == "note"]
    others = [one for one in placed if one.part != "note"]
    return (*before, *notes, *behind_note, *others)


def _placed(entry: LorebookEntry, note_depth: int) -> PlacedText:
    text = entry.content.strip()
    if entry.position == "before_char":
        return PlacedText("lorebook", text, "before_persona", priority=entry.priority)
    if entry.position == "after_char":
        return PlacedText("lorebook", text, "after_persona", priority=entry.priority)
    if entry.position == "at_depth":
        return PlacedText("lorebook", text, depth=entry.depth, role=entry.role, priority=entry.priority)
    return PlacedText("lorebook", text, depth=note_depth, priority=entry.priority)
