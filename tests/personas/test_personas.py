"""Personas: the built-in ones, an owner's own, and how they are typed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.files import read_json
from core.messages import Turn
from core.models.sampling import PRESETS, preset_of
from core.personas import (
    LONGEST_DESCRIPTION,
    Persona,
    Personas,
    Sampling,
    built_in,
    format_examples,
    parse_examples,
    store,
)
from core.personas.lorebook import Lorebook, LorebookEntry
from core.workspace import Workspace

ME, OTHER = "key-me", "key-other"
MIKA = Persona(
    "みか", "短く話す。", summary="友だち", greeting="やっほー", user="健", sampling=Sampling(0.5, 0.9, 0.1, 1.1, 50),
    examples=(Turn("user", ("hi", "yo")), Turn("assistant", ("うん", "いいよ"))),
)  # fmt: skip


@pytest.fixture
def personas(tmp_path: Path) -> Personas:
    return Personas(Workspace(tmp_path))


def test_a_persona_is_kept_as_it_was_written(personas: Personas) -> None:
    saved = personas.save(ME, MIKA)
    assert saved.id and saved == replace(MIKA, id=saved.id)
    assert personas.get(ME, saved.id, "en") == saved
    changed = personas.save(ME, replace(saved, name=" ミカ "))
    assert changed.id == saved.id and personas.get(ME, saved.id, "ja").name == "ミカ"
    assert personas.entries(ME, "ja")[0].id == saved.id
    personas.delete(ME, saved.id)
    personas.delete(ME, saved.id)
    with pytest.raises(InputError, match="no persona"):
        personas.get(ME, saved.id, "ja")


def test_owners_do_not_see_each_other(personas: Personas) -> None:
    saved = personas.save(ME, MIKA)
    with pytest.raises(InputError):
        personas.get(OTHER, saved.id, "ja")
    personas.delete(OTHER, saved.id)
    assert personas.get(ME, saved.id, "ja") == saved
    assert saved.id not in [p.id for p in personas.entries(OTHER, "ja")]


def test_a_list_reads_a_persona_again_only_when_its_file_has_changed(
    personas: Personas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner may have many long ones, and every opening of the page lists them."""
    read: list[str] = []
    monkeypatch.setattr(store, "read_json", lambda path: read.append(path.stem) or read_json(path))
    saved = [personas.save(ME, replace(MIKA, name=f"Mika {n}")) for n in range(3)]
    names = sorted(entry.name for entry in personas.entries(ME, "ja") if not entry.built_in)
    assert names == ["Mika 0", "Mika 1", "Mika 2"] and sorted(read) == sorted(one.id for one in saved)
    read.clear()
    personas.save(ME, replace(saved[1], name="Rin"))
    assert "Rin" in [entry.name for entry in personas.entries(ME, "en")] and read == [saved[1].id]
    assert personas.damaged(ME) == [] and read == [saved[1].id]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_built_in_personas_are_whole(personas: Personas, language: str) -> None:
    found = built_in(language)
    assert len({p.id for p in found}) == len(found) >= 3
    assert any(p.greeting for p in found) and any(not p.greeting for p in found)
    for persona in found:
        assert persona.built_in and persona.name and persona.description and persona.examples
        assert personas.get(ME, persona.id, language) == persona
        assert persona.prompt_config(1024).examples == persona.examples


def test_a_built_in_one_is_copied_when_it_is_changed(personas: Personas) -> None:
    original = built_in("en")[0]
    mine = personas.save(ME, replace(original, description="changed"))
    assert mine.id != original.id and not mine.built_in
    assert personas.get(ME, original.id, "en") == original
    personas.delete(ME, original.id)
    assert original.id in [entry.id for entry in personas.entries(ME, "en")]


@pytest.mark.parametrize("name", ["x" * 60, "あ" * 60, "🎉", "../../etc", "CON", "a/b", "-"])
def test_any_name_can_be_given(personas: Personas, name: str) -> None:
    first, second = (personas.save(ME, replace(MIKA, name=name)) for _ in range(2))
    assert first.id != second.id and first.name == second.name == name


