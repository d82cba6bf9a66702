"""The list of talks, in a real browser: found, named, pinned, removed and put back."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit
from tests.helpers.talk_page import send, settled


def titles(page: Page) -> list[str]:
    return page.locator("#talks .open b").all_inner_texts()


def test_talks_are_found_named_pinned_and_put_back(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "海へ行く話")
    settled(page)
    expect(page.locator("#talks .open b")).to_have_text("海へ行く話")
    page.locator("#talk-new").click()
    expect(page.locator("#talks .open")).to_have_count(2)
    send(page, "山の話")
    settled(page)
    expect(page.locator("#talks .open b").first).to_have_text("山の話")

    page.locator("#talk-search input").fill("海へ")
    expect(page.locator("#talks .open")).to_have_count(1)
    expect(page.locator("#talks q")).to_contain_text("海へ行く")
    page.locator("#talks .open").click()
    expect(page.locator("#chat .message.user")).to_have_text("海へ行く話")
    page.locator("#talk-search input").fill("")
    expect(page.locator("#talks .open")).to_have_count(2)

    page.locator("[data-act=naming]").click()
    page.locator("#talks input").fill("江の島")
    page.locator("#talks input").press("Enter")
    expect(page.locator("#talks .open[aria-current=true] b")).to_have_text("江の島")
    page.locator("[data-act=pin]").click()
    expect(page.locator("#talks h3")).to_have_text("ピン留め")
    assert titles(page) == ["江の島", "山の話"]

    page.locator("#talks [data-act=remove]").click()
    expect(page.locator("#chat .message.user")).to_have_text("山の話")
    expect(page.locator("#talks .put-back")).to_contain_text("「江の島」を消しました")
    assert titles(page) == ["山の話"]
    page.locator("#talks [data-act=put_back]").click()
    expect(page.locator("#chat .message.user")).to_have_text("海へ行く話")
    assert titles(page) == ["江の島", "山の話"]

    page.locator("#talk-files > button").click()
    page.locator("#talk-hide-names input").check()
    with page.expect_download() as download:
        page.locator("#talk-html").click()
    shared = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "chat.html" and "海へ行く話" in shared and "ゆい" not in shared
