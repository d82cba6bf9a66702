"""Steps on the Chat tab that several browser tests share."""

import re

from playwright.sync_api import Page, expect


def send(page: Page, text: str) -> None:
    """Say something; it has arrived when its bubble is there."""
    mine = page.locator("#chat .message.user")
    before = mine.count()
    page.locator("#talk-box textarea").fill(text)
    page.locator("#talk-box textarea").press("Enter")
    expect(page.locator("#talk-box textarea")).to_have_value("")
    expect(mine).to_have_count(before + 1)


def settled(page: Page) -> None:
    """The persona has answered, and is done: its words stand last, and the stop button is gone again."""
    last = page.locator("#chat .message.bot, #chat .message.user").last
    expect(last).to_have_class(re.compile(r"\bbot\b"))
    expect(last).not_to_have_text("…")
    expect(page.locator("#talk-stop")).to_be_hidden()


def words_of(page: Page, who: str) -> list[str]:
    return [text.strip() for text in page.locator(f"#chat .message.{who}").all_inner_texts()]
