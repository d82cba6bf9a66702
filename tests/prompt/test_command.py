"""`python -m core.prompt`: what is printed is what the chat asks and what training learns."""

import io
import json
from pathlib import Path

import pytest

from core.catalogue.bundled import FOLDER
from core.messages import Turn
from core.models.tokenizers.check import load_checked
from core.personas.store import built_in
from core.prompt import render
from core.prompt.__main__ import main

TALK = [
    {"role": "user", "content": "ねえ"},
    {"role": "user", "content": "起きてる？"},
    {"role": "assistant", "content": "起きてるよ"},
]
TURNS = (Turn("user", ("ねえ", "起きてる？")), Turn("assistant", ("起きてるよ",)))


def printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str, talk: object = TALK
) -> tuple[int, str, str]:
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(talk), encoding="utf-8")
    status = main(["--turns", str(file), *arguments])
    out = capsys.readouterr()
    return status, out.out, out.err


def test_a_chats_prompt_and_a_row_are_those_of_render(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tokenizer = load_checked(FOLDER).tokenizer
    persona = next(one for one in built_in("ja") if one.id == "yui").with_macros_expanded("")
    asked = render(persona.prompt_config(512), TURNS[:1], tokenizer)
    learned = render(persona.prompt_config(512), TURNS, tokenizer, training=True)
    options = ("--persona", "yui", "--window", "512", "--json")
    for made, extra, talk in ((asked, (), TALK[:2]), (learned, ("--row",), TALK)):
        status, out, _ = printed(capsys, tmp_path, *options, *extra, talk=talk)
        found = json.loads(out)
        assert status == 0 and found["text"] == made.text and tuple(found["ids"]) == made.ids
        assert tuple(map(bool, found["mask"])) == made.loss_mask
        assert [(p["part"], p["start"], p["end"]) for p in found["parts"]] == [
            (piece.part, piece.start, piece.end) for piece in made.segments
        ]
    assert any(learned.loss_mask) and not any(asked.loss_mask)


def test_people_see_each_token_with_its_part_and_what_is_learned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, _ = printed(capsys, tmp_path, "--description", "あなたは猫です。", "--row")
    assert status == 0 and out.startswith("<|system|>あなたは猫です。")
    marked = [line for line in out.splitlines() if " * " in line[:10]]
    learned = int(out.rpartition(" learned")[0].rsplit(" ", 1)[-1])
    assert learned == len(marked) > 0 and all(" turns " in line or " format " in line for line in marked)


def test_a_system_message_is_the_description(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = [{"role": "system", "content": "You are a cat."}, *TALK]
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(talk)))
    assert main(["--turns", "-", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert next(part["text"] for part in parts if part["part"] == "persona") == "You are a cat."


@pytest.mark.parametrize(
    ("arguments", "talk", "said"),
    [
        ((), {"role": "user"}, "no list with messages"),
        ((), [], "no list with messages"),
        ((), [{"role": "tool", "content": "x"}], "no role 'tool'"),
        ((), [{"role": "user", "content": 5}], "content has to be text"),
        (("--persona", "nobody"), TALK, "“nobody” is neither"),
        (("--model", "no/such/model"), TALK, "neither a Hub id"),
        (("--template", "none"), TALK, "no chat template “none”"),
        (("--window", "1"), TALK[:1], "does not fit"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], talk: object, said: str
) -> None:
    status, out, err = printed(capsys, tmp_path, *arguments, talk=talk)
    assert status == 2 and not out and said in err and len(err.strip().splitlines()) == 1
