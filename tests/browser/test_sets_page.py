"""Data sets on the page: columns that a person maps, sets that are mixed, rows that are corrected by hand."""

import json

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.helpers.served import Server, Visit, open_tab, pick

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
    pick(page, "#data-map-user", "mood")
    expect(preview.locator(".said.user")).to_have_text(["calm"] * 3)
    page.locator("#data-map-read").click()
    expect(page.locator("#data-load-state")).to_contain_text("“sage” was added to the list (24 rows)")
    expect(page.locator("#data-map")).to_be_hidden()
    load(page, "again.jsonl", TABLE)
    expect(page.locator("#data-load-state")).to_contain_text("read as you chose then")
    page.locator("#data-map-again").click()
    expect(page.locator("#data-map-user input")).to_have_value("mood")
    page.locator("#data-map-cancel").click()
    expect(page.locator("#data-map")).to_be_hidden()
    expect(page.locator("#data-saved")).to_contain_text("again")


FLAT = [{"talk": f"t{k}", "place": place, "speaker": who, "text": f"{words} {k}"}
        for place, who, words in ((2, "Ben", "hi"), (1, "Aki", "hello")) for k in range(12)]  # fmt: skip


@pytest.mark.timeout(600)
def test_records_of_one_message_are_put_together(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    open_tab(page, "Data")
    load(page, "flat.jsonl", FLAT)
    page.get_by_label("one message", exact=True).check()
    for field, value in (("group", "talk"), ("order", "place")):
        pick(page, f"#data-map-{field}", value)
    preview = page.locator("#data-map-preview")
    expect(preview).to_contain_text("12 of the first 12 conversations")
    for field, value in (("users", "Aki"), ("personas", "Ben")):
        while page.locator(f"#data-map-{field} .token-remove").count() > 1:
            page.locator(f"#data-map-{field} .token-remove").first.click()
        pick(page, f"#data-map-{field}", value)
        page.keyboard.press("Escape")
    expect(preview.locator(".said.learned").first).to_have_text("hi 0")
    page.locator("#data-map-read").click()
    expect(page.locator("#data-load-state")).to_contain_text("“flat” was added to the list (12 rows)")


@pytest.mark.timeout(600)
def test_saved_sets_are_mixed_in_shares(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    open_tab(page, "Data")
    for name, words in (("talk", "hey"), ("general", "certainly")):
        exchange = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": words}]
        load(page, f"{name}.jsonl", [{"messages": [{**one, "content": f"{one['content']} {k}"} for one in exchange]}
                                     for k in range(60)])  # fmt: skip
        expect(page.locator("#data-load-state")).to_contain_text(f"“{name}” was added to the list")
    page.locator("#data-mix-fold > button").click()
    plan = page.locator("#data-mix-plan")
    pick(page, "#data-mix-main", "talk")
    pick(page, "#data-mix-others", "general")
    page.keyboard.press("Escape")
    expect(plan).to_contain_text("14 of 54 rows")
    page.locator("#data-mix-share-0 input[type=number]").fill("40")
    expect(plan).to_contain_text("36 of 54 rows · 40%")
    page.locator("#data-mix-make").click()
    expect(page.locator("#data-mix-state")).to_contain_text("“talk-mix” was added to the list")
    expect(page.locator("#data-saved-facts")).to_contain_text("Mixed from general")


TALKS = "[LINE] Chat history with Aki\nSaved on: 2025/09/01 21:14\n\n" + "".join(
    f"2025/04/{day:02}(Fri)\n12:01\tBen\twhere are you {day}\n12:02\tAki\tat home {day}\n\n" for day in range(1, 25)
)


def upload(page: Page, name: str, text: str) -> None:
    file: FilePayload = {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
    page.locator("#data-file input[type=file]").set_input_files(file)


@pytest.mark.timeout(600)
def test_a_row_is_corrected_left_out_and_brought_back(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    open_tab(page, "Data")
    upload(page, "talk.txt", TALKS)
    row, ledger = page.locator("#data-row"), page.locator("#data-ledger")
    page.get_by_label("Aki").first.check()
    expect(row.locator(".said.learned")).to_have_text(["at home 1"])
    page.locator("#data-edit-fold > button").click()
    text = page.locator("#data-edit-text textarea")
    expect(text).to_have_value("at home 1")
    text.fill("on my way")
    page.locator("#data-edit-correct").click()
    expect(row.locator(".said.learned")).to_have_text(["on my way"])
    expect(ledger).to_contain_text("corrected by hand, then used")
    expect(page.locator("#data-edit-changes")).to_contain_text("Changed by hand: 1")
    page.reload()
    open_tab(page, "Data")
    expect(row.locator(".said.learned")).to_have_text(["on my way"])
    if not page.locator("#data-edit-leave-row").is_visible():
        page.locator("#data-edit-fold > button").click()
    page.locator("#data-edit-leave-row").click()
    expect(row.locator(".said.learned")).to_have_text(["at home 2"])
    expect(ledger).to_contain_text("left out by hand")
    page.locator("#data-edit-undo").click()
    expect(row.locator(".said.learned")).to_have_text(["on my way"])
    expect(ledger).not_to_contain_text("left out by hand")
    page.locator("#data-save").click()
    expect(page.locator("#data-saved-facts")).to_contain_text("Aki")