def test_what_cannot_be_a_persona_is_told(personas: Personas) -> None:
    with pytest.raises(InputError, match="no name"):
        personas.save(ME, replace(MIKA, name=" "))
    with pytest.raises(InputError, match="20,001 characters"):
        personas.save(ME, replace(MIKA, description="x" * (LONGEST_DESCRIPTION + 1)))
    with pytest.raises(InputError):
        personas.get(ME, "../x", "ja")


def test_a_file_of_a_later_version_is_read(personas: Personas) -> None:
    saved = personas.save(ME, MIKA)
    path = personas.workspace.place(ME, "personas", f"{saved.id}.json")
    path.write_text(json.dumps(read_json(path) | {"mood": "new"}), encoding="utf-8")
    assert personas.get(ME, saved.id, "ja") == saved


@pytest.mark.parametrize("change", [{"temperature": 2.1}, {"temperature": -1}, {"top_p": 0}, {"min_p": float("nan")},
                                    {"repetition_penalty": 0.9}, {"max_new_tokens": 0}, {"max_new_tokens": None},
                                    {"temperature": "hot"}, {"max_new_tokens": float("inf")}])  # fmt: skip
def test_sampling_has_bounds(change: dict) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        Sampling(**change)


def test_numbers_have_the_kind_that_generate_asks_for() -> None:
    sampling = Sampling(temperature=2, top_p=1, min_p=0, repetition_penalty=1, max_new_tokens=9.0)  # pyright: ignore[reportArgumentType]
    assert [type(v) for v in vars(sampling).values()] == [float, float, float, float, int, int, float, int, int]


def test_a_preset_is_known_by_how_it_draws() -> None:
    for name, preset in PRESETS.items():
        assert preset_of(replace(preset, max_new_tokens=9, seed=4)) == name
    assert preset_of(Sampling(temperature=0.61)) == ""


def test_the_contract_keeps_half_the_window_for_the_talk() -> None:
    assert MIKA.prompt_config(1024).reply_reserve == 50
    assert replace(MIKA, sampling=Sampling(max_new_tokens=900)).prompt_config(256).reply_reserve == 128
    prompt_config = MIKA.prompt_config(512, template="dialogue")
    assert (prompt_config.persona, prompt_config.user, prompt_config.template, prompt_config.context_window) == (
        "みか",
        "健",
        "dialogue",
        512,
    )


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("", ()),
        (" \n>\n＞ \n", ()),
        ("> hi\nうん\nいいよ\n\n＞ じゃあ\n> ね\nまた", (("user", "hi"), ("assistant", "うん", "いいよ"),
                                                          ("user", "じゃあ", "ね"), ("assistant", "また"))),
        ("> hi\n>\nyes", (("user", "hi"), ("assistant", "yes"))),
        ("alone", (("assistant", "alone"),)),
    ],
)  # fmt: skip
def test_examples_are_read_as_they_are_typed(text: str, turns: tuple) -> None:
    found = parse_examples(text)
    assert found == tuple(Turn(role, tuple(messages)) for role, *messages in turns)
    assert parse_examples(format_examples(found)) == found


def test_lines_of_the_user_stay_the_users() -> None:
    turns = (Turn("user", ("a\nb",)), Turn("assistant", ("c",)))
    assert parse_examples(format_examples(turns)) == (Turn("user", ("a", "b")), Turn("assistant", ("c",)))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n" * 201},
        {"user": "u" * 201},
        {"summary": "s" * 1_001},
        {"greeting": "g" * 20_001},
        {"greetings": ("a", "g" * 20_001)},
        {"greetings": ("a",) * 101},
        {"examples": (Turn("user", ("x" * 60_000, "x" * 60_000)),)},
        {"book": Lorebook((LorebookEntry(("k",), "c" * 20_001),))},
        {"book": Lorebook((LorebookEntry(("k" * 10_001,), "c"),))},
        {"book": Lorebook((LorebookEntry(("k",), "c"),) * 5_001)},
        {"book": Lorebook((LorebookEntry(("k",), "c" * 20_000),) * 101)},
    ],
)
def test_every_part_of_a_persona_has_a_longest_length(personas: Personas, change: dict) -> None:
    with pytest.raises(InputError, match="allowed"):
        personas.save(ME, replace(MIKA, **change))
