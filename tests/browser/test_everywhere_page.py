"""What holds on every tab: addresses and titles, the keyboard, the language and the colours that were chosen."""

import re

from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab, wait_until_ready

MOMENT = 1500  # ms in which something that must not happen would have


def talk_of(page: Page) -> str:
    return page.locator("#place i").get_attribute("data-talk") or ""


def test_every_tab_and_talk_has_an_address(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    expect(page).to_have_url(re.compile(r"#talk/[\w-]+$"))
    expect(page).to_have_title("June · 面影 Omokage")
    first = talk_of(page)
    open_tab(page, "Train")
    expect(page).to_have_url(re.compile(r"#train$"))
    expect(page).to_have_title("Train · 面影 Omokage")
    page.reload()
    expect(page.locator("#train-picture .empty")).to_be_visible()
    expect(page).to_have_title("Train · 面影 Omokage")
    open_tab(page, "Chat")
    page.locator("#talk-new").click()
    expect(page.locator("#place i")).not_to_have_attribute("data-talk", first)
    second = talk_of(page)
    expect(page).to_have_url(re.compile(f"#talk/{second}$"))
    page.go_back()
    expect(page.locator("#place i")).to_have_attribute("data-talk", first)


def test_the_address_of_somebody_elses_talk_opens_nothing(server: Server, visit: Visit) -> None:
    stranger, page = visit(server), visit(server)
    page.goto(f"{server.url}#talk/{talk_of(stranger)}")
    page.reload()
    wait_until_ready(page)
    expect(page).not_to_have_url(re.compile(talk_of(stranger)))


def test_the_keyboard_reaches_tabs_lists_and_the_list_of_keys(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    page.get_by_role("tab", name="Chat").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Data")).to_be_focused()
    expect(page.locator("#data-start")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Connect")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    expect(page.locator("#keys")).to_contain_text("Shift + Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Home")
    box = page.locator("#talk-box textarea")
    box.press("?")
    expect(box).to_have_value("?")
    expect(page.locator("#keys")).to_be_hidden()


def test_moving_through_the_persona_picker_chooses_nothing(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    before = talk_of(page)
    page.locator("#persona button").first.focus()
    page.keyboard.press("Tab")
    expect(page.locator("#persona button").nth(1)).to_be_focused()
    page.wait_for_timeout(MOMENT)
    expect(page.locator("#persona [aria-pressed=true]")).to_contain_text("June")
    assert talk_of(page) == before
    page.keyboard.press("Enter")
    expect(page.locator("#place i")).not_to_have_attribute("data-talk", before)


def test_language_and_colours_are_chosen_on_the_page(server: Server, visit: Visit) -> None:
    page = visit(server, language="ja")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.locator("#tool-theme").click()
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    page.locator("#tool-language").click()
    expect(page.get_by_role("tab", name="Memory")).to_be_visible()
    wait_until_ready(page)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#seen")).to_contain_text("Persona")  # what the server writes
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    page.locator("#tool-language").click()
    expect(page.get_by_role("tab", name="記憶")).to_be_visible()


def test_gradios_own_names_are_in_the_pages_language(server: Server, visit: Visit) -> None:
    page = visit(server)
    expect(page.get_by_role("log", name="会話の内容")).to_be_visible()
    expect(page.locator("#chat .message.bot").first).to_be_visible()
    open_tab(page, "データ")
    page.locator("#data-sample").click()
    expect(page.locator("#data-number input[type=range]")).to_have_attribute("aria-label", "何行目")
    english = page.evaluate(
        "() => [...document.querySelectorAll('[aria-label]')].map((one) => one.getAttribute('aria-label'))"
        ".filter((name) => /\\b(for|message|Click|More|Reset|Copy|Clear|Remove|upload)\\b/.test(name))"
    )
    assert english == []
