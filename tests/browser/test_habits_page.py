"""What a talk offers beside talking: learning from it, speech, other ways to ask for words, what is told of them."""

import re

from playwright.sync_api import expect

from tests.helpers.served import Server, Visit
from tests.helpers.talk_page import send, settled


def test_a_talk_becomes_rows_in_one_click(server: Server, visit: Visit) -> None:
    page = visit(server)
    for words in ("海は好き？", "山は好き？"):
        send(page, words)
        settled(page)
    page.locator("#talk-edit").click()
    page.locator("#chat textarea").fill("山も好き。朝の山がいい。")
    page.get_by_text("この内容にする").click()
    expect(page.locator("#talk-acts")).to_contain_text("直した返事")
    fold = page.locator("#talk-learn")
    fold.locator(".label-wrap").click()
    expect(page.locator("#learn-counts")).to_contain_text("AI の返事 2 件（直した 1")
    expect(page.locator("#learn-counts")).not_to_contain_text("口ぐせ")
    fold.locator("label").get_by_text("返事すべて").click()
    expect(page.locator("#learn-counts")).to_contain_text("口ぐせ")
    fold.locator("label").get_by_text("直した返事と「いいね」だけ").click()
    expect(page.locator("#learn-counts")).not_to_contain_text("口ぐせ")
    page.locator("#learn-make").click()
    expect(page.get_by_role("tab", name="データ", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#data-about")).to_contain_text("面影の会話")
    expect(page.locator("#data-account")).to_contain_text("手で直して使う")
    expect(page.locator("#data-about")).to_contain_text(re.compile("AI が書いたもの"))
