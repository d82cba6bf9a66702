"""Character cards: every version read, nothing lost when written again, strange files told."""

import base64
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.errors import InputError
from core.messages import Turn
from core.personas.card import card_json, card_of, card_png, read_card
from core.personas.macros import expand
from core.personas.persona import DepthPrompt
from core.personas.picture import drawn
from core.personas.store import Personas, built_in
from core.workspace import Workspace

V1 = {
    "name": "Mugi",
    "description": "{{char}} is a cat.",
    "personality": "lazy",
    "scenario": "On the sofa.",
    "first_mes": "Nya, {{user}}.",
    "mes_example": "<START>\n{{user}}: fish?\n{{char}}: nya\nnya!\n<START>\n<USER>: no\n<BOT>: hiss",
}
V2 = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": V1
    | {
        "creator_notes": "about a cat\nsecret",
        "system_prompt": "",
        "post_history_instructions": "Stay a cat.",
        "alternate_greetings": ["Purr."],
        "tags": ["cat"],
        "creator": "me",
        "character_version": "1.2",
        "extensions": {"depth_prompt": {"prompt": "meow", "depth": 4}, "x/unknown": [1, 2]},
        "character_book": {
            "name": "Sofa",
            "extensions": {"z": 1},
            "scan_depth": 2,
            "recursive_scanning": True,
            "entries": [
                {
                    "keys": ["sofa"],
                    "content": "@@depth 4\nThe sofa is red.",
                    "extensions": {"q": 1},
                    "enabled": True,
                    "insertion_order": 5,
                    "selective": True,
                    "secondary_keys": ["red"],
                }
            ],
        },
    },
}
V3 = V2 | {"spec": "chara_card_v3", "spec_version": "3.0"}
V3["data"] = V2["data"] | {
    "nickname": "Mu",
    "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}],
    "group_only_greetings": [],
    "source": ["https://example.org/card"],
}


def png(**texts: object) -> bytes:
    """A small picture with cards in its texts."""
    info, file = PngInfo(), io.BytesIO()
    for keyword, card in texts.items():
        info.add_text(keyword, base64.b64encode(json.dumps(card).encode()).decode())
    Image.new("RGB", (8, 8), "red").save(file, "PNG", pnginfo=info)
    return file.getvalue()


def charx(card: dict) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("card.json", json.dumps(card))
        archive.writestr("assets/icon/images/main.png", png())
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [json.dumps(V1).encode(), json.dumps(V2).encode(), png(chara=V2), png(ccv3=V3, chara=V1), charx(V3)]
)
def test_every_version_and_container_is_read(data: bytes) -> None:
    persona = read_card(data).persona
    assert persona.name == "Mugi" and persona.greeting == "Nya, {{user}}."
    assert persona.description == "{{char}} is a cat.\n\nlazy\n\nOn the sofa."
    assert persona.examples == (
        Turn("user", ("fish?",)),
        Turn("assistant", ("nya\nnya!",)),
        Turn("user", ("no",)),
        Turn("assistant", ("hiss",)),
    )


def test_the_newer_card_of_a_picture_is_taken() -> None:
    assert read_card(png(ccv3=V3, chara=V1)).persona.greetings == ("Purr.",)


@pytest.mark.parametrize("data", [json.dumps(V3).encode(), png(chara=V2), charx(V3)])
def test_what_is_written_again_has_lost_nothing(data: bytes) -> None:
    card = read_card(data)
    written = json.loads(card_json(card.persona))
    original = V2 if data == png(chara=V2) else V3
    assert {name: written["data"][name] for name in original["data"]} == original["data"]
    again = read_card(card_png(card.persona, card.picture or drawn("Mugi"))).persona
    assert again == card.persona and again.card["data"]["extensions"] == V2["data"]["extensions"]


def test_a_change_reaches_the_card_and_leaves_the_rest(tmp_path: Path) -> None:
    personas = Personas(Workspace(tmp_path))
    saved = personas.save("key-me", read_card(json.dumps(V2).encode()).persona)
    saved = personas.save("key-me", replace(saved, description="A dog.", greeting="Wuff."))
    data = card_of(personas.get("key-me", saved.id, "en"))["data"]
    assert (data["description"], data["personality"], data["first_mes"]) == ("A dog.", "", "Wuff.")
    assert data["post_history_instructions"] == "Stay a cat." and data["character_book"] == V2["data"]["character_book"]


def test_our_own_personas_become_cards() -> None:
    for persona in built_in("ja"):
        again = read_card(card_png(persona, drawn(persona.name))).persona
        assert (again.name, again.description, again.greeting) == (persona.name, persona.description, persona.greeting)
        assert again.examples == persona.examples


