"""A server that thinks, in a browser: connected, heard without its thoughts, which are a closed fold."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.test_security_page import CANARY, LEAKED
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.served import Server, Visit
from tests.helpers.talk_page import send, settled


def connect(page: Page, api: FakeServer) -> None:
    page.locator("#remote button").first.click()
    page.locator("#remote-url textarea, #remote-url input").first.fill(api.url)
    page.locator("#remote-look").click()
    expect(page.locator("#remote-model input")).to_have_value("big")
    page.locator("#remote-use").click()
    expect(page.locator("#remote-state")).to_contain_text("big")


def test_what_a_model_writes_stays_text_while_it_is_written_and_after(server: Server, visit: Visit) -> None:
    """In pieces that cut every tag, in the thoughts as in the words; the page's policy is off."""
    api = FakeServer()
    written = f"<think>{CANARY}</think>\n\n{CANARY} and **bold** ![p](https://outside.example/m.png)"
    api.deltas = [{"content": written[at : at + 7]} for at in range(0, len(written), 7)]
    serve(api)
    page = visit(server, language="en", bypass_csp=True)
    outside: list[str] = []
    page.on("request", lambda asked: outside.append(asked.url) if "outside.example" in asked.url else None)
    connect(page, api)
    send(page, "hi")
    settled(page)
    expect(page.locator("#chat .message.bot").last).to_contain_text('outside.example/p.png" onerror=')
    page.get_by_text("Thought for").click()
    assert page.evaluate(LEAKED) == [] and page.evaluate("window.ran") is None and not outside
    api.shutdown()
    api.server_close()


def test_a_thinking_server_answers(server: Server, visit: Visit, tmp_path: Path) -> None:
    api = FakeServer()
    api.deltas = [{"content": part} for part in ("<think>", "who is it", "</think>\n\n", "Hello ", "there")]
    api.usage = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
    serve(api)
    page = visit(server, language="en")
    connect(page, api)
    send(page, "hi")
    settled(page)
    expect(page.locator("#chat .message.bot").last).to_contain_text("Hello there")
    expect(page.locator("#chat")).to_contain_text("Thought for")
    expect(page.get_by_text("who is it")).not_to_be_visible()
    expect(page.locator("#talk-acts")).to_contain_text("1,000 tokens read, 200 written")
    page.screenshot(path=tmp_path / "thinking.png")
    page.get_by_text("Thought for").click()
    expect(page.get_by_text("who is it")).to_be_visible()
    page.locator("#chat .message.bot").last.click()
    expect(page.locator("#chat .message.chosen")).to_contain_text("Hello there")
    page.screenshot(path=tmp_path / "opened.png")
    api.shutdown()
    api.server_close()
