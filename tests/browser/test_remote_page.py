"""A server that thinks, in a browser: connected, heard without its thoughts, which are a closed fold."""

from pathlib import Path

from playwright.sync_api import expect

from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.served import Server, Visit
from tests.helpers.talk_page import send, settled


def test_a_thinking_server_answers(server: Server, visit: Visit, tmp_path: Path) -> None:
    api = FakeServer()
    api.deltas = [{"content": part} for part in ("<think>", "who is it", "</think>\n\n", "Hello ", "there")]
    api.usage = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
    serve(api)
    page = visit(server, language="en")
    page.locator("#remote button").first.click()
    page.locator("#remote-url textarea, #remote-url input").first.fill(api.url)
    page.locator("#remote-look").click()
    expect(page.locator("#remote-model input")).to_have_value("big")
    page.locator("#remote-use").click()
    expect(page.locator("#remote-state")).to_contain_text("big")
    send(page, "hi")
    settled(page)
    expect(page.locator("#chat .message.bot").last).to_contain_text("Hello there")
    expect(page.locator("#chat")).to_contain_text("Thought for")
    expect(page.get_by_text("who is it")).not_to_be_visible()
    expect(page.locator("#talk-versions")).to_contain_text("1,000 tokens read, 200 written")
    page.screenshot(path=tmp_path / "thinking.png")
    page.get_by_text("Thought for").click()
    expect(page.get_by_text("who is it")).to_be_visible()
    page.locator("#chat .message.bot").last.click()
    expect(page.locator("#talk-versions")).to_contain_text("Hello there")
    page.screenshot(path=tmp_path / "opened.png")
    api.shutdown()
    api.server_close()
