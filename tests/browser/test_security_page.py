"""The page in a real browser: what it asks the network for, and what strangers' words can do in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.conftest import SLOWEST
from tests.helpers.served import Server, wait_until_ready

HERE = ("data:", "blob:")


@dataclass(frozen=True)
class Watched:
    """A page and what it did."""

    page: Page
    enforced: bool
    """Whether the browser heeds the page's policy."""
    outside: list[str] = field(default_factory=list)
    """Requests to anybody but the server."""
    complaints: list[str] = field(default_factory=list)
    """What the policy stopped."""

    def note(self, asked: Request, server: Server) -> None:
        if not asked.url.startswith((server.url, *HERE)):
            self.outside.append(asked.url)


@pytest.fixture(params=[True, False], ids=["as it is", "without the policy"])
def watched(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Watched]:
    context = browser.new_context(locale="en-US", bypass_csp=not request.param)
    seen = Watched(context.new_page(), request.param)
    context.on("request", lambda asked: seen.note(asked, server))
    heard = seen.complaints.append
    seen.page.on("console", lambda said: heard(said.text) if "Content Security Policy" in said.text else None)
    seen.page.set_default_timeout(SLOWEST)
    yield seen
    context.close()


def test_the_page_asks_nobody_else(watched: Watched, server: Server) -> None:
    """Over all tabs, and whatever is folded in them: fonts, analytics and frames of Gradio included."""
    page = watched.page
    page.goto(server.url)
    wait_until_ready(page)
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        for fold in page.get_by_role("tabpanel").locator("button.label-wrap:not(.open)").all():
            if fold.is_visible():
                fold.click()
        page.wait_for_timeout(1000)
    assert not watched.outside
    assert not watched.complaints


def test_the_policy_stops_what_is_brought_in(watched: Watched, server: Server) -> None:
    """Shown with the policy off, too, so that it is known to be what stops it."""
    page, reached = watched.page, []
    page.on("requestfailed", lambda asked: reached.append(asked.failure) if "outside" in asked.url else None)
    page.route(re.compile("outside.example"), lambda route: route.abort())
    page.goto(server.url)
    wait_until_ready(page)
    page.evaluate("""() => {
      const box = document.createElement("div");
      box.innerHTML = '<img src="/nothing" onerror="window.ran = 1"><img src="https://outside.example/pixel.png">';
      document.body.append(box);
      const script = document.createElement("script");
      script.textContent = "window.ran = 2";
      document.body.append(script);
    }""")
    page.wait_for_timeout(500)
    ran = page.evaluate("window.ran")
    if watched.enforced:
        assert (ran, reached) == (None, ["csp"]) and len(watched.complaints) == 3
    else:
        assert ran and reached == ["net::ERR_FAILED"]
