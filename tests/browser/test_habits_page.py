"""What a talk offers beside talking: learning from it, speech, other ways to ask for words, what is told of them."""

import re

from playwright.sync_api import Page, expect

from tests.helpers.fake_voicevox import fake_voicevox
from tests.helpers.served import Server, Visit, open_tab, pick, wait_until_ready
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


# A browser with two voices, and a recognition that hears what the test says.
SPEECH = """
window.said = [];
const voice = (name, lang, localService) => ({ name, lang, localService, default: false, voiceURI: name });
Object.defineProperty(window, "speechSynthesis", { configurable: true, value: {
  getVoices: () => [voice("Net", "ja-JP", false), voice("Sam", "en-US", true), voice("Kyoko", "ja-JP", true)],
  speak(one) { window.said.push([one.text, one.voice.name, one.rate, one.pitch]); if (!window.long) setTimeout(() => one.onend?.(), 20); },
  cancel() { window.cancelled = (window.cancelled ?? 0) + 1; },
}});
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
window.SpeechRecognition = class {
  start() { window.heard = this; }
  stop() { this.onend?.(); }
  hear(text) { this.onresult({ results: [[{ transcript: text }]] }); }
};
window.played = [];
window.Audio = class { constructor(src) { this.src = src; } play() { window.played.push(this.src); setTimeout(() => this.onended?.(), 20); return Promise.resolve(); } pause() {} };
"""  # noqa: E501


def with_speech(page: Page) -> Page:
    page.add_init_script(SPEECH)
    page.reload()
    wait_until_ready(page)
    return page


def test_replies_are_read_by_a_voice_of_this_machine(server: Server, visit: Visit) -> None:
    page = with_speech(visit(server))
    send(page, "海は好き？")
    settled(page)
    assert page.evaluate("window.said") == []  # not before somebody wants it
    page.locator("#chat").get_by_label("読み上げる", exact=True).click()
    page.wait_for_function("window.said.length")
    text, name, rate, pitch = page.evaluate("window.said[0]")
    assert text in page.locator("#chat .message.bot").last.inner_text() and (name, rate, pitch) == ("Kyoko", 1, 1)
    page.locator("#talk-voice-fold .label-wrap").click()
    page.locator("#voice-options").get_by_text("返事を読み上げる").click()
    page.evaluate("window.said = []; window.long = true")
    send(page, "山は好き？")
    settled(page)
    page.wait_for_function("window.said.length")
    page.locator("#talk-hush").click()
    expect(page.locator("#talk-hush")).to_be_hidden()
    page.reload()
    wait_until_ready(page)
    page.locator("#talk-voice-fold .label-wrap").click()
    expect(page.locator("#voice-read-aloud")).to_be_checked()


def test_a_persona_has_a_voice_of_its_own(server: Server, visit: Visit) -> None:
    page = with_speech(visit(server))
    page.locator("#persona-edit").click()
    page.locator("#persona-voice .label-wrap").click()
    pick(page, "#persona-voice-name", "Sam (en-US)")
    page.locator("#persona-voice input[type=number]").first.fill("1.5")
    page.locator("#persona-voice input[type=number]").first.blur()
    page.locator("#persona-voice-try").click()
    page.wait_for_function("window.said.length")
    assert page.evaluate("window.said[0].slice(1, 3)") == ["Sam", 1.5]
    page.locator("#persona-save").click()
    expect(page.locator("#persona-editor")).to_be_hidden()
    expect(page.locator("#chat-said .bubbles")).to_have_attribute("data-voice", re.compile('"name": "Sam"'))


def test_what_is_said_stands_in_the_box_and_is_sent_at_once_only_when_asked(server: Server, visit: Visit) -> None:
    page = with_speech(visit(server))
    mic, box = page.locator("#talk-mic"), page.locator("#talk-box textarea")
    mic.click()
    expect(page.locator(".voice-ask")).to_contain_text("Google")
    page.locator(".voice-ask").get_by_text("使わない").click()
    assert not page.evaluate("Boolean(window.heard)")
    mic.click()
    page.locator(".voice-ask").get_by_text("使う", exact=True).click()
    expect(mic).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.heard.hear('海は好き')")
    expect(box).to_have_value("海は好き")
    mic.click()
    expect(mic).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#chat .message.user")).to_have_count(0)
    box.fill("")
    page.locator("#talk-voice-fold .label-wrap").click()
    page.locator("#voice-options").get_by_text("話し終えたらすぐ送る").click()
    mic.click()
    page.evaluate("window.heard.hear('山は好き')")
    expect(box).to_have_value("山は好き")
    mic.click()
    expect(page.locator("#chat .message.user")).to_have_text("山は好き")
    settled(page)


