"""Compare in a browser: sweep, leaderboard, side by side, the blind test on a phone, the leak check."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.helpers.served import Server, Visit, open_tab
from tests.helpers.training_page import DONE, open_sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # two trainings, and three candidates measured
PHONE: ViewportSize = {"width": 390, "height": 844}


def sweep(page: Page) -> None:
    """Two ranks, one pass each."""
    open_sample(page)
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-details > button").first.click()
    page.locator("#set-epochs input").fill("1")
    page.locator("#set-epochs input").press("Tab")
    page.locator("#sweep > button").first.click()
    expect(page.locator("#sweep-takes")).to_contain_text("学習 2 回")
    page.locator("#sweep-go").click()
    expect(page.locator("#sweep-state")).to_contain_text("2 回の学習")
    expect(page.locator("#runs label").filter(has_text=DONE)).to_have_count(2, timeout=600_000)


def compare(page: Page) -> None:
    open_tab(page, "比べる")
    expect(page.locator("#compare-candidates label")).to_have_count(3)
    page.locator("#compare-go").click()
    expect(page.locator("#compare-board table").first).to_be_visible(timeout=400_000)


def within_width(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_from_a_sweep_to_the_leak_check(server: Server, visit: Visit, browser: Browser) -> None:
    page = visit(server)
    open_tab(page, "比べる")
    expect(page.locator("#compare-first")).to_contain_text("まずデータから")
    page.locator("#compare-to-data").click()
    sweep(page)

    compare(page)
    board = page.locator("#compare-board")
    expect(board.locator("tbody").first.locator("tr")).to_have_count(3)
    expect(board).to_contain_text(re.compile("少なすぎて|はっきりした一番|が一番です"))
    page.locator("#compare-go").click()  # all is known by now
    expect(board.locator("tbody").first.locator("tr")).to_have_count(3)
    with page.expect_download() as download:
        page.locator("#compare-save").click()
    assert "bits_per_byte" in Path(download.value.path()).read_text(encoding="utf-8-sig")

    page.locator("#side-asked textarea").fill("明日ひま？")
    page.locator("#side-go").click()
    expect(page.locator("#side-reply-2 .said").first).to_be_visible()
    expect(page.locator("#side-better-2")).to_be_visible()
    page.locator("#side-better-2").click()
    expect(page.locator("#side-state")).to_contain_text(re.compile("組加えました|好みのデータにできません"))

    page.locator("#blind-make").click()
    address = page.locator("#blind-link a").get_attribute("href")
    assert address
    vote_on_a_phone(browser, server.url.rstrip("/") + address)
    page.locator("#blind-look").click()
    expect(page.locator("#blind-results")).to_contain_text("湊")
    expect(page.locator("#blind-results")).to_contain_text("1 人")

    page.set_viewport_size(PHONE)
    expect(page.locator("#compare-go")).to_be_visible()
    assert within_width(page)

    page.set_viewport_size({"width": 1280, "height": 900})
    open_tab(page, "学習")
    page.locator("#runs label").first.click()
    page.locator("#publish-adapter > button").first.click()
    page.locator("#publish-adapter-repo input, #publish-adapter-repo textarea").first.fill("somebody/aoi")
    page.locator("#publish-adapter-show").click()
    expect(page.locator("#publish-adapter-send")).to_be_disabled()
    page.locator("#leaks-go").click()
    expect(page.locator("#leaks-report")).to_contain_text("書き出しを", timeout=300_000)
    expect(page.locator("#publish-adapter-send")).to_be_disabled()
    page.locator("#leaks-seen").click()
    expect(page.locator("#publish-adapter-send")).to_be_enabled()


def vote_on_a_phone(browser: Browser, address: str) -> None:
    """A friend, who has only the address."""
    context = browser.new_context(locale="ja-JP", viewport=PHONE, has_touch=True, java_script_enabled=False)
    friend = context.new_page()
    friend.goto(address)
    expect(friend.locator("h1")).to_contain_text("葵の本当の返事はどれ")
    expect(friend.get_by_role("tab")).to_have_count(0)  # nothing else of the app
    friend.locator("input[name=name]").fill("湊")
    friend.locator("button.go").click()
    for number in range(1, 13):
        expect(friend.locator("main")).to_contain_text(f"12 問中 {number} 問め")
        assert friend.locator("button[name=choice]").count() == 4
        assert all((box.bounding_box() or {"height": 0})["height"] >= 44 for box in friend.locator("button").all())
        friend.locator("button[name=choice]").first.click()
    expect(friend.locator(".big")).to_contain_text("/ 12")
    context.close()
