"""A phone is enough: from a log to talking with what it taught, each next control in view when its step comes."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.served import Server, Visit, open_tab
from tests.helpers.training_page import upload

pytestmark = pytest.mark.timeout(600)

TALK = "\n".join(
    ["2026/5/1(金)", *(f"12:{n % 60:02}\t{who}\t{said}{n}だよ"
     for n in range(1, 60) for who, said in (("葉", "きょうの"), ("海", "そうだね"), ("葉", "あしたも")))]
)  # fmt: skip


def expect_in_view(page: Page, control: Locator) -> None:
    """All of it is on the screen, with nothing over it: where it stands, a finger meets it."""
    expect(control).to_be_visible()
    expect(control).to_be_enabled()
    expect(control).to_be_in_viewport(ratio=0.99)
    met = control.evaluate(
        "(one) => { const at = one.getBoundingClientRect();"
        " const top = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);"
        " return one.contains(top) || top.contains(one); }"
    )
    assert met, "something lies over it"


TABS = {
    "ja": ("データ", "学習", "比べる", "記憶", "トークン", "つなぐ", "話す"),
    "en": ("Data", "Train", "Compare", "Memory", "Tokens", "Connect", "Chat"),
}


@pytest.mark.parametrize(("width", "language"), [(390, "en"), (320, "ja"), (320, "en")])
def test_every_tab_is_reached_and_nothing_is_wider_than_the_screen(
    server: Server, visit: Visit, width: int, language: str
) -> None:
    page = visit(server, language, viewport={"width": width, "height": 700})
    for name in TABS[language]:
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect_in_view(page, page.get_by_role("tab", name=name, exact=True))
        open_tab(page, name)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (name, wide)


def test_from_a_log_to_talking_with_the_result(server: Server, visit: Visit) -> None:
    page = visit(server, viewport={"width": 390, "height": 780}, has_touch=True)
    step = page.locator("#next button")
    upload(page, {"name": "[LINE] 葉とのトーク.txt", "mimeType": "text/plain", "buffer": TALK.encode()})
    expect(page.locator("#data-about")).to_contain_text("LINE")
    expect_in_view(page, page.locator("#data-persona label").first)
    expect(step).to_have_text("このデータで学習する")
    expect_in_view(page, step)
    step.tap()
    expect(page.locator("#train-dataset input")).to_be_visible()
    expect(step).to_have_text("学習を始める")
    expect_in_view(page, step)
    page.locator("#train-details").get_by_role("button").first.click()
    page.locator("#set-epochs input").fill("1")
    page.locator("#set-epochs input").blur()
    step.tap()
    expect(page.locator("#next.running")).to_be_visible()
    expect(page.locator("#train-picture .run-name")).to_be_in_viewport()
    expect(step).to_have_text("止めて使う")
    expect_in_view(page, step)
    expect(step).to_have_text("この人格と話す", timeout=300_000)
    expect_in_view(page, step)
    expect(page.locator("#train-picture .run-head")).to_be_in_viewport()
    step.tap()
    expect(page.locator("#adapter input")).not_to_have_value(re.compile("なし"))
    expect(page.locator("#next")).to_be_hidden()
    box = page.locator("#talk-box textarea")
    expect_in_view(page, box)
    box.fill("おはよう")
    expect_in_view(page, page.locator("#talk-send"))
    page.locator("#talk-send").tap()
    expect(page.locator("#chat .message.user")).to_be_in_viewport()