def test_an_engine_reads_with_its_own_voices(server: Server, visit: Visit) -> None:
    page = with_speech(visit(server))
    with fake_voicevox() as engine:
        page.locator("#talk-voice-fold .label-wrap").click()
        page.locator("#voice-url input, #voice-url textarea").fill("http://127.0.0.1:9")
        page.locator("#voice-use").click()
        expect(page.locator(".toast-body")).to_contain_text("VOICEVOX")
        page.locator("#voice-url input, #voice-url textarea").fill(engine.url)
        page.locator("#voice-use").click()
        expect(page.locator("#voice-state")).to_contain_text("声 2 種類")
        page.locator("#persona-edit").click()
        page.locator("#persona-voice .label-wrap").click()
        pick(page, "#persona-voice-name", "VOICEVOX: ずんだもん（ノーマル）")
        page.locator("#persona-voice-try").click()
        page.wait_for_function("window.played.length === 1", timeout=30_000)
        page.locator("#persona-save").click()
        expect(page.locator("#persona-editor")).to_be_hidden()
        send(page, "海は好き？")
        settled(page)
        page.locator("#chat").get_by_label("読み上げる", exact=True).click()
        page.wait_for_function("window.played.length === 2", timeout=30_000)
        assert page.evaluate("window.played[1]").startswith("data:audio/wav;base64,")
        assert engine.asked[1]["text"] in page.locator("#chat .message.bot").last.inner_text()
        assert page.evaluate("window.said") == []
    page.locator("#chat").get_by_label("読み上げる", exact=True).click()  # it has ended meanwhile
    expect(page.locator("#talk-notice")).to_contain_text("応答がありません")


def test_a_reply_is_asked_for_in_another_way(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "海は好き？")
    settled(page)
    page.locator("#talk-help .label-wrap").click()
    page.locator("#help-how textarea, #help-how input").fill("猫のように話して")
    page.locator("#help-again").click()
    expect(page.locator("#talk-acts")).to_contain_text("2 / 2")
    settled(page)
    assert "猫のように" not in page.locator("#chat").inner_text()
    page.locator("#chat .message.bot").last.click()
    page.locator("#seen-fold .label-wrap").click()
    expect(page.locator("#seen-exact")).to_contain_text("次の返事について: 猫のように話して")


def test_ones_next_words_are_written_and_phrases_are_at_hand(server: Server, visit: Visit) -> None:
    page = visit(server)
    box = page.locator("#talk-box textarea")
    page.locator("#talk-help .label-wrap").click()
    page.locator("#help-impersonate").click()
    expect(box).not_to_have_value("")
    expect(page.locator("#help-stop")).to_be_hidden()
    expect(page.locator("#chat .message.user")).to_have_count(0)
    box.fill("")
    page.locator("#quick-phrases").fill("おはよう\n\n おやすみ ")
    quick = page.locator("#talk-quick button")
    expect(quick).to_have_text(["おはよう", "おやすみ"])
    box.fill("では、")
    quick.last.click()
    expect(box).to_have_value("では、おやすみ")
    box.fill("")
    quick.first.click()
    expect(page.locator("#chat .message.user")).to_have_text("おはよう")
    settled(page)


def test_a_reply_tells_what_it_remembered(server: Server, visit: Visit) -> None:
    page = visit(server)
    send(page, "海は好き？")
    settled(page)
    expect(page.locator("#chat .why")).to_have_count(0)
    open_tab(page, "記憶")
    page.locator("#memory-fresh textarea, #memory-fresh input").first.fill("ケンは卵が食べられない")
    page.locator("#memory-add").click()
    expect(page.locator("#memory-notes")).to_contain_text("ケンは卵が食べられない")
    open_tab(page, "話す")
    send(page, "卵料理を作ろうか？")
    settled(page)
    expect(page.locator("#chat .why summary")).to_contain_text("この返事で使った記憶")
    page.locator("#chat .why summary").click()
    expect(page.locator("#chat .why li").filter(has_text="ケンは卵が食べられない")).to_be_visible()


def test_the_switch_of_the_pace_is_remembered(server: Server, visit: Visit) -> None:
    page = visit(server)
    page.locator("#talk-human input").uncheck()
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#talk-human input")).not_to_be_checked()
    page.locator("#talk-human input").check()
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#talk-human input")).to_be_checked()
