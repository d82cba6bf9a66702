"""A page that nobody touches leaves the processor to others; what changes on the server is shown all the same."""

import re
import time
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from core.settings import Settings
from tabs.ui.services import make_services
from tests.helpers.served import Server, Visit, key_of, open_tab, wait_until_ready
from tests.helpers.tab_tiny import keep_dataset

TRAIN, MEMORY = "学習|Train", "記憶|Memory"
RUNNING = re.compile(r"ステップ [1-9]")
SETTLES = 12  # seconds after which a page that was opened has drawn everything
SPAN = 10.0  # seconds of a measurement


@dataclass(frozen=True)
class Cost:
    """What a page cost over SPAN."""

    busy: float
    """Processor time of the main thread, as a share of one core."""
    asked: int
    """Requests to the server."""


def cost(page: Page) -> Cost:
    """Leave the page alone for SPAN."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    before, began = spent(), time.monotonic()
    page.wait_for_timeout(1000 * SPAN)
    busy = (spent() - before) / (time.monotonic() - began)
    session.detach()
    return Cost(busy, len(asked))


@pytest.mark.xfail(
    strict=False, reason="0.136 of a core was measured on a slow machine since the newest dialogs came; 0.035 before"
)
def test_an_idle_page_leaves_the_processor_alone(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.wait_for_timeout(1000 * SETTLES)
    found = cost(page)
    assert found.busy < 0.05, found
    assert found.asked <= SPAN, found
    open_tab(page, TRAIN)
    expect(page.locator("#train-picture .empty")).to_be_visible()
    page.wait_for_timeout(1000 * SETTLES)
    found = cost(page)
    assert found.busy < 0.05, found


def test_a_page_beside_a_training_costs_little_and_shows_it(server: Server, visit: Visit) -> None:
    made = make_services(Settings(home=server.home))
    made.jobs.close()
    page = visit(server)
    keep_dataset(made, key=key_of(page))
    page.reload()
    wait_until_ready(page)
    open_tab(page, TRAIN)
    page.locator("#train-details").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#set-epochs input").fill("1000")
    page.locator("#set-epochs input").blur()
    page.locator("#train-start").click()
    head = page.locator("#train-picture .run-head")
    try:
        expect(head).to_contain_text(RUNNING)
        page.wait_for_timeout(1000 * SETTLES)
        before = head.text_content()
        found = cost(page)
        assert head.text_content() != before
        assert found.busy < 0.10, found
    finally:  # the tests that come next share the server
        page.locator("#train-stop").click()
        expect(page.locator("#train-resume")).to_be_visible()


def test_what_changed_unseen_is_drawn_when_its_tab_is_opened(server: Server, visit: Visit) -> None:
    first = visit(server)
    second = first.context.new_page()
    second.goto(server.url)
    wait_until_ready(second)
    open_tab(first, MEMORY)
    first.locator("#memory-fresh textarea, #memory-fresh input").first.fill("ケンは卵が食べられない")
    first.locator("#memory-add").click()
    expect(first.locator("#memory-notes")).to_contain_text("ケンは卵")
    open_tab(second, MEMORY)
    expect(second.locator("#memory-notes")).to_contain_text("ケンは卵")
    first.locator("#memory-fresh textarea, #memory-fresh input").first.fill("妹の名前はハナ")
    first.locator("#memory-add").click()
    expect(second.locator("#memory-notes")).to_contain_text("ハナ")  # nobody touched the second page
