"""The dialog that asks which column is who: shown for what is in no known shape, remembered, and asked again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.data.io.columns import ELSE
from tabs.data.sets import load_sets, mapping
from tabs.data.sets.load_sets import LoadHandlers
from tabs.data.sets.mapping import Dialog, MappingForm, MappingHandlers, WaitingSet
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, owner, services_on, visit
from tests.helpers.typed import untyped

TABLE = [{"seeker": f"how are <b>you</b> {k}?", "mood": "calm", "sage": f"well, {k} times"} for k in range(12)]
LOG = [{"log": [{"n": who, "t": f"{words} {k}"} for who, words in (("Aki", "hello"), ("narrator", "it rains"),
                                                                    ("Ben", "hi"))]} for k in range(12)]  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_on(tmp_path / "home", tmp_path, None)  # nothing here counts tokens


def dialog(*outputs: object) -> Any:
    """A Dialog, whose outputs are text or updates: a test knows which."""
    return Dialog(*outputs)


def upload(services: Services, records: list, name: str = "talks.json", key: str = KEY) -> tuple[str, Any]:
    """(how it went, the Dialog of values and updates) after a file with these records was chosen."""
    folder = services.workspace.cache() / f"up{len(list(services.workspace.cache().iterdir()))}"
    folder.mkdir()
    (folder / name).write_text(json.dumps(records), encoding="utf-8")
    last = list(LoadHandlers(services).upload(key, str(folder / name), "Sage", visit("en")))[-1]
    return str(last[1]), dialog(*last[4:])


def form_of(shown: Dialog) -> MappingForm:
    return MappingForm.of([getattr(getattr(shown, name), "value", None) for name in MappingForm.field_names()])


def read(services: Services, waiting: object, form: MappingForm) -> tuple[str, Any]:
    last = list(LoadHandlers(services).read(KEY, waiting, *form.values(), visit("en")))[-1]
    return str(last[0]), dialog(*last[3:])


def waiting_files(services: Services) -> list[str]:
    uploads = services.workspace.folder(owner(services), "uploads")
    return [path.name for path in uploads.rglob("*") if path.is_file()]


def test_unknown_columns_are_shown_guessed_and_read_as_chosen(services: Services) -> None:
    said, shown = upload(services, TABLE)
    assert "once you choose" in said and shown.panel.visible and not shown.again.visible
    assert "seeker" in shown.records and "&lt;b&gt;" in shown.records and "<b>you" not in shown.records
    form = form_of(shown)
    assert (form.kind, form.user, form.assistant) == ("columns", "seeker", "sage")
    assert "12 of the first 12" in shown.preview and shown.preview.count('class="said learned"') == 3
    assert waiting_files(services) == ["file.json"]
    said, shown = read(services, shown.waiting, form)
    assert "talks" in said and not shown.panel.visible and waiting_files(services) == []
    info = services.datasets.get(owner(services), "talks").info
    assert info.persona == "Sage" and info.train_rows + info.validation_rows == 12


def test_the_choice_is_used_by_itself_next_time_and_can_be_made_again(services: Services) -> None:
    _, shown = upload(services, TABLE)
    read(services, shown.waiting, form_of(shown))
    said, shown = upload(services, list(reversed(TABLE)), "more.json")
    assert "read as you chose then" in said and shown.again.visible and not shown.panel.visible
    assert services.datasets.get(owner(services), "more") and waiting_files(services) == ["file.json"]
    handlers = LoadHandlers(services)
    again = dialog(*handlers.choose_again(KEY, shown.waiting, visit("en"))[3:])
    form = replace(form_of(again), user="mood")
    read(services, again.waiting, form)
    names = {saved.folder.name for saved in services.datasets.list_all(owner(services))}
    assert names == {"talks", "more"} and waiting_files(services) == []
    assert services.datasets.read_rows(owner(services), "more", "train")[0].turns[0].messages == ("calm",)
    said, shown = upload(services, TABLE, "third.json", OTHER)
    assert "once you choose" in said and shown.panel.visible  # another owner is asked


def test_speakers_of_a_list_of_messages_are_told_apart(services: Services) -> None:
    _, shown = upload(services, LOG)
    form = form_of(shown)
    assert (form.kind, form.messages, form.who, form.said) == ("messages", "log", "n", "t")
    assert form.users == ["Aki"] and form.personas == ["narrator", "Ben"]
    form = replace(form, personas=["Ben"])
    assert form.mapping(shown.waiting.found).roles == (
        ("Aki", "user"), ("narrator", "left_out"), ("Ben", "assistant"), (ELSE, "left_out"),
    )  # fmt: skip
    columns, messages, preview = untyped(
        MappingHandlers(services).choose(KEY, shown.waiting, *form.values(), visit("en"))
    )
    assert not columns.visible and messages.visible and "it rains" not in preview and "hi 2" in preview
    said, _ = read(services, shown.waiting, form)
    assert "left out" in said and ">12<" in said
    everybody = replace(form, users=[ELSE], personas=["Ben"])
    assert dict(everybody.mapping(shown.waiting.found).roles)["narrator"] == "user"


def test_another_key_is_guessed_anew(services: Services) -> None:
    _, shown = upload(services, LOG)
    form = replace(form_of(shown), who="t")
    anew = untyped(MappingHandlers(services).choose_list(KEY, shown.waiting, *form.values(), visit("en")))
    assert anew.who.value == "t" and anew.users.value == ["hello 0"]


def test_what_holds_no_persona_is_said_and_reads_nothing(services: Services) -> None:
    _, shown = upload(services, TABLE)
    nobody = replace(form_of(shown), assistant=None)
    assert "No persona yet" in MappingHandlers(services).choose(KEY, shown.waiting, *nobody.values(), visit("en"))[2]
    with pytest.raises(gr.Error, match="None of the first records"):
        read(services, shown.waiting, nobody)
    handlers = LoadHandlers(services)
    assert not dialog(*handlers.put_away(KEY, visit("en"))[3:]).panel.visible and waiting_files(services) == []
    with pytest.raises(gr.Error, match="Choose it again"):  # another window put it away
        read(services, shown.waiting, form_of(shown))
    assert services.datasets.list_all(owner(services)) == ()


def test_a_data_set_of_the_hub_waits_too(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def downloaded(repo: str, folder: Path, **_: object) -> None:
        (folder / "train.jsonl").write_text("\n".join(map(json.dumps, TABLE)), encoding="utf-8")

    monkeypatch.setattr(load_sets, "download_set", downloaded)
    last = list(LoadHandlers(services).pull(KEY, "ann/talks", "", "", visit("en")))[-1]
    shown = dialog(*last[4:])
    assert shown.panel.visible and isinstance(shown.waiting, WaitingSet)
    read(services, shown.waiting, form_of(shown))
    assert services.datasets.get(owner(services), "talks") and waiting_files(services) == []


def test_both_languages_say_every_word() -> None:
    found = mapping.UnknownColumns(("a", "b"), ({"a": "x", "b": "y"},), "")
    for language in ("ja", "en"):
        html = mapping.preview_html(found, mapping.suggested(found.records), language)
        assert "said learned" in html


FLAT = [
    {"dialog": talk, "n": n, "speaker": who, "text": f"{words} {talk}"}
    for n, who, words in ((2, "Ben", "hi"), (1, "Aki", "hello"), (3, "narrator", "it rains"))
    for talk in ("x", "y", "z")
]


def test_a_table_with_one_message_a_record_is_put_together(services: Services) -> None:
    _, shown = upload(services, FLAT)
    form = form_of(shown)
    assert [value for _, value in shown.kind.choices] == ["columns", "records"] and shown.in_messages.visible
    assert (form.kind, form.who, form.said, form.group) == ("records", "speaker", "text", "dialog")
    assert shown.group.visible and not shown.messages.visible and form.users == ["Ben"]
    form = replace(form, order="n", users=["Aki"], personas=["Ben"])
    preview = MappingHandlers(services).choose(KEY, shown.waiting, *form.values(), visit("en"))[2]
    assert "3 of the first 3 conversations" in preview and "it rains" not in preview
    assert preview.index("hello x") < preview.index("hi x") < preview.index("hello y")
    said, _ = read(services, shown.waiting, form)
    assert "left out" in said and services.datasets.get(owner(services), "talks").info.sessions == 3
    _, again = upload(services, FLAT, "more.json")
    assert again.again.visible  # the choice is remembered


def test_the_kind_of_the_records_can_be_changed(services: Services) -> None:
    _, shown = upload(services, TABLE)
    form = replace(form_of(shown), kind="records")
    anew = untyped(MappingHandlers(services).choose_list(KEY, shown.waiting, *form.values(), visit("en")))
    assert anew.kind.value == "records" and anew.in_messages.visible and not anew.in_columns.visible
    assert anew.said.value == "seeker" and [value for _, value in anew.group.choices] == ["", "seeker", "mood", "sage"]
    back = replace(form, kind="columns")
    anew = untyped(MappingHandlers(services).choose_list(KEY, shown.waiting, *back.values(), visit("en")))
    assert anew.in_columns.visible and (anew.user.value, anew.assistant.value) == ("seeker", "sage")
