"""The Data tab in a browser: whose log it is, what is refused, and what others cannot see."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.helpers.served import Server, Visit, open_tab, wait_until_ready
from tests.helpers.training_page import expect_none_missing, open_sample, upload


def test_a_whatsapp_log_is_read_and_every_message_is_accounted_for(server: Server, visit: Visit, shared: Path) -> None:
    page = visit(server, language="en")
    upload(page, shared / "samples" / "whatsapp" / "selfie_alice-whatsapp.txt")
    expect(page.locator("#data-about")).to_contain_text("WhatsApp")
    expect(page.locator("#data-persona")).to_contain_text("Alice Johnson")
    expect(page.locator("#data-persona")).to_contain_text("Bob Smith")
    expect_none_missing(page)
    page.get_by_label(re.compile("Bob Smith")).check()
    expect(page.locator("#data-row .said.learned").first).to_be_visible()


def test_uploads_leave_the_cache(server: Server, visit: Visit, shared: Path) -> None:
    page = visit(server)
    upload(page, shared / "samples" / "line" / "linelog2py_example.txt")
    expect(page.locator("#data-about")).to_contain_text("LINE")
    cached = [path for path in (server.home / "cache").rglob("*.txt") if path.stat().st_size]
    assert not cached


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", "ファイルが空です|empty.txt"),
        ("picture.txt", bytes(range(256)) * 64, "テキストファイルではありません"),
        ("alone.txt", "楓: ひとり\n楓: ごと\n楓: です\n".encode(), "楓.*だけ"),
    ],
    ids=["empty", "binary", "one speaker"],
)
def test_bad_files_are_refused_in_words_and_lose_nothing(
    server: Server, visit: Visit, name: str, content: bytes, says: str
) -> None:
    page = visit(server)
    open_sample(page)
    upload(page, {"name": name, "mimeType": "text/plain", "buffer": content})
    expect(page.get_by_text(re.compile(says)).first).to_be_visible()
    if name != "alone.txt":  # that one is opened, so that its names can be corrected
        expect(page.locator("#data-about")).to_contain_text("sample_line_aoi.txt")


def test_two_visitors_cannot_see_each_others_log(server: Server, visit: Visit) -> None:
    one, other = visit(server), visit(server)
    open_sample(one)
    one.locator("#data-save").click()
    expect(one.locator("#data-saved-card")).to_be_visible()
    open_tab(other, "データ")
    other.reload()
    wait_until_ready(other)
    open_tab(other, "データ")
    expect(other.locator("#data-start")).to_be_visible()
    expect(other.locator("#data-saved-card")).to_be_hidden()
    expect(other.locator("#data-content")).to_be_hidden()
    assert "葵" not in other.locator("body").inner_text()
    open_tab(other, "学習")
    expect(other.locator("#train-dataset input")).to_have_value("")
