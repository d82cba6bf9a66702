"""What a persona knows for its next reply: entries of its character book, each at the place its author gave it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.messages import Turn
from core.personas.activation import Activated, activated_entries, within_budget
from core.personas.lorebook import ENTRY_DEPTH, Lorebook, LorebookEntry
from core.prompt import PlacedText


@dataclass(frozen=True)
class KnownTexts:
    """The texts that come into the prompt of one reply."""

    knowledge: tuple[str, ...]
    """Of entries without a place of their own, the most important first."""
    placed: tuple[PlacedText, ...]
    """All texts that have a place."""


def known_entries(
    book: Lorebook, turns: Sequence[Turn], size: Callable[[str], int], *, seed: str
) -> tuple[Activated, ...]:
    """The entries that the reply to `turns` should know and the book has room for, in the order in which they stand.

    `size` counts the tokens of a text; `seed` is the conversation's, for what is drawn.
    """
    return within_budget(activated_entries(book, turns, seed=seed), size, book.token_budget)


def known_texts(placed: Sequence[PlacedText], entries: Sequence[Activated]) -> KnownTexts:
    """The entries as texts, and `placed`, the persona's own texts with a place, among them."""
    found = [one.entry for one in entries]
    unplaced = sorted((entry for entry in found if not entry.position), key=lambda entry: -entry.priority)
    return KnownTexts(tuple(entry.content.strip() for entry in unplaced), among(placed, found))


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
