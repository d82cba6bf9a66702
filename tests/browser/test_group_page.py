"""A group in a real browser, with the model that comes with the app."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility_page import findings
from tests.helpers.served import Server, Visit, open_tab
from tests.helpers.talk_page import send, settled

PEOPLE = {"花子": "海ね", "太郎": "まじ", "Ken": "ok!"}
LOG = "[LINE] 旅行のトーク履歴\n保存日時：2024/04/01 10:00\n" + "".join(
    f"\n2024/03/{day:02}(金)\n" + "".join(f"{9 + n}:00\t{who}\t{says} {day}\n" for n, (who, says) in enumerate(
        PEOPLE.items())) for day in range(1, 31)
)  # fmt: skip


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
    page.add_style_tag(content="* { transition: none !important; }")
    assert findings(page) == []
    page.evaluate("document.body.classList.toggle('dark')")
    assert findings(page) == []
    seen = page.locator("#seen .next-speaker").inner_text()
    open_tab(page, "トークン")
    page.locator("#tokens-prompt").click()
    expect(page.locator("#tokens-figures .next-speaker")).to_have_text(seen)


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


def test_a_groups_log_becomes_talking_personas(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "データ|Data")
    page.locator("#data-file input[type=file]").set_input_files(
        {"name": "[LINE] 旅行.txt", "mimeType": "text/plain", "buffer": LOG.encode()}
    )
    expect(page.locator("#data-row .said.learned").first).to_be_visible()
    page.locator("#data-group-talk").click()
    expect(page.locator("#chat-head h2")).to_have_text("花子・太郎・Ken")
    send(page, "太郎、おはよう")
    settled(page)
    assert speakers(page) == ["太郎"]
