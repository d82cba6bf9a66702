"""Changes of a character book by hand: an entry written anew, and the entries of another book brought in."""

from dataclasses import dataclass, replace

from core.personas.lorebook import Lorebook, LorebookEntry, Position


@dataclass(frozen=True)
class EntryText:
    """What a person decides about an entry; the rest of it stays."""

    keys: tuple[str, ...]
    content: str
    enabled: bool = True
    constant: bool = False
    position: Position = ""
    depth: int = 4
    order: int = 100
    probability: float = 100.0

    def applied(self, before: LorebookEntry) -> LorebookEntry:
        """`before` as it says. An entry without keys is always told."""
        return replace(
            before, keys=self.keys, content=self.content, enabled=self.enabled,
            constant=self.constant or not (self.keys or before.constant), position=self.position, depth=self.depth,
            order=self.order, probability=self.probability,
        )  # fmt: skip


def with_entry(book: Lorebook, place: int | None, text: EntryText) -> Lorebook:
    """With the entry at `place` changed, or a new one at the end where that is none."""
    if place is None or not 0 <= place < len(book.entries):
        return replace(book, entries=(*book.entries, text.applied(LorebookEntry((), ""))))
    changed = text.applied(book.entries[place])
    return replace(book, entries=(*book.entries[:place], changed, *book.entries[place + 1 :]))


def without_entry(book: Lorebook, place: int) -> Lorebook:
    """Without the entry at `place`."""
    return replace(book, entries=tuple(entry for at, entry in enumerate(book.entries) if at != place))


def joined(book: Lorebook, other: Lorebook) -> Lorebook:
    """`book` with the entries of `other` that it does not hold; an empty one takes over all of `other`."""
    if not book.entries:
        return other
    known = frozenset(book.entries)
    return replace(book, entries=book.entries + tuple(entry for entry in other.entries if entry not in known))
