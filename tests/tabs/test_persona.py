"""The persona card of the Chat tab: cards come in and go out, pictures change, kinds begin differently."""

import io
import json
from dataclasses import fields, replace
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from core.models.sampling import Sampling
from core.personas import Persona
from core.personas.card import read_card
from core.personas.lorebook_file import read_book
from core.settings import Settings
from tabs.talk import sampling
from tabs.talk.book import BookHandlers, EntryForm
from tabs.talk.gallery import KINDS, GalleryHandlers
from tabs.talk.persona import PersonaForm, PersonaHandlers
from tabs.talk.persona_card import CardHandlers
from tabs.talk.sampling import SamplingForm
from tabs.ui.services import Services, make_services
from tabs.ui.text import LANGUAGES
from tests.helpers.tab_tiny import KEY, OTHER, owner, visit
from tests.helpers.typed import present
from tests.personas.test_card import V2, png


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = make_services(Settings(home=tmp_path / "home"))
    made.jobs.close()
    return made


def uploaded(services: Services, name: str, data: bytes) -> str:
    """As the page sends it: a file in the cache."""
    folder = services.workspace.cache() / "abc"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return str(folder / name)


def persona_of(services: Services, conversation: str, key: str = KEY):
    talk = present(services.conversations.get(owner(services, key), conversation))
    return services.personas.get(owner(services, key), talk.persona, "en")


def test_a_card_becomes_a_persona_and_a_talk(services: Services) -> None:
    handlers = CardHandlers(services)
    _, conversation = handlers.open_card(KEY, uploaded(services, "mugi.png", png(chara=V2)), visit("en"), None)
    persona = persona_of(services, conversation)
    assert persona.name == "Mugi" and len(persona.book.entries) == 1
    talk = present(services.conversations.get(owner(services), conversation))
    assert talk.turns[0].messages == ("Nya, You.",)  # the macros are the talk's
    assert present(services.personas.picture(owner(services), persona.id)).is_file()
    path = handlers.save_png(KEY, conversation, visit("en"), None)
    assert read_card(Path(path).read_bytes()).persona.card["data"]["extensions"] == V2["data"]["extensions"]
    path = handlers.save_json(KEY, conversation, visit("en"), None)
    assert json.loads(Path(path).read_text())["data"]["character_version"] == "1.2"


def test_others_cannot_reach_it(services: Services) -> None:
    handlers = CardHandlers(services)
    _, conversation = handlers.open_card(KEY, uploaded(services, "m.json", json.dumps(V2).encode()), visit("en"), None)
    path = handlers.save_json(OTHER, conversation, visit("en"), None)
    assert "Mugi" not in Path(path).read_text()


def test_a_file_that_is_no_card_makes_nothing(services: Services) -> None:
    before = services.personas.entries(owner(services), "en")
    with pytest.raises(Exception, match="no character card"):
        CardHandlers(services).open_card(KEY, uploaded(services, "x.png", png()), visit("en"), None)
    assert services.personas.entries(owner(services), "en") == before


def test_a_built_in_one_gets_a_picture_as_ones_own_copy(services: Services) -> None:
    file = io.BytesIO()
    Image.new("RGB", (900, 300), "blue").save(file, "JPEG")
    first = services.chat.open_conversation(owner(services), "en", persona="yui")
    handlers = CardHandlers(services)
    _, second = handlers.change_picture(KEY, first.id, uploaded(services, "p.jpg", file.getvalue()), visit("en"), None)
    persona = persona_of(services, second)
    assert persona.id != "yui" and not persona.built_in
    assert Image.open(present(services.personas.picture(owner(services), persona.id))).size == (512, 171)
    _, third = handlers.change_picture(KEY, second, uploaded(services, "q.jpg", file.getvalue()), visit("en"), None)
    assert third == second
    with pytest.raises(Exception, match="cannot be read as a picture"):
        handlers.change_picture(KEY, second, uploaded(services, "r.jpg", b"no"), visit("en"), None)


def test_every_dial_of_sampling_is_on_the_form() -> None:
    drawn = Sampling(temperature=0.3, no_repeat_ngram=4, max_new_tokens=64, seed=7)
    assert set(SamplingForm.field_names()) == {"preset", *(field.name for field in fields(Sampling))}
    assert SamplingForm.showing(drawn).sampling() == drawn and SamplingForm().sampling() == Sampling()
    with gr.Blocks():
        assert len(SamplingForm.inputs(sampling.build())) == len(SamplingForm.field_names())


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_kind_begins_with_a_text_of_its_own(services: Services, language: str) -> None:
    handlers = GalleryHandlers(services)
    texts = {persona_of(services, handlers.make(KEY, kind, visit(language), None)).description for kind in KINDS}
    assert len(texts) == len(KINDS)


def test_saving_an_unchanged_form_loses_nothing(services: Services) -> None:
    _, conversation = CardHandlers(services).open_card(
        KEY, uploaded(services, "m.png", png(chara=V2)), visit("en"), None
    )
    before = persona_of(services, conversation)
    handlers = PersonaHandlers(services)
    _, *filled, _, _, _ = handlers.fill(KEY, conversation, visit("en"), None)
    values = [value.get("value") if isinstance(value, dict) else value for value in filled]
    handlers.save(KEY, conversation, *values, visit("en"), None)
    after = persona_of(services, conversation)
    assert after == before and after.card == before.card and after.book.entries[0].raw == before.book.entries[0].raw


