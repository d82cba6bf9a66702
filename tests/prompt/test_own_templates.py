"""Chat templates of one's own: kept in versions, chosen for a model, and carried by the prompt config."""

from pathlib import Path

import pytest

from core.errors import InputError, ModelError
from core.messages import Turn
from core.prompt import PromptConfig, render
from core.prompt.chat_template import definite_template, resolve_template
from core.prompt.own_templates import MOST_VERSIONS, OwnTemplates
from core.prompt.template_names import LONGEST_JINJA, label, source
from core.workspace import Workspace
from tests.helpers import prompt_tiny as tiny

ME, OTHER = "login-me", "login-other"
JINJA = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def templates(tmp_path: Path) -> OwnTemplates:
    return OwnTemplates(Workspace(tmp_path))


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.byte_bpe(template=tiny.chatml())


def test_every_save_is_a_version_and_none_is_lost(templates: OwnTemplates, tokenizer) -> None:
    first = templates.save(ME, "mine", JINJA, tokenizer)
    second = templates.save(ME, "mine", JINJA.replace("</s>", "\n"), tokenizer)
    assert templates.save(ME, "mine", second, tokenizer) == second  # the same again is no new version
    assert templates.versions(ME, "mine") == [first, second] and label(second) == "mine, version 2"
    assert templates.names(ME) == ["mine"] and templates.names(OTHER) == [] == templates.versions(OTHER, "mine")
    templates.delete(ME, "mine")
    assert templates.names(ME) == []


def test_the_prompt_and_the_row_are_written_by_it(templates: OwnTemplates, tokenizer) -> None:
    wanted = templates.save(ME, "mine", JINJA, tokenizer)
    config = PromptConfig("P", description="D", template=wanted)
    again = PromptConfig.from_json(config.to_json())
    asked = render(again, [Turn("user", ("hi",))], tokenizer)
    row = render(again, [Turn("user", ("hi",)), Turn("assistant", ("yo",))], tokenizer, training=True)
    assert "<user>hi" in asked.text and asked.text.endswith("<assistant>")
    assert row.ids[: len(asked.ids)] == asked.ids and definite_template(tokenizer, wanted) == wanted
    assert definite_template(tokenizer, "auto") == "model" and source("auto") is None


def test_a_choice_is_one_owners_for_one_model(templates: OwnTemplates, tokenizer) -> None:
    wanted = templates.save(ME, "mine", JINJA, tokenizer)
    templates.choose(ME, "org/a", wanted)
    templates.choose(ME, "org/b", "chatml")
    assert [templates.chosen(ME, name) for name in ("org/a", "org/b", "org/c")] == [wanted, "chatml", "auto"]
    assert templates.chosen(OTHER, "org/a") == "auto"
    templates.delete(ME, "mine")
    assert templates.chosen(ME, "org/a") == wanted  # its text is in the choice
    templates.choose(ME, "org/a", "auto")
    assert templates.chosen(ME, "org/a") == "auto"


@pytest.mark.parametrize(
    ("jinja", "error"),
    [("no template", InputError), ("", InputError), ("{{ x }}" + "a" * LONGEST_JINJA, InputError),
     ("{% for m in messages %}", ModelError), ("{{ messages[0].content }}", ModelError),
     ("{% for i in range(99999999) %}{% for j in range(99999999) %}{% endfor %}{% endfor %}", ModelError)],
)  # fmt: skip
def test_what_prints_no_conversation_is_refused_and_changes_nothing(
    templates: OwnTemplates, tokenizer, jinja: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        templates.save(ME, "mine", jinja, tokenizer)
    assert templates.names(ME) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".chosen", "x" * 65])
def test_a_name_stays_in_its_folder(templates: OwnTemplates, tokenizer, name: str) -> None:
    with pytest.raises(InputError):
        templates.save(ME, name, JINJA, tokenizer)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"versions": 3}', b'{"versions": [3, "plain", "{{ x }}"]}'])
def test_damaged_files_hide_nothing_else(templates: OwnTemplates, tokenizer, damaged: bytes) -> None:
    templates.save(ME, "good", JINJA, tokenizer)
    folder = templates.workspace.folder(ME, "templates")
    (folder / "bad.json").write_bytes(damaged)
    (folder / ".chosen.json").write_bytes(damaged)
    assert len(templates.versions(ME, "good")) == 1 and len(templates.versions(ME, "bad")) <= 1
    assert templates.chosen(ME, "org/a") == "auto"


def test_there_is_an_end_to_versions(templates: OwnTemplates, tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.prompt.own_templates.MOST_VERSIONS", 2)
    assert MOST_VERSIONS > 2
    for mark in "ab":
        templates.save(ME, "mine", JINJA.replace("</s>", mark), tokenizer)
    with pytest.raises(InputError, match="another name"):
        templates.save(ME, "mine", JINJA, tokenizer)


def test_a_strangers_prompt_config_holds_no_endless_template() -> None:
    with pytest.raises(InputError):
        PromptConfig.from_json({"persona": "P", "template": "{{ x }}" + "a" * 3 * LONGEST_JINJA})


def test_an_unknown_name_is_told(tokenizer) -> None:
    with pytest.raises(ModelError, match="no chat template"):
        resolve_template(tokenizer, "nothing")
