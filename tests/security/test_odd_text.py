"""Texts that no file can hold and JSON that no parser follows, wherever they come in: read, or refused in words."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.chat.conversation import Conversation
from core.chat.store import Conversations
from core.chat.transfer import read
from core.data.io.load import load_set
from core.errors import InputError
from core.files import write_json
from core.logs.detect import read_log
from core.personas.card import card_json, read_card
from core.personas.store import Personas
from core.workspace import Workspace
from tests.helpers.typed import present

LONE = "\ud800"
DEEP = b"[" * 100_000
DEEP_OBJECTS = b'{"messages":' * 100_000


def file_of(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def test_a_card_with_lone_surrogates_is_read_and_stored(tmp_path: Path) -> None:
    book = {"entries": [{"keys": [f"k{LONE}"], "content": LONE}]}
    value = {"data": {"name": f"A{LONE}", "first_mes": f"hi {LONE}", "character_book": book, "x": {LONE: LONE}}}
    persona = read_card(json.dumps(value).encode()).persona
    assert (persona.name, persona.greeting) == ("A\ufffd", "hi \ufffd")
    assert Personas(Workspace(tmp_path)).save("key-me", persona).name == "A\ufffd"
    assert b'"A\xef\xbf\xbd"' in card_json(persona)


def test_a_chat_with_lone_surrogates_is_read_and_stored(tmp_path: Path) -> None:
    store = Conversations(Workspace(tmp_path))
    talk = read(json.dumps([{"role": "user", "content": LONE}]).encode(), store.new("p"), persona="P", user="U")
    saved = store.save("key-me", talk)
    assert present(Conversations(Workspace(tmp_path)).get("key-me", saved.id)).turns[0].messages == ("\ufffd",)


def test_rows_with_lone_surrogates_are_read(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": LONE}, {"role": "assistant", "content": f"a{LONE}"}]}
    rows = load_set(file_of(tmp_path, "d.jsonl", row)).rows["train"]
    assert rows[0].turns[-1].messages == ("a\ufffd",)


def test_a_log_with_lone_surrogates_is_read(tmp_path: Path) -> None:
    said = [{"role": role, "content": f"{n} {LONE}"} for n, role in enumerate(("user", "assistant") * 4)]
    log = read_log(file_of(tmp_path, "log.json", {"messages": said}))
    assert log.messages[0].text == "0 \ufffd"


def test_anything_can_be_written_as_json(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": LONE})
    assert (tmp_path / "x.json").is_file()


def test_the_sentence_of_an_error_can_always_be_shown() -> None:
    assert str(InputError(f"no {LONE}", LONE)).encode()


@pytest.mark.parametrize("data", [DEEP, DEEP_OBJECTS, DEEP + b"]" * 100_000])
@pytest.mark.parametrize(
    "opened",
    [
        lambda path: read_card(path.read_bytes()),
        lambda path: read(path.read_bytes(), Conversation("id", "p"), persona="P", user="U"),
        load_set,
        read_log,
    ],
)
def test_json_that_is_nested_too_deep_is_refused_in_words(
    tmp_path: Path, data: bytes, opened: Callable[[Path], object]
) -> None:
    with pytest.raises(InputError):
        opened(file_of(tmp_path, "x.json", data))
