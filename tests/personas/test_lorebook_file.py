"""Lorebooks as files: what other programs write is understood, and comes back with nothing lost."""

import json
from dataclasses import replace

import pytest

from core.errors import InputError
from core.personas.lorebook import Lorebook, LorebookEntry
from core.personas.lorebook_file import book_from, book_to_json, listed, lorebook_v3, read_book, world_info

HARBOUR = {
    "uid": 0, "key": ["harbour", "/port(o)?/i"], "keysecondary": ["storm"], "comment": "the harbour",
    "content": "The harbour freezes in January.", "constant": False, "selective": True, "selectiveLogic": 2,
    "order": 40, "position": 4, "disable": False, "excludeRecursion": True, "preventRecursion": True,
    "delayUntilRecursion": 2, "probability": 70, "useProbability": True, "depth": 2, "group": "places, north",
    "groupOverride": True, "groupWeight": 30, "scanDepth": 6, "caseSensitive": True, "matchWholeWords": True,
    "role": 1, "sticky": 3, "cooldown": 4, "delay": 5, "addMemo": True, "vectorized": False, "automationId": "a1",
    "characterFilter": {"isExclude": False, "names": ["Runa"], "tags": []},
}  # fmt: skip
WORLD = {"entries": {"0": HARBOUR, "1": {**HARBOUR, "uid": 1, "position": 0, "disable": True}}, "name": "The north"}


def test_world_info_is_understood() -> None:
    first, second = read_book(json.dumps(WORLD).encode()).entries
    assert replace(first, raw={}) == LorebookEntry(
        ("harbour", "/port(o)?/i"), "The harbour freezes in January.", name="the harbour", order=40,
        secondary=("storm",), logic="not_any", case_sensitive=True, whole_words=True, scan_depth=6, probability=70,
        delay=5, sticky=3, cooldown=4, exclude_recursion=True, prevent_recursion=True, recursion_level=2,
        groups=("places", "north"), group_override=True, group_weight=30, position="at_depth", depth=2, role="user",
    )  # fmt: skip
    assert (second.enabled, second.position) == (False, "before_char")


def test_nothing_of_a_file_is_lost_on_its_way_through_any_other() -> None:
    book = read_book(json.dumps(WORLD).encode())
    assert json.loads(world_info(book)) == WORLD
    again = read_book(lorebook_v3(book))
    assert again == book and json.loads(world_info(again)) == WORLD
    card = {"spec": "chara_card_v3", "data": {"name": "Runa", "character_book": book_to_json(book)}}
    assert read_book(json.dumps(card).encode()) == book
    decorated = {"keys": ["a"], "content": "@@depth 2\n@@role assistant\n@@keep_activate_after_match\nHm.", "x": 1}
    [entry] = book_from({"entries": [decorated]}).entries
    assert (entry.position, entry.depth, entry.role, entry.sticky > 10**6) == ("at_depth", 2, "assistant", True)
    world = json.loads(world_info(Lorebook((entry,))))["entries"]["0"]
    assert (world["key"], world["content"], world["x"]) == (["a"], decorated["content"], 1)


def test_a_changed_entry_keeps_what_was_not_changed() -> None:
    book = read_book(json.dumps(WORLD).encode())
    moved = replace(book.entries[0], position="after_char", probability=100.0, content="It never freezes.")
    again = read_book(lorebook_v3(replace(book, entries=(moved, book.entries[1]))))
    assert again.entries == (moved, book.entries[1])
    written = json.loads(world_info(again))["entries"]["0"]
    assert written == HARBOUR | {"position": 1, "probability": 100.0, "content": "It never freezes."}
    fresh = LorebookEntry(("fog",), "Fog.", position="at_depth", depth=0)
    assert read_book(world_info(Lorebook((fresh,)))).entries == (fresh,)


def test_plain_keys_of_sillytavern_are_no_patterns() -> None:
    of_tavern = {"keys": ["St. Ann (old)"], "content": "x", "use_regex": True, "extensions": {"selectiveLogic": 0}}
    assert not book_from({"entries": [of_tavern]}).entries[0].is_regex
    assert book_from({"entries": [{**of_tavern, "extensions": {}}]}).entries[0].is_regex


@pytest.mark.parametrize(("text", "keys"), [
    ("a, b", ("a", "b")), ("/x{1,2}/, y", ("/x{1,2}/", "y")), ("/home, sweet", ("/home", "sweet")), (" , ", ()),
])  # fmt: skip
def test_keys_are_listed_between_commas(text: str, keys: tuple[str, ...]) -> None:
    assert listed(text) == keys


@pytest.mark.parametrize("data", [b"[]", b"{}", b"{", b'{"entries": 3}', b"\xff", b'{"data": {"name": "x"}}'])
def test_other_files_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(InputError, match="no lorebook"):
        read_book(data)


def test_odd_values_count_as_absent() -> None:
    odd = {"key": "a, b", "content": 7, "position": "x", "depth": None, "role": None, "probability": "often",
           "sticky": None, "scanDepth": None, "selectiveLogic": 9, "group": None, "extensions": [1]}  # fmt: skip
    [entry] = book_from({"entries": {"0": odd}, "token_budget": "many", "scan_depth": None}).entries
    assert (entry.keys, entry.content, entry.probability, entry.logic, entry.depth) == (
        ("a", "b"), "7", 100.0, "and_any", 4,
    )  # fmt: skip
