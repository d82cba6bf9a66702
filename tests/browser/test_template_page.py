"""The chat template on the page: looked at, written, chosen, and seen in what the model sees."""

import re

from playwright.sync_api import expect

from tests.helpers.served import Server, Visit, open_tab, pick

JINJA = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def test_a_template_of_ones_own_is_what_the_model_sees(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#template > button").click()
    expect(page.locator("#template-preview pre b").first).to_have_text("あなたはゆい。明るい友だち。")
    page.locator("#template-own > button").click()
    page.locator("#template-jinja textarea").fill(JINJA)
    page.locator("#template-name").locator("input, textarea").fill("わたしの書式")
    page.locator("#template-save").click()
    expect(page.locator("#template-preview pre")).to_contain_text("[user] おはよう！")
    expect(page.locator("#template-chosen input")).to_have_value("わたしの書式, version 1")
    expect(page.locator(".chat-head")).to_contain_text("わたしの書式, version 1")
    page.reload()
    expect(page.locator(".chat-head")).to_contain_text("わたしの書式, version 1")

    open_tab(page, "データ")
    page.locator("#data-sample").click()
    expect(page.locator("#data-ledger")).to_contain_text("数え漏れ")

    open_tab(page, "話す")
    page.locator("#template > button").click()
    pick(page, "#template-chosen", re.compile("^おまかせ"))
    expect(page.locator(".chat-head")).not_to_contain_text("わたしの書式")
