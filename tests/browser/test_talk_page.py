"""Talking, in a real browser: what a person does with the first tab."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, key_of, open_tab, wait_until_ready
from tests.helpers.talk_page import send, settled, words_of


def test_the_first_persona_speaks_first_and_answers(server: Server, visit: Visit) -> None:
    page = visit(server)
    greeting = words_of(page, "bot")
    assert len(greeting) == 1 and "？" in greeting[0]
    send(page, "こんにちは <b>太字</b>")
    expect(page.locator("#chat .message.user")).to_have_text(re.compile("こんにちは <.?b>太字<.?/b>"))  # as written
    settled(page)
    assert len(words_of(page, "bot")) > 1
    expect(page.locator("#seen")).to_contain_text("トークン")


def test_the_page_speaks_the_browsers_language(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    tabs = [tab.strip() for tab in page.get_by_role("tab").all_inner_texts()]
    assert tabs == ["Chat", "Data", "Train", "Compare", "Memory", "Tokens", "Connect"]
    expect(page.locator("#talk-send")).to_have_text("Send")
    expect(page.locator("#seen")).to_contain_text("Persona")


def test_a_long_reply_can_be_stopped_with_escape(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#persona-edit").click()
    page.get_by_text("生成の細かい設定").click()
    # All tokens are about as likely as the one that ends a reply: it goes on and on.
    for label, value in (("返事の長さの上限", "1024"), ("温度（高い", "2"), ("top-p", "1"), ("min-p", "0")):
        page.get_by_label(re.compile(label)).first.fill(value)
    page.locator("#persona-save").click()
    expect(page.get_by_text("保存しました")).to_be_visible()
    settled(page)
    send(page, "長く話して")
    expect(page.locator("#talk-stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#talk-stop")).to_be_hidden()


def type_on(page: Page, text: str) -> None:
    """Words in the box that are not sent yet."""
    page.locator("#talk-box textarea").press_sequentially(text, delay=60)


def test_several_messages_in_a_row_get_one_answer(server: Server, visit: Visit) -> None:
    page = visit(server)
    greetings = len(words_of(page, "bot"))
    send(page, "ねえ")
    type_on(page, "聞いて聞いて")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .message.user")).to_have_count(2)
    settled(page)
    rows = [row.get_attribute("class") or "" for row in page.locator("#chat .message-row").all()]
    who = ["user" if "user-row" in row else "bot" for row in rows]
    assert who[: greetings + 2] == ["bot"] * greetings + ["user"] * 2 and set(who[greetings + 2 :]) == {"bot"}


def test_a_talk_survives_a_reload(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "覚えておいてね")
    settled(page)
    said = words_of(page, "bot")
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#chat .message.user")).to_have_text("覚えておいてね")
    assert words_of(page, "bot") == said


def test_visitors_do_not_see_each_other(server: Server, visit: Visit) -> None:
    one, other = visit(server), visit(server)
    send(one, "これは秘密")
    settled(one)
    other.reload()
    wait_until_ready(other)
    expect(other.locator("#chat .message.user")).to_have_count(0)
    assert "これは秘密" not in other.content()


@pytest.mark.timeout(600)
def test_a_code_carries_everything_to_another_device_and_back(server: Server, visit: Visit) -> None:
    page, elsewhere = visit(server), visit(server)
    mine = elsewhere.locator("#chat .message.user")
    for each, words in ((page, "続きは電車で"), (elsewhere, "こちらの話")):
        send(each, words)
        settled(each)
        each.locator("#carry > button").click()
    page.locator("#carry-show").click()
    code = page.locator("#carry-code textarea, #carry-code input").first
    expect(code).to_have_value(re.compile(r"^\w{4}-\w{4}$"))

    typed = elsewhere.locator("#carry-typed textarea, #carry-typed input").first
    typed.fill(code.input_value().lower())
    elsewhere.locator("#carry-take").click()
    expect(elsewhere.locator("#carry-left")).to_contain_text("会話 1 件")
    expect(mine).to_have_text("こちらの話")  # nothing has changed before the answer
    elsewhere.locator("#carry-yes").click()
    expect(mine).to_have_text("続きは電車で")
    wait_until_ready(elsewhere)
    elsewhere.locator("#carry > button").click()
    elsewhere.locator("#carry-back").click()
    expect(mine).to_have_text("こちらの話")


def test_a_link_never_replaces_the_visitors_own_key(server: Server, visit: Visit) -> None:
    page = visit(server)
    own = key_of(page)
    page.goto("about:blank")
    page.goto(f"{server.url}#key={'A' * 40}")
    wait_until_ready(page)
    assert key_of(page) == own
    assert key_of(visit(server, path=f"#key={'A' * 40}")) != "A" * 40


def test_a_persona_is_made_and_greets(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#persona-new button").first.click()
    page.locator("#persona-make").click()
    expect(page.get_by_label("名前", exact=True)).to_have_value("新しい人格")  # a new one is there to be filled in
    page.get_by_label("名前", exact=True).fill("灯台守")
    page.get_by_label("最初のひとこと").fill("今夜は霧が深いね。")
    page.locator("#persona-save").click()
    expect(page.locator("#persona [aria-pressed=true]")).to_contain_text("灯台守")
    page.locator("#talk-new").click()
    expect(page.locator("#chat .message.bot")).to_have_text("今夜は霧が深いね。")
    expect(page.locator("#strip")).to_contain_text("灯台守")


def test_tokens_of_a_text_and_of_the_prompt(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "トークン")
    page.locator("#tokens-text textarea").fill("東京\n都庁 <b>")
    expect(page.locator("#tokens-shown .tokens")).to_contain_text("⏎")
    expect(page.locator("#tokens-shown .tokens")).to_contain_text("<")
    expect(page.locator("#tokens-figures")).to_contain_text("1 トークンあたりの文字")
    page.locator("#tokens-prompt").click()
    expect(page.locator("#tokens-shown")).to_contain_text("人格")
    expect(page.locator("#tokens-figures")).to_contain_text("返事のための余白")


def test_a_folder_that_is_no_model_is_refused_in_words(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.get_by_text("別のモデルを使う").click()
    page.locator("#model-name input, #model-name textarea").fill(str(server.home))
    page.locator("#model-load").click()
    expect(page.locator("#model-state")).to_contain_text("config.json")
    expect(page.locator("#model-state")).to_contain_text("omokage-mini")
    send(page, "それでも話せる？")  # the model that was there still answers
    settled(page)
    assert len(words_of(page, "bot")) > 1


def test_enter_does_not_send_while_japanese_is_being_composed(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#talk-box textarea").click()
    keyboard = page.context.new_cdp_session(page)
    keyboard.send("Input.imeSetComposition", {"text": "こんにちは", "selectionStart": 5, "selectionEnd": 5})
    enter = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    keyboard.send("Input.insertText", {"text": "今日は"})  # what Enter chose
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    page.wait_for_timeout(800)
    expect(page.locator("#chat .message.user")).to_have_count(0)
    expect(page.locator("#talk-box textarea")).to_have_value("今日は")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .message.user")).to_have_text("今日は")


def test_the_demo_model_offers_the_one_that_suits_once_the_machine_was_measured(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    chip = page.locator(".chat-head .demo")
    chip.get_by_role("button").click()  # either way: it opens the list, or, measured before, begins to load
    if chip.locator("[data-open]").count():
        expect(page.locator("#model-few")).to_contain_text("tokens a second")
    expect(chip.locator("[data-load]")).to_contain_text("to download")
    expect(chip).to_contain_text("tokens a second here")
    page.locator("#talk-box textarea").fill("hi")
    chip.locator("[data-load]").click()
    expect(page.locator("#model-state")).to_contain_text("The Hub")  # it cannot be reached from the tests
    expect(page.locator("#model-state")).to_contain_text("omokage-mini")
    expect(page.locator("#talk-box textarea")).to_have_value("hi")
