"""Personas on the page: cards in and out, and one made of a chat log without training."""

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab, pick
from tests.helpers.typed import untyped

CARD = {
    "spec": "chara_card_v3", "spec_version": "3.0",
    "data": {
        "name": "Mugi", "description": "{{char}} is the cat of {{user}}.", "first_mes": "Nya, {{user}}.",
        "mes_example": "<START>\n{{user}}: fish?\n{{char}}: nya", "extensions": {"kept": True},
        "character_book": {"entries": [{"keys": ["sofa"], "content": "The sofa is red.", "enabled": True}]},
    },
}  # fmt: skip


@pytest.fixture
def card(tmp_path: Path) -> Path:
    texts, path = PngInfo(), tmp_path / "mugi.png"
    texts.add_text("ccv3", base64.b64encode(json.dumps(CARD).encode()).decode())
    Image.new("RGB", (64, 64), "#d4502a").save(path, pnginfo=texts)
    return path


def choose(page: Page, button: str, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(button).click()
    chooser.value.set_files(file)


def test_a_card_is_opened_changed_and_saved_again(server: Server, visit: Visit, card: Path, tmp_path: Path) -> None:
    page = visit(server, language="en")
    page.locator("#persona-new > button").click()
    choose(page, "#card-open", card)
    expect(page.locator("#persona [aria-pressed=true]")).to_contain_text("Mugi")
    expect(page.locator("#chat .message.bot")).to_have_text("Nya, You.")
    expect(page.locator("#chat-head img")).to_be_visible()
    page.locator("#persona-edit").click()
    page.locator("#persona-book > button").click()
    book = page.locator("#persona-book-text textarea")
    expect(book).to_have_value("sofa: The sofa is red.")
    book.fill("sofa: The sofa is red.\nfish, tuna: Tuna is best.")
    page.locator("#persona-save").click()
    expect(page.get_by_text("Saved “Mugi”")).to_be_visible()
    expect(page.locator("#persona-editor")).to_be_hidden()
    page.locator("#persona-edit").click()
    page.locator("#persona-card > button").click()
    with page.expect_download() as download:
        page.locator("#card-png").click()
    download.value.save_as(tmp_path / "again.png")
    image = Image.open(io.BytesIO((tmp_path / "again.png").read_bytes()))
    data = json.loads(base64.b64decode(untyped(image).text["ccv3"]))["data"]
    assert data["extensions"] == {"kept": True} and data["first_mes"] == "Nya, {{user}}."
    assert [entry["content"] for entry in data["character_book"]["entries"]] == ["The sofa is red.", "Tuna is best."]


def test_a_log_becomes_a_persona_without_training(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "データ|Data")
    page.locator("#data-sample").click()
    expect(page.locator("#data-row .said.learned").first).to_be_visible()
    page.locator("#data-talk").click()
    expect(page.locator("#persona [aria-pressed=true]")).to_contain_text("葵")
    page.locator("#persona-edit").click()
    expect(page.get_by_label(re.compile("どんな人か"))).to_have_value(re.compile("あなたは「葵」です"))
    expect(page.locator("#persona-sizes")).to_contain_text("トークン")
    page.locator("#persona-leave").click()
    page.locator("#talk-box textarea").fill("おはよう")
    page.locator("#talk-box textarea").press("Enter")
    expect(page.locator("#chat .message.bot")).not_to_have_count(0)
    expect(page.locator("#talk-stop")).to_be_hidden()


HARBOUR = {
    "uid": 0, "key": ["harbour"], "keysecondary": [], "content": "The harbour freezes.", "comment": "Harbour",
    "order": 7, "position": 0, "disable": False, "sticky": 2,
}  # fmt: skip


def test_a_lorebook_is_brought_in_edited_and_saved_alone(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit(server, language="en")
    world = tmp_path / "north.json"
    world.write_text(json.dumps({"entries": {"0": HARBOUR}}))
    page.locator("#persona-edit").click()
    page.locator("#book > button").click()
    choose(page, "#book-open", world)
    expect(page.get_by_text("Added 1 of 1 entries.")).to_be_visible()
    pick(page, "#book-entries", re.compile("Harbour"))
    expect(page.locator("#book-content textarea")).to_have_value("The harbour freezes.")
    page.locator("#book-keys textarea, #book-keys input").first.fill("harbour, port")
    page.locator("#persona-description textarea").fill("June lives by the sea.")
    page.locator("#talk-box textarea").fill("Where is the port?")
    page.locator("#book-save").click()
    expect(page.locator("#book-entries input")).to_have_value(re.compile("Harbour"))
    expect(page.locator("#seen .fired")).to_contain_text("“port” came up")
    expect(page.locator("#seen .part-lorebook").first).to_be_visible()
    with page.expect_download() as download:
        page.locator("#book-world").click()
    download.value.save_as(tmp_path / "again.json")
    saved = json.loads((tmp_path / "again.json").read_text())["entries"]["0"]
    assert {name: saved[name] for name in HARBOUR} == HARBOUR | {"key": ["harbour", "port"]}
    expect(page.locator("#persona-description textarea")).to_have_value("June lives by the sea.")
    page.locator("#persona-leave").click()
    page.locator("#talk-note > button").click()
    page.locator("#talk-note-text textarea").fill("It is winter.")
    page.locator("#talk-box textarea").focus()
    expect(page.locator("#seen .part-note").first).to_be_visible()
    page.locator("#seen-fold > button").click()
    expect(page.locator("#seen-exact")).to_contain_text("[It is winter.]")


def test_what_is_edited_stays_with_its_persona_when_another_talk_is_opened(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    editor, name = page.locator("#persona-editor"), page.locator("#persona-editor").get_by_label("Name", exact=True)
    page.locator("#persona-edit").click()
    expect(name).to_have_value("June")
    page.locator("#persona").get_by_role("button", name=re.compile("Socrates")).click()
    expect(editor).to_be_hidden()
    page.locator("#persona-edit").click()
    expect(name).to_have_value("Socrates")
    name.fill("Sokrates")
    page.locator("#persona").get_by_role("button", name=re.compile("Helper")).click()
    expect(page.get_by_text("Your changes to “Socrates” are not saved yet.")).to_be_visible()
    page.locator("#persona-save").click()
    expect(editor).to_be_hidden()
    expect(page.locator(".chat-head")).to_contain_text("Sokrates")
    expect(page.locator("#persona")).to_contain_text("Helper")
