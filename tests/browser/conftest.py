"""Browsers for the tests in this folder, and one server for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.helpers.served import Server, Visit, wait_until_ready

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync")  # fmt: skip
WIDE: ViewportSize = {"width": 1280, "height": 900}
SLOWEST = 90_000  # ms: importing torch on two busy cores takes its time

expect.set_options(timeout=SLOWEST)


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=list(CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a process; every page of `visit` is a visitor with an owner of its own."""
    server = Server(tmp_path_factory.mktemp("served") / "home").start()
    yield server
    server.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """`visit(server, language="ja", …)` opens the page as a new visitor and waits until it stands."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(
        server: Server, language: str = "ja", path: str = "", bypass_csp: bool = False,
        viewport: ViewportSize = WIDE, has_touch: bool = False,
    ) -> Page:  # fmt: skip
        locale = {"ja": "ja-JP", "en": "en-US"}[language]
        context = browser.new_context(locale=locale, viewport=viewport, bypass_csp=bypass_csp, has_touch=has_touch)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(SLOWEST)
        page.goto(server.url + path)
        wait_until_ready(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints, f"scripts of the page failed: {complaints}"
