"""Talking, in a real browser: what a person does with the first tab."""

import re

from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab, wait_until_ready


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


def test_socrates_speaks_first_and_answers(server: Server, visit: Visit) -> None:
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
    assert tabs == ["Talk", "Memory", "Tokens", "Data", "Train"]
    expect(page.locator("#talk-send")).to_have_text("Send")
    expect(page.locator("#seen")).to_contain_text("Persona")


def test_a_long_reply_can_be_stopped_with_escape(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#persona-edit button").first.click()
    page.get_by_text("返事の選び方").click()
    page.get_by_label(re.compile("返事の長さの上限")).first.fill("1024")
    page.locator("#persona-save").click()
    expect(page.get_by_text("保存しました")).to_be_visible()
    settled(page)
    send(page, "長く話して")
    expect(page.locator("#talk-stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#talk-stop")).to_be_hidden()


def test_undo_gives_the_words_back(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "やっぱりなし")
    settled(page)
    page.get_by_label("Undo").last.click()
    expect(page.locator("#talk-box textarea")).to_have_value("やっぱりなし")
    expect(page.locator("#chat .message.user")).to_have_count(0)


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
    rows = [row.get_attribute("class") for row in page.locator("#chat .message-row").all()]
    who = ["user" if "user-row" in row else "bot" for row in rows]
    assert who[: greetings + 2] == ["bot"] * greetings + ["user"] * 2 and set(who[greetings + 2 :]) == {"bot"}


def test_replies_have_versions_that_the_arrow_keys_turn(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "散歩は好き？")
    settled(page)
    first = words_of(page, "bot")
    page.locator("#talk-again").click()
    expect(page.locator("#talk-versions")).to_contain_text("2 / 2")
    settled(page)
    page.locator("#chat").get_by_label("いいね", exact=True).last.click()
    expect(page.locator("#talk-box textarea")).to_be_editable()
    page.locator("#brand").click()  # out of the box: arrows belong to the text there
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#talk-versions")).to_contain_text("1 / 2")
    assert words_of(page, "bot") == first
    page.locator("#talk-box textarea").fill("ab")
    page.locator("#talk-box textarea").press("ArrowRight")
    page.wait_for_timeout(500)
    expect(page.locator("#talk-versions")).to_contain_text("1 / 2")


def test_a_reply_is_corrected_and_waits_to_be_learned(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "海は好き？")
    settled(page)
    page.locator("#chat").get_by_label("編集").last.click()
    page.locator("#chat textarea").last.fill("海か。潮の匂いがすると眠くなる。")
    page.locator("#chat").get_by_label("送信").click()
    expect(page.locator("#talk-versions")).to_contain_text("直した返事")
    expect(page.locator("#chat .message.bot").last).to_have_text("海か。潮の匂いがすると眠くなる。")
    open_tab(page, "記録")
    expect(page.locator("#corrections .learned").last).to_have_text("海か。潮の匂いがすると眠くなる。")
    page.locator("#corrections summary").first.click()
    expect(page.locator("#corrections pre").first).to_contain_text("海は好き？")
    page.locator("#corrections-add").click()
    expect(page.locator("#data-saved")).to_contain_text("corrections")


def test_ones_own_words_are_edited_and_the_old_ones_stay_a_version(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "犬は好き？")
    settled(page)
    page.locator("#chat").get_by_label("編集").nth(1).click()  # behind the greeting
    page.locator("#chat textarea").last.fill("猫は好き？")
    page.locator("#chat").get_by_label("送信").click()
    expect(page.locator("#chat .message.user")).to_have_text("猫は好き？")
    settled(page)
    page.locator("#chat .message.user").click()
    expect(page.locator("#talk-versions")).to_contain_text("2 / 2")
    expect(page.locator("#talk-versions")).to_contain_text("猫は好き？")
    page.locator("#talk-older").click()
    expect(page.locator("#chat .message.user")).to_have_text("犬は好き？")


def test_a_branch_leaves_the_old_talk_in_the_list(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "最初の話")
    settled(page)
    send(page, "次の話")
    settled(page)
    page.locator("#chat .message.user").first.click()
    expect(page.locator("#talk-versions")).to_contain_text("最初の話")
    page.locator("#talk-branch").click()
    expect(page.locator("#chat .message.user")).to_have_count(1)
    expect(page.locator("#talks label")).to_have_count(2)
    page.locator("#talks label").last.click()
    expect(page.locator("#chat .message.user")).to_have_count(2)


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


def test_the_key_in_a_link_carries_everything_to_another_device(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "続きは電車で")
    settled(page)
    page.get_by_text("別の端末で続ける").click()
    page.get_by_role("button", name="リンクを表示").click()
    link = page.locator("#foot textarea, #foot input").first
    expect(link).to_have_value(re.compile("#key="))
    elsewhere = visit(server, path=link.input_value().removeprefix(server.url))
    expect(elsewhere.locator("#chat .message.user")).to_have_text("続きは電車で")
    assert "#key" not in elsewhere.url


def test_a_persona_is_made_and_greets(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#persona-new button").first.click()
    page.locator("#persona-make").click()
    expect(page.locator("#persona input")).to_have_value("新しい人格")
    page.locator("#persona-edit button").first.click()
    page.get_by_label("名前", exact=True).fill("灯台守")
    page.get_by_label("最初のひとこと").fill("今夜は霧が深いね。")
    page.locator("#persona-save").click()
    expect(page.locator("#persona input")).to_have_value("灯台守")
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
