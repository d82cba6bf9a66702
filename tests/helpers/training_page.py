"""Steps on the Data and Train tabs that several browser tests share."""

import re
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from tests.helpers.served import open_tab

DONE = re.compile("完了|Done")
FIRST_STEPS = re.compile(r"ステップ [1-9]")


def open_sample(page: Page) -> None:
    open_tab(page, "データ")
    page.locator("#data-sample").click()
    expect(page.locator("#data-ledger")).to_contain_text("数え漏れ")


def upload(page: Page, file: Path | FilePayload) -> None:
    """Give a file to the page, whether it still invites one or has another log open."""
    open_tab(page, "データ|Data")
    expect(page.locator("#data-start, #data-content").locator("visible=true")).to_have_count(1)
    if page.locator("#data-start").is_visible():
        page.locator("#data-file input[type=file]").set_input_files(file)
        return
    with page.expect_file_chooser() as chooser:
        page.locator("#data-another").click()
    chooser.value.set_files(file)


def expect_none_missing(page: Page) -> None:
    """The ledger holds every message: its last figure is 0."""
    row = page.locator("#data-ledger tr.total", has_text=re.compile("数え漏れ|missing", re.I)).first
    expect(row.locator("td").last).to_have_text("0")


def start_training(page: Page) -> None:
    """Save the rows on the page as a data set, and train on it with what is recommended."""
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-start").click()
