"""Turns that fall out of the part are seen, and what people say is let through."""

import pytest

from core.logs.detect import read_log
from core.messages import Kind
from core.settings import ROOT
from core.synth.checks import TurnFault, fault_of, is_farewell, without_label

NAMES = ("ソクラテス", "漁師")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("それは大切なことです。" * 6, "loop"),
        ("漁師：そうですね。\nソクラテス：ではなぜ。", "role_flip"),
        ("なるほど。\nユーザー: はい", "role_flip"),
        ("はい<|im_end|>", "role_flip"),
        ("AIとしてお答えしますが、勇気とは力です。", "as_ai"),
        ("私は大規模言語モデルです。", "as_ai"),
        ("わたしは人工知能アシスタントです。何でも聞いてください。", "as_ai"),
        ("我认为勇气就是面对恐惧的能力，您觉得呢？", "language"),
        ("I think that courage is a virtue, don't you?", "language"),
    ],
)
def test_fault_is_named(text: str, fault: TurnFault) -> None:
    assert fault_of(text, own=(), names=NAMES, language="ja") == fault


@pytest.mark.parametrize(
    "text",
    [
        "海で怖いのは、慣れたころだ。", "AIの話をしていたね。", "うん", "え？", "OK",
        "アシスタントの仕事は楽ではない。",
        "ソクラテス、あなたは？", "海はどうかな？漁師：と書いてあった。",
    ],
)  # fmt: skip
def test_what_people_say_is_let_through(text: str) -> None:
    assert fault_of(text, own=("別の言葉を前に言いました。",), names=NAMES, language="ja") is None


def test_english_side() -> None:
    assert fault_of("As an AI language model, I cannot.", own=(), names=("Ann",), language="en") == "as_ai"
    assert fault_of("I'm an AI, so no.", own=(), names=("Ann",), language="en") == "as_ai"
    assert fault_of("勇気とは怖れを知ったうえで進むことです。", own=(), names=("Ann",), language="en") == "language"
    assert fault_of("I said it to an AI once, and it said nothing.", own=(), names=("Ann",), language="en") is None


def test_repeat_of_an_own_turn_and_a_thought_alone() -> None:
    said = "海で怖いのは、慣れたころの自分だと思うんだ。"
    assert fault_of(said, own=(said,), names=NAMES, language="ja") == "repeat"
    assert fault_of(" ", own=(), names=NAMES, language="ja", only_thought=True) == "thoughts"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_message_of_the_sample_logs_is_at_fault(language: str) -> None:
    name = {"ja": "sample_line_aoi.txt", "en": "sample_whatsapp_wren.txt"}[language]
    log = read_log(ROOT / "datasets" / name)
    texts = [message.text for message in log.messages if message.kind is Kind.TEXT and message.text.strip()]
    assert len(texts) > 500
    assert [text for text in texts if fault_of(text, own=(), names=NAMES, language=language)] == []


@pytest.mark.parametrize("text", ["ありがとう。またね！", "では、また。", "Goodbye, friend.", "それでは失礼します。"])
def test_farewell_is_heard(text: str) -> None:
    assert is_farewell(text)


@pytest.mark.parametrize(
    "text",
    [
        "またその話か。", "さようならは悲しい言葉だと、昔の人が詩に書いていたのを思い出しますが、どうでしょう。",
        "さよならって何だろう？", "I see you like the sea very much indeed.",
    ],
)  # fmt: skip
def test_talk_about_parting_is_none(text: str) -> None:
    assert not is_farewell(text)


def test_own_name_in_front_is_taken_off() -> None:
    assert without_label("ソクラテス「なるほど」", "ソクラテス") == "なるほど"
    assert without_label("**Wren**: hi", "Wren") == "hi"
    assert without_label("「勇気」とは何か。", "ソクラテス") == "「勇気」とは何か。"
