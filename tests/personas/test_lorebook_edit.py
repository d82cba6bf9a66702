"""Entries changed by hand, and books that are brought together."""

from dataclasses import replace

from core.personas.lorebook import Lorebook, LorebookEntry
from core.personas.lorebook_edit import EntryText, joined, with_entry, without_entry

BOOK = Lorebook(
    (LorebookEntry(("owl",), "Owls sing.", sticky=3, raw={"x": 1}), LorebookEntry((), "Snow.", constant=True))
)


def test_an_entry_is_written_anew_and_the_rest_of_it_stays() -> None:
    text = EntryText(("owl", "bird"), "Owls do not sing.", False, position="at_depth", depth=1, probability=50)
    [changed, other] = with_entry(BOOK, 0, text).entries
    assert changed == replace(BOOK.entries[0], keys=("owl", "bird"), content="Owls do not sing.", enabled=False,
                              position="at_depth", depth=1, probability=50)  # fmt: skip
    assert changed.raw == {"x": 1} and changed.sticky == 3 and other == BOOK.entries[1]
    assert with_entry(BOOK, None, EntryText((), "Always.")).entries[2].constant
    assert len(with_entry(BOOK, 9, EntryText(("a",), "b")).entries) == 3
    assert without_entry(BOOK, 0).entries == BOOK.entries[1:]


def test_books_are_joined_without_doubles() -> None:
    other = Lorebook((BOOK.entries[0], LorebookEntry(("fog",), "Fog.")), scan_depth=9, raw={"name": "n"})
    assert [entry.content for entry in joined(BOOK, other).entries] == ["Owls sing.", "Snow.", "Fog."]
    assert joined(joined(BOOK, other), other) == joined(BOOK, other)
    assert joined(Lorebook(), other) is other
