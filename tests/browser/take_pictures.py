"""Take the pictures of the README from the real app: `python tests/browser/take_pictures.py [FOLDER]`.

One picture a tab for docs/pictures/. With a FOLDER, the whole page of every tab in both languages and
colour schemes, 1280 and 390 pixels wide, goes there: to look at after a change of the page.
"""

import re
import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.helpers.served import ROOT, Server, open_tab, wait_until_ready

TABS = {
    "talk": "話す|Chat",
    "data": "データ|Data",
    "train": "学習|Train",
    "memory": "記憶|Memory",
    "tokens": "トークン|Tokens",
}
DRAFT = {
    "ja": "仕事で人を助けた。でも自分が得したかっただけかも",
    "en": "I helped somebody. Perhaps only for my own sake",
}
FINISHED = re.compile("完了|Done")


def new_page(browser: Browser, server: Server, language: str, scheme: str, width: int) -> Page:
    locale = {"ja": "ja-JP", "en": "en-US"}[language]
    context = browser.new_context(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 860})
    page = context.new_page()
    page.goto(server.url)
    wait_until_ready(page)
    return page


def walk(page: Page, language: str) -> None:
    """Bring every tab into the state that its picture shows."""
    page.locator("#talk-box textarea").fill(DRAFT[language])
    open_tab(page, TABS["data"])
    page.locator("#data-sample").click()
    expect(page.locator("#data-row .said.learned").first).to_be_visible()
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-start").click()
    expect(page.locator("#train-picture")).to_contain_text(FINISHED, timeout=300_000)
    open_tab(page, TABS["tokens"])
    page.locator("#tokens-text textarea").fill("東京都庁の前で\n「また明日ね！」と彼女は笑った。")
    expect(page.locator("#tokens-shown .tokens")).to_be_visible()
    expect(page.locator("#tokens-row .learned").first).to_be_visible()


def shoot(page: Page, folder: Path, suffix: str = "", *, whole: bool) -> None:
    for name, title in TABS.items():
        open_tab(page, title)
        page.wait_for_timeout(1200)  # a colour fades, a timer ticks
        page.screenshot(path=folder / f"{name}{suffix}.png", full_page=whole)


def main(folder: Path | None) -> None:
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        server = Server(Path(home) / "home").start()
        try:
            every = list(product(("ja", "en"), ("light", "dark"), (1280, 390))) if folder else [("ja", "light", 1280)]
            for language, scheme, width in every:
                page = new_page(browser, server, language, scheme, width)
                walk(page, language)
                suffix = f"-{language}-{scheme}-{width}" if folder else ""
                shoot(page, folder or ROOT / "docs" / "pictures", suffix, whole=bool(folder))
                page.context.close()
        finally:
            server.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    (target or ROOT / "docs" / "pictures").mkdir(parents=True, exist_ok=True)
    main(target)
