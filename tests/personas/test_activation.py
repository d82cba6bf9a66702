"""The logic of character books as their authors meant it: chance, secondary keys, words, timers, recursion, groups."""

import time

import pytest

from core.messages import Turn
from core.personas import Persona
from core.personas.activation import activated_entries
from core.personas.lorebook import Logic, Lorebook, LorebookEntry


def talk(*messages: str) -> list[Turn]:
    """User and persona in turn; the user speaks first."""
    return [Turn("assistant" if n % 2 else "user", (text,)) for n, text in enumerate(messages)]


def told(book: Lorebook, *messages: str, seed: str = "") -> list[str]:
    return [one.entry.content for one in activated_entries(book, talk(*messages), seed=seed)]


@pytest.mark.parametrize(("logic", "answers"), [
    ("and_any", (False, True, True)), ("and_all", (False, False, True)),
    ("not_any", (True, False, False)), ("not_all", (True, True, False)),
])  # fmt: skip
def test_what_has_to_hold_of_the_secondary_keys(logic: Logic, answers: tuple[bool, ...]) -> None:
    book = Lorebook((LorebookEntry(("river",), "it", secondary=("boat", "はし"), logic=logic),))
    said = ("the river", "a boat on the river", "river, boat and 橋はし")
    assert tuple(told(book, words) == ["it"] for words in said) == answers
    assert told(book, "a boat") == []


@pytest.mark.parametrize(("key", "said", "found"), [
    ("owl", "an owl.", True), ("owl", "bowls", False), ("owl", "owls", False), ("owl", "OWL", True),
    ("owl", "bowl, owl", True), ("owl", "夜のowlです", True), ("ねこ", "うちのねこがね", True),
    ("東京", "東京都", True), ("서울", "서울에서", True), ("Ürün", "ürünler", False), ("b2", "ab2", False), 
    ("red owl", "tired owls", True), ("ＯＷＬ", "the owl", True), ("C++", "in C++", True),
])  # fmt: skip
def test_whole_words_have_borders_where_their_script_has_them(key: str, said: str, found: bool) -> None:
    assert (told(Lorebook((LorebookEntry((key,), "it", whole_words=True),)), said) == ["it"]) is found


def test_chance_is_the_same_for_the_same_place_in_a_talk() -> None:
    book = Lorebook((LorebookEntry((), "half", constant=True, probability=50),))
    drawn = [told(book, "a", seed=str(n)) for n in range(200)]
    assert drawn == [told(book, "b", seed=str(n)) for n in range(200)]
    assert 70 < sum(map(len, drawn)) < 130
    assert 0 < sum(len(told(book, *"a" * n, seed="s")) for n in range(1, 40)) < 39
    never = Lorebook((LorebookEntry(("a",), "never", probability=0), LorebookEntry(("a",), "always")))
    assert told(never, "a") == ["always"]


def test_an_entry_stays_and_then_stays_away() -> None:
    sticky = Lorebook((LorebookEntry(("bell",), "it", sticky=3),), scan_depth=1)
    assert [told(sticky, *said) for said in (("bell",), ("bell", "r", "x"), ("bell", "r", "x", "r", "y"))] == [
        ["it"], ["it"], [],
    ]  # fmt: skip
    assert activated_entries(sticky, talk("bell", "r", "x"))[0].why == "sticky"
    away = Lorebook((LorebookEntry(("bell",), "it", cooldown=3),), scan_depth=1)
    assert [len(told(away, *["bell", "r"] * n, "bell")) for n in range(6)] == [1, 0, 1, 0, 1, 0]
    assert told(Lorebook((LorebookEntry(("bell",), "it", delay=3),)), "bell") == []
    assert told(Lorebook((LorebookEntry(("bell",), "it", delay=3),)), "bell", "r", "x") == ["it"]


def test_a_reply_that_is_drawn_again_knows_what_the_first_one_knew() -> None:
    book = Lorebook((LorebookEntry(("bell",), "it", cooldown=9, probability=80),))
    assert len({tuple(told(book, "bell", seed="t")) for _ in range(5)}) == 1


def test_recursion_is_kept_in_its_bounds() -> None:
    entries = (
        LorebookEntry(("castle",), "The king lives here.", order=1),
        LorebookEntry(("king",), "The king has a crown.", order=2, prevent_recursion=True),
        LorebookEntry(("crown",), "gold", order=3),
        LorebookEntry(("king",), "shy", order=4, exclude_recursion=True),
        LorebookEntry(("castle",), "first level", order=5, recursion_level=1),
        LorebookEntry(("castle",), "second level", order=6, recursion_level=2),
    )
    found = activated_entries(Lorebook(entries, recursive=True), talk("a castle"))
    assert [(one.entry.order, one.why, one.key) for one in found] == [
        (1, "keyword", "castle"), (2, "recursion", "king"), (5, "recursion", "castle"), (6, "recursion", "castle"),
    ]  # fmt: skip
    assert [one.entry.order for one in activated_entries(Lorebook(entries), talk("a castle"))] == [1]
    assert "shy" in told(Lorebook(entries, recursive=True), "the king")


def test_one_of_a_group_comes_in() -> None:
    sky = tuple(LorebookEntry((), name, constant=True, groups=("sky",)) for name in ("rain", "sun", "snow"))
    drawn = {tuple(told(Lorebook(sky), "a", seed=str(n))) for n in range(60)}
    assert drawn == {("rain",), ("sun",), ("snow",)}
    light = LorebookEntry((), "never", constant=True, groups=("sky",), group_weight=0)
    assert all(told(Lorebook((light, sky[0])), "a", seed=str(n)) == ["rain"] for n in range(20))
    leads = LorebookEntry((), "fog", constant=True, groups=("sky", "ground"), group_override=True)
    assert told(Lorebook((*sky, leads)), "a") == ["fog"]


def test_keys_may_hold_macros() -> None:
    book = Lorebook((LorebookEntry(("{{user}}",), "{{char}} knows {{user}}."),))
    persona = Persona("Mio", "", user="Ken", book=book).with_macros_expanded("t")
    assert told(persona.book, "ken is here") == ["Mio knows Ken."] and told(persona.book, "user") == []


def test_a_long_talk_with_timers_is_gone_through_in_bounded_time() -> None:
    entries = tuple(LorebookEntry((f"word{n}",), "x", sticky=2, cooldown=5, whole_words=True) for n in range(200))
    turns = talk(*("some words here and word7 there" for _ in range(10_001)))
    started = time.process_time()
    activated_entries(Lorebook(entries, recursive=True), turns)
    assert time.process_time() - started < 5
