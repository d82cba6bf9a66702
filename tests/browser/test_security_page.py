"""The page in a real browser: what it asks the network for, and what strangers' words can do in it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.conftest import SLOWEST
from tests.browser.test_personas_page import choose
from tests.helpers.served import Server, open_tab, wait_until_ready
from tests.helpers.talk_page import send, settled
from tests.helpers.training_page import upload

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
    missing: list[str] = field(default_factory=list)
    """What the server has not."""

    def note(self, asked: Request, server: Server) -> None:
        if not asked.url.startswith((server.url, *HERE)):
            self.outside.append(asked.url)


@pytest.fixture(params=[True, False], ids=["as it is", "without the policy"])
def watched(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Watched]:
    context = browser.new_context(locale="en-US", bypass_csp=not request.param)
    seen = Watched(context.new_page(), request.param)
    context.on("request", lambda asked: seen.note(asked, server))
    context.on("response", lambda told: seen.missing.append(told.url) if told.status == 404 else None)
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
    assert not watched.missing


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


CANARY = '<img src="https://outside.example/p.png" onerror="window.ran=1"><a href="https://outside.example">x</a>'
SHORT = "<img src=x onerror=window.ran=1>"
LEAKED = """() => [...document.querySelectorAll("*")].filter((e) =>
  [...e.attributes].some((a) => ["src", "href", "action"].includes(a.name) && a.value.includes("outside.example"))
  || e.hasAttribute("onerror")).map((e) => e.outerHTML.slice(0, 200))"""


def expect_text_alone(watched: Watched) -> None:
    """Nothing that was typed became an element, ran, or asked anybody."""
    assert watched.page.evaluate(LEAKED) == []
    assert watched.page.evaluate("window.ran") is None
    assert not watched.outside


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("watched", [False], indirect=True, ids=["without the policy"])
def test_what_people_bring_stays_text_in_every_tab(watched: Watched, server: Server, tmp_path: Path) -> None:
    """A card, its picture of a person's talk, a log, a data set, notes and documents; the policy does not help here."""
    page = watched.page
    page.goto(server.url)
    wait_until_ready(page)

    card = {"data": {"name": SHORT, "description": CANARY, "first_mes": CANARY, "personality": CANARY}}
    (tmp_path / "card.json").write_text(json.dumps(card), encoding="utf-8")
    page.locator("#persona-new > button").click()
    choose(page, "#card-open", tmp_path / "card.json")
    toast = page.get_by_test_id("toast-text")
    expect(toast.filter(has_text=SHORT)).to_be_visible()
    expect(page.locator("#chat .message.bot").first).to_contain_text("outside.example")
    expect_text_alone(watched)
    page.locator("#persona-edit").click()
    page.locator("#persona-save").click()
    expect(toast.filter(has_text="Saved")).to_contain_text(SHORT)
    send(page, CANARY)
    settled(page)
    expect_text_alone(watched)

    said = [f"2024/01/{1 + n // 20:02d} 10:{n % 60:02d} - {SHORT if n % 2 else 'Bob'}: {CANARY} {n}" for n in range(80)]
    named = tmp_path / "<img src=x onerror=window.ran=1>.txt"
    named.write_text("\n".join(said), encoding="utf-8")
    upload(page, named)
    expect(page.locator("#data-persona")).to_contain_text("onerror")
    page.locator("#data-persona").get_by_label(re.compile("onerror")).first.check()
    expect(page.locator("#data-row .said.learned").first).to_contain_text("outside.example")
    expect_text_alone(watched)
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    expect_text_alone(watched)

    open_tab(page, "Memory")
    page.locator("#memory-fresh textarea, #memory-fresh input").first.fill(CANARY)
    page.locator("#memory-add").click()
    expect(page.locator("#memory-notes")).to_contain_text("outside.example")
    document = tmp_path / "<img src=x onerror=window.ran=1>.md"
    document.write_text(CANARY, encoding="utf-8")
    page.locator("#memory-drop input[type=file]").set_input_files(document)
    expect(toast.filter(has_text="onerror").last).to_be_visible()
    expect_text_alone(watched)

    open_tab(page, "Tokens")
    page.wait_for_timeout(1000)
    for box in page.get_by_role("tabpanel").locator("textarea").all():
        if box.is_visible() and box.is_editable():
            box.fill(CANARY)
    page.wait_for_timeout(2000)
    expect_text_alone(watched)
    open_tab(page, "Chat")
    page.wait_for_timeout(1000)
    expect_text_alone(watched)