def test_a_lorebook_joins_the_book_is_edited_and_saved_alone(services: Services) -> None:
    handlers = BookHandlers(services)
    conversation = services.chat.open_conversation(owner(services), "en").id
    world = {"entries": {"0": {"key": ["port"], "content": "It freezes.", "position": 4, "depth": 2, "sticky": 3}}}
    file = uploaded(services, "world.json", json.dumps(world).encode())
    _, conversation = handlers.open_book(KEY, conversation, file, visit("en"), None)
    persona = persona_of(services, conversation)
    assert not persona.built_in and [entry.sticky for entry in persona.book.entries] == [3]
    picker, *values = handlers.show(KEY, conversation, "0", visit("en"), None)
    assert picker.value == "0" and [value for _, value in picker.choices] == ["", "0"]
    form = EntryForm.of(values)
    assert (form.keys, form.position, form.depth) == ("port", "at_depth", 2)
    changed = replace(form, keys="port、harbour", position="note_top", enabled=False).values()
    assert handlers.save(KEY, conversation, "0", *changed, visit("en"), None) == conversation
    added = EntryForm("", "Always cold.", True, False, "", None, None, None).values()
    handlers.save(KEY, conversation, "", *added, visit("en"), None)
    first, second = persona_of(services, conversation).book.entries
    assert (first.keys, first.position, first.enabled, first.sticky) == (("port", "harbour"), "note_top", False, 3)
    assert second.constant and second.position == ""
    for write in (handlers.save_world_info, handlers.save_lorebook):
        again = read_book(Path(write(KEY, conversation, visit("en"), None)).read_bytes())
        assert [entry.content for entry in again.entries] == ["It freezes.", "Always cold."]
        assert again.entries[0] == first
    handlers.delete(KEY, conversation, "0", visit("en"), None)
    assert handlers.delete(KEY, conversation, "7", visit("en"), None) == conversation
    assert persona_of(services, conversation).book.entries == (second,)
    with pytest.raises(gr.Error, match="says nothing"):
        handlers.save(KEY, conversation, "0", *replace(form, content=" ").values(), visit("en"), None)


def test_the_gallery_shows_faces_and_begins_talks(services: Services) -> None:
    handlers, me = GalleryHandlers(services), owner(services)
    mine = services.personas.save(me, Persona("<b>Ann", "You are Ann."))
    talk = services.chat.open_conversation(me, "en", persona=mine.id)
    html = str(handlers.show(KEY, talk.id, visit("en"), None))
    assert html.count("data-persona") == 4 and html.count("<img") == 3  # the built-in ones have pictures
    assert f'data-persona="{mine.id}" aria-pressed="true"' in html and "<b>&lt;b&gt;Ann</b>" in html
    event = gr.EventData(None, {"persona": "socrates"})
    opened = handlers.begin(KEY, "", event, visit("en"), None)
    assert persona_of(services, opened).name == "Socrates"
    with pytest.raises(gr.Error, match="no persona"):
        handlers.begin(OTHER, "", gr.EventData(None, {"persona": mine.id}), visit("en"), None)


def test_the_editor_of_another_persona_closes_or_says_that_it_holds_changes(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    handlers = PersonaHandlers(services)
    edited, other = (
        services.chat.open_conversation(owner(services), "en", persona=name).id for name in ("yui", "socrates")
    )
    _, *filled, _, _, shown = handlers.fill(KEY, edited, visit("en"), None)
    assert shown == edited
    assert handlers.follow(KEY, edited, edited, *filled, visit("en"), None) == gr.skip()
    assert handlers.follow(KEY, other, "", *filled, visit("en"), None) == gr.skip(), "no editor is open"
    closed = handlers.follow(KEY, other, edited, *filled, visit("en"), None)
    assert isinstance(closed, gr.Column) and not closed.visible
    filled[0] = "Junie"
    toasts: list[str] = []
    monkeypatch.setattr(gr, "Info", lambda message, **_: toasts.append(message))
    assert handlers.follow(KEY, other, edited, *filled, visit("en"), None) == gr.skip()
    assert toasts == ["Your changes to “June” are not saved yet. Save them, or leave the editor."]
    kept = handlers.save(KEY, edited, *filled, visit("en"), None)
    assert persona_of(services, kept).name == "Junie" and persona_of(services, other).name != "Junie"
    filled[0] = "June"
    copy = handlers.save(KEY, edited, *filled, visit("en"), None)
    assert handlers.follow(KEY, copy, edited, *filled, visit("en"), None) == gr.skip(), "one's own copy of the same"


def test_openers_are_a_line_each_and_never_a_part_of_the_prompt(services: Services) -> None:
    talk = services.chat.open_conversation(owner(services), "en", persona="yui")
    handlers = PersonaHandlers(services)
    _, *filled, _, _, _ = handlers.fill(KEY, talk.id, visit("en"), None)
    form, dials = PersonaForm.of(filled[: len(PersonaForm.field_names())]), filled[len(PersonaForm.field_names()) :]
    form = replace(form, openers=" qzx \n\nqzy")
    conversation = handlers.save(KEY, talk.id, *form.values(), *dials, visit("en"), None)
    persona = persona_of(services, conversation)
    assert persona.openers == ("qzx", "qzy") and "qzy" not in str(persona.prompt_config(1024))
