"""Connect, in the browser: a key is made, opens the API behind the app's own guards, and is revoked."""

import re

import httpx2
from playwright.sync_api import expect

from tests.helpers.served import Server, Visit, open_tab


def test_a_key_opens_the_api_until_it_is_revoked(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    open_tab(page, "Connect")
    expect(page.locator("#connect-key-empty")).to_contain_text("No keys yet")
    expect(page.locator("#connect-share-state")).to_contain_text("Not open")
    page.locator("#connect-key-name").locator("textarea, input").first.fill("My script")
    page.locator("#connect-key-make").click()
    text = page.locator("#connect-key-text").locator("textarea, input").first
    expect(text).to_have_value(re.compile("^omk-"))
    expect(page.locator("#connect-key-example")).to_contain_text(f"{server.url}v1/chat/completions")
    key = text.input_value()
    with httpx2.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=60) as web:
        assert "socrates" in [model["id"] for model in web.get("/v1/models").json()["data"]]
        body = {"model": "socrates", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
        answer = web.post("/v1/chat/completions", json=body).json()
        assert answer["choices"][0]["message"]["content"] and answer["usage"]["completion_tokens"] <= 8
        page.reload()
        open_tab(page, "Connect")
        expect(page.locator("#connect-key-lines")).to_contain_text("My script")
        expect(page.locator("#connect-key-text")).to_be_hidden()
        expect(page.locator("#connect-key-lines")).not_to_contain_text("never used")
        page.locator("#connect-key-lines label").click()
        page.locator("#connect-key-revoke").click()
        expect(page.locator("#connect-key-empty")).to_contain_text("No keys yet")
        assert web.get("/v1/models").status_code == 401
