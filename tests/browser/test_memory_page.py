"""The Memory tab in a browser: notes by hand, found, pinned, forgotten and brought back; documents; after a reload."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab, wait_until_ready

MEMORY = "記憶|Memory"


def write(page: Page, text: str) -> None:
    page.locator("#memory-fresh textarea, #memory-fresh input").first.fill(text)
    page.locator("#memory-add").click()
    expect(page.locator("#memory-notes")).to_contain_text(text)


def test_notes_by_hand(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, MEMORY)
    expect(page.locator("#memory-empty")).to_contain_text("まだメモはありません")
    expect(page.locator("#memory-meaning")).to_contain_text("小さすぎて")
    write(page, "ケンは卵が食べられない")
    write(page, "妹の名前はハナ")
    notes = page.locator("#memory-notes label")
    expect(notes.first).to_contain_text("手で書いたメモ")

    page.locator("#memory-search textarea, #memory-search input").first.fill("卵")
    expect(notes).to_have_count(1)
    notes.first.click()
    page.locator("#memory-pin").click()
    expect(notes.first).to_contain_text("★")
    page.locator("#memory-search textarea, #memory-search input").first.fill("")
    expect(notes).to_have_count(2)

    page.reload()
    wait_until_ready(page)
    open_tab(page, MEMORY)
    expect(notes.first).to_contain_text("★ ケンは卵")
    notes.first.click()
    page.locator("#memory-text textarea").fill("ケンは卵と蕎麦が食べられない")
    page.locator("#memory-save").click()
    expect(notes.first).to_contain_text("蕎麦")
    page.locator("#memory-forget").click()
    expect(notes).to_have_count(1)
    page.locator("#memory-forgotten input").check()
    expect(notes.first).to_contain_text("忘れました")
    notes.first.click()
    page.locator("#memory-restore").click()
    page.locator("#memory-forgotten input").uncheck()
    expect(notes).to_have_count(2)


def test_a_note_and_a_document_reach_the_prompt(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit(server, language="en")
    open_tab(page, MEMORY)
    write(page, "Ken cannot eat eggs")
    file = tmp_path / "lighthouse.md"
    file.write_text("The lighthouse on the cape was built in 1904.", encoding="utf-8")
    page.locator("#memory-drop input[type=file]").set_input_files(file)
    expect(page.locator("#memory-files")).to_contain_text("lighthouse.md · 1 passages")
    open_tab(page, "話す|Chat")
    page.locator("#talk-box textarea").fill("When was the lighthouse built?")
    expect(page.locator("#seen")).to_contain_text("What it knows")
    open_tab(page, MEMORY)
    page.locator("#memory-on input").uncheck()
    expect(page.locator("#memory-meaning")).to_contain_text("not remembered")
