"""A group in a real browser, with the model that comes with the app."""

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit
from tests.helpers.talk_page import send, settled


def gathered(page: Page, count: int) -> None:
    """As many members as wanted, the first of those who could join one after the other."""
    page.locator("#group > button").click()
    for n in range(2, count + 1):
        page.locator(".candidates button:not([data-act=narrate])").first.click()
        expect(page.locator("#group-people [data-member]")).to_have_count(n)


def speakers(page: Page) -> list[str]:
    return page.locator("#chat-said .by").all_inner_texts()


def test_several_personas_talk_each_with_its_own_face_and_prompt(server: Server, visit: Visit) -> None:
    page = visit(server)
    gathered(page, 3)
    expect(page.locator("#chat-head h2")).to_have_text("ゆい・ソクラテス・Helper")
    before = speakers(page)
    send(page, "ソクラテスはどう思う？")
    settled(page)
    assert speakers(page) == [*before, "ソクラテス"]
    expect(page.locator("#seen .next-speaker")).to_be_visible()
    page.locator(".turn-bar [data-act=speak]", has_text="Helper").click()
    expect(page.locator("#chat-said .by").last).to_have_text("Helper")
    settled(page)
    page.locator("#talk-again").click()
    expect(page.locator("#talk-acts .turn b")).to_have_text("2 / 2")
    assert speakers(page) == [*before, "ソクラテス", "Helper"]


@pytest.mark.slow
def test_a_group_goes_on_alone_until_it_is_stopped(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    gathered(page, 2)
    before = len(speakers(page))
    send(page, "What did you do today?")
    settled(page)
    page.locator(".turn-bar .alone input").fill("2")
    page.locator("[data-act=alone]").click()
    expect(page.locator("#chat-said .by")).to_have_count(before + 3)
    settled(page)
    page.locator(".turn-bar .alone input").fill("60")
    page.locator("[data-act=alone]").click()
    expect(page.locator("#chat-said .by")).to_have_count(before + 4)
    page.locator("#talk-stop").click()
    expect(page.locator("[data-act=alone]")).to_be_visible()
    expect(page.locator("#talk-stop")).to_be_hidden()
    assert len(speakers(page)) < 30
    page.reload()
    expect(page.locator("#chat-head h2")).to_contain_text(", ")
    page.locator("#group > button").click()
    page.locator("#group-people [data-act=remove]").last.click()
    expect(page.locator(".turn-bar")).to_have_count(0)
