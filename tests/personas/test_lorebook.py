"""The character book: which entries come to mind."""

import time

import pytest

from core.messages import Turn
from core.personas.activation import activated_entries, within_budget
from core.personas.key_match import REGEX_SECONDS_OF_A_TURN
from core.personas.lorebook import Lorebook, LorebookEntry
from core.personas.lorebook_file import book_from, book_to_json
from core.personas.lorebook_text import edited, format_book
from core.text import normalize_for_match


def names(book: Lorebook, *messages: str, replies: int = 0) -> list[str]:
    turns = [Turn("assistant", ("…",))] * replies + [Turn("user", (text,)) for text in messages]
    return [one.entry.content for one in activated_entries(book, turns)]


@pytest.mark.parametrize(("key", "said"), [
    ("むぎ", "ムギはどこ"), ("ﾑｷﾞ", "むぎ！"), ("CAT", "the Ｃat"), ("がっこう", "ガッコウ"),
])  # fmt: skip
def test_japanese_is_found_however_it_is_written(key: str, said: str) -> None:
    assert names(Lorebook((LorebookEntry((key,), "it"),)), said) == ["it"]
    assert normalize_for_match(key) in normalize_for_match(said)


def test_case_and_secondary_and_excluded_words() -> None:
    assert names(Lorebook((LorebookEntry(("Cat",), "it", case_sensitive=True),)), "a cat") == []
    both = Lorebook((LorebookEntry(("cat",), "it", secondary=("red", "blue"), excluded=("dog",)),))
    assert [names(both, said) for said in ("cat", "cat, blue", "blue cat and dog")] == [[], ["it"], []]


def test_depth_constant_and_disabled() -> None:
    book = Lorebook(
        (
            LorebookEntry(("a",), "A"),
            LorebookEntry((), "always", constant=True),
            LorebookEntry(("a",), "off", enabled=False),
        ),
        scan_depth=1,
    )
    assert names(book, "a", "b") == ["always"]
    assert set(names(book, "b", "a")) == {"A", "always"}
    late = Lorebook((LorebookEntry((), "late", constant=True, not_before=3),))
    assert names(late, replies=2) == [] and names(late, replies=3) == ["late"]


def test_entries_wake_entries_only_when_the_book_says_so() -> None:
    entries = (LorebookEntry(("a",), "b is near"), LorebookEntry(("b",), "c"), LorebookEntry(("never",), "n"))
    assert names(Lorebook(entries), "a") == ["b is near"]
    assert names(Lorebook(entries, recursive=True), "a") == ["b is near", "c"]


def test_what_comes_in_stands_in_its_order_and_the_least_important_goes_first() -> None:
    book = Lorebook(
        tuple(
            LorebookEntry((), c, constant=True, priority=p, order=o)
            for c, p, o in (("x", 1, 1), ("y", 9, 3), ("z", 5, 2))
        )
    )
    found = activated_entries(book, ())
    assert [one.entry.content for one in found] == ["x", "z", "y"]
    assert [one.entry.content for one in within_budget(found, len, 2)] == ["z", "y"]
    assert within_budget(found, len, None) == found


@pytest.mark.parametrize("key", ["/(a+)+$/", "(a+)+$", "/[/", "(?P<", "/\\d{3}/i"])
def test_patterns_end_in_time(key: str) -> None:
    book = Lorebook((LorebookEntry((key,), "it", is_regex=True),))
    assert names(book, "a" * 5000 + "!") == []
    assert names(Lorebook((LorebookEntry(("/n\\d+/i",), "it", is_regex=True),)), "N123") == ["it"]


def test_decorators_are_read_and_not_told() -> None:
    raw = {"keys": ["a"], "content": "@@scan_depth 1\n@@additional_keys b, c\n@@activate_only_after 2\nThe text."}
    [entry] = book_from({"entries": [raw]}).entries
    assert (entry.content, entry.keys, entry.scan_depth, entry.not_before) == ("The text.", ("a", "b", "c"), 1, 2)
    assert book_to_json(book_from({"entries": [raw]}))["entries"] == [raw]


def test_world_info_and_lorebook_files_are_read() -> None:
    world = {"entries": {"0": {"key": ["a"], "keysecondary": ["b"], "selective": True, "content": "x", "order": 3,
                               "disable": True}}}  # fmt: skip
    [entry] = book_from(world).entries
    assert (entry.keys, entry.secondary, entry.order, entry.enabled) == (("a",), ("b",), 3, False)
    assert book_from({"spec": "lorebook_v3", "data": {"entries": [{"keys": ["k"], "content": "c"}]}}).entries[
        0
    ].keys == ("k",)


def test_editing_keeps_what_is_not_shown() -> None:
    raw = [
        {"keys": [k], "content": c, "extensions": {"n": n}} for n, (k, c) in enumerate((("a", "A\nmore"), ("b", "B")))
    ]
    book = book_from({"entries": raw, "name": "N"})
    assert format_book(book) == "a: A\n  more\nb: B"
    assert book_to_json(edited(book, format_book(book))) == book_to_json(book)
    changed = edited(book, "a、aa: A2\n  more\n\nb: B\n: always this\nx:\nand this")
    written = book_to_json(changed)
    assert [entry["content"] for entry in written["entries"]] == ["A2\nmore", "B", "always this", "and this"]
    assert written["entries"][0]["extensions"] == {"n": 0} and written["entries"][0]["keys"] == ["a", "aa"]
    assert [entry.constant for entry in changed.entries] == [False, False, True, True]
    assert book_to_json(edited(book, "b: B"))["entries"] == [raw[1]]


def test_all_the_patterns_of_a_book_share_one_budget_of_time() -> None:
    slow = tuple(LorebookEntry((f"(a+)+{n}$",), "x", is_regex=True) for n in range(100))
    book = Lorebook((LorebookEntry(("a!$",), "first", is_regex=True), *slow))
    started = time.process_time()
    assert names(book, "a" * 60 + "!") == ["first"]
    assert time.process_time() - started < 3 * REGEX_SECONDS_OF_A_TURN
