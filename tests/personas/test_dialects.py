"""Characters and books of other programs: what they say arrives, and their own fields are kept."""

import io
import json
import zipfile

import pytest

from core.errors import InputError
from core.personas.card import read_card
from core.personas.lorebook_file import read_book


def dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


AGNAI = {
    "kind": "character", "name": "Mika", "description": "for the user", "greeting": "Hi", "scenario": "a shop",
    "sampleChat": "{{user}}: a\n{{char}}: b", "postHistoryInstructions": "stay kind",
    "persona": {"kind": "boostyle", "attributes": {"species": ["human"], "mind": ["kind", "calm"]}},
    "characterBook": {"entries": [{"name": "B", "entry": "Warm.", "keywords": ["bread"], "weight": 5}]},
}  # fmt: skip


def test_agnais_attributes_and_book_arrive() -> None:
    persona = read_card(dumped(AGNAI)).persona
    assert persona.description == "species: human\nmind: kind, calm\n\na shop"
    assert (persona.greeting, persona.post_history, persona.summary) == ("Hi", "stay kind", "for the user")
    assert len(persona.examples) == 2
    assert [(entry.keys, entry.content, entry.order) for entry in persona.book.entries] == [(("bread",), "Warm.", 5)]
    plain = {**AGNAI, "persona": {"kind": "text", "attributes": {"text": ["A baker."]}}, "scenario": ""}
    assert read_card(dumped(plain)).persona.description == "A baker."


def test_character_ai_and_webui_are_read() -> None:
    inner = {"name": "Mika", "description": "A baker.", "definition": "{{char}}: hello", "greeting": "Hi"}
    persona = read_card(dumped({"character": inner})).persona
    assert (persona.name, persona.description, persona.greeting) == ("Mika", "A baker.", "Hi")
    assert persona.examples
    persona = read_card("name: ミカ\ngreeting: |-\n  やあ\ncontext: |-\n  パン屋。\n  やさしい。\n".encode()).persona
    assert (persona.name, persona.description, persona.greeting) == ("ミカ", "パン屋。\nやさしい。", "やあ")


@pytest.mark.parametrize("text", ["name: &a [x]\ncontext: *a\n", "name: [", "context: x", "name: " + "x" * 300_000])
def test_yaml_that_is_no_character_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no character card"):
        read_card(text.encode())


def test_a_card_behind_a_jpeg_is_found() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "card.json", json.dumps({"spec": "chara_card_v3", "data": {"name": "Mika", "first_mes": "Hi"}})
        )
    assert read_card(b"\xff\xd8\xff\xe0 a picture \xff\xd9" + packed.getvalue()).persona.name == "Mika"


@pytest.mark.parametrize(
    "book",
    [
        {"kind": "memory", "entries": [{"name": "Bread", "entry": "Warm.", "keywords": ["bread", "loaf"]}]},
        {"lorebookVersion": 5, "entries": [{"text": "Warm.", "displayName": "Bread", "keys": ["bread", "loaf"]}]},
        {"type": "risu", "ver": 1, "data": [{"key": "bread, loaf", "content": "Warm.", "insertorder": 7}]},
        [{"key": "bread,loaf", "keysecondary": "", "content": "Warm.", "selective": False}],
        {"gamestarted": True, "worldinfo": [{"key": "bread,loaf", "content": "Warm."}]},
    ],
)  # fmt: skip
def test_books_of_other_programs(book: object) -> None:
    (entry,) = read_book(dumped(book)).entries
    assert (entry.keys, entry.content, entry.enabled, entry.constant) == (("bread", "loaf"), "Warm.", True, False)


def test_what_other_programs_say_of_an_entry() -> None:
    (entry,) = read_book(dumped({"lorebookVersion": 5, "entries": [
        {"text": "Warm.", "displayName": "Bread", "keys": ["/loaf/i"], "enabled": False, "forceActivation": True,
         "contextConfig": {"budgetPriority": 400}}]})).entries  # fmt: skip
    assert (entry.name, entry.order, entry.enabled, entry.constant) == ("Bread", 400, False, True)
    assert entry.raw["contextConfig"] == {"budgetPriority": 400}
    (entry,) = read_book(dumped({"type": "risu", "data": [
        {"key": "a", "secondkey": "b, c", "selective": True, "content": "x", "alwaysActive": True, "insertorder": 7}]}
    )).entries  # fmt: skip
    assert (entry.secondary, entry.constant, entry.order) == (("b", "c"), True, 7)


@pytest.mark.parametrize("value", [[], [1], [{"content": "x"}], {"data": []}, {"entries": 3}])
def test_what_is_no_book(value: object) -> None:
    try:
        assert read_book(dumped(value)).entries == ()
    except InputError as error:
        assert "no lorebook" in error.text.en
