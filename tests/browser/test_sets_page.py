"""Data sets on the page: columns that a person maps, sets that are mixed, rows that are corrected by hand."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab

TABLE = [{"seeker": f"how are you {k}?", "mood": "calm", "sage": f"well, {k} times"} for k in range(24)]


def load(page: Page, name: str, records: list[dict]) -> None:
    """Load a file of records under the saved data sets."""
    if not page.locator("#data-load-file").is_visible():
        page.locator("#data-load-fold > button").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#data-load-file").click()
    said = "\n".join(map(json.dumps, records)).encode()
    chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": said})


@pytest.mark.timeout(600)
def test_unknown_columns_are_mapped_once_and_then_known(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    open_tab(page, "Data")
    load(page, "sage.jsonl", TABLE)
    preview = page.locator("#data-map-preview")
    expect(preview.locator(".said.learned")).to_have_text([f"well, {k} times" for k in range(3)])
    page.locator("#data-map-user input").click()
    page.get_by_role("option", name="mood").click()
    expect(preview.locator(".said.user")).to_have_text(["calm"] * 3)
    page.locator("#data-map-read").click()
    expect(page.locator("#data-load-state")).to_contain_text("“sage” is in the list (24 rows)")
    expect(page.locator("#data-map")).to_be_hidden()
    load(page, "again.jsonl", TABLE)
    expect(page.locator("#data-load-state")).to_contain_text("read as you chose then")
    page.locator("#data-map-again").click()
    expect(page.locator("#data-map-user input")).to_have_value("mood")
    page.locator("#data-map-cancel").click()
    expect(page.locator("#data-map")).to_be_hidden()
    expect(page.locator("#data-saved")).to_contain_text("again")


@pytest.mark.timeout(600)
def test_saved_sets_are_mixed_in_shares(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    open_tab(page, "Data")
    for name, words in (("talk", "hey"), ("general", "certainly")):
        exchange = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": words}]
        load(page, f"{name}.jsonl", [{"messages": [{**one, "content": f"{one['content']} {k}"} for one in exchange]}
                                     for k in range(60)])  # fmt: skip
        expect(page.locator("#data-load-state")).to_contain_text(f"“{name}” is in the list")
    page.locator("#data-mix-fold > button").click()
    plan = page.locator("#data-mix-plan")
    page.locator("#data-mix-main input").click()
    page.get_by_role("option", name="talk").click()
    page.locator("#data-mix-others input").click()
    page.get_by_role("option", name="general").click()
    page.keyboard.press("Escape")
    expect(plan).to_contain_text("20%")
    page.locator("#data-mix-share-0 input[type=number]").fill("40")
    expect(plan).to_contain_text("40%")
    page.locator("#data-mix-make").click()
    expect(page.locator("#data-mix-state")).to_contain_text("“talk-mix” is in the list")
    expect(page.locator("#data-saved-facts")).to_contain_text("Mixed from general")
