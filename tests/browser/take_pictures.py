"""Take the pictures of the README from the real app: `python -m tests.browser.take_pictures [FOLDER]`.

One picture a tab for docs/pictures/. With a FOLDER, the whole page of every tab in both languages and colour schemes,
1280 and 390 pixels wide, goes there: to look at after a change of the page. A language trains once, for few steps;
every scheme and width shows what that left.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.helpers.served import ROOT, Server, open_tab, wait_until_ready

TABS = {
    "talk": "話す|Chat",
    "data": "データ|Data",
    "train": "学習|Train",
    "compare": "比べる|Compare",
    "memory": "記憶|Memory",
    "tokens": "トークン|Tokens",
    "connect": "つなぐ|Connect",
}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
WIDTHS, HEIGHT = (1280, 390), 860
DRAFT = {
    "ja": "仕事で人を助けた。でも自分が得したかっただけかも",
    "en": "I helped somebody. Perhaps only for my own sake",
}
PASTED = {
    "ja": "東京都庁の前で\n「また明日ね！」と彼女は笑った。",
    "en": "In front of the old town hall\nshe laughed: “See you tomorrow!”",
}
NOTE = {"ja": "妹の名前はハナ", "en": "My sister's name is Hana"}
FINISHED = re.compile("完了|Done")
EPOCHS = 1
PICTURES = ROOT / "docs" / "pictures"


def arrive(browser: Browser, server: Server, language: str) -> Page:
    """A new visitor's page."""
    locale = {"ja": "ja-JP", "en": "en-US"}[language]
    page = browser.new_context(locale=locale, viewport={"width": WIDTHS[0], "height": HEIGHT}).new_page()
    page.goto(server.url)
    wait_until_ready(page)
    return page


def make(page: Page, language: str, *, short: bool) -> None:
    """Everything that stays: a log, a data set, a training (a few steps of it where `short`), a note."""
    open_tab(page, TABS["data"])
    page.locator("#data-sample").click()
    expect(page.locator("#data-row .said.learned").first).to_be_visible()
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    if short:
        page.locator("#train-details").click()
        page.locator("#set-epochs input").fill(str(EPOCHS))
        page.locator("#set-epochs input").blur()
    page.locator("#train-start").click()
    expect(page.locator("#train-picture")).to_contain_text(FINISHED, timeout=300_000)
    open_tab(page, TABS["memory"])
    page.locator("#memory-fresh").locator("textarea, input").first.fill(NOTE[language])
    page.locator("#memory-add").click()
    expect(page.locator("#memory-notes")).to_contain_text(NOTE[language])


def fill(page: Page, language: str) -> None:
    """What a reload loses: words that are being typed."""
    open_tab(page, TABS["talk"])
    page.locator("#talk-box textarea").fill(DRAFT[language])
    open_tab(page, TABS["tokens"])
    page.locator("#tokens-text textarea").fill(PASTED[language])
    expect(page.locator("#tokens-shown .tokens")).to_be_visible()
    expect(page.locator("#tokens-row .learned").first).to_be_visible()
    open_tab(page, TABS["data"])
    expect(page.locator("#data-row .said.learned").first).to_be_visible()


def measure_log(page: Page) -> None:
    """How much a window holds of the open log, on the Tokens tab."""
    open_tab(page, TABS["tokens"])
    page.locator("#tokens-source label").nth(1).click()
    page.locator("#tokens-density-fold > button").click()
    page.locator("#tokens-density").click()
    expect(page.locator("#tokens-measured .big")).to_be_visible()
    expect(page.locator("#tokens-ruler .bar")).to_be_visible()


def shoot(page: Page, folder: Path, suffix: str = "", *, whole: bool) -> None:
    for name, title in TABS.items():
        open_tab(page, title)
        page.wait_for_timeout(700)  # a colour fades
        page.screenshot(path=folder / f"{name}{suffix}.png", full_page=whole)


def shoot_all(context: BrowserContext, page: Page, language: str, folder: Path) -> None:
    """Every scheme and width of one language."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.reload()
        wait_until_ready(page)
        fill(page, language)
        measure_log(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            shoot(page, folder, f"-{language}-{scheme}-{width}", whole=True)
        page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    context.close()


def main(folder: Path | None) -> None:
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        server = Server(Path(home) / "home").start()
        try:
            for language in ("ja", "en") if folder else ("ja",):
                page = arrive(browser, server, language)
                make(page, language, short=folder is not None)
                if folder:
                    shoot_all(page.context, page, language, folder)
                else:
                    fill(page, language)
                    shoot(page, PICTURES, whole=False)
                    measure_log(page)
                    page.locator(".card.fold:has(#tokens-measured)").screenshot(path=PICTURES / "tokens-log.png")
        finally:
            server.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    (target or PICTURES).mkdir(parents=True, exist_ok=True)
    main(target)
