"""Replies in a browser: taken back, made anew, corrected, edited and branched."""

import json
import re

from playwright.sync_api import expect

from tests.helpers.served import Server, Visit, open_tab
from tests.helpers.talk_page import send, settled, words_of


def test_undo_gives_the_words_back(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "やっぱりなし")
    settled(page)
    page.locator("#chat .message.user").click()
    page.locator("#talk-undo").click()
    expect(page.locator("#talk-box textarea")).to_have_value("やっぱりなし")
    expect(page.locator("#chat .message.user")).to_have_count(0)
    page.locator("#talk-put-back").click()
    expect(page.locator("#chat .message.user")).to_have_text("やっぱりなし")
    page.locator("#talk-remove").click()  # the bar stands at the last message again
    expect(page.locator("#chat .aside")).to_contain_text("消しました")


def test_replies_have_versions_that_the_arrow_keys_turn(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "散歩は好き？")
    settled(page)
    first = words_of(page, "bot")
    page.locator("#talk-again").click()
    expect(page.locator("#talk-acts")).to_contain_text("2 / 2")
    settled(page)
    page.locator("#chat").get_by_label("いいね", exact=True).click()
    expect(page.locator("#chat").get_by_label("いいね", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#talk-box textarea")).to_be_editable()
    page.locator("#brand").click()  # out of the box: arrows belong to the text there
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#talk-acts")).to_contain_text("1 / 2")
    assert words_of(page, "bot") == first
    page.locator("#talk-box textarea").fill("ab")
    page.locator("#talk-box textarea").press("ArrowRight")
    page.wait_for_timeout(500)
    expect(page.locator("#talk-acts")).to_contain_text("1 / 2")


def test_a_reply_is_corrected_and_waits_to_be_learned(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "海は好き？")
    settled(page)
    page.locator("#talk-edit").click()
    page.locator("#chat textarea").fill("海か。潮の匂いがすると眠くなる。")
    page.get_by_text("この内容にする").click()
    expect(page.locator("#talk-acts")).to_contain_text("直した返事")
    expect(page.locator("#chat .message.bot").last).to_have_text("海か。潮の匂いがすると眠くなる。")
    open_tab(page, "データ")
    expect(page.locator("#corrections .learned").last).to_have_text("海か。潮の匂いがすると眠くなる。")
    page.locator("#corrections summary").first.click()
    expect(page.locator("#corrections pre").first).to_contain_text("海は好き？")
    page.locator("#corrections-add").click()
    expect(page.locator("#data-saved")).to_contain_text("corrections")


def test_ones_own_words_are_edited_and_the_old_ones_stay_a_version(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "犬は好き？")
    settled(page)
    page.locator("#chat .message.user").click()
    expect(page.locator("#chat .message.user")).to_have_class(re.compile("chosen"))
    page.locator("#talk-edit").click()
    page.locator("#chat textarea").fill("猫は好き？")
    page.locator("#chat textarea").press("Control+Enter")
    expect(page.locator("#chat .message.user")).to_have_text("猫は好き？")
    settled(page)
    page.locator("#chat .message.user").click()
    expect(page.locator("#talk-acts")).to_contain_text("2 / 2")
    page.locator("#talk-older").click()
    expect(page.locator("#chat .message.user")).to_have_text("犬は好き？")


def test_a_branch_leaves_the_old_talk_in_the_list(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "最初の話")
    settled(page)
    send(page, "次の話")
    settled(page)
    page.locator("#chat .message.user").first.click()
    expect(page.locator("#chat .message.user").first).to_have_class(re.compile("chosen"))
    page.locator("#talk-branch").click()
    expect(page.locator("#chat .message.user")).to_have_count(1)
    expect(page.locator("#chat .branch")).to_contain_text("ここから分かれた会話")
    expect(page.locator("#talks .open")).to_have_count(2)
    page.locator("#talks .open").last.click()
    expect(page.locator("#chat .message.user")).to_have_count(2)


def test_a_chat_of_a_group_comes_in_with_everybodys_name(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    lines = [
        {"user_name": "Ken", "character_name": "Group"},
        {"name": "Mio", "is_user": False, "mes": "The kettle is on."},
        {"name": "Rin", "is_user": False, "mes": "I brought cake."},
        {"name": "Ken", "is_user": True, "mes": "Thank you both."},
    ]
    page.locator("#talk-files > button").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#talk-bring").click()
    said = "\n".join(map(json.dumps, lines)).encode()
    chooser.value.set_files({"name": "group.jsonl", "mimeType": "application/octet-stream", "buffer": said})
    chat = page.locator("#chat")
    expect(chat).to_contain_text("Thank you both.")
    for name, words in (("Mio", "The kettle is on."), ("Rin", "I brought cake.")):
        expect(chat.locator(".message-row", has_text=words).first).to_contain_text(name)


def test_what_is_written_is_drawn_and_copied_as_it_was(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    words = "*にっこり* **ほんと**\n```py\nprint('<b>')\n```"
    page.locator("#talk-box textarea").fill(words)
    page.locator("#talk-send").click()
    settled(page)
    mine = page.locator("#chat .message.user")
    expect(mine.locator("em")).to_have_text("にっこり")
    expect(mine.locator("strong")).to_have_text("ほんと")
    mine.get_by_text("コピー").click()
    expect(mine.locator("button.done")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "print('<b>')"
    mine.locator("em").click()
    page.locator("#talk-acts").get_by_text("コピー").click()
    expect(page.locator("#talk-acts button.done")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == words