def test_the_plain_form_of_another_program_is_read() -> None:
    told = {
        "char_name": "Mugi",
        "char_persona": "A cat.",
        "char_greeting": "Nya.",
        "example_dialogue": "You: a\nMugi: b",
    }
    persona = read_card(json.dumps(told).encode()).persona
    assert (persona.name, persona.description, persona.greeting) == ("Mugi", "A cat.", "Nya.")
    assert persona.examples == (Turn("user", ("a",)), Turn("assistant", ("b",)))
    assert read_card(b'{"name": "x", "context": "A dog.", "greeting": "Wuff."}').persona.greeting == "Wuff."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"name": 3}',
        png(),
        png(chara=[]),
        b"\x89PNG\r\n\x1a\n" + b"x" * 50,
        b"PK\x03\x04zip",
        charx({})[:60],
        b'{"a":' * 5000,
        png(chara=V2)[:-40],
        b'{"data": {"name": ""}}',
    ],
    ids=[
        "empty",
        "text",
        "list",
        "no fields",
        "name is a number",
        "picture alone",
        "card is a list",
        "half a PNG",
        "half a zip",
        "half a charx",
        "braces",
        "cut PNG",
        "no name",
    ],
)
def test_what_is_not_a_card_is_refused(data: bytes) -> None:
    try:
        persona = read_card(data).persona
    except InputError as error:
        assert "no character card" in error.en and "キャラクターカード" in error.ja
    else:  # a picture that was cut short behind its text is still a card
        assert persona.name == "Mugi"


def test_odd_fields_are_left_aside() -> None:
    odd = {
        "data": {
            "name": "x",
            "description": 3,
            "alternate_greetings": "no",
            "mes_example": None,
            "character_book": {"entries": {"0": {"key": ["a"], "content": None}, "1": 7}},
        }
    }
    persona = read_card(json.dumps(odd).encode()).persona
    assert (persona.description, persona.greetings, len(persona.book.entries)) == ("", (), 1)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{{char}} and {{USER}}", "Mugi and Ken"),
        ("<BOT> <user>", "Mugi Ken"),
        ("a{{// note}}b", "ab"),
        ("{{reverse:abc}}", "cba"),
        ("{{comment: x}}{{hidden_key: y}}", ""),
        ("{{random:a}}", "a"),
        ("{{roll:1}}", "1"),
        ("{{pick::{{char}}}}", "Mugi"),
        ("{{unknown:1}} {{}}", "{{unknown:1}} {{}}"),
        ("{{random:a\\,b}}", "a,b"),
    ],
)
def test_macros(text: str, plain: str) -> None:
    assert expand(text, char="Mugi", user="Ken", seed="1") == plain


def test_chance_is_the_conversations() -> None:
    text = "{{random:" + ",".join(map(str, range(50))) + "}} {{roll:d1000}}"
    drawn_ = {seed: expand(text, char="", user="", seed=seed) for seed in "abcdefgh"}
    assert len(set(drawn_.values())) > 4
    assert drawn_ == {seed: expand(text, char="", user="", seed=seed) for seed in "abcdefgh"}


def test_a_persona_tells_its_macros_replaced() -> None:
    persona = read_card(json.dumps(V2).encode()).persona
    told = replace(persona, user="Ken").with_macros_expanded("seed")
    assert told.description.startswith("Mugi is a cat.") and told.greeting == "Nya, Ken."


def test_texts_among_the_messages_are_read_and_written() -> None:
    reminder = {"prompt": "{{char}} never sleeps.", "depth": 2, "role": "assistant"}
    data = {"name": "Runa", "post_history_instructions": "{{original}} Be brief.",
            "extensions": {"depth_prompt": reminder, "fav": True}}  # fmt: skip
    persona = read_card(json.dumps({"spec": "chara_card_v2", "data": data}).encode()).persona
    assert (persona.post_history, persona.depth_prompt) == ("Be brief.", DepthPrompt("{{char}} never sleeps.", 2,
                                                                                    "assistant"))  # fmt: skip
    written = card_of(persona)["data"]
    assert (
        written["post_history_instructions"] == "{{original}} Be brief." and written["extensions"] == data["extensions"]
    )
    changed = replace(persona, post_history="Be kind.", depth_prompt=DepthPrompt("Sleeps now.", 0))
    again = read_card(card_json(changed)).persona
    assert (again.post_history, again.depth_prompt) == (changed.post_history, changed.depth_prompt)
    assert card_of(changed)["data"]["extensions"]["fav"] is True
    odd = {"name": "x", "extensions": {"depth_prompt": {"prompt": 3, "depth": "x", "role": 9}}}
    assert read_card(json.dumps(odd).encode()).persona.depth_prompt == DepthPrompt()
